"""Processes that run what others made: model files for inference, apps of Spaces. They get limits, a sandbox and nothing else.

A `Sandbox` (`sandbox.py`) finds out at its start how well this machine can lock a process in, its `Level`, by trying.
`Sandbox.start(Spec)` gives a `Running`: its log, its memory, its end in words. `docs/decisions/0032-sandboxes.md` has why.

    hub ── control socket ── keeper ── bwrap ── inside ── the command
                             (keeper.py)        (inside.py: locks itself down, becomes the command)

The keeper is a small process beside each command: it watches memory and disk, and ends the whole tree when the hub does.
What it and `inside` import is the standard library alone: they start in thirty milliseconds.
"""
