"""applications that people sign in to"""

import sqlalchemy as sa
from alembic import op

revision = "0037"
down_revision = "0036"

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    _applications()
    _consents()
    _grants()
    _codes()
    _devices()


def _reference(table: str, column: str, to: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [f"{to}.id"], name=f"fk_{table}_{column}", ondelete="CASCADE")


def _applications() -> None:
    name = "oauth_applications"
    op.create_table(
        name,
        sa.Column("id", _ID, nullable=False),
        sa.Column("client_id", sa.Text(), nullable=False),
        sa.Column("owner_id", _ID, nullable=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("redirect_uris", sa.Text(), nullable=False),
        sa.Column("scopes", sa.Text(), nullable=False),
        sa.Column("secret_hash", sa.Text(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        _reference(name, "owner_id", "accounts"),
        sa.PrimaryKeyConstraint("id", name="pk_oauth_applications"),
        sa.UniqueConstraint("client_id", name="uq_oauth_applications_client_id"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_oauth_applications_owner_id", name, ["owner_id"])


def _consents() -> None:
    name = "oauth_consents"
    op.create_table(
        name,
        sa.Column("user_id", _ID, nullable=False),
        sa.Column("application_id", _ID, nullable=False),
        sa.Column("scopes", sa.Text(), nullable=False),
        sa.Column("orgs", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("used_at", sa.BigInteger(), nullable=False),
        _reference(name, "user_id", "accounts"),
        _reference(name, "application_id", "oauth_applications"),
        sa.PrimaryKeyConstraint("user_id", "application_id", name="pk_oauth_consents"),
    )
    op.create_index("ix_oauth_consents_application_id", name, ["application_id"])


def _grants() -> None:
    name = "oauth_grants"
    op.create_table(
        name,
        sa.Column("token_id", _ID, nullable=False),
        sa.Column("application_id", _ID, nullable=False),
        sa.Column("scopes", sa.Text(), nullable=False),
        sa.Column("family_hash", sa.Text(), nullable=True),
        sa.Column("refresh_hash", sa.Text(), nullable=True),
        sa.Column("refresh_expires_at", sa.BigInteger(), nullable=True),
        _reference(name, "token_id", "tokens"),
        _reference(name, "application_id", "oauth_applications"),
        sa.PrimaryKeyConstraint("token_id", name="pk_oauth_grants"),
        sa.UniqueConstraint("family_hash", name="uq_oauth_grants_family_hash"),
    )
    op.create_index("ix_oauth_grants_application_id", name, ["application_id"])


def _codes() -> None:
    name = "oauth_codes"
    op.create_table(
        name,
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("application_id", _ID, nullable=False),
        sa.Column("user_id", _ID, nullable=False),
        sa.Column("redirect_uri", sa.Text(), nullable=False),
        sa.Column("scopes", sa.Text(), nullable=False),
        sa.Column("orgs", sa.Text(), nullable=False),
        sa.Column("nonce", sa.Text(), nullable=True),
        sa.Column("challenge", sa.Text(), nullable=True),
        sa.Column("signed_in_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("token_id", _ID, nullable=True),
        _reference(name, "application_id", "oauth_applications"),
        _reference(name, "user_id", "accounts"),
        _reference(name, "token_id", "tokens"),
        sa.PrimaryKeyConstraint("hash", name="pk_oauth_codes"),
    )
    for column in ("application_id", "user_id", "token_id"):
        op.create_index(f"ix_oauth_codes_{column}", name, [column])


def _devices() -> None:
    name = "oauth_devices"
    op.create_table(
        name,
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("user_code_hash", sa.Text(), nullable=False),
        sa.Column("application_id", _ID, nullable=False),
        sa.Column("user_id", _ID, nullable=True),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("scopes", sa.Text(), nullable=False),
        sa.Column("orgs", sa.Text(), nullable=False),
        sa.Column("wait_seconds", sa.Integer(), nullable=False),
        sa.Column("asked_at", sa.BigInteger(), nullable=True),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        _reference(name, "application_id", "oauth_applications"),
        _reference(name, "user_id", "accounts"),
        sa.PrimaryKeyConstraint("hash", name="pk_oauth_devices"),
        sa.UniqueConstraint("user_code_hash", name="uq_oauth_devices_user_code_hash"),
    )
    for column in ("application_id", "user_id"):
        op.create_index(f"ix_oauth_devices_{column}", name, [column])
