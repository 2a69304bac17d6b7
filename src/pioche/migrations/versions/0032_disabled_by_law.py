"""repos that a law or a court took out of use"""

import sqlalchemy as sa
from alembic import op

revision = "0032"
down_revision = "0031"


def upgrade() -> None:
    op.add_column("repos", sa.Column("disabled_by_law", sa.Boolean(), server_default=sa.false(), nullable=False))
