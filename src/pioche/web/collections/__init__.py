"""The pages of collections (ui.md O1): lists, one collection, making, changing and ordering it. All of it works by forms;
a script lets items be dragged."""
