"""Pages of Spaces that run: the app in its frame, what it said, how it is run (ui.md P)."""
