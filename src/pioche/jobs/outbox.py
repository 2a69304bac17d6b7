"""Events: appended in the transaction of the change, delivered after its commit."""

import msgspec
import sqlalchemy as sa

from pioche.db import schema
from pioche.db.instance import now_ms
from pioche.events import Event


def append(connection: sa.Connection, event: Event) -> None:
    """Stores the event with the change that it tells of: both or neither."""
    values: dict[str, object] = {
        "kind": event.kind,
        "repo_id": event.repo_id,
        "actor_id": event.actor_id,
        "payload": msgspec.json.encode(event.payload).decode(),
        "at": event.at or now_ms(),
    }
    if connection.dialect.name == "postgresql":
        values["txid"] = sa.text("(pg_current_xact_id()::text::bigint)")
    connection.execute(schema.events.insert().values(values))
