"""Xet: large files as ordered terms over content-addressed xorbs of chunks, so that nothing is sent twice.

Pure formats: `hashing`, `xorbs` (with `ChunkTable`), `shards`, `reconstruction`. The wire facts are in the Xet
specification (xet.md); nothing a client sends is believed before `xorbs.verify` and `shards.check_file` have proved it.
"""
