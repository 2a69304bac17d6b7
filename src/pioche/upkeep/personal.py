"""What the hub knows of one person, for that person: one JSON document, written as it is read.

`SECTIONS` is a table of queries, one a subject. No secret is in any of them: of tokens, sessions, passwords and webhooks
there is what they are called, never what they are proved by. A repo that the person cannot open (any more) is not named.
"""

import datetime
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import msgspec
import sqlalchemy as sa

from pioche.accounts.callers import Caller
from pioche.db import schema
from pioche.db.engine import Database
from pioche.db.instance import now_ms
from pioche.repos import info

_PAGE = 500
_accounts, _repos = schema.accounts, schema.repos
_JSON_COLUMNS = ("scopes", "domains", "answers", "claims", "pins")

Query = Callable[[Caller], "sa.Select[Any]"]


@dataclass(frozen=True, slots=True)
class Section:
    """Rows of `query`, in the order of `keys`, which no two of them share."""

    name: str
    keys: tuple[sa.ColumnElement[Any], ...]
    query: Query


def document(database: Database, caller: Caller) -> Iterator[bytes]:
    """Of the caller, in pieces of a few hundred rows. For a worker thread."""
    head = {"format": 1, "exportedAt": _moment(now_ms())}
    yield msgspec.json.encode(head)[:-1] + b',"profile":' + msgspec.json.encode(_profile(database, caller))
    for section in SECTIONS:
        yield f',"{section.name}":['.encode()
        is_first = True
        for rows in _pages(database, caller, section):
            text = b",".join(msgspec.json.encode(_shown(row)) for row in rows)
            yield text if is_first else b"," + text
            is_first = False
        yield b"]"
    yield b"}\n"


def _pages(database: Database, caller: Caller, section: Section) -> Iterator[list["sa.RowMapping"]]:
    keys = [key.label(f"key_{number}") for number, key in enumerate(section.keys)]
    query = section.query(caller).add_columns(*keys).order_by(*section.keys).limit(_PAGE)
    after: list[object] = []
    while True:
        rest = query.where(sa.tuple_(*section.keys) > sa.tuple_(*map(sa.literal, after))) if after else query
        with database.read() as connection:
            rows = list(connection.execute(rest).mappings())
        if rows:
            yield rows
        if len(rows) < _PAGE:
            return
        after = [rows[-1][key.name] for key in keys]


def _shown(row: "sa.RowMapping") -> dict[str, object]:
    return {name: _value(name, value) for name, value in row.items() if not name.startswith("key_")}


def _value(name: str, value: object) -> object:
    if isinstance(value, int) and (name == "at" or name.endswith("_at")):
        return _moment(value)
    if name in _JSON_COLUMNS and isinstance(value, str):
        return msgspec.json.decode(value)
    return value


def _moment(ms: int) -> str:
    return datetime.datetime.fromtimestamp(ms / 1000, datetime.UTC).isoformat(timespec="milliseconds")


def _profile(database: Database, caller: Caller) -> dict[str, object]:
    names = ("uid", "name", "fullname", "email", "bio", "homepage", "links", "interests", "language", "theme",
             "time_zone", "sensitive", "is_admin", "created_at")  # fmt: skip
    query = sa.select(*(_accounts.c[name] for name in names)).where(_accounts.c.id == caller.user_id)
    with database.read() as connection:
        return _shown(connection.execute(query).mappings().one())


# --- the sections ---------------------------------------------------------------------------------------------------


def _columns(table: sa.Table, *names: str) -> list[sa.Column[Any]]:
    return [table.c[name] for name in names]


def _of(table: sa.Table, who: str, *names: str, keys: tuple[str, ...] = ("id",)) -> Section:
    """Rows of one table that name the person in the column `who`."""

    def query(caller: Caller) -> "sa.Select[Any]":
        return sa.select(*_columns(table, *names)).where(table.c[who] == caller.user_id)

    return Section(table.name, tuple(table.c[key] for key in keys), query)


def _repo_name(caller: Caller) -> tuple[sa.ColumnElement[Any], sa.ColumnElement[Any]]:
    """Of a repo that the caller may open; nothing of another."""
    may_open = sa.and_(*info.visible(caller))
    named = sa.case((may_open, _repos.c.full_name), else_=None)
    return sa.case((may_open, _repos.c.type), else_=None).label("repo_type"), named.label("repo")


def _in_repos(table: sa.Table, who: str, *names: str, keys: tuple[str, ...], name: str = "") -> Section:
    """As `_of`, with the repo that each row is about."""

    def query(caller: Caller) -> "sa.Select[Any]":
        joined = table.outerjoin(_repos, _repos.c.id == table.c.repo_id)
        chosen = sa.select(*_repo_name(caller), *_columns(table, *names)).select_from(joined)
        return chosen.where(table.c[who] == caller.user_id)

    return Section(name or table.name, tuple(table.c[key] for key in keys), query)


def _accounts_of(table: sa.Table, who: str, other: str, *names: str, name: str) -> Section:
    """As `_of`, with the account on the other side."""

    def query(caller: Caller) -> "sa.Select[Any]":
        joined = table.join(_accounts, _accounts.c.id == table.c[other])
        chosen = sa.select(_accounts.c.name, *_columns(table, *names)).select_from(joined)
        return chosen.where(table.c[who] == caller.user_id)

    return Section(name, (table.c[other],), query)


def _own_repos(caller: Caller) -> "sa.Select[Any]":
    names = (
        "type",
        "full_name",
        "private",
        "gated",
        "likes",
        "downloads_all",
        "used_storage",
        "created_at",
        "deleted_at",
    )
    return sa.select(*_columns(_repos, *names)).where(_repos.c.namespace_id == caller.user_id)


def _comments(caller: Caller) -> "sa.Select[Any]":
    events = schema.thread_events
    joined = events.outerjoin(_repos, _repos.c.id == events.c.repo_id)
    chosen = sa.select(*_repo_name(caller), *_columns(events, "number", "kind", "at", "text", "edited_at", "hidden_at"))
    return chosen.select_from(joined).where(events.c.author_id == caller.user_id)


def _reactions(caller: Caller) -> "sa.Select[Any]":
    reactions, events = schema.reactions, schema.thread_events
    joined = reactions.join(events, events.c.id == reactions.c.event_id).outerjoin(
        _repos, _repos.c.id == events.c.repo_id
    )
    chosen = sa.select(*_repo_name(caller), events.c.number, reactions.c.emoji, reactions.c.at)
    return chosen.select_from(joined).where(reactions.c.user_id == caller.user_id)


def _collection_items(caller: Caller) -> "sa.Select[Any]":
    items, collections = schema.collection_items, schema.collections
    joined = items.join(collections, collections.c.id == items.c.collection_id)
    chosen = sa.select(collections.c.uid.label("collection"), *_columns(items, "kind", "target", "note", "added_at"))
    return chosen.select_from(joined).where(collections.c.owner_id == caller.user_id)


def _votes(caller: Caller) -> "sa.Select[Any]":
    votes, collections = schema.collection_votes, schema.collections
    joined = votes.join(collections, collections.c.id == votes.c.collection_id)
    named = sa.case((collections.c.private.is_(False), collections.c.title), else_=None).label("collection")
    return sa.select(named, votes.c.at).select_from(joined).where(votes.c.user_id == caller.user_id)


def _groups(caller: Caller) -> "sa.Select[Any]":
    members, groups = schema.resource_group_members, schema.resource_groups
    joined = members.join(groups, groups.c.id == members.c.group_id)
    chosen = sa.select(groups.c.name, members.c.role, members.c.created_at).select_from(joined)
    return chosen.where(members.c.user_id == caller.user_id)


def _watched(caller: Caller) -> "sa.Select[Any]":
    targets, webhooks = schema.webhook_targets, schema.webhooks
    joined = targets.join(webhooks, webhooks.c.id == targets.c.webhook_id)
    chosen = sa.select(webhooks.c.uid.label("webhook"), targets.c.kind, targets.c.name).select_from(joined)
    return chosen.where(webhooks.c.owner_id == caller.user_id)


def _applications(caller: Caller) -> "sa.Select[Any]":
    made = schema.oauth_applications
    chosen = sa.select(
        made.c.client_id, made.c.name, made.c.redirect_uris, made.c.scopes.label("asks"), made.c.created_at
    )
    return chosen.where(made.c.owner_id == caller.user_id)


def _of_application(table: sa.Table, *columns: sa.ColumnElement[Any]) -> Query:
    """Rows about the person, with the application that each is about."""

    def query(caller: Caller) -> "sa.Select[Any]":
        made = schema.oauth_applications
        joined = table.join(made, made.c.id == table.c.application_id)
        return (
            sa.select(made.c.name.label("application"), *columns)
            .select_from(joined)
            .where(table.c.user_id == caller.user_id)
        )

    return query


_consents, _codes, _devices = schema.oauth_consents, schema.oauth_codes, schema.oauth_devices
_targets, _thread_watches = schema.webhook_targets, schema.thread_watches
SECTIONS: tuple[Section, ...] = (
    _of(schema.former_names, "account_id", "name_key", "at", keys=("name_key",)),
    _accounts_of(schema.memberships, "user_id", "org_id", "role", "created_at", name="organizations"),
    Section("resource_groups", (schema.resource_group_members.c.group_id,), _groups),
    Section("repos", (_repos.c.id,), _own_repos),
    _in_repos(
        schema.user_usage, "user_id", "day", "requests", "failures", "milliseconds", keys=("repo_id", "day"),
        name="models_asked",
    ),
    _of(schema.endpoints, "creator_id", "name", "audience", "wanted", "created_at"),
    _of(schema.deployments, "creator_id", "name", "repo", "revision", "commit", "created_at"),
    _of(schema.endpoint_events, "actor_id", "kind", "deployment", "detail", "at"),
    _of(schema.tokens, "user_id", "name", "role", "scopes", "created_at", "expires_at", "revoked_at", "last_used_at"),
    _in_repos(
        schema.publishers, "user_id", "issuer", "claims", "pins", "reads_private", "created_at", "used_at", keys=("id",)
    ),
    _of(schema.sessions, "user_id", "device", "is_remembered", "created_at", "last_used_at", "expires_at"),
    _of(schema.mail_addresses, "user_id", "address", "verified_at", keys=("user_id",)),
    _of(schema.mail_choices, "user_id", "frequency", keys=("user_id",)),
    _of(schema.mail_refusals, "user_id", "reason", "kind", keys=("reason", "kind")),
    _in_repos(
        schema.mail_waiting, "user_id", "number", "reason", "kind", "at", keys=("repo_id", "number", "event_id")
    ),
    _of(schema.passkeys, "user_id", "name", "is_synced", "created_at", "last_used_at"),
    _of(schema.second_factors, "user_id", "created_at", keys=("user_id",)),
    _of(schema.recovery_codes, "user_id", "created_at"),
    _of(schema.identities, "user_id", "issuer", "subject", "email", "created_at", "used_at", keys=("user_id",)),
    _accounts_of(
        schema.org_identities, "user_id", "org_id", "issuer", "subject", "email", "created_at", "verified_at",
        name="organization_identities",
    ),
    _accounts_of(
        schema.scim_users, "user_id", "org_id", "user_name", "external_id", "attributes", "is_active", "created_at",
        name="organization_directories",
    ),
    _in_repos(schema.likes, "user_id", "at", keys=("repo_id",)),
    _accounts_of(schema.follows, "follower_id", "followed_id", "at", name="follows"),
    _accounts_of(schema.follows, "followed_id", "follower_id", "at", name="followers"),
    _in_repos(schema.pins, "account_id", "position", keys=("repo_id",)),
    _in_repos(schema.watches, "user_id", "is_muted", "at", keys=("repo_id",)),
    _in_repos(schema.notifications, "user_id", "number", "reason", "status", "kind", "at", keys=("repo_id", "number")),
    _of(schema.account_notices, "user_id", "kind", "detail", "status", "at"),
    _of(schema.known_devices, "user_id", "device", "at", keys=("device",)),
    _of(schema.notification_refusals, "user_id", "reason", "kind", keys=("reason", "kind")),
    _in_repos(_thread_watches, "user_id", "number", "is_muted", keys=("repo_id", "number")),
    _in_repos(
        schema.discussions, "author_id", "number", "is_pull_request", "title", "status", "created_at",
        keys=("repo_id", "number"),
    ),
    Section("comments", (schema.thread_events.c.id,), _comments),
    Section("reactions", (schema.reactions.c.event_id, schema.reactions.c.emoji), _reactions),
    _of(schema.collections, "owner_id", "uid", "title", "description", "private", "upvotes", "created_at", "updated_at"),
    Section("collection_items", (schema.collection_items.c.id,), _collection_items),
    Section("collection_votes", (schema.collection_votes.c.collection_id,), _votes),
    _in_repos(
        schema.access_requests, "user_id", "status", "answers", "reason", "created_at", "updated_at", keys=("id",)
    ),
    _in_repos(schema.imports, "user_id", "kind", "url", "revision", "state", "created_at", keys=("repo_id",)),
    _of(schema.webhooks, "owner_id", "uid", "url", "domains", "disabled_at", "created_at"),
    Section("webhook_targets", (_targets.c.webhook_id, _targets.c.kind, _targets.c.name_key), _watched),
    _in_repos(schema.activity, "actor_id", "kind", "ref", "commit", "number", "at", keys=("id",)),
    _in_repos(schema.reports, "author_id", "kind", "reason", "text", "status", "created_at", "answer", keys=("id",)),
    _of(schema.images, "account_id", "uid", "use", "media_type", "width", "height", "at"),
    _of(
        schema.ssh_keys, "account_id", "title", "public_key", "fingerprint", "purpose", "created_at", "last_used_at",
    ),
    Section("applications", (schema.oauth_applications.c.id,), _applications),
    Section(
        "connected_applications", (_consents.c.application_id,),
        _of_application(_consents, _consents.c.scopes.label("agreed"), _consents.c.created_at, _consents.c.used_at),
    ),
    Section(
        "application_codes", (_codes.c.hash,),
        _of_application(_codes, _codes.c.scopes.label("agreed"), _codes.c.expires_at),
    ),
    Section(
        "connected_machines", (_devices.c.hash,),
        _of_application(_devices, _devices.c.status, _devices.c.scopes.label("agreed"), _devices.c.expires_at),
    ),
    _accounts_of(schema.blocks, "blocker_id", "blocked_id", "at", name="blocked"),
    _accounts_of(schema.join_requests, "user_id", "org_id", "text", "at", name="join_requests"),
)  # fmt: skip
