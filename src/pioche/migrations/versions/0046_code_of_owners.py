"""repos whose owners allow what came with a model to run"""

import sqlalchemy as sa
from alembic import op

revision = "0046"
down_revision = "0045"


def upgrade() -> None:
    op.add_column("repos", sa.Column("code_allowed", sa.Boolean(), server_default=sa.false(), nullable=False))
