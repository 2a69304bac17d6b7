"""The hub is killed at any instant, and everything that it acknowledged is still there (reliability.md, groups A and C).

- `python -m tests.torture` (`make torture`): a real hub under a mixed load of many clients, killed again and again; at
  the end an offline checker compares the history of operations with what the hub holds. `run.py` is where to start.
- `steps.py` and `stories.py`: one operation, killed before each of its steps towards the disk, in turn.
- `points.py`: named fail points, put into the server's processes from outside (`injected/`): production code has none.
"""
