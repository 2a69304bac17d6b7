"""Which endpoints there are, and who may see, ask and change them."""

import socket
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import msgspec
import sqlalchemy as sa

from pioche.accounts.callers import Caller
from pioche.accounts.members import Role
from pioche.accounts.scopes import Permission
from pioche.config import Config
from pioche.db import schema
from pioche.db.engine import Database
from pioche.errors import Forbidden, NotFound, ReadOnlyToken, Unauthenticated
from pioche.repos.access import READERS
from pioche.serving.endpoints.endpoint import Audience, Deployment, Endpoint, Place, Rollout, Scaling, State, Wanted
from pioche.serving.external.address import External

_endpoints, _deployments, _places = schema.endpoints, schema.deployments, schema.deployment_places
_accounts, _members, _repos = schema.accounts, schema.memberships, schema.repos
_MANAGERS = (Role.ADMIN, Role.WRITE)
_rollout = msgspec.json.Decoder(Rollout)
_external = msgspec.json.Decoder(External)


class EndpointNotFound(NotFound):
    """There is none, or the caller may not know of it: the same words."""

    code = "EndpointNotFound"

    def __init__(self, *, anonymous: bool = False) -> None:
        super().__init__("This endpoint does not exist, or is not for you to see")
        if anonymous:
            self.status = 401


def node(config: Config) -> str:
    """What a server process calls the machine that it has models on: the same for all that ask the same controller."""
    return f"{socket.gethostname()}:{config.inference_socket}"


def load(connection: sa.Connection, *where: sa.ColumnElement[bool]) -> list[Endpoint]:
    """In the order in which they were made."""
    joined = _endpoints.join(_accounts, _accounts.c.id == _endpoints.c.owner_id)
    select = sa.select(_endpoints, _accounts.c.name.label("owner")).select_from(joined).where(*where)
    rows = connection.execute(select.order_by(_endpoints.c.id)).all()
    found = _of_endpoints(connection, [row.id for row in rows])
    return [_endpoint(row, found[row.id]) for row in rows]


def everything(database: Database) -> list[Endpoint]:
    """For the hub itself."""
    with database.read() as connection:
        return load(connection)


def visible(database: Database, caller: Caller) -> list[Endpoint]:
    """Those of the caller and of the organisations whose private repos they read."""
    orgs = sa.select(_members.c.org_id).where(
        _members.c.user_id == caller.user_id, _members.c.role.in_(sorted(READERS))
    )
    mine = sa.or_(_endpoints.c.owner_id == caller.user_id, _endpoints.c.owner_id.in_(orgs))
    with database.read() as connection:
        found = load(connection, mine)
    return [one for one in found if caller.reads_private_of(one.owner_id)]


def of_owner(database: Database, caller: Caller, owner_id: int, owner: str) -> list[Endpoint]:
    """Raises Unauthenticated, Forbidden for whoever is no member that reads."""
    with database.read() as connection:
        check_sees(connection, caller, owner_id, owner)
        return load(connection, _endpoints.c.owner_id == owner_id)


def get(database: Database, caller: Caller, owner: str, name: str) -> Endpoint:
    """With all there is to know of it. Raises EndpointNotFound."""
    with database.read() as connection:
        found = _named(connection, owner, name, anonymous=caller.is_anonymous)
        if not _sees(connection, caller, found.owner_id):
            raise EndpointNotFound(anonymous=caller.is_anonymous)
        return found


def get_within(connection: sa.Connection, row: int) -> Endpoint:
    """By its row. Raises EndpointNotFound."""
    for found in load(connection, _endpoints.c.id == row):
        return found
    raise EndpointNotFound


def open_for_change(connection: sa.Connection, caller: Caller, owner: str, name: str) -> Endpoint:
    """In a transaction that changes it, in which nobody else does meanwhile. Raises EndpointNotFound, Forbidden."""
    found = _named(connection, owner, name)
    if not _sees(connection, caller, found.owner_id):
        raise EndpointNotFound
    check_manages(connection, caller, found.owner_id, found.owner)
    connection.execute(sa.select(_endpoints.c.id).where(_endpoints.c.id == found.id).with_for_update())
    return get_within(connection, found.id)


def check_sees(connection: sa.Connection, caller: Caller, owner_id: int, owner: str) -> None:
    """Raises Unauthenticated, Forbidden."""
    if caller.is_anonymous:
        raise Unauthenticated
    if not _sees(connection, caller, owner_id):
        raise Forbidden(f"You may not see the endpoints of {owner}")


def check_manages(connection: sa.Connection, caller: Caller, owner_id: int, owner: str) -> None:
    """Whether the caller may make and change endpoints of an account: their own, and of organisations in which they write.

    Raises Unauthenticated, Forbidden, ReadOnlyToken."""
    if caller.is_anonymous:
        raise Unauthenticated
    if not _manages(connection, caller, owner_id):
        raise Forbidden(f"You don't have the rights to change the endpoints of {owner}")
    caller.check_token(Permission.ENDPOINTS_WRITE, owner_id, owner)
    if not caller.may_write:
        raise ReadOnlyToken


def manages(database: Database, caller: Caller, endpoint: Endpoint) -> bool:
    """Whether the pages offer it."""
    if caller.is_anonymous or not caller.may_write:
        return False
    with database.read() as connection:
        return _manages(connection, caller, endpoint.owner_id)


def owners(database: Database, caller: Caller) -> list[str]:
    """Whose endpoints the caller may make: their own name first."""
    select = sa.select(_accounts.c.name).join(_members, _members.c.org_id == _accounts.c.id)
    mine = select.where(_members.c.user_id == caller.user_id, _members.c.role.in_(_MANAGERS))
    with database.read() as connection:
        return [caller.name, *connection.execute(mine.order_by(_accounts.c.name)).scalars()]


def _sees(connection: sa.Connection, caller: Caller, owner_id: int) -> bool:
    if caller.is_anonymous:
        return False
    if caller.is_admin or caller.user_id == owner_id:
        return caller.scopes is None or _is_scoped(caller, owner_id)
    if _role(connection, caller, owner_id) not in READERS or caller.barred_from(owner_id) is not None:
        return False
    return caller.scopes is None or _is_scoped(caller, owner_id)


def _is_scoped(caller: Caller, owner_id: int) -> bool:
    """Whether a fine-grained token was given anything about the endpoints of an account."""
    return caller.scopes is not None and bool(
        caller.scopes.on_account(owner_id) & {Permission.ENDPOINTS_WRITE, Permission.ENDPOINTS_ASK}
    )


def _manages(connection: sa.Connection, caller: Caller, owner_id: int) -> bool:
    return caller.is_admin or caller.user_id == owner_id or _role(connection, caller, owner_id) in _MANAGERS


def _role(connection: sa.Connection, caller: Caller, owner_id: int) -> str | None:
    mine = sa.select(_members.c.role).where(_members.c.org_id == owner_id, _members.c.user_id == caller.user_id)
    role: str | None = connection.execute(mine).scalar()
    return role


def _named(connection: sa.Connection, owner: str, name: str, *, anonymous: bool = False) -> Endpoint:
    here = sa.and_(_accounts.c.name_key == owner.lower(), _endpoints.c.name == name.lower())
    for found in load(connection, here):
        return found
    raise EndpointNotFound(anonymous=anonymous)


def _of_endpoints(connection: sa.Connection, rows: Sequence[int]) -> dict[int, list[Deployment]]:
    found = defaultdict[int, list[Deployment]](list)
    alive = sa.and_(_repos.c.id == _deployments.c.repo_id, _repos.c.deleted_at.is_(None))
    joined = _deployments.outerjoin(_repos, alive)
    select = sa.select(_deployments, _repos.c.id.label("alive"), _repos.c.full_name).select_from(joined)
    select = select.where(_deployments.c.endpoint_id.in_(rows)).order_by(_deployments.c.id)
    deployed = connection.execute(select).all() if rows else []
    places = _of_deployments(connection, [row.id for row in deployed])
    for row in deployed:
        found[row.endpoint_id].append(_deployment(row, places[row.id]))
    return found


def _of_deployments(connection: sa.Connection, rows: Sequence[int]) -> dict[int, list[Place]]:
    found = defaultdict[int, list[Place]](list)
    select = sa.select(_places).where(_places.c.deployment_id.in_(rows)).order_by(_places.c.node)
    for row in connection.execute(select) if rows else ():
        place = Place(node=row.node, state=State(row.state), replicas=row.replicas, reason=row.reason)
        found[row.deployment_id].append(place)
    return found


def _deployment(row: Any, places: list[Place]) -> Deployment:
    return Deployment(
        id=row.id,
        name=row.name,
        repo_id=row.alive,
        repo=row.full_name or row.repo,
        revision=row.revision,
        commit=row.commit,
        task=row.task,
        weight=row.weight,
        mirror=row.mirror,
        creator_id=row.creator_id,
        created_at=row.created_at,
        places=places,
        external=_external.decode(row.external) if row.external else None,
    )


def _endpoint(row: Any, found: list[Deployment]) -> Endpoint:
    return Endpoint(
        id=row.id,
        owner_id=row.owner_id,
        owner=row.owner,
        name=row.name,
        audience=Audience(row.audience),
        wanted=Wanted(row.wanted),
        scaling=Scaling(
            min_replicas=row.min_replicas,
            max_replicas=row.max_replicas,
            idle_minutes=row.idle_minutes,
            load=row.load,
        ),
        described=msgspec.json.decode(row.described, type=dict[str, object]),
        rollout=_rollout.decode(row.rollout) if row.rollout else None,
        outcome=row.outcome,
        version=row.version,
        placed=row.placed,
        created_at=row.created_at,
        updated_at=row.updated_at,
        deployments=tuple(found),
    )
