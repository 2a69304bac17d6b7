"""`pioche quota ...`."""

import re

from cyclopts import App

from pioche.accounts.callers import Caller
from pioche.cli import output, repos
from pioche.cli.options import DEFAULT, Options
from pioche.errors import BadRequest
from pioche.http.hub import Hub
from pioche.repos import allowances
from pioche.repos.access import Action
from pioche.repos.allowances import Allowance
from pioche.storage.admission import shown

quota = App(name="quota", help="How much storage users, organisations and repos may use.")

_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([kMGTP]?)(i?)B?\Z", re.IGNORECASE)
_UNITS = "kmgtp"


@quota.command(name="show")
def quota_show(name: str = "", /, *, options: Options = DEFAULT) -> None:
    """Tell how much somebody, or a repo, uses and may use. Without a name, all that have a limit of their own.

    Parameters
    ----------
    name
        A user, an organisation, or a repo: NAMESPACE/NAME, with datasets/ or spaces/ in front for those.
    """
    with options.hub() as hub:
        found = [_of(hub, name)] if name else allowances.limited(hub.database, hub.quotas.limits)
        columns = ("name", "kind", "used", "reserved", "limit", "own")
        output.table([_row(one) for one in found], columns, json=options.json)


@quota.command(name="set")
def quota_set(name: str, most: str, /, *, options: Options = DEFAULT) -> None:
    """Give a user, an organisation or a repo a limit of its own. What is stored already stays.

    Parameters
    ----------
    name
        As for `pioche quota show`.
    most
        Such as 500MB, 20GiB or a number of bytes; `none` for no limit, whatever the settings say.
    """
    _limit(name, 0 if most == "none" else parse_size(most), options)


@quota.command(name="clear")
def quota_clear(name: str, /, *, options: Options = DEFAULT) -> None:
    """Let the settings decide again: storage_max_user, storage_max_org, storage_max_repo.

    Parameters
    ----------
    name
        As for `pioche quota show`.
    """
    _limit(name, None, options)


def parse_size(text: str) -> int:
    """Bytes, of a number with a unit. Raises BadRequest."""
    match = _SIZE.match(text.strip())
    if match is None:
        raise BadRequest(f"{text!r} is not a size: write 500MB, 20GiB or a number of bytes")
    number, unit, binary = match.groups()
    base = 1024 if binary else 1000
    size = int(float(number) * base ** (_UNITS.index(unit.lower()) + 1 if unit else 0))
    if not 1 <= size < 2**62:
        raise BadRequest(f"{text!r} is no limit: give at least one byte, or `none`")
    return size


def _limit(name: str, most: int | None, options: Options) -> None:
    with options.hub() as hub:
        if "/" in name:
            repo = hub.access.open_sync(Caller.operator(), repos.parse(name), Action.ADMINISTER)
            found = allowances.limit_repo(repo, most)
        else:
            found = allowances.limit_account(hub.quotas, hub.database, hub.directory.get(name), most)
        limit = f"may use {shown(found.limit)}" if found.limit else "has no limit"
        output.show(_row(found), f"{found.name} {limit}; it uses {shown(found.taken)}.", json=options.json)


def _of(hub: Hub, name: str) -> Allowance:
    if "/" in name:
        return allowances.of_repo(hub.access.open_sync(Caller.operator(), repos.parse(name), Action.ADMINISTER))
    return allowances.of_account(hub.database, hub.quotas.limits, hub.directory.get(name))


def _row(found: Allowance) -> dict[str, object]:
    numbers = {"used": found.used, "reserved": found.reserved, "limit": found.limit or None, "own": found.own}
    return {"name": found.name, "kind": found.kind, **numbers}
