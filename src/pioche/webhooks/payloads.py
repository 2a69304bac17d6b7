"""What is said of an event: the payload of the public Hub, version 3 (huggingface_hub `_webhooks_payload.py`; hub-api.md
section 7). Fields that the Hub sends and the client does not read (`headSha`, `updatedConfig`) are there too.
"""

import socket
from dataclasses import dataclass
from typing import Any

import msgspec
import sqlalchemy as sa

from pioche.config import Config
from pioche.db import schema
from pioche.events import Event
from pioche.names import DEFAULT_REF, RepoId, RepoType

VERSION = 3
_repos, _accounts, _refs = schema.repos, schema.accounts, schema.refs
_discussions, _comments = schema.discussions, schema.thread_events

Json = dict[str, Any]

# Kind of event: (action, scope). What is not here is told to nobody.
KINDS = {
    "repo.create": ("create", "repo"),
    "repo.restore": ("create", "repo"),
    "repo.delete": ("delete", "repo"),
    "repo.move": ("move", "repo"),
    "repo.update_settings": ("update", "repo.config"),
    "repo.content.update": ("update", "repo.content"),
    "discussion.create": ("create", "discussion"),
    "discussion.update": ("update", "discussion"),
    "discussion.delete": ("delete", "discussion"),
    "discussion.comment.create": ("create", "discussion.comment"),
    "discussion.comment.update": ("update", "discussion.comment"),
    "discussion.comment.hide": ("update", "discussion.comment"),
    "discussion.comment.delete": ("delete", "discussion.comment"),
}
_SETTINGS = ("private", "gated")
"""Of those that changed, which are told."""


@dataclass(frozen=True, slots=True)
class Story:
    """A payload without the webhook that it goes to."""

    body: Json

    def to(self, webhook_uid: str) -> bytes:
        return msgspec.json.encode({**self.body, "webhook": {"id": webhook_uid, "version": VERSION}})


def base_url(config: Config) -> str:
    """What links begin with: no request is there that would say it, so it is `public_url`, or else where the hub listens."""
    if config.public_url:
        return config.public_url.rstrip("/")
    host = socket.gethostname() if config.host in ("0.0.0.0", "::") else config.host  # noqa: S104 - not bound here
    shown = f"[{host}]" if ":" in host else host
    return f"{'https' if config.tls_cert else 'http'}://{shown}:{config.port}"


def tell(connection: sa.Connection, event: Event, base: str) -> Story | None:
    """None when nothing is left of the repo, or of the comment that the event is about."""
    row = connection.execute(_REPO, {"repo": event.repo_id}).first()
    if row is None:
        return None
    action, scope = KINDS[event.kind]
    body: Json = {"event": {"action": action, "scope": scope}, "repo": _repo(row, event, base)}
    if scope == "repo.content":
        body["updatedRefs"] = event.payload.get("updatedRefs", [])
    if scope == "repo.config":
        body["updatedConfig"] = {key: event.payload[key] for key in _SETTINGS if key in event.payload}
    if action == "move":
        owner = connection.execute(_OWNER, {"key": event.payload["to"].partition("/")[0].lower()}).scalar()
        body["movedTo"] = {"name": event.payload["to"], "owner": {"id": owner or row.owner}}
    if scope.startswith("discussion"):
        body |= _thread(connection, event, body["repo"]["url"])
        if scope == "discussion.comment" and "comment" not in body:
            return None
    return Story(body)


_REPO = (
    sa.select(
        _repos.c.uid, _repos.c.type, _repos.c.full_name, _repos.c.private, _repos.c.tags, _accounts.c.uid.label("owner"),
        _refs.c.commit,
    )
    .select_from(
        _repos.join(_accounts, _accounts.c.id == _repos.c.namespace_id).outerjoin(
            _refs, (_refs.c.repo_id == _repos.c.id) & (_refs.c.name == DEFAULT_REF)
        )
    )
    .where(_repos.c.id == sa.bindparam("repo"))
)  # fmt: skip
_OWNER = sa.select(_accounts.c.uid).where(_accounts.c.name_key == sa.bindparam("key"))


def _repo(row: Any, event: Event, base: str) -> Json:
    """Under its name at the time: of a move, the old one."""
    name = event.payload.get("from", row.full_name) if event.kind == "repo.move" else row.full_name
    repo_id = RepoId.parse(RepoType(row.type), name)
    head = {"head_sha": row.commit, "headSha": row.commit} if row.commit else {}
    return {
        "type": row.type,
        "name": name,
        "id": row.uid,
        "private": bool(row.private),
        "url": {"web": base + repo_id.web_path, "api": f"{base}/api/{repo_id.type.plural}/{repo_id}"},
        **head,
        "tags": msgspec.json.decode(row.tags),
        "owner": {"id": row.owner},
    }


def _thread(connection: sa.Connection, event: Event, url: Json) -> Json:
    """`discussion`, and `comment` where the event is about one."""
    number = event.payload["number"]
    here = (_discussions.c.repo_id == event.repo_id) & (_discussions.c.number == number)
    joined = _discussions.outerjoin(_accounts, _accounts.c.id == _discussions.c.author_id)
    query = sa.select(_discussions, _accounts.c.uid.label("author")).select_from(joined).where(here)
    row = connection.execute(query).first()
    address = {"web": f"{url['web']}/discussions/{number}", "api": f"{url['api']}/discussions/{number}"}
    told: Json = {"discussion": _gone(event, address) if row is None else _discussion(row, address)}
    if uid := event.payload.get("comment"):
        told |= _comment(connection, uid, event, address["web"])
    return told


def _discussion(row: "sa.Row[Any]", address: Json) -> Json:
    told: Json = {
        "id": _uid(row.repo_id, row.number), "title": row.title, "url": address, "status": row.status,
        "author": {"id": row.author or ""}, "num": row.number, "isPullRequest": row.is_pull_request,
        "pinned": row.pinned_at is not None,
    }  # fmt: skip
    if row.base_ref:
        told["changes"] = {"base": row.base_ref} | ({"mergeCommitId": row.merged_as} if row.merged_as else {})
    return told


def _gone(event: Event, address: Json) -> Json:
    """A thread that was deleted, as far as the event remembers it."""
    number, kept = event.payload["number"], event.payload
    return {
        "id": _uid(event.repo_id or 0, number), "title": str(kept.get("title", "")), "url": address, "status": "closed",
        "author": {"id": ""}, "num": number, "isPullRequest": bool(kept.get("isPullRequest", False)),
    }  # fmt: skip


def _comment(connection: sa.Connection, uid: str, event: Event, web: str) -> Json:
    joined = _comments.outerjoin(_accounts, _accounts.c.id == _comments.c.author_id)
    query = sa.select(_comments.c.text, _comments.c.hidden_at, _accounts.c.uid.label("author")).select_from(joined)
    row = connection.execute(query.where(_comments.c.uid == uid, _comments.c.repo_id == event.repo_id)).first()
    if row is None:
        return {}
    is_hidden = row.hidden_at is not None
    told: Json = {
        "id": uid, "author": {"id": row.author or ""}, "hidden": is_hidden, "url": {"web": f"{web}#{uid}"},
    }  # fmt: skip
    return {"comment": told if is_hidden else {**told, "content": row.text or ""}}


def _uid(repo_id: int, number: int) -> str:
    """A thread's `id` on the wire: 24 hex digits that stay the same."""
    return f"{repo_id:012x}{number:012x}"
