"""who people are elsewhere"""

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0026"

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "identities",
        sa.Column("user_id", _ID, nullable=False),
        sa.Column("issuer", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("email", sa.Text(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("used_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["accounts.id"], name="fk_identities_user_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("user_id", name="pk_identities"),
        sa.UniqueConstraint("issuer", "subject", name="uq_identities_issuer_subject"),
    )
    op.create_table(
        "org_identities",
        sa.Column("org_id", _ID, nullable=False),
        sa.Column("user_id", _ID, nullable=False),
        sa.Column("issuer", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("email", sa.Text(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("verified_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["org_id"], ["accounts.id"], name="fk_org_identities_org_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["user_id"], ["accounts.id"], name="fk_org_identities_user_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("org_id", "user_id", name="pk_org_identities"),
        sa.UniqueConstraint("org_id", "issuer", "subject", name="uq_org_identities_org_id_issuer_subject"),
    )
    op.create_index("ix_org_identities_user_id", "org_identities", ["user_id"])
    op.create_table(
        "org_providers",
        sa.Column("org_id", _ID, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("issuer", sa.Text(), nullable=False),
        sa.Column("client_id", sa.Text(), nullable=False),
        sa.Column("client_secret", sa.Text(), nullable=False),
        sa.Column("hours", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["org_id"], ["accounts.id"], name="fk_org_providers_org_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("org_id", name="pk_org_providers"),
    )
    op.create_table(
        "scim_tokens",
        sa.Column("org_id", _ID, nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("creator_id", _ID, nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["creator_id"], ["accounts.id"], name="fk_scim_tokens_creator_id", ondelete="SET NULL"),
        sa.ForeignKeyConstraint(["org_id"], ["accounts.id"], name="fk_scim_tokens_org_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("org_id", name="pk_scim_tokens"),
        sa.UniqueConstraint("hash", name="uq_scim_tokens_hash"),
    )
    op.create_table(
        "scim_users",
        sa.Column("id", _ID, nullable=False),
        sa.Column("uid", sa.Text(), nullable=False),
        sa.Column("org_id", _ID, nullable=False),
        sa.Column("user_id", _ID, nullable=True),
        sa.Column("user_name", sa.Text(), nullable=False),
        sa.Column("user_name_key", sa.Text(), nullable=False),
        sa.Column("external_id", sa.Text(), nullable=True),
        sa.Column("email", sa.Text(), nullable=True),
        sa.Column("attributes", sa.Text(), nullable=False),
        sa.Column("is_active", sa.Boolean(), server_default=sa.true(), nullable=False),
        sa.Column("has_joined", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["org_id"], ["accounts.id"], name="fk_scim_users_org_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["user_id"], ["accounts.id"], name="fk_scim_users_user_id", ondelete="SET NULL"),
        sa.PrimaryKeyConstraint("id", name="pk_scim_users"),
        sa.UniqueConstraint("org_id", "user_name_key", name="uq_scim_users_org_id_user_name_key"),
        sa.UniqueConstraint("uid", name="uq_scim_users_uid"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_scim_users_user_id", "scim_users", ["user_id"])
    op.create_table(
        "org_sign_ins",
        sa.Column("session_id", _ID, nullable=False),
        sa.Column("org_id", _ID, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["org_id"], ["accounts.id"], name="fk_org_sign_ins_org_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["session_id"], ["sessions.id"], name="fk_org_sign_ins_session_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("session_id", "org_id", name="pk_org_sign_ins"),
    )
    op.create_index("ix_org_sign_ins_org_id", "org_sign_ins", ["org_id"])
    op.create_table(
        "scim_group_users",
        sa.Column("group_id", _ID, nullable=False),
        sa.Column("scim_user_id", _ID, nullable=False),
        sa.ForeignKeyConstraint(
            ["group_id"], ["resource_groups.id"], name="fk_scim_group_users_group_id", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["scim_user_id"], ["scim_users.id"], name="fk_scim_group_users_scim_user_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("group_id", "scim_user_id", name="pk_scim_group_users"),
    )
    op.create_index("ix_scim_group_users_scim_user_id", "scim_group_users", ["scim_user_id"])
    op.add_column("accounts", sa.Column("requires_sso", sa.Boolean(), server_default=sa.false(), nullable=False))
