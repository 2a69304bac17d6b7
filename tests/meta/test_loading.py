"""What is loaded when: every start and every command pays for it."""

import json
import subprocess
import sys

import pytest

_LOADED = """
import importlib, json, os, sys
importlib.import_module(sys.argv[1])
print(json.dumps({"modules": sorted(sys.modules), "threads": len(os.listdir("/proc/self/task"))}))
"""
_LARGE = {
    *("alembic", "babel", "granian", "httpx", "jinja2", "latex2mathml", "markdown_it", "nh3", "numpy", "obstore"),
    *("psycopg", "pyarrow", "pygit2", "pyroaring", "ruamel", "tantivy", "uvloop", "pioche.app", "pioche.web"),
}


def loaded(module: str) -> tuple[set[str], int]:
    """What a new process has loaded, and how many threads it has, once it has imported `module`."""
    done = subprocess.run([sys.executable, "-c", _LOADED, module], capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)
    return set(found["modules"]), found["threads"]


def test_the_command_line_alone_loads_no_database() -> None:
    modules, _ = loaded("pioche.cli")
    assert modules & {*_LARGE, "sqlalchemy", "rich", "structlog", "asyncio"} == set()


@pytest.mark.parametrize("module", ["pioche.cli.accounts", "pioche.cli.tokens", "pioche.cli.announcing"])
def test_a_command_about_rows_loads_the_database_and_nothing_large_besides(module: str) -> None:
    modules, _ = loaded(module)
    assert modules & _LARGE == set()


def test_the_supervisor_has_one_thread_when_it_has_loaded_all_that_its_children_share() -> None:
    """A fork takes one thread along: what the others held, locks above all, would stay as it was for ever."""
    modules, threads = loaded("pioche.app")
    assert threads == 1
    assert modules & {"alembic", "httpx", "numpy", "obstore", "psycopg", "pyarrow", "tantivy"} == set()
