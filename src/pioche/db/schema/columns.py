"""What the tables are made of."""

from sqlalchemy import BigInteger, Column, ForeignKey, Integer, MetaData, Text

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# SQLite numbers rows by itself only when the key is exactly INTEGER.
Id = BigInteger().with_variant(Integer(), "sqlite")

# Paths compare byte by byte on both engines: paging by path depends on it.
Path = Text().with_variant(Text(collation="C"), "postgresql")


def repo_key() -> Column[int]:
    return Column("repo_id", Id, ForeignKey("repos.id", ondelete="CASCADE"), nullable=False, primary_key=True)
