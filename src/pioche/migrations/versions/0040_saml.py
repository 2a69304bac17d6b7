"""providers of organisations that speak SAML"""

import sqlalchemy as sa
from alembic import op

revision = "0040"
down_revision = "0039"


def upgrade() -> None:
    op.add_column("org_providers", sa.Column("kind", sa.Text(), server_default="oidc", nullable=False))
    for name in ("sign_in_url", "certificates", "email_attribute"):
        op.add_column("org_providers", sa.Column(name, sa.Text(), server_default="", nullable=False))
