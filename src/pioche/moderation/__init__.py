"""What administrators decide about what people publish, what people report to them, and the log of who changed what.

- `disabling`: taking a repo out of use, with a public reason, and giving it back.
- `reports`: of a repo, a comment or an account; appeals; the queue in which they wait. Start here.
- `audit`: writes the log of changes from the events of the hub; `trail` reads it.

Whom somebody blocks stands in `accounts.blocks`: discussions ask it, and verticals do not know each other.
"""
