"""The settings of a repo, for those who may manage it (ui.md S1): one page a subject, one form a decision.

general   its name and owner, who sees it, what people may do with it, deleting it
storage   what takes room; removing large files and history for good
webhooks  who is told of it

The gate (`web.repo.reviewing`) and branches (`web.files.refs`) have pages of their own, which the list leads to. Every form
works without a script, ends in a redirect to a page that says what was done, and asks before what cannot be taken back.
"""
