"""How much models are asked, by day; a row for each day (UTC) on which there was any."""

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, Table

from pioche.db.schema.columns import Id, metadata, repo_key


def _counts() -> list[Column[int]]:
    return [
        Column("requests", BigInteger, nullable=False),
        Column("failures", BigInteger, nullable=False),  # of these
        Column("milliseconds", BigInteger, nullable=False),  # that somebody waited for answers, all together
    ]


# By everybody, those without a name too.
model_usage = Table(
    "model_usage",
    metadata,
    repo_key(),
    Column("day", Integer, primary_key=True),  # since 1970-01-01
    *_counts(),
    Index(None, "day"),
    sqlite_with_rowid=False,
)

user_usage = Table(
    "user_usage",
    metadata,
    Column("user_id", Id, ForeignKey("accounts.id", ondelete="CASCADE"), nullable=False, primary_key=True),
    repo_key(),
    Column("day", Integer, primary_key=True),
    *_counts(),
    Index(None, "repo_id"),
    Index(None, "day"),
    sqlite_with_rowid=False,
)
