"""What counts once: identity tokens of jobs (`exchanging`), assertions of SAML providers (`org_sso`)."""

import sqlalchemy as sa

from pioche.db import schema
from pioche.db.dialect import insert_if_absent
from pioche.db.instance import now_ms

_taken = schema.taken_identities


def once(connection: sa.Connection, key: str, until: int) -> bool:
    """Whether this is the first time. `until`, in Unix milliseconds: when nobody would take it anyhow."""
    fresh = insert_if_absent(connection, _taken).values(key=key, until=until).returning(_taken.c.key)
    return connection.execute(fresh).first() is not None


def forget(connection: sa.Connection) -> None:
    """Those that nobody would take any more."""
    connection.execute(_taken.delete().where(_taken.c.until < now_ms()))
