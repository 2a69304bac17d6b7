"""What is true of the instance as a whole."""

from sqlalchemy import BigInteger, Column, LargeBinary, Table, Text

from pioche.db.schema.columns import metadata

instance = Table(
    "instance",
    metadata,
    Column("key", Text, primary_key=True),  # `epoch`: part of every Xet address (architecture.md section 4)
    Column("value", Text, nullable=False),
)

signing_keys = Table(
    "signing_keys",
    metadata,
    Column("kid", Text, primary_key=True),
    Column("secret", LargeBinary, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("retired_at", BigInteger),  # still verifies for a while, signs no more
)
