"""usage of models"""

import sqlalchemy as sa
from alembic import op

revision = "0043"
down_revision = "0040"

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_COUNTS = ("requests", "failures", "milliseconds")


def upgrade() -> None:
    _create("model_usage", "repo_id")
    _create("user_usage", "user_id", "repo_id")
    op.create_index("ix_user_usage_repo_id", "user_usage", ["repo_id"])


def _create(name: str, *keys: str) -> None:
    of = {"repo_id": "repos.id", "user_id": "accounts.id"}
    op.create_table(
        name,
        *(sa.Column(key, _ID, nullable=False) for key in keys),
        sa.Column("day", sa.Integer(), nullable=False),
        *(sa.Column(count, sa.BigInteger(), nullable=False) for count in _COUNTS),
        *(sa.ForeignKeyConstraint([key], [of[key]], name=f"fk_{name}_{key}", ondelete="CASCADE") for key in keys),
        sa.PrimaryKeyConstraint(*keys, "day", name=f"pk_{name}"),
        sqlite_with_rowid=False,
    )
    op.create_index(f"ix_{name}_day", name, ["day"])
