"""pinned repos"""

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "pins",
        sa.Column("account_id", _ID, nullable=False),
        sa.Column("repo_id", _ID, nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name="fk_pins_account_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["repo_id"], ["repos.id"], name="fk_pins_repo_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("account_id", "repo_id", name="pk_pins"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_pins_repo_id", "pins", ["repo_id"])
