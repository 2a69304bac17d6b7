"""`pioche facts`."""

from typing import Annotated

from cyclopts import Parameter

from pioche.accounts.callers import Caller
from pioche.cli import output
from pioche.cli.options import DEFAULT, Options
from pioche.cli.progress import bars
from pioche.cli.repos import parse
from pioche.repos.access import Action
from pioche.upkeep import deriving

Flag = Annotated[bool, Parameter(negative=())]


def facts(*repo: str, headers: Flag = False, options: Options = DEFAULT) -> None:
    """Derive tags and facts anew from the cards and files of all repos, or of some.

    Rarely needed: each commit does it for what it changes, and the hub does it for all after an upgrade that wants it.
    Safe while the hub serves; broken off, what was done stays done.

    Parameters
    ----------
    repo
        Only these: NAMESPACE/NAME, with datasets/ or spaces/ in front for those.
    headers
        Also read the headers of weights that were not read yet now, instead of leaving it to the running hub.
    """
    with options.hub() as hub, bars() as progress:
        if repo:
            operator = Caller.operator()
            opened = [hub.access.open_sync(operator, parse(name), Action.MANAGE) for name in repo]
            count = sum(deriving.derive(one) for one in opened)
        else:
            count = deriving.derive_all(hub.database, hub.access, progress=progress, headers_too=headers)
        output.show({"derived": count}, f"The facts of {count} repos were derived.", json=options.json)
