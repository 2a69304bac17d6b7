"""Repos that come from elsewhere: from another hub that speaks the Hub's protocols, or from any git server over https.

    sources    what is to be imported, as somebody wrote it down: addresses, checked
    sealing    the token that it takes, kept encrypted until the import ends
    registry   the rows: what is under way, how far it is, how it ended
    remote     the other side's git, spoken by ourselves over the guarded client: refs, and one pack
    large      the other side's large files, by the LFS batch protocol; each hashed while it comes
    taking     what came becomes the repo: a push's quarantine and rules, then one transaction
    running    the job that does all this in order, as often as it takes

The git program never opens a connection: everything comes through `pioche.outbound`. Until an import is whole its repo is
private and has only its first commit; then one transaction gives it refs, files and the visibility that was asked for.
Large files that came stay with the repo, so that an import that is broken off goes on where it was. Start at `running`.
"""
