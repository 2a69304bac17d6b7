"""Writes docs/reference/compatibility.md and prints the score; `--check` only says whether the page is out of date.

Three sources are joined: the public Hub's operations (docs/reference/operations.tsv), the hub's own tables of routes,
and what docs/reference/compatibility.toml states of each operation and of each public method of the client's `HfApi`.
The statement is held against the rest: what "works" has a route and names a test that exists and uses it; what does not
is answered by the hub with 501; nothing is left unsaid, nothing is said of what does not exist.
"""

import argparse
import ast
import fnmatch
import re
import sys
import tomllib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import huggingface_hub
from huggingface_hub import HfApi

from pioche.app import PROTOCOLS
from pioche.errors import MethodNotAllowed, NotFound
from pioche.http.router import Match, Router

ROOT = Path(__file__).parents[1]
REFERENCE = ROOT / "docs" / "reference"
PAGE = REFERENCE / "compatibility.md"
STATES = {
    "works": "works",
    "later": "not yet",
    "refused": "refused",
    "meaningless": "without meaning here",
}
SAMPLE = {"repoType": "models", "path": "folder/file", "namespace": "ada", "repo": "model", "rev": "main"}


@dataclass(frozen=True)
class Operation:
    method: str
    path: str
    group: str
    summary: str

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


@dataclass(frozen=True)
class Statement:
    """What compatibility.toml says. `test` is `file::function` under tests/, of what works; `why` is for the reader."""

    state: str
    test: str = ""
    why: str = ""


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--check", action="store_true", help="change nothing; fail when the page is out of date")
    check = options.parse_args().check
    operations = read_operations()
    stated, methods, unused = read_statements(operations)
    wrong = [*unused, *judge_operations(stated), *judge_methods(methods)]
    for problem in wrong:
        print(problem, file=sys.stderr)
    text = page(stated, methods)
    if check and (not PAGE.exists() or PAGE.read_text() != text):
        wrong.append("out of date")
        print("docs/reference/compatibility.md is out of date: run make docs", file=sys.stderr)
    elif not check:
        PAGE.write_text(text)
    print(score("operations of the Hub's API", stated.values()))
    print(score(f"methods of HfApi {huggingface_hub.__version__}", methods.values()))
    return 1 if wrong else 0


# --- the sources ----------------------------------------------------------------------------------------------------


def read_operations() -> list[Operation]:
    lines = (REFERENCE / "operations.tsv").read_text().splitlines()
    return [Operation(*line.split("\t")) for line in lines if line and not line.startswith("#")]


def public_methods() -> list[str]:
    return [name for name in dir(HfApi) if not name.startswith("_") and callable(getattr(HfApi, name))]


def read_statements(
    operations: list[Operation],
) -> tuple[dict[Operation, Statement], dict[str, Statement], list[str]]:
    """What is stated of each operation (the first rule that matches counts) and method, and what is wrong with it."""
    source = tomllib.loads((REFERENCE / "compatibility.toml").read_text())
    rules = [(rule["match"], statement(rule)) for rule in source["operation"]]
    used: set[str] = set()
    stated: dict[Operation, Statement] = {}
    for operation in operations:
        for pattern, said in rules:
            if fnmatch.fnmatchcase(str(operation), pattern):
                stated[operation] = said
                used.add(pattern)
                break
    methods = {name: statement(said) for said in source["method"] for name in said["names"].split()}
    unused = [f"compatibility.toml: no operation matches {pattern!r}" for pattern, _ in rules if pattern not in used]
    unsaid = [f"compatibility.toml says nothing of {operation}" for operation in operations if operation not in stated]
    return stated, methods, unused + unsaid


def statement(source: dict[str, Any]) -> Statement:
    return Statement(source["state"], source.get("test", ""), source.get("why", ""))


# --- the judgement --------------------------------------------------------------------------------------------------


def judge_operations(stated: dict[Operation, Statement]) -> list[str]:
    found = []
    for operation, said in stated.items():
        match = route_of(operation)
        if said.state not in STATES:
            found.append(f"{operation}: {said.state!r} is not a state")
        elif said.state == "works" and (match is None or is_refused(match)):
            found.append(f"{operation}: is said to work, but no route serves it")
        elif said.state == "works" and missing(said.test):
            found.append(f"{operation}: its test {said.test!r} does not exist")
        elif said.state != "works" and match is None:
            found.append(f"{operation}: does not work and should be answered 501, but no route does so")
        elif said.state != "works" and match is not None and not (is_refused(match) or is_empty(match)):
            found.append(f"{operation}: a route serves it ({match.route.pattern}), but it is said not to work")
    return found


def judge_methods(methods: dict[str, Statement]) -> list[str]:
    known = public_methods()
    found = [f"compatibility.toml says nothing of HfApi.{name}" for name in known if name not in methods]
    for name, said in methods.items():
        if name not in known:
            found.append(f"HfApi.{name}: there is no such method")
        elif said.state == "works" and missing(said.test):
            found.append(f"HfApi.{name}: its test {said.test!r} does not exist")
        elif said.state == "works" and not re.search(rf"\b{name}\b", source_of(said.test)):
            found.append(f"HfApi.{name}: its test {said.test!r} does not use it")
    return found


@cache
def router() -> Router:
    return Router(PROTOCOLS)


def route_of(operation: Operation) -> Match | None:
    """The route that a request of this operation reaches; None when it reaches only the general ones (pages, files)."""
    segments = [re.sub(r"\{(\w+)\}", lambda found: SAMPLE.get(found[1], "x"), part) for part in parts(operation.path)]
    try:
        match = router().matches(operation.method, "/".join(segments).split("/"))[0]
    except (NotFound, MethodNotAllowed):
        return None
    is_general = operation.path.startswith("/api/") and not match.route.pattern.startswith("/api/")
    return None if is_general else match


def parts(path: str) -> list[str]:
    return path.split("/")[1:]


def is_refused(match: Match) -> bool:
    """Is this one of the routes that answer 501 for what the public Hub has and this hub does not?"""
    return match.route.handler.__name__ == "not_offered"


def is_empty(match: Match) -> bool:
    """Is this one of the routes that answer with an empty list, since what they list cannot be made yet?"""
    return match.route.handler.__name__.startswith("nothing_of_")


@cache
def missing(test: str) -> bool:
    """Does `file::function` under tests/ not exist?"""
    return not source_of(test)


@cache
def source_of(test: str) -> str:
    """The source of the test function, with the module's constants that it may run as a script; empty when absent."""
    file, _, name = test.partition("::")
    path = ROOT / "tests" / file
    if not path.is_file():
        return ""
    text = path.read_text()
    tree = ast.parse(text)
    if not any(isinstance(node, ast.FunctionDef) and node.name == name for node in ast.walk(tree)):
        return ""
    return text


# --- the page -------------------------------------------------------------------------------------------------------


def page(stated: dict[Operation, Statement], methods: dict[str, Statement]) -> str:
    rows = "\n".join(
        f"| `{operation}` | {operation.summary} | {STATES[said.state]} | {remark(said)} |"
        for operation, said in stated.items()
        if said.state in STATES
    )
    method_rows = "\n".join(
        f"| `{name}` | {STATES[said.state]} | {remark(said)} |" for name, said in sorted(methods.items())
    )
    return f"""\
# What of the public Hub works here

<!-- Made by `make docs` from compatibility.toml, operations.tsv and the tables of routes. Edit those, not this. -->

What **works** changes or reads real state, and the test that is named proves it. Everything else is answered with `501`
and `X-Error-Code: NotOffered`, so that a client knows (a few lists of what cannot be made yet are empty instead), for
one of three reasons: **not yet**, it is meant to come; **refused**, it will not be offered; **without meaning here**, it
sells or measures the public Hub's own services.

* {score("operations of the Hub's API", stated.values())}
* {score(f"methods of HfApi {huggingface_hub.__version__}", methods.values())}

## Operations of the REST API

From the public Hub's published OpenAPI description, mid-2026.

| operation | | state | proof or reason |
| --- | --- | --- | --- |
{rows}

## Methods of `huggingface_hub.HfApi` {huggingface_hub.__version__}

| method | state | proof or reason |
| --- | --- | --- |
{method_rows}
"""


def remark(said: Statement) -> str:
    return f"`{said.test}`" if said.test else said.why


def score(what: str, statements: Iterable[Statement]) -> str:
    count = Counter(said.state for said in statements)
    total = sum(count.values())
    told = ", ".join(f"{count[state]} {label}" for state, label in STATES.items())
    return f"{total} {what}: {told} ({100 * count['works'] / total:.0f} % work)"


if __name__ == "__main__":
    sys.exit(main())
