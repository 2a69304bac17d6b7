"""Writes the pages of docs/reference that are made from the code; `--check` only says which of them are out of date.

Each page is one function that returns Markdown. A page is never edited by hand: edit the docstring, the setting's
sentence or the command's help that it is made from.
"""

import argparse
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from pioche import errors

REFERENCE = Path(__file__).parents[1] / "docs" / "reference"
MADE = "<!-- Made by `make docs` from {source}. Edit that, not this. -->"


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--check", action="store_true", help="change nothing; fail when a page is out of date")
    check = options.parse_args().check
    stale = [name for name, page in PAGES.items() if not is_current(REFERENCE / name, page())]
    for name in stale:
        if check:
            print(f"docs/reference/{name} is out of date: run make docs", file=sys.stderr)
        else:
            (REFERENCE / name).write_text(PAGES[name]())
            print(f"wrote docs/reference/{name}")
    return 1 if check and stale else 0


def is_current(path: Path, text: str) -> bool:
    return path.exists() and path.read_text() == text


# --- errors.md ------------------------------------------------------------------------------------------------------


def errors_page() -> str:
    """Every class of pioche.errors, in the order of the tree."""
    rows = "\n".join(error_row(depth, kind) for depth, kind in tree(errors.HubError))
    return f"""\
# Errors

{MADE.format(source="src/pioche/errors.py")}

Every way in which the hub says no. Each protocol renders these in its own dialect: the Hub's API as
`{{"error": "..."}}` with the headers `X-Error-Code` and `X-Error-Message`, Git LFS as `{{"message": "..."}}`, git as
text. Clients choose their exception by `X-Error-Code` first and by the status second.

| error | status | `X-Error-Code` | when |
| --- | --- | --- | --- |
{rows}

A setting that is wrong raises `ConfigError` before the hub starts: the message names the setting, nothing is served.
"""


def tree(root: type[errors.HubError], depth: int = 0) -> Iterator[tuple[int, type[errors.HubError]]]:
    yield depth, root
    for child in root.__subclasses__():
        yield from tree(child, depth + 1)


def error_row(depth: int, kind: type[errors.HubError]) -> str:
    indent = "&emsp;" * depth
    code = f"`{kind.code}`" if kind.code else ""
    return f"| {indent}`{kind.__name__}` | {kind.status} | {code} | {sentence(kind.__doc__)} |"


def sentence(docstring: str | None) -> str:
    """A docstring on one line, fit for a cell of a table."""
    return " ".join((docstring or "").split()).replace("|", "\\|")


PAGES: dict[str, Callable[[], str]] = {
    "errors.md": errors_page,
}

if __name__ == "__main__":
    sys.exit(main())
