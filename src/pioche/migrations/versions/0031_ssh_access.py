"""ssh access"""

import sqlalchemy as sa
from alembic import op

revision = "0031"
down_revision = "0030"


def upgrade() -> None:
    # People were told that a key opens nothing: those that are there already go on to sign, and no more.
    op.add_column("ssh_keys", sa.Column("purpose", sa.Text(), nullable=False, server_default="signing"))
    op.add_column("ssh_keys", sa.Column("last_used_at", sa.BigInteger(), nullable=True))
