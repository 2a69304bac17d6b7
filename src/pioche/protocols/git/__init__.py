"""Smart HTTP for stock git: clone, fetch and push (git's `gitprotocol-http`).

A translator like every protocol: `git.wire` reads and writes the bytes, `git.upload` answers fetches, `repos.push` takes
pushes.
"""
