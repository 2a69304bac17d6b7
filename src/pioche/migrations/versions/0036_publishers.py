"""trusted publishers, and what people are told of their own accounts"""

import sqlalchemy as sa
from alembic import op

revision = "0036"
down_revision = "0035"

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "publishers",
        sa.Column("id", _ID, nullable=False),
        sa.Column("user_id", _ID, nullable=False),
        sa.Column("repo_id", _ID, nullable=True),
        sa.Column("issuer", sa.Text(), nullable=False),
        sa.Column("claims", sa.Text(), nullable=False),
        sa.Column("pins", sa.Text(), nullable=True),
        sa.Column("reads_private", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("used_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["user_id"], ["accounts.id"], name="fk_publishers_user_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["repo_id"], ["repos.id"], name="fk_publishers_repo_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_publishers"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_publishers_user_id", "publishers", ["user_id"])
    op.create_index("ix_publishers_repo_id", "publishers", ["repo_id"])
    op.create_table(
        "taken_identities",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_taken_identities"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_taken_identities_until", "taken_identities", ["until"])
    op.create_table(
        "account_notices",
        sa.Column("id", _ID, nullable=False),
        sa.Column("user_id", _ID, nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("actor_id", _ID, nullable=True),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["accounts.id"], name="fk_account_notices_user_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["actor_id"], ["accounts.id"], name="fk_account_notices_actor_id", ondelete="SET NULL"),
        sa.PrimaryKeyConstraint("id", name="pk_account_notices"),
        sa.UniqueConstraint("user_id", "key", name="uq_account_notices_user_id_key"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_account_notices_user_id_status_at", "account_notices", ["user_id", "status", "at"])
    op.create_index("ix_account_notices_actor_id", "account_notices", ["actor_id"])
    op.create_index("ix_account_notices_at", "account_notices", ["at"])
    op.create_table(
        "known_devices",
        sa.Column("user_id", _ID, nullable=False),
        sa.Column("device", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["accounts.id"], name="fk_known_devices_user_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("user_id", "device", name="pk_known_devices"),
        sqlite_with_rowid=False,
    )
    op.add_column("tokens", sa.Column("publisher_id", _ID, nullable=True))
    op.create_index("ix_tokens_publisher_id", "tokens", ["publisher_id"])
