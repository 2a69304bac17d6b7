"""Collections: ordered lists of repos and papers with notes, by a user or an organisation.

A private one is absent to whoever may not read its owner's private repos. Of its items, readers are shown those that they may
open, numbered as if there were no others: positions tell nothing of what is hidden.

Start with `collection` (what one is), then `finding`, `changing` and `items`.
"""
