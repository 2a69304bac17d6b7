"""Passkeys (WebAuthn): what a device of somebody's proves that it is there by, instead of a password."""

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Index, LargeBinary, Table, Text

from pioche.db.schema.columns import Id, metadata

passkeys = Table(
    "passkeys",
    metadata,
    Column("id", Id, primary_key=True),
    Column("user_id", Id, ForeignKey("accounts.id", ondelete="CASCADE"), nullable=False),
    Column("credential_id", Text, nullable=False, unique=True),  # base64url, as browsers write it
    Column("public_key", LargeBinary, nullable=False),  # COSE
    Column("sign_count", BigInteger, nullable=False),  # 0 for ever, of passkeys that travel between devices
    Column(
        "asked_at", BigInteger, nullable=False
    ),  # of the newest question that was answered: older ones count no more
    Column("name", Text, nullable=False),
    Column("is_synced", Boolean, nullable=False),  # kept by an account elsewhere, not by one device alone
    Column("created_at", BigInteger, nullable=False),
    Column("last_used_at", BigInteger),
    Index(None, "user_id"),
)
