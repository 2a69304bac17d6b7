"""The process that places workers on this machine: one that is asked for starts, one that nobody asks for ends.

    Wanted -> Ready    web processes ask for the place of a worker, and wait while it starts (`messages.py`, `service.py`)
    Fleet              which workers there are, what memory they take, which has to go for another (`fleet.py`)
    Local              starts one: its files, its sandbox, its socket (`local.py`)

Requests themselves do not pass here: web processes speak to the worker's socket (`serving.gateway`). Nothing is kept: when this
process ends its workers end, and the next one starts those that are asked for. Each node of a hub has its own, for its own memory.
"""
