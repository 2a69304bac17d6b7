"""What the last minutes of an endpoint were like, and what happened to it."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
import sqlalchemy as sa

from pioche.db import schema
from pioche.db.engine import Database
from pioche.db.instance import now_ms
from pioche.serving.endpoints.endpoint import Endpoint, Rollout
from pioche.serving.endpoints.tallies import Tally, total

MINUTE_MS = 60_000
KEPT_MINUTES = 24 * 60
_EVENTS_KEPT = 1000
_deployments, _minutes, _events = schema.deployments, schema.deployment_minutes, schema.endpoint_events
_accounts = schema.accounts
_latencies = msgspec.json.Decoder(list[int])


@dataclass(frozen=True, slots=True)
class Minute:
    """Of a deployment. `at` is its beginning in Unix milliseconds; `replicas` and `memory_bytes` are of all nodes."""

    at: int
    tally: Tally
    replicas: int
    memory_bytes: int


@dataclass(frozen=True, slots=True)
class Happened:
    """`actor` empty: the hub itself. `deployment` empty: the endpoint. `detail` in words, or numbers."""

    id: int
    at: int
    actor: str
    kind: str
    deployment: str
    detail: str


def minutes(database: Database, endpoint: Endpoint, count: int) -> dict[int, list[Minute]]:
    """Of each deployment, by its row: those of the last `count` minutes in which there was anything, in order."""
    first = now_ms() // MINUTE_MS - count + 1
    rows = [one.id for one in endpoint.deployments]
    select = sa.select(_minutes).where(_minutes.c.deployment_id.in_(rows), _minutes.c.minute >= first)
    found = defaultdict[tuple[int, int], list[Minute]](list)
    with database.read() as connection:
        for row in connection.execute(select):
            tally = Tally(row.requests, row.failures, _latencies.decode(row.latencies))
            minute = Minute(row.minute * MINUTE_MS, tally, row.replicas, row.memory_bytes)
            found[row.deployment_id, row.minute].append(minute)
    merged = {row: list[Minute]() for row in rows}
    for (deployment, _), parts in sorted(found.items()):
        merged[deployment].append(_merged(parts))
    return merged


def counted(connection: sa.Connection, rows: Sequence[int], since_ms: int) -> dict[int, Tally]:
    """By each deployment, in the minutes from the one of `since_ms` on."""
    select = sa.select(_minutes.c.deployment_id, _minutes.c.requests, _minutes.c.failures, _minutes.c.latencies)
    select = select.where(_minutes.c.deployment_id.in_(list(rows)), _minutes.c.minute >= since_ms // MINUTE_MS)
    found = {row: list[Tally]() for row in rows}
    for deployment, requests, failures, latencies in connection.execute(select):
        found[deployment].append(Tally(requests, failures, _latencies.decode(latencies)))
    return {row: total(tallies) for row, tallies in found.items()}


def since_step(database: Database, endpoint: Endpoint, rollout: Rollout) -> dict[int, Tally]:
    """What each deployment counted in the minutes from the one on in which the step began."""
    with database.read() as connection:
        return counted(connection, [one.id for one in endpoint.deployments], rollout.since)


def happened(database: Database, endpoint: Endpoint, *, limit: int, before: int | None = None) -> list[Happened]:
    """The latest first."""
    joined = _events.outerjoin(_accounts, _accounts.c.id == _events.c.actor_id)
    select = sa.select(_events, sa.func.coalesce(_accounts.c.name, "").label("actor")).select_from(joined)
    select = select.where(_events.c.endpoint_id == endpoint.id)
    if before is not None:
        select = select.where(_events.c.id < before)
    with database.read() as connection:
        rows = connection.execute(select.order_by(_events.c.id.desc()).limit(limit)).all()
    return [Happened(row.id, row.at, row.actor, row.kind, row.deployment, row.detail) for row in rows]


def forget(connection: sa.Connection) -> None:
    """Minutes that are long past, and of what happened all but the latest."""
    connection.execute(_minutes.delete().where(_minutes.c.minute < now_ms() // MINUTE_MS - KEPT_MINUTES))
    place = sa.func.row_number().over(partition_by=_events.c.endpoint_id, order_by=_events.c.id.desc())
    ranked = sa.select(_events.c.id, place.label("place")).subquery()
    old = sa.select(ranked.c.id).where(ranked.c.place > _EVENTS_KEPT)
    connection.execute(_events.delete().where(_events.c.id.in_(old)))


def _merged(parts: Sequence[Minute]) -> Minute:
    """What several processes counted in the same minute."""
    return Minute(
        parts[0].at,
        total(part.tally for part in parts),
        sum(part.replicas for part in parts),
        sum(part.memory_bytes for part in parts),
    )
