"""what people are told of"""

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "notifications",
        sa.Column("user_id", _ID, nullable=False),
        sa.Column("repo_id", _ID, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("actor_id", _ID, nullable=True),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("event_id", _ID, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["actor_id"], ["accounts.id"], name="fk_notifications_actor_id", ondelete="SET NULL"),
        sa.ForeignKeyConstraint(
            ["repo_id", "number"],
            ["discussions.repo_id", "discussions.number"],
            name="fk_notifications_repo_id",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(["user_id"], ["accounts.id"], name="fk_notifications_user_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("user_id", "repo_id", "number", name="pk_notifications"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_notifications_actor_id", "notifications", ["actor_id"])
    op.create_index("ix_notifications_repo_id_number", "notifications", ["repo_id", "number"])
    op.create_index("ix_notifications_user_id_status_at", "notifications", ["user_id", "status", "at"])
