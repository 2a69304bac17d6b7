"""Writes the pages of docs/reference that are made from the code; `--check` only says which of them are out of date.

Each page is one function that returns Markdown. A page is never edited by hand: edit the docstring, the setting's
sentence or the command's help that it is made from.
"""

import argparse
import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import Field
from pathlib import Path
from typing import Any

from pioche import config, errors
from pioche.app import PROTOCOLS
from pioche.cli import app
from pioche.http.routes import Needs, Protocol, Route
from pioche.repos.access import Action

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


# --- settings.md and pioche.toml ------------------------------------------------------------------------------------


def settings_page() -> str:
    """Every setting of pioche.config, in its order."""
    rows = "\n".join(setting_row(setting) for setting in config.settings())
    return f"""\
# Settings

{MADE.format(source="src/pioche/config.py")}

A setting has one name everywhere. The later of these wins:

1. `pioche.toml` in the working directory, or the file that `PIOCHE_CONFIG` names: `port = 8000`
   ([an example with every setting](pioche.toml));
2. the environment: `PIOCHE_PORT=8000`; lists are separated by commas;
3. an option of the command, where it has one: `pioche serve --port 8000`.

An unknown name, a wrong type, a value that cannot be or a folder that cannot be written refuses to start and is named.
Sizes are bytes, times are seconds.

| setting | environment | default | what it does |
| --- | --- | --- | --- |
{rows}
"""


def setting_row(setting: Field[Any]) -> str:
    name, default = setting.name, default_of(setting)
    shown = f"`{default}`" if default not in ("", []) else "(empty)"
    choices = setting.metadata["choices"]
    among = f" One of {', '.join(f'`{choice}`' for choice in choices)}." if len(choices) > 1 else ""
    text = sentence(setting.metadata["sentence"])
    return f"| `{name}` | `{config.environment_name(name)}` | {shown} | {text}{among} |"


def default_of(setting: Field[Any]) -> str | int | list[str]:
    default = setting.default_factory() if callable(setting.default_factory) else setting.default
    if isinstance(default, tuple):
        return list(default)
    return default if isinstance(default, int) else str(default)


def settings_file() -> str:
    """A pioche.toml that says what is the case without it."""
    lines = [f"# {MADE.format(source='src/pioche/config.py')[5:-4]}", "# Every setting with its default.", ""]
    for setting in config.settings():
        lines += [f"# {setting.metadata['sentence']}", f"# {setting.name} = {json.dumps(default_of(setting))}", ""]
    return "\n".join(lines)


# --- cli.md ---------------------------------------------------------------------------------------------------------


def cli_page() -> str:
    """Every command with its options, as `--help` shows them."""
    title, rest = app.generate_docs(output_format="markdown").split("\n", 1)
    return f"""\
{title}

{MADE.format(source="src/pioche/cli")}
{rest.rstrip()}
"""


# --- routes.md ------------------------------------------------------------------------------------------------------

NEEDS = {
    Needs.ANYONE: "nothing",
    Needs.SIGNATURE: "the address or token proves itself",
    Needs.SESSION: "somebody signed in, in a browser",
    Needs.CREDENTIALS: "name and password in the body",
    Needs.USER: "a token",
    Needs.USER_WRITE: "a token that writes",
    Needs.ADMIN: "an administrator",
    Needs.ADMIN_PAGE: "an administrator; to others it is not there",
    Action.READ: "read the repo",
    Action.APPEAL: "write to the repo, which may be disabled",
    Action.CONTENT: "read the repo's files",
    Action.PROPOSE: "read the repo's files, with a token that writes",
    Action.PARTICIPATE: "see the repo, with a token that writes",
    Action.WRITE: "write to the repo",
    Action.REVIEW: "manage the repo, or a token that tells who asked for its files",
    Action.MANAGE: "manage the repo",
    Action.ADMINISTER: "an administrator",
}


def routes_page() -> str:
    """Every route that is served, with the right it needs; those answered 501 are in compatibility.md."""
    tables = "\n\n".join(routes_table(protocol) for protocol in PROTOCOLS)
    return f"""\
# Routes

{MADE.format(source="the tables of routes in src/pioche/protocols")}

What the hub serves, and what each route asks of the caller. `{{repo:api}}` is `models/owner/name`,
`datasets/owner/name` or `spaces/owner/name`; `{{repo:web}}` the same with nothing before models; `{{repo:git}}` that,
with or without `.git`. `{{name*}}` takes the rest of the path. GET answers HEAD too. A wrong token is refused
everywhere. [compatibility.md](compatibility.md) says what of the public Hub's API this covers.

{tables}
"""


def routes_table(protocol: Protocol) -> str:
    routes = [route for route in protocol.routes if route.handler.__name__ != "not_offered"]
    rows = "\n".join(route_row(route) for route in routes)
    return f"## {protocol.name}\n\n| method | path | needs |\n| --- | --- | --- |\n{rows}"


def route_row(route: Route) -> str:
    return f"| {route.method} | `{route.pattern}` | {NEEDS[route.needs]} |"


PAGES: dict[str, Callable[[], str]] = {
    "errors.md": errors_page,
    "settings.md": settings_page,
    "pioche.toml": settings_file,
    "cli.md": cli_page,
    "routes.md": routes_page,
}

if __name__ == "__main__":
    sys.exit(main())
