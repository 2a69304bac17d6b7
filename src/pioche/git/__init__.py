"""Git, as the hub needs it: the only code that knows git's formats.

On disk there are only objects; the refs live in the database, and nothing here reads or writes a ref. Objects are
immutable and synced before anyone can name them, so that a crash leaves garbage and never a hole.

Start with `store` (open and write the objects of a repo), then `objects` (the formats), `trees` (edit a tree),
`genesis` (the commit of a repo that nobody pushed to), `attributes` and `pointers` (what belongs to LFS). `wire` speaks
to git clients; `program` is the one place that starts the git program.

Text that is not UTF-8: names in trees keep their bytes (surrogateescape), so that editing a tree never changes what it
did not touch; messages and people's names are decoded for reading (replacement characters) and never written back.
"""
