"""endpoints and their deployments"""

import sqlalchemy as sa
from alembic import op

revision = "0044"
down_revision = "0043"

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    _endpoints()
    _deployments()
    _of_deployments()
    _events()


def _text(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.Text(), nullable=False) for name in names]


def _numbers(*names: str) -> list[sa.Column[int]]:
    return [sa.Column(name, sa.BigInteger(), nullable=False) for name in names]


def _small(*names: str) -> list[sa.Column[int]]:
    return [sa.Column(name, sa.Integer(), nullable=False) for name in names]


def _reference(table: str, column: str, to: str, ondelete: str = "CASCADE") -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [f"{to}.id"], name=f"fk_{table}_{column}", ondelete=ondelete)


def _endpoints() -> None:
    name = "endpoints"
    op.create_table(
        name,
        sa.Column("id", _ID, nullable=False),
        sa.Column("owner_id", _ID, nullable=False),
        sa.Column("creator_id", _ID, nullable=True),
        *_text("name", "audience", "wanted"),
        *_small("min_replicas", "max_replicas"),
        sa.Column("idle_minutes", sa.Integer(), nullable=True),
        sa.Column("load", sa.Float(), nullable=True),
        *_text("described"),
        sa.Column("rollout", sa.Text(), nullable=True),
        *_text("outcome"),
        *_small("version", "placed"),
        *_numbers("created_at", "updated_at"),
        _reference(name, "owner_id", "accounts"),
        _reference(name, "creator_id", "accounts", "SET NULL"),
        sa.PrimaryKeyConstraint("id", name="pk_endpoints"),
        sa.UniqueConstraint("owner_id", "name", name="uq_endpoints_owner_id_name"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_endpoints_creator_id", name, ["creator_id"])


def _deployments() -> None:
    name = "deployments"
    op.create_table(
        name,
        sa.Column("id", _ID, nullable=False),
        sa.Column("endpoint_id", _ID, nullable=False),
        sa.Column("creator_id", _ID, nullable=True),
        *_text("name"),
        sa.Column("repo_id", _ID, nullable=True),
        *_text("repo", "revision", "commit", "task"),
        sa.Column("weight", sa.Float(), nullable=False),
        sa.Column("mirror", sa.Float(), nullable=False),
        *_numbers("created_at"),
        _reference(name, "endpoint_id", "endpoints"),
        _reference(name, "creator_id", "accounts", "SET NULL"),
        _reference(name, "repo_id", "repos", "SET NULL"),
        sa.PrimaryKeyConstraint("id", name="pk_deployments"),
        sa.UniqueConstraint("endpoint_id", "name", name="uq_deployments_endpoint_id_name"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_deployments_repo_id", name, ["repo_id"])
    op.create_index("ix_deployments_creator_id", name, ["creator_id"])


def _of_deployments() -> None:
    places, minutes = "deployment_places", "deployment_minutes"
    op.create_table(
        places,
        sa.Column("deployment_id", _ID, nullable=False),
        *_text("node", "state"),
        *_small("replicas"),
        *_text("reason"),
        *_numbers("at"),
        _reference(places, "deployment_id", "deployments"),
        sa.PrimaryKeyConstraint("deployment_id", "node", name="pk_deployment_places"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        minutes,
        sa.Column("deployment_id", _ID, nullable=False),
        *_small("minute"),
        *_text("writer"),
        *_numbers("requests", "failures"),
        *_text("latencies"),
        *_small("replicas"),
        *_numbers("memory_bytes"),
        _reference(minutes, "deployment_id", "deployments"),
        sa.PrimaryKeyConstraint("deployment_id", "minute", "writer", name="pk_deployment_minutes"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_deployment_minutes_minute", minutes, ["minute"])


def _events() -> None:
    name = "endpoint_events"
    op.create_table(
        name,
        sa.Column("id", _ID, nullable=False),
        sa.Column("endpoint_id", _ID, nullable=False),
        sa.Column("actor_id", _ID, nullable=True),
        *_text("kind", "deployment", "detail"),
        *_numbers("at"),
        _reference(name, "endpoint_id", "endpoints"),
        _reference(name, "actor_id", "accounts", "SET NULL"),
        sa.PrimaryKeyConstraint("id", name="pk_endpoint_events"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_endpoint_events_endpoint_id_id", name, ["endpoint_id", "id"])
    op.create_index("ix_endpoint_events_actor_id", name, ["actor_id"])
