"""activity"""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "activity",
        sa.Column("id", _ID, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("repo_id", _ID, nullable=False),
        sa.Column("actor_id", _ID, nullable=True),
        sa.Column("ref", sa.Text(), nullable=True),
        sa.Column("commit", sa.Text(), nullable=True),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["actor_id"], ["accounts.id"], name="fk_activity_actor_id", ondelete="SET NULL"),
        sa.ForeignKeyConstraint(["repo_id"], ["repos.id"], name="fk_activity_repo_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_activity"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_activity_actor_id_at", "activity", ["actor_id", "at"])
    op.create_index("ix_activity_repo_id_at", "activity", ["repo_id", "at"])
