"""What an organisation asks of its members, as its administrators set it; what follows is in `accounts.policies`.

Nobody locks themselves out: who asks for a second factor has one, and who names networks is in one of them.
"""

from dataclasses import dataclass

import sqlalchemy as sa

from pioche.accounts import policies
from pioche.accounts.account import Account
from pioche.db import schema
from pioche.db.engine import Database
from pioche.errors import Conflict
from pioche.events import Event
from pioche.jobs import outbox

_accounts, _factors, _members = schema.accounts, schema.second_factors, schema.memberships
_service = schema.service_accounts


@dataclass(frozen=True, slots=True)
class Security:
    """`ranges`: networks with a blank between them, None for everywhere (`policies.parse_ranges`)."""

    needs_second_factor: bool = False
    ranges: str | None = None


@dataclass(frozen=True, slots=True)
class Setter:
    """Who changes it: None for a command on the machine, which no rule keeps out."""

    user_id: int
    address: str


def security(database: Database, org_id: int) -> Security:
    with database.read() as connection:
        return _read(connection, org_id)


def set_security(database: Database, org: Account, wanted: Security, by: Setter | None) -> None:
    """Counts from the next request on. What changes is told of by itself. Raises Conflict where it would keep out who sets it:
    `check_factor`, `check_address`."""
    with database.write() as connection:
        before = _read(connection, org.id)
        if by is not None:
            if wanted.needs_second_factor and not before.needs_second_factor:
                check_factor(connection, by)
            if wanted.ranges is not None and wanted.ranges != before.ranges:
                check_address(wanted.ranges, by)
        values = {"needs_second_factor": wanted.needs_second_factor, "address_ranges": wanted.ranges}
        connection.execute(_accounts.update().where(_accounts.c.id == org.id).values(values))
        actor_id = None if by is None else by.user_id
        if wanted.needs_second_factor != before.needs_second_factor:
            kind = f"org.settings.security.2fa.{'enable' if wanted.needs_second_factor else 'disable'}"
            outbox.append(connection, Event(kind, actor_id=actor_id, payload={"org": org.name}))
        if wanted.ranges != before.ranges:
            told = {"org": org.name, "ranges": (wanted.ranges or "").split()}
            outbox.append(connection, Event("org.settings.security.networks", actor_id=actor_id, payload=told))


def check_factor(connection: sa.Connection, by: Setter) -> None:
    """Raises Conflict for who has no second factor."""
    mine = sa.select(_factors.c.user_id).where(_factors.c.user_id == by.user_id)
    if connection.execute(mine).first() is None:
        raise Conflict("Turn your own second factor on first: you would be kept out yourself")


def check_address(ranges: str, by: Setter) -> None:
    """Raises Conflict for who is in none of the networks."""
    if not policies.admits(ranges, by.address):
        raise Conflict(
            f"Your own address, {by.address or 'unknown'}, is in none of these networks: you would be kept out yourself"
        )


def without_factor(database: Database, org_id: int) -> int:
    """How many members a rule about second factors keeps out now."""
    has_one = sa.exists().where(_factors.c.user_id == _members.c.user_id)
    is_service = sa.exists().where(_service.c.user_id == _members.c.user_id)
    count = sa.select(sa.func.count()).select_from(_members).where(_members.c.org_id == org_id, ~has_one, ~is_service)
    with database.read() as connection:
        return int(connection.execute(count).scalar_one())


def _read(connection: sa.Connection, org_id: int) -> Security:
    columns = (_accounts.c.needs_second_factor, _accounts.c.address_ranges)
    return Security(*connection.execute(sa.select(*columns).where(_accounts.c.id == org_id)).one())
