"""Garbage collection: what nobody can reach any more is removed, and the space that it took is free again.

Mark and sweep, in this order, each step leaning on the one before it:

    repos      deleted repos whose time to be restored is over go, with their rows
    links      contents that no commit, pull request or undoable ref of a repo leads to are unlinked from that repo
    contents   contents that no repo is linked to lose their row; so do the chunked files that belonged to them
    xorbs      xorbs that no file is made of, and that no client remembers, lose theirs
    leftovers  files that no row knows, raw shards of files that are gone, what quarantine held long enough
    packs      git objects that nothing leads to
    repacking  xorbs that are mostly dead are written anew with what is alive in them

Start at `run.Collector`. Every removal is a short transaction of its own that looks again at what it is about to remove,
while nothing can be linked (`storage.collection`): it may be interrupted anywhere, run while the hub takes uploads, and
run twice. Whoever calls holds the lease `jobs.leases.COLLECTION`.
"""
