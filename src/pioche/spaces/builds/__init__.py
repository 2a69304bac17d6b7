"""From the files of a Space to what its app runs in: a Python environment, shared by all Spaces that ask for the same.

    files, configuration ── plan ── lock ── installed ── compiled ── kept (environments)
                            (plan)  (uv, in runner's sandbox, whose one way out is `gateway`: the package index)

`plan.read` says what is asked for, or which line of which file is wrong; nothing runs for it. `Builder.environment` gives the
environment, made when there is none, and a log of lines. What is installed is strangers' code: `docs/decisions/0054-builds.md`
says why none of it can change what another Space gets.
"""
