"""The front page of a repo: its head with tags and tabs, its card, and beside it what its files tell."""
