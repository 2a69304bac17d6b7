"""more links, and interests, on profiles"""

import sqlalchemy as sa
from alembic import op

revision = "0035"
down_revision = "0034"


def upgrade() -> None:
    op.add_column("accounts", sa.Column("links", sa.Text(), nullable=True))
    op.add_column("accounts", sa.Column("interests", sa.Text(), nullable=True))
