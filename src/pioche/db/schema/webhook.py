"""Webhooks: who wants to be told where, and what was told."""

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, Table, Text, UniqueConstraint

from pioche.db.schema.columns import Id, metadata

webhooks = Table(
    "webhooks",
    metadata,
    Column("id", Id, primary_key=True),
    Column("uid", Text, nullable=False, unique=True),  # 24 hex digits, `id` on the wire
    Column("owner_id", Id, ForeignKey("accounts.id", ondelete="CASCADE"), nullable=False),
    Column("url", Text, nullable=False),
    Column("secret", Text),  # sent with each delivery, so kept as it is
    Column("domains", Text, nullable=False),  # JSON array: repo | discussion
    Column("disabled_at", BigInteger),
    Column("disabled_reason", Text),  # null: by its owner
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    Index(None, "owner_id"),
    sqlite_autoincrement=True,
)

# What a webhook watches, by name: it need not be there (yet).
webhook_targets = Table(
    "webhook_targets",
    metadata,
    Column("webhook_id", Id, ForeignKey("webhooks.id", ondelete="CASCADE"), nullable=False, primary_key=True),
    Column("kind", Text, primary_key=True),  # user | org | model | dataset | space | bucket
    Column("name_key", Text, primary_key=True),  # lower case
    Column("name", Text, nullable=False),
    Column("position", Integer, nullable=False),
    Index(None, "kind", "name_key"),
    sqlite_with_rowid=False,
)

webhook_deliveries = Table(
    "webhook_deliveries",
    metadata,
    Column("id", Id, primary_key=True),
    Column("uid", Text, nullable=False, unique=True),  # the receiver tells repeated deliveries by it
    Column("webhook_id", Id, ForeignKey("webhooks.id", ondelete="CASCADE"), nullable=False),
    Column("event_id", Id),  # what it tells of; null: a replay or a test
    Column("payload", Text, nullable=False),  # JSON, as sent
    Column("state", Text, nullable=False),  # waiting | delivered | failed
    Column("attempts", Integer, nullable=False, default=0),
    Column("status", Integer),  # of the last answer
    Column("answer", Text),  # its first bytes, or why there was none
    Column("created_at", BigInteger, nullable=False),
    Column("sent_at", BigInteger),  # the last time
    UniqueConstraint("webhook_id", "event_id"),
    Index(None, "webhook_id", "id"),
    Index(None, "created_at"),
    sqlite_autoincrement=True,
)
