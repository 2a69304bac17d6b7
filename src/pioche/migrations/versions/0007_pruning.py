"""repos whose git objects are being removed"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.add_column("repos", sa.Column("pruning_at", sa.BigInteger(), nullable=True))
