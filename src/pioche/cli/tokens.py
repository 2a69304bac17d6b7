"""`pioche token ...`."""

from collections.abc import Sequence
from typing import Annotated, Any

from cyclopts import App, Parameter, validators

from pioche.accounts import entities
from pioche.accounts.callers import Caller
from pioche.accounts.directory import Directory
from pioche.accounts.scopes import FineGrained, parse_wanted
from pioche.accounts.tokens import Token, TokenRole
from pioche.cli import output
from pioche.cli.options import DEFAULT, Options
from pioche.db.instance import now_ms
from pioche.errors import BadRequest
from pioche.names import RepoId, RepoType

token = App(name="token", help="Tokens of users.")

_DAY_MS = 86_400_000
_GLOBAL = "global="


@token.command(name="create")
def token_create(
    user: str,
    /,
    *,
    name: str = "token",
    role: TokenRole | None = None,
    scope: Annotated[tuple[str, ...], Parameter(negative=())] = (),
    gated: Annotated[bool, Parameter(negative=())] = False,
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
        read: what the user may read. write: all that the user may do; this is what a token without scopes is. fineGrained:
        what its scopes say, which is what a token with scopes is.
    scope
        What a fine-grained token allows, and where; may be given several times. KIND/NAME=permission,permission with the
        kinds user, org, model, dataset, space, kernel, bucket and collection, such as
        model/ada/words=repo.content.read or org/lab=repo.write,discussion.write. global=discussion.write allows that on
        all public repos.
    gated
        The fine-grained token also reads the files of public gated repos that the user was let in to.
    value
        A token of your own, at least 8 characters, instead of one made at random.
    days
        How long it is good for; without it, until it is revoked.
    """
    is_fine_grained = role is TokenRole.FINE_GRAINED or bool(scope) or gated
    if is_fine_grained and role not in (None, TokenRole.FINE_GRAINED):
        raise BadRequest(f"--scope and --gated are for fine-grained tokens: leave out --role {role}")
    role = TokenRole.FINE_GRAINED if is_fine_grained else role or TokenRole.WRITE
    scopes = _scopes(options, user, scope, gated=gated) if is_fine_grained else None
    with options.database() as database:
        directory = Directory(database)
        expires_at = None if days is None else now_ms() + days * _DAY_MS
        owner = directory.get_user(user)
        made, kept = directory.tokens.create(
            owner, name=name, role=role, value=value, expires_at=expires_at, scopes=scopes
        )
        output.show({"token": made, **_row(kept)}, made, json=options.json)


def _scopes(options: Options, user: str, texts: Sequence[str], *, gated: bool) -> FineGrained:
    """Repos are named as their user may see them, which takes the whole hub to tell."""
    from pioche.repos.access import Action

    everywhere = [name for text in texts if text.startswith(_GLOBAL) for name in text[len(_GLOBAL) :].split(",")]
    wanted = [parse_wanted(text) for text in texts if not text.startswith(_GLOBAL)]
    with options.hub() as hub:
        owner = hub.directory.get_user(user)
        caller = Caller(owner.id, owner.name, may_write=False, is_admin=False)

        def find_repo(repo_type: RepoType, name: str) -> int:
            return hub.access.open_sync(caller, RepoId.parse(repo_type, name), Action.READ).id

        return entities.find(hub.database, owner, wanted, find_repo, everywhere=everywhere, reads_gated=gated)


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
