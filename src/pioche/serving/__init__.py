"""Models that answer: what a model is served as, the files for it, the engines, and the process that one runs in.

    Spec (spec.py)   which revision, by which engine, for which task: `choice.py` finds it from the files
    consent.py       whether code that came with a model may run
    Snapshots        the files of that revision on this disk, read-only (`snapshots.py`)
    Target           which Spec a repo is served as (`targets.py`)
    Gateway          what web processes ask: finds the worker, and speaks to it (`gateway.py`, `wire.py`)
    controller/      the process that starts and ends workers, within a budget of memory
    workers.py       starts a worker in a sandbox, and waits until it is ready
    worker/          a process for one Spec: HTTP on a Unix socket, requests gathered in batches or in lanes
    engines/         what runs a model: each loads its own libraries, in the worker alone

`worker` and `engines` run beside a stranger's files, in a sandbox: they import no database, no repos, no settings.
Why so: docs/decisions/0033-serving.md, 0036-inference.md, 0037-engines.md, 0048-code-of-owners.md, 0049-export.md.
"""
