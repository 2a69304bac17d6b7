"""What people do with each other around repos.

Discussions and pull requests: `discussions` has what is done to a thread, `comments` what is said in it, `reading` and
`listing` what of it is shown, `rendering` how a comment becomes HTML. What a pull request does with git is in
`repos.pulls` and `repos.merging`, the log of a thread in `repos.threads`.

Every function that changes something takes a `Standing`, which says who the caller is to the repo. A change locks the row of
its thread, so that two of them never see the same state (reliability.md C9).
"""
