"""Xet: large files as ordered terms over content-addressed xorbs of chunks, so that nothing is sent twice.

Pure formats: `hashing`, `xorbs` (with `ChunkTable`), `shards`, `reconstruction`; the wire facts are those of the Xet
specification (xet.md). Services over rows and bytes, put together in `service`: `files` (read), `uploads` (take in),
`dedup` (what is here already). Nothing a client sends is believed before `xorbs.Verifier` and `shards.check_file` have
proved it; nothing is sent out by `files.read` that does not match its hash.
"""
