"""what people refuse to be told of"""

import sqlalchemy as sa
from alembic import op

revision = "0029"
down_revision = "0028"

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "notification_refusals",
        sa.Column("user_id", _ID, nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"], ["accounts.id"], name="fk_notification_refusals_user_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("user_id", "reason", "kind", name="pk_notification_refusals"),
        sqlite_with_rowid=False,
    )
