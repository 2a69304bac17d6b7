"""deployments that servers outside answer for"""

import sqlalchemy as sa
from alembic import op

revision = "0045"
down_revision = "0044"


def upgrade() -> None:
    op.add_column("deployments", sa.Column("external", sa.Text()))
