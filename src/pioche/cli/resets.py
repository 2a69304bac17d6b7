"""`pioche user reset-...`: letting in again who cannot sign in, with or without mail: an administrator hands over the link."""

from typing import Annotated

from cyclopts import Parameter, validators

from pioche.accounts import resets
from pioche.accounts.directory import Directory
from pioche.cli import output
from pioche.cli.accounts import address, user
from pioche.cli.options import DEFAULT, Options
from pioche.errors import Conflict

__all__ = ["user"]

_REASON_CHARACTERS_MAX = 500


@user.command(name="reset-password")
def reset_password(
    name: str,
    /,
    *,
    hours: Annotated[int, Parameter(validator=validators.Number(gte=1, lte=resets.HOURS_MAX))] = resets.HOURS_MAX,
    options: Options = DEFAULT,
) -> None:
    """Print a link by which a user chooses another password, once. The old one is good until then.

    A second factor is asked for all the same.

    Parameters
    ----------
    name
        The user.
    hours
        How long the link is good for.
    """
    settings = options.config()
    with options.database() as database:
        found = Directory(database).get_user(name)
        link = f"{address(settings)}/login/reset?ticket={resets.ticket(database, found, hours=hours)}"
        output.show({"name": found.name, "link": link}, link, json=options.json)


@user.command(name="reset-2fa")
def reset_second_factor(name: str, /, *, reason: str = "", options: Options = DEFAULT) -> None:
    """Turn a user's second factor off, when they lost its app and the recovery codes. Be sure that it is they who ask.

    Their password is enough then, their passkeys are removed, their sessions end, and they are told.

    Parameters
    ----------
    reason
        Why; it stands in the log of changes, and they read it.
    """
    with options.database() as database:
        directory = Directory(database)
        found = directory.get_user(name)
        if not directory.second_factors.reset(found, reason=reason[:_REASON_CHARACTERS_MAX]):
            raise Conflict(f"{found.name} has no second factor")
        output.show({"name": found.name}, f"{found.name} signs in with the password alone.", json=options.json)
