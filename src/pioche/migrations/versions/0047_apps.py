"""apps of Spaces"""

import sqlalchemy as sa
from alembic import op

revision = "0047"
down_revision = "0046"

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "apps",
        sa.Column("repo_id", _ID, nullable=False),
        sa.Column("wanted", sa.Text(), nullable=False),
        sa.Column("hardware", sa.Text(), nullable=False),
        sa.Column("sleep_seconds", sa.Integer()),
        sa.Column("dev_mode", sa.Boolean(), nullable=False),
        sa.Column("volumes", sa.Text(), nullable=False),
        sa.Column("restarts", sa.Integer(), nullable=False),
        sa.Column("rebuilds", sa.Integer(), nullable=False),
        sa.Column("stage", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("commit", sa.Text()),
        sa.Column("running_hardware", sa.Text(), nullable=False),
        sa.Column("active_at", sa.BigInteger(), nullable=False),
        sa.Column("staged_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["repo_id"], ["repos.id"], name="fk_apps_repo_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("repo_id", name="pk_apps"),
    )
    op.create_index("ix_apps_stage", "apps", ["stage"])
    op.create_table(
        "app_values",
        sa.Column("repo_id", _ID, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("is_secret", sa.Boolean(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["repo_id"], ["repos.id"], name="fk_app_values_repo_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("repo_id", "name", name="pk_app_values"),
    )
