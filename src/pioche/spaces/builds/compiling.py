"""Compiles sources to bytecode, as a program of the Python that is to read it: `-I -S`, so that nothing of theirs is run.

The standard library alone, and no newer Python than 3.9: it is the environment's, not the hub's.
"""

import json
import os
import py_compile
import sys
import warnings


def main() -> int:
    """Orders are in the file of the first argument: pairs of a source and of where its bytecode goes."""
    warnings.simplefilter("ignore")
    with open(sys.argv[1], encoding="utf-8") as file:
        orders = json.load(file)
    count = len(os.sched_getaffinity(0))
    children = [_child(orders[number::count]) for number in range(count)]
    return max(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children)


def _child(orders: "list[list[str]]") -> int:
    child = os.fork()
    if child:
        return child
    for source, target in orders:
        _compile(source, target)
    os._exit(0)


def _compile(source: str, target: str) -> None:
    try:
        # Sources are never changed under their bytecode: Python need not look at them to believe it.
        py_compile.compile(
            source, target, doraise=True, invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH
        )
    except (py_compile.PyCompileError, OSError, ValueError, RecursionError, MemoryError):
        return  # a template, or a file of another Python: importing it tells


if __name__ == "__main__":
    sys.exit(main())
