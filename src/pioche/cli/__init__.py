"""The command `pioche`: thin commands over the same functions that the protocols call, one file a noun.

Each takes `--data-dir` and `--json` and works while the hub runs and while it does not. What is wrong is said in one
line on standard error: status 2 for a setting, 1 for anything else.
"""

import sys

from cyclopts import App

import pioche
from pioche.cli.serve import serve
from pioche.errors import ConfigError, HubError

app = App(name="pioche", help="A model hub that you run yourself.", version=pioche.__version__)
app.command(serve)


def main() -> None:
    """The entry point of the installed command."""
    try:
        app()
    except ConfigError as error:
        _end(f"{error}", status=2)
    except HubError as error:
        _end(error.message, status=1)


def _end(message: str, *, status: int) -> None:
    print(f"pioche: {message}", file=sys.stderr)
    sys.exit(status)
