"""What somebody has beside their password: a secret that makes codes, and codes on paper."""

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Table, Text

from pioche.db.schema.columns import Id, metadata

# A row is a second factor that is on.
second_factors = Table(
    "second_factors",
    metadata,
    Column("user_id", Id, ForeignKey("accounts.id", ondelete="CASCADE"), primary_key=True),
    Column("secret", Text, nullable=False),  # encrypted (keys.lock): it makes codes; empty: passkeys
    Column("last_step", BigInteger, nullable=False),  # of RFC 6238: codes up to this one were used or are too old
    Column("created_at", BigInteger, nullable=False),
)

# Each signs in once: using it removes its row.
recovery_codes = Table(
    "recovery_codes",
    metadata,
    Column("id", Id, primary_key=True),
    Column("user_id", Id, ForeignKey("accounts.id", ondelete="CASCADE"), nullable=False),
    Column("hash", Text, nullable=False),  # sha256 of whose it is and of the code, which has 80 bits
    Column("created_at", BigInteger, nullable=False),
    Index(None, "user_id"),
)
