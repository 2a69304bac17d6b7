"""What somebody is to be told of their own account, and by what the hub tells that something about it is new."""

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Table, Text, UniqueConstraint

from pioche.db.schema.columns import Id, metadata

account_notices = Table(
    "account_notices",
    metadata,
    Column("id", Id, primary_key=True),
    Column("user_id", Id, ForeignKey("accounts.id", ondelete="CASCADE"), nullable=False),
    Column("key", Text, nullable=False),  # of what happened, so that what is told twice counts once
    Column("kind", Text, nullable=False),  # of the event
    Column("detail", Text, nullable=False),  # which device, which token, which key; empty where there is but one
    Column("actor_id", Id, ForeignKey("accounts.id", ondelete="SET NULL")),  # of somebody else, where they did it
    Column("status", Text, nullable=False),  # unread | read | done
    Column("at", BigInteger, nullable=False),
    UniqueConstraint("user_id", "key"),
    Index(None, "user_id", "status", "at"),
    Index(None, "actor_id"),
    Index(None, "at"),
    sqlite_autoincrement=True,
)

# From what somebody signed in before: browser and system, without versions, and no address.
known_devices = Table(
    "known_devices",
    metadata,
    Column("user_id", Id, ForeignKey("accounts.id", ondelete="CASCADE"), nullable=False, primary_key=True),
    Column("device", Text, primary_key=True),
    Column("at", BigInteger, nullable=False),  # of the first time
    sqlite_with_rowid=False,
)
