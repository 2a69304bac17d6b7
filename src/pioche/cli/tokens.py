"""`pioche token ...`."""

from typing import Annotated, Any

from cyclopts import App, Parameter, validators

from pioche.accounts.directory import Directory
from pioche.accounts.tokens import Token, TokenRole
from pioche.cli import output
from pioche.cli.options import DEFAULT, Options
from pioche.db.instance import now_ms

token = App(name="token", help="Tokens of users.")

_DAY_MS = 86_400_000


@token.command(name="create")
def token_create(
    user: str,
    /,
    *,
    name: str = "token",
    role: TokenRole = TokenRole.WRITE,
    value: str | None = None,
    days: Annotated[int | None, Parameter(validator=validators.Number(gte=1, lte=36_500))] = None,
    options: Options = DEFAULT,
) -> None:
    """Create a token and print it. It cannot be shown again.

    Parameters
    ----------
    user
        Whose token it is.
    name
        What to call it in lists.
    role
        read: what the user may read. write: all that the user may do.
    value
        A token of your own, at least 8 characters, instead of one made at random.
    days
        How long it is good for; without it, until it is revoked.
    """
    with options.database() as database:
        directory = Directory(database)
        expires_at = None if days is None else now_ms() + days * _DAY_MS
        made, kept = directory.tokens.create(
            directory.get_user(user), name=name, role=role, value=value, expires_at=expires_at
        )
        output.show({"token": made, **_row(kept)}, made, json=options.json)


@token.command(name="list")
def token_list(user: str, /, *, options: Options = DEFAULT) -> None:
    """List a user's tokens, without the tokens themselves: the hub does not have them."""
    with options.database() as database:
        directory = Directory(database)
        rows = [_row(found) for found in directory.tokens.of(directory.get_user(user))]
        output.table(rows, ("id", "name", "role", "created", "last_used", "expires", "revoked"), json=options.json)


@token.command(name="revoke")
def token_revoke(user: str, which: str, /, *, options: Options = DEFAULT) -> None:
    """Refuse a token from now on.

    Parameters
    ----------
    user
        Whose token it is.
    which
        Its id or its name (see: pioche token list), or the token itself.
    """
    with options.database() as database:
        directory = Directory(database)
        revoked = directory.tokens.revoke(directory.get_user(user), which)
        output.show(_row(revoked), f"Revoked the token {revoked.name} ({revoked.id}).", json=options.json)


def _row(found: Token) -> dict[str, Any]:
    return {
        "id": found.id,
        "name": found.name,
        "role": found.role,
        "created": output.date(found.created_at),
        "last_used": output.date(found.last_used_at),
        "expires": output.date(found.expires_at),
        "revoked": output.date(found.revoked_at),
    }
