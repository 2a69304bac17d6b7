"""Trusted publishers: jobs of a CI system that are given a token without having a secret of this hub.

A publisher says which issuer (an OpenID provider) has to sign which claims of a job: all of them, to the letter. It belongs
to a repo, or to the account of a person, and whoever added it is in whose name its jobs act: never with more than that person
may do at that moment. What a job is given is made in `accounts.exchanging`; why so: decision 35.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
import sqlalchemy as sa

from pioche.accounts.account import Account
from pioche.db import schema
from pioche.db.engine import Database
from pioche.db.instance import now_ms
from pioche.errors import BadRequest, Conflict, NotFound
from pioche.events import Event
from pioche.jobs import outbox

PUBLISHERS_MAX = 20
"""Of a repo, or of an account."""
_CLAIMS_MAX = 20
_NAME_MAX, _VALUE_MAX = 100, 500
_OF_THE_TOKEN = frozenset(("iss", "aud", "exp", "nbf", "iat", "jti", "nonce"))
_NOT_WHOSE = frozenset(
    """base_ref branch deployment_tier environment environment_protected event_name head_ref pipeline_source ref ref_path
    ref_protected ref_type repository_visibility run_attempt run_id run_number runner_environment runner_id sha workflow
    workflow_ref workflow_sha""".split()
)
"""Claims that jobs of everybody have alike, at an issuer that many share: alone they tell nobody from a stranger."""

_publishers, _tokens = schema.publishers, schema.tokens


@dataclass(frozen=True, slots=True)
class Publisher:
    """Times are Unix milliseconds. `pins`: what claims that name a thing by its id were in the first job that was let in."""

    id: int
    user_id: int
    repo_id: int | None
    issuer: str
    claims: Mapping[str, str]
    pins: Mapping[str, str]
    reads_private: bool
    created_at: int
    used_at: int | None


def of_repo(database: Database, repo_id: int) -> list[Publisher]:
    """Those of a repo, the oldest first."""
    return _found(database, _publishers.c.repo_id == repo_id)


def of_user(database: Database, user_id: int) -> list[Publisher]:
    """Those of somebody's own account, the oldest first."""
    return _found(database, _publishers.c.repo_id.is_(None) & (_publishers.c.user_id == user_id))


def _found(database: Database, which: "sa.ColumnElement[bool]") -> list[Publisher]:
    with database.read() as connection:
        return [
            from_row(row) for row in connection.execute(sa.select(_publishers).where(which).order_by(_publishers.c.id))
        ]


def from_row(row: "sa.Row[Any]") -> Publisher:
    return Publisher(
        row.id,
        row.user_id,
        row.repo_id,
        row.issuer,
        msgspec.json.decode(row.claims),
        msgspec.json.decode(row.pins) if row.pins else {},
        row.reads_private,
        row.created_at,
        row.used_at,
    )


def add(
    database: Database,
    user: Account,
    issuer: str,
    claims: Mapping[str, str],
    *,
    repo_id: int | None = None,
    reads_private: bool = False,
) -> None:
    """Of a repo that `user` may change the settings of, or of their account. Raises Conflict for too many, and for one that
    there is."""
    text = msgspec.json.encode(dict(sorted(claims.items()))).decode()
    same = _publishers.c.user_id == user.id if repo_id is None else _publishers.c.repo_id == repo_id
    same &= _publishers.c.repo_id.is_(None) if repo_id is None else sa.true()
    row = {"user_id": user.id, "repo_id": repo_id, "issuer": issuer, "claims": text}
    with database.write() as connection:
        there = connection.execute(sa.select(_publishers.c.issuer, _publishers.c.claims).where(same)).all()
        if (issuer, text) in {(one.issuer, one.claims) for one in there}:
            raise Conflict("There is such a publisher already")
        if len(there) >= PUBLISHERS_MAX:
            raise Conflict(f"At most {PUBLISHERS_MAX} publishers: remove one first")
        connection.execute(_publishers.insert().values(**row, reads_private=reads_private, created_at=now_ms()))
        _tell(connection, "publisher.create", user, repo_id, issuer)


def remove(database: Database, actor: Account, id_: int, *, repo_id: int | None = None) -> None:
    """With the tokens that its jobs have. Raises NotFound for one of another repo, or of another account."""
    whose = _publishers.c.repo_id == repo_id if repo_id is not None else _publishers.c.user_id == actor.id
    whose &= sa.true() if repo_id is not None else _publishers.c.repo_id.is_(None)
    with database.write() as connection:
        gone = _publishers.delete().where(whose, _publishers.c.id == id_).returning(_publishers.c.issuer)
        issuer = connection.execute(gone).scalar()
        if issuer is None:
            raise NotFound("There is no such publisher")
        living = (_tokens.c.publisher_id == id_) & _tokens.c.revoked_at.is_(None)
        connection.execute(_tokens.update().where(living).values(revoked_at=now_ms()))
        _tell(connection, "publisher.delete", actor, repo_id, issuer)


def _tell(connection: sa.Connection, kind: str, user: Account, repo_id: int | None, issuer: str) -> None:
    payload = {"user": user.name, "name": issuer}
    outbox.append(connection, Event(kind, actor_id=user.id, repo_id=repo_id, payload=payload))


def parse_claims(text: str) -> dict[str, str]:
    """`name=value`, one a line, as forms write them. Raises BadRequest, naming the line."""
    found = dict[str, str]()
    for line in text.splitlines():
        if not line.strip():
            continue
        name, equals, value = (part.strip() for part in line.partition("="))
        if not (equals and name and value) or len(name) > _NAME_MAX or len(value) > _VALUE_MAX:
            raise BadRequest(f"{line.strip()[:60]!r} is no claim: write name=value, one a line")
        if not line.isprintable() or name in _OF_THE_TOKEN or name in found:
            raise BadRequest(f"{name[:60]!r} cannot be asked for, or is there twice")
        found[name] = value
    if len(found) > _CLAIMS_MAX:
        raise BadRequest(f"At most {_CLAIMS_MAX} claims")
    if not found.keys() - _NOT_WHOSE:
        raise BadRequest("At least one claim has to say whose jobs these are: repository, project_path, sub ...")
    return found


_IDS: Mapping[str, tuple[str, ...]] = {
    "repository": ("repository_id", "repository_owner_id"),
    "repository_owner": ("repository_owner_id",),
    "project_path": ("project_id", "namespace_id"),
    "namespace_path": ("namespace_id",),
}
"""Which ids an issuer signs beside a name that may be given to somebody else some day (GitHub, GitLab)."""


def accepts(publisher: Publisher, said: Mapping[str, object]) -> bool:
    """Whether a job is one of the publisher's: all that it asks for is said, and the names in it mean what they meant."""
    asked = {**publisher.claims, **publisher.pins}
    return all(_written(said.get(name)) == value for name, value in asked.items())


def pinned(publisher: Publisher, said: Mapping[str, object]) -> dict[str, str]:
    """The ids that a job has beside the names that the publisher asks for."""
    names = {name for asked in publisher.claims for name in _IDS.get(asked, ())} - publisher.claims.keys()
    return {name: value for name in sorted(names) if (value := _written(said.get(name)))}


def _written(value: object) -> str | None:
    """As people write a claim down. Nothing is asked of one that is a list or an object."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, str | int) else None
