"""The matrix of rights: every route of every table, for every kind of caller and credential, on every kind of repo.

The routes come from the tables of `pioche.app`, the expected answer from the one table in tests/standings.py. A new
placeholder or a new route that changes something fails here until this file says how to call it.

It is walked in parts: models, datasets, Spaces and kernels on SQLite and on PostgreSQL are eight walks over the same routes,
and each takes every eighth cell of caller and target, another one for each route. So every walk has every route with every
caller and every route with every target, and the eight of them together have the whole product. Buckets, which have routes
of their own, are walked in two halves. Routes about no repo are walked with every caller on both engines.
"""

import itertools
import re
from collections import Counter
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any, cast

import pytest
from msgspec import structs

from pioche.accounts import ssh_keys
from pioche.accounts.callers import Caller
from pioche.accounts.members import Role
from pioche.accounts.scopes import Permission
from pioche.accounts.ssh_keys import Purpose
from pioche.accounts.tokens import TokenRole
from pioche.app import PROTOCOLS
from pioche.buckets import batch
from pioche.buckets.batch import Add
from pioche.buckets.files import EMPTY_XET_HASH
from pioche.db import schema
from pioche.db.instance import now_ms
from pioche.errors import HubError
from pioche.http import cookies
from pioche.http.browsers import csrf_token
from pioche.http.routes import ANY_SCOPE, Needs, Route
from pioche.names import VERSIONED, EntryPath, RepoId, RepoType
from pioche.protocols.ssh.channels import Stream
from pioche.protocols.ssh.commands import VERBS, Verb
from pioche.protocols.ssh.sessions import Visit, perform
from pioche.repos import grouping
from pioche.repos.access import Action, Repo
from pioche.repos.catalog import Settings
from pioche.repos.gating import requests
from pioche.repos.gating.requests import Status, Who
from tests.asgi import Answer
from tests.databases import ENGINES, Postgres, SqliteTemplate
from tests.inside import Inside, ndjson
from tests.ssh import made_key
from tests.standings import (
    ABSENT,
    BAD,
    FORBIDDEN,
    IN,
    MOVED,
    NOBODY,
    PRINCIPALS,
    STANDINGS,
    TARGETS,
    UNKNOWN_401,
    UNKNOWN_404,
    expected,
)

ADDRESS = "http://localhost:8000"

# --- who and where --------------------------------------------------------------------------------------------------

GOOD = [name for name in PRINCIPALS if name not in BAD]
_SIGNED_IN = [name for name in GOOD if name != "anonymous"]
EXPECTED_ELSEWHERE: dict[Needs, dict[str, str]] = {
    Needs.ANYONE: dict.fromkeys(PRINCIPALS, IN),
    Needs.USER: dict.fromkeys(PRINCIPALS, IN) | {"anonymous": NOBODY},
    Needs.USER_WRITE: dict.fromkeys(PRINCIPALS, IN) | {"anonymous": NOBODY} | {"owner_read": FORBIDDEN},
    Needs.ADMIN: dict.fromkeys(_SIGNED_IN, FORBIDDEN) | {"anonymous": NOBODY, "admin": IN},
    # To all but administrators there is nothing there: test_z8 of tests/unit/web/test_moderation.py looks closer.
    Needs.ADMIN_PAGE: dict.fromkeys(PRINCIPALS, IN),
    Needs.SESSION: dict.fromkeys(PRINCIPALS, FORBIDDEN) | {"anonymous": NOBODY} | {"owner_session": IN},
    Needs.CREDENTIALS: dict.fromkeys(PRINCIPALS, IN),
    Needs.SIGNATURE: dict.fromkeys(PRINCIPALS, "unsigned"),
}


def expected_elsewhere(route: Route, principal: str) -> str:
    """Default deny: what a route does not give to fine-grained tokens they may not, but for what anyone may do."""
    assert isinstance(route.needs, Needs)
    is_refused = principal.startswith("fine_") and route.needs in (Needs.USER, Needs.USER_WRITE)
    if is_refused and route.scope != ANY_SCOPE and not (principal == "fine_write" and route.scope == Permission.WRITE):
        return FORBIDDEN
    if principal in BAD and route.needs not in (Needs.CREDENTIALS, Needs.SIGNATURE):
        return NOBODY
    return EXPECTED_ELSEWHERE[route.needs][principal]


# --- how to call ----------------------------------------------------------------------------------------------------

# One value for each placeholder. The body or the state of a repo decides nothing here: rights come first.
PARAMETERS = {
    "rev": "main", "revision": "main", "path": "folder/a.txt", "range": "main..main", "number": "1", "name": "ada",
    "user": "bob", "topic": "x", "any": "x", "file": "ada.svg", "id": "1", "instance": "1", "store": "x-1",
    "prefix": "default", "namespace": "me", "hash": "0" * 64, "uid": "0" * 24, "oid": "0" * 64, "upload": "x",
    "sha": "0" * 64, "digest": "0" * 16, "delivery": "0" * 24, "action": "enable", "status": "pending",
    "slug": "x-" + "0" * 24, "item": "0" * 24, "group": "0" * 24, "task": "fill-mask", "version": "main", "model": "lab/absent",
    "client_id": "00000000-0000-0000-0000-000000000000", "owner": "nobody-here", "endpoint": "absent", "deployment": "v1",
    "kind": "run",
}  # fmt: skip
_SERIAL = itertools.count(1)


@dataclass(frozen=True)
class Call:
    """One way to call a route. `needs` when the handler asks for more than the table; `fresh`: on a repo of its own.

    `statuses`: what those who are let in get; anything but a refusal of rights when empty. `of_absent_repo`: they are told so.
    """

    needs: Action | None = None
    query: str = ""
    json: Any = None
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    fresh: bool = False
    statuses: tuple[int, ...] = (200,)
    of_absent_repo: bool = False


_PUSHED = f"{'1' * 40} {'0' * 40} refs/heads/absent\0 report-status".encode()
_PUSH = {
    "body": b"%04x%s0000" % (len(_PUSHED) + 4, _PUSHED),
    "headers": {"content-type": "application/x-git-receive-pack-request"},
}
_LFS = {"Accept": "application/vnd.git-lfs+json", "Content-Type": "application/vnd.git-lfs+json"}
_COMMIT = ndjson({"summary": "change"}, ("file", {"path": "new.txt", "content": "eA==", "encoding": "base64"}))


def _batch(operation: str, ref: str = "refs/heads/main") -> dict[str, Any]:
    return {"operation": operation, "objects": [{"oid": "0" * 64, "size": 1}], "ref": {"name": ref}}


def _form(
    needs: Action | None = None, *, fields: bytes = b"x=", fresh: bool = False, statuses: tuple[int, ...]
) -> Call:
    """A page's form, without a field that means something where none are given."""
    return Call(
        needs,
        body=fields,
        headers={"content-type": "application/x-www-form-urlencoded"},
        fresh=fresh,
        statuses=statuses,
    )


# Routes about one repo that change something, or that need more than their address.
CALLS: dict[tuple[str, str], list[Call]] = {
    ("PUT", "/api/{repo:api}/settings"): [Call(json={"visibility": "private"}, fresh=True)],
    ("POST", "/api/{repo:api}/paths-info/{rev}"): [Call(json={"paths": ["folder"], "expand": True})],
    ("POST", "/api/{repo:api}/branch/{branch}"): [Call()],
    ("DELETE", "/api/{repo:api}/branch/{branch}"): [Call(statuses=(404,))],
    ("POST", "/api/{repo:api}/tag/{rev}"): [Call(json={"tag": "{new}"})],
    ("DELETE", "/api/{repo:api}/tag/{rev}"): [Call(statuses=(404,))],
    ("POST", "/api/{repo:api}/super-squash/{rev}"): [Call(json={"message": "one"})],
    ("POST", "/api/{repo:api}/restore-ref"): [Call(json={"move": 10**9}, statuses=(404,))],
    ("POST", "/api/{repo:api}/discussions"): [
        Call(json={"title": "new", "description": "why"}),
        Call(Action.PROPOSE, json={"title": "new", "pullRequest": True}),
    ],
    ("GET", "/api/{repo:api}/import"): [Call(statuses=(404,))],
    ("GET", "/new/import/{repo:page}"): [Call(statuses=(404,))],
    ("POST", "/api/{repo:api}/import"): [Call(statuses=(404,))],
    ("DELETE", "/api/{repo:api}/import"): [Call(statuses=(404,))],
    ("POST", "/new/import/{repo:page}/cancel"): [_form(statuses=(404,))],
    ("POST", "/new/import/{repo:page}/retry"): [_form(statuses=(404,))],
    ("GET", "/api/{repo:api}/safetensors-metadata/{path*}"): [Call(statuses=(422,))],
    ("GET", "/api/{repo:api}/tree/{rev}/{path*}"): [Call(statuses=(404,)), Call(query="?recursive=1", statuses=(404,))],
    ("GET", "/api/{repo:api}/discussions/{number}"): [Call(), Call(Action.CONTENT, query="?diff=1")],
    ("DELETE", "/api/{repo:api}/discussions/{number}"): [Call(fresh=True, statuses=(404,))],
    ("GET", "/api/{repo:api}/discussions/{number}/events"): [
        Call(query="?version=x", statuses=(400,))
    ],  # otherwise it goes on for minutes
    ("POST", "/api/{repo:api}/discussions/{number}/status"): [Call(Action.WRITE, json={"status": "open"}, statuses=())],
    ("POST", "/api/{repo:api}/discussions/{number}/title"): [Call(Action.WRITE, json={"title": "another"})],
    ("POST", "/api/{repo:api}/discussions/{number}/pin"): [Call(json={"pinned": True})],
    ("POST", "/api/{repo:api}/discussions/{number}/lock"): [Call(json={"locked": False})],
    ("POST", "/api/{repo:api}/discussions/{number}/watch"): [Call(json={"watch": "muted"})],
    ("POST", "/api/{repo:api}/discussions/{number}/merge"): [Call(statuses=())],
    ("DELETE", "/api/{repo:api}/discussions/{number}/ref"): [Call(fresh=True, statuses=(404,))],
    ("POST", "/api/{repo:api}/discussions/{number}/comment"): [
        Call(json={"comment": "yes"}),
        Call(Action.CONTENT, json={"comment": "yes", "place": {"path": "x", "line": 1}}, statuses=(400,)),
    ],
    ("POST", "/api/{repo:api}/discussions/{number}/comment/{id}/edit"): [Call(json={"content": "no"}, statuses=(404,))],
    ("POST", "/api/{repo:api}/discussions/{number}/comment/{id}/hide"): [Call(statuses=(404,))],
    ("POST", "/api/{repo:api}/discussions/{number}/comment/{id}/reaction"): [
        Call(json={"reaction": "🔥"}, statuses=(404,))
    ],
    ("POST", "/api/{repo:api}/preupload/{rev}"): [Call(json={"files": [{"path": "x", "size": 1, "sample": ""}]})],
    ("POST", "/api/{repo:api}/commit/{rev}"): [
        Call(Action.WRITE, body=_COMMIT),
        Call(Action.PROPOSE, query="?create_pr=1", body=_COMMIT),
    ],
    ("GET", "/api/{repo:api}/xet-write-token/{revision}"): [
        Call(Action.WRITE),
        Call(Action.PROPOSE, query="?create_pr=1"),
    ],
    ("GET", "/{repo:git}/info/refs"): [
        Call(Action.CONTENT, query="?service=git-upload-pack"),
        Call(Action.WRITE, query="?service=git-receive-pack"),
    ],
    ("POST", "/{repo:git}/git-upload-pack"): [
        Call(body=b"0000", headers={"content-type": "application/x-git-upload-pack-request"}, statuses=())
    ],
    ("POST", "/{repo:git}/git-receive-pack"): [Call(Action.WRITE, **_PUSH)],
    ("POST", "/{repo:git}/info/lfs/objects/batch"): [
        Call(Action.CONTENT, json=_batch("download"), headers=_LFS),
        Call(Action.WRITE, json=_batch("upload"), headers=_LFS),
        Call(Action.PROPOSE, json=_batch("upload", "refs/pr/1"), headers=_LFS),
    ],
    ("GET", "/{repo:git}/info/lfs/locks"): [Call(statuses=(404,))],
    ("POST", "/{repo:git}/info/lfs/locks"): [Call(json={}, headers=_LFS, statuses=(404,))],
    ("POST", "/{repo:git}/info/lfs/locks/verify"): [Call(json={}, headers=_LFS, statuses=(404,))],
    ("POST", "/{repo:git}/info/lfs/locks/{id}/unlock"): [Call(json={}, headers=_LFS, statuses=(404,))],
    ("DELETE", "/api/{repo:bucket}"): [Call(fresh=True)],
    ("PUT", "/api/{repo:bucket}/settings"): [Call(json={"private": True}, fresh=True)],
    # What is refused for its body comes after the rights to the source; those to the target have tests of their own.
    ("POST", "/api/{repo:api}/duplicate"): [Call(json={"repository": "a/b/c"}, statuses=(400,))],
    ("POST", "/api/{repo:api}/lfs-files/duplicate"): [Call(json={}, statuses=(400,))],
    ("POST", "/api/{repo:bucket}/lfs-files/duplicate"): [Call(json={}, statuses=(400,))],
    ("POST", "/api/{repo:api}/lfs-files/batch"): [Call(json={"deletions": {"sha": ["0" * 64]}})],
    ("DELETE", "/api/{repo:api}/lfs-files/{sha}"): [Call()],
    ("POST", "/api/{repo:api}/resource-group"): [Call(json={"resourceGroupId": "0" * 24}, statuses=(404,))],
    ("POST", "/api/{repo:bucket}/resource-group"): [Call(json={"resourceGroupId": "0" * 24}, statuses=(404,))],
    ("POST", "/api/{repo:api}/user-access-request/handle"): [Call(json={}, statuses=(400,))],
    ("POST", "/api/{repo:api}/user-access-request/grant"): [Call(json={}, statuses=(400,))],
    ("POST", "/api/{repo:api}/user-access-request/batch"): [Call(json={}, statuses=(400,))],
    ("POST", "/api/{repo:api}/user-access-request/cancel"): [Call(statuses=(404, 200))],
    # Who may read the files need not ask; a card that asks for nothing is answered by nothing.
    ("POST", "/{repo:web}/ask-access"): [_form(fresh=True, statuses=(303,))],
    ("POST", "/{repo:web}/ask-access/withdraw"): [_form(statuses=(404, 303))],
    ("POST", "/{repo:web}/settings/gate"): [_form(fresh=True, statuses=(303,))],
    ("POST", "/{repo:web}/settings/gate/requests"): [_form(statuses=(400,))],
    ("POST", "/{repo:web}/settings/gate/people"): [_form(statuses=(422,))],
    ("POST", "/{repo:web}/settings/gate/mail"): [_form(fields=b"frequency=off", statuses=(303,))],
    ("POST", "/{repo:web}/settings/picture"): [_form(fields=b"remove=yes", statuses=(303,))],
    ("POST", "/{repo:web}/settings/name"): [_form(statuses=(422,))],
    ("POST", "/{repo:web}/settings/visibility"): [_form(statuses=(422,))],
    ("POST", "/{repo:web}/settings/features"): [_form(fresh=True, statuses=(303,))],
    ("POST", "/{repo:web}/settings/code"): [_form(fresh=True, statuses=(303,))],
    ("POST", "/{repo:web}/settings/delete"): [_form(statuses=(422,))],
    ("POST", "/{repo:web}/settings/group"): [_form(fields=b"group=" + b"0" * 24, statuses=(404,))],
    ("POST", "/{repo:web}/settings/app"): [_form(fields=b"do=absent", statuses=(400, 404))],
    ("POST", "/{repo:web}/settings/publishers"): [_form(statuses=(422,))],
    ("POST", "/{repo:web}/settings/publishers/{id}/remove"): [_form(statuses=(404,))],
    ("POST", "/{repo:web}/settings/storage/files"): [_form(statuses=(422,))],
    ("POST", "/{repo:web}/settings/storage/squash"): [_form(statuses=(422,))],
    ("POST", "/api/{repo:api}/like"): [Call()],
    ("DELETE", "/api/{repo:api}/like"): [Call()],
    # Forms of pages: refused for what they say, once their rights are there.
    ("POST", "/{repo:web}/card"): [_form(Action.WRITE, statuses=(400,))],
    ("POST", "/{repo:web}/card/check"): [_form(statuses=(200,))],
    ("POST", "/{repo:web}/branches"): [_form(statuses=(400,))],
    ("POST", "/{repo:web}/like"): [_form(statuses=(303,))],
    ("POST", "/{repo:web}/watch"): [_form(statuses=(400,))],
    ("POST", "/{repo:web}/pin"): [_form(fields=b"do=unpin", statuses=(303,))],
    ("POST", "/{repo:web}/duplicate"): [_form(statuses=(400,))],
    ("GET", "/{repo:web}/tree/{rev}/{path*}"): [Call(statuses=(303,))],  # it is a file
    ("GET", "/{repo:web}/delete/{rev}"): [Call(statuses=(400,))],
    ("POST", "/{repo:web}/delete/{rev}"): [_form(statuses=(400,))],
    ("GET", "/{repo:web}/move/{rev}"): [Call(statuses=(400,))],
    ("POST", "/{repo:web}/move/{rev}"): [_form(statuses=(400,))],
    ("POST", "/{repo:web}/new/{rev}"): [_form(statuses=(422,))],
    ("POST", "/{repo:web}/new/{rev}/{path*}"): [_form(statuses=(422,))],
    ("POST", "/{repo:web}/edit/{rev}/{path*}"): [_form(statuses=(422,))],
    ("POST", "/{repo:web}/delete/{rev}/{path*}"): [_form(Action.WRITE, fresh=True, statuses=(303,))],
    ("POST", "/{repo:web}/rename/{rev}/{path*}"): [_form(statuses=(422,))],
    ("POST", "/{repo:web}/upload/{rev}"): [_form(statuses=(415,))],
    ("POST", "/{repo:web}/upload/{rev}/{path*}"): [_form(statuses=(415,))],
    ("POST", "/{repo:web}/discussions"): [
        _form(statuses=(400,)),
        _form(Action.PROPOSE, fields=b"type=pull_request", statuses=(400,)),
    ],
    ("POST", "/{repo:web}/report"): [_form(statuses=(422,))],
    ("POST", "/{repo:web}/appeal"): [_form(fields=b"text=please", fresh=True, statuses=(303, 409))],
    ("GET", "/{repo:web}/discussions/{number}/comment/{id}/report"): [Call(statuses=(404,))],
    ("POST", "/{repo:web}/discussions/{number}/comment/{id}/report"): [_form(statuses=(404,))],
    ("POST", "/{repo:web}/discussions/preview"): [_form(statuses=(200,))],
    ("POST", "/{repo:web}/discussions/{number}/comment"): [
        _form(statuses=(400,)),
        _form(Action.CONTENT, fields=b"text=x&path=x&side=new&line=x", statuses=(400,)),
    ],
    ("POST", "/{repo:web}/discussions/{number}/title"): [_form(statuses=(400,))],
    ("POST", "/{repo:web}/discussions/{number}/status"): [_form(statuses=(400,))],
    ("POST", "/{repo:web}/discussions/{number}/watch"): [_form(statuses=(400,))],
    ("POST", "/{repo:web}/discussions/{number}/pin"): [_form(statuses=(400,))],
    ("POST", "/{repo:web}/discussions/{number}/lock"): [_form(statuses=(400,))],
    ("POST", "/{repo:web}/discussions/{number}/merge"): [_form(fields=b"head=unseen", statuses=(409,))],
    ("POST", "/{repo:web}/discussions/{number}/ref"): [_form(fresh=True, statuses=(404,))],
    ("POST", "/{repo:web}/discussions/{number}/delete"): [_form(statuses=(400,))],
    ("GET", "/{repo:web}/discussions/{number}/comment/{id}"): [Call(statuses=(404,))],
    ("POST", "/{repo:web}/discussions/{number}/comment/{id}/edit"): [_form(statuses=(404,))],
    ("POST", "/{repo:web}/discussions/{number}/comment/{id}/hide"): [_form(statuses=(404,))],
    ("POST", "/{repo:web}/discussions/{number}/comment/{id}/reaction"): [_form(statuses=(404,))],
    ("GET", "/api/{repo:bucket}/events"): [
        Call(query="?cursor=x", statuses=(400,))
    ],  # otherwise it goes on for minutes
    ("POST", "/api/{repo:bucket}/paths-info"): [Call(json={"paths": ["folder/a.txt"]})],
    ("POST", "/api/{repo:bucket}/batch"): [Call(body=b'{"type":"deleteFile","path":"absent"}\n')],
}

# Nothing here is a model that an engine could take: whoever may read it is told so.
_UNSERVED = (400,)
# What is no Space does not run, and has no such things: 400. A log asks for what runs apps, which this hub has not.
CALLS |= {
    (method, f"/api/{{repo:api}}/{what}"): [Call(json=json, statuses=(200, 400, 404, 501))]
    for method, what, json in (
        ("GET", "runtime", None),
        ("POST", "hardware", {"flavor": "cpu-basic"}),
        ("POST", "sleeptime", {"seconds": 600}),
        ("POST", "pause", None),
        ("POST", "restart", None),
        ("GET", "variables", None),
        ("POST", "variables", {"key": "COLOUR", "value": "blue"}),
        ("DELETE", "variables", {"key": "ABSENT"}),
        ("GET", "secrets", None),
        ("POST", "secrets", {"key": "KEY", "value": "x"}),
        ("DELETE", "secrets", {"key": "ABSENT"}),
        ("GET", "logs/{kind}", None),
    )
}
CALLS |= {("GET", f"/{{repo:web}}/{what}"): [Call(statuses=(200, 404))] for what in ("app", "logs", "settings/app")}
CALLS |= {
    (method, pattern): [Call(json=None if method == "GET" else {"inputs": "x"}, statuses=_UNSERVED)]
    for method, pattern in (
        ("POST", "/models/{repo:web}"),
        ("POST", "/models/{repo:web}/pipeline/{task}"),
        ("POST", "/pipeline/{task}/{repo:web}"),
        ("POST", "/hf-inference/models/{repo:web}"),
        ("POST", "/hf-inference/models/{repo:web}/pipeline/{task}"),
        ("GET", "/models/{repo:web}/info"),
        ("GET", "/models/{repo:web}/health"),
        ("GET", "/models/{repo:web}/v1/models"),
        ("POST", "/models/{repo:web}/v1/embeddings"),
        ("POST", "/models/{repo:web}/v1/chat/completions"),
        ("POST", "/models/{repo:web}/v1/completions"),
        ("POST", "/hf-inference/models/{repo:web}/v1/chat/completions"),
        ("POST", "/models/{repo:web}/embed"),
        ("POST", "/models/{repo:web}/rerank"),
        ("POST", "/models/{repo:web}/similarity"),
        ("POST", "/models/{repo:web}/predict"),
        ("POST", "/models/{repo:web}/tokenize"),
        ("POST", "/models/{repo:web}/decode"),
        ("POST", "/models/{repo:web}/v1/rerank"),
        ("GET", "/v2/models/{repo:web}"),
        ("GET", "/v2/models/{repo:web}/ready"),
        ("POST", "/v2/models/{repo:web}/infer"),
        ("GET", "/v2/models/{repo:web}/versions/{version}"),
        ("GET", "/v2/models/{repo:web}/versions/{version}/ready"),
        ("POST", "/v2/models/{repo:web}/versions/{version}/infer"),
    )
}

CALLS |= {
    ("POST", f"/models/{{repo:web}}/{what}"): [Call(json={"inputs": "x"}, statuses=(422,))]
    for what in ("generate", "generate_stream")
}

CALLS |= {
    ("POST", f"/models/{{repo:web}}/v1/audio/{what}"): [
        Call(
            body=b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\nRIFF\r\n--b--\r\n',
            headers={"Content-Type": "multipart/form-data; boundary=b"},
            statuses=_UNSERVED,
        )
    ]
    for what in ("transcriptions", "translations")
}

CALLS["POST", "/models/{repo:web}/v1/images/generations"] = [Call(json={"prompt": "x"}, statuses=_UNSERVED)]

# Routes whose body names the repo: the same rights, asked for by the handler.
NAMED_IN_BODY: dict[tuple[str, str], Call] = {
    ("DELETE", "/api/repos/delete"): Call(Action.MANAGE, json={"name": "{id}", "type": "{type}"}, fresh=True),
    ("POST", "/api/repos/move"): Call(
        Action.MANAGE, json={"fromRepo": "{id}", "toRepo": "lab/{new}", "type": "{type}"}, fresh=True
    ),
}

# Routes about no repo that change something, or whose handler asks for more.
CALLS_ELSEWHERE: dict[tuple[str, str], Call] = {
    ("POST", "/api/repos/create"): Call(json={"name": "{new}"}),
    ("POST", "/api/deleted-repos/{uid}/restore"): Call(json={}, of_absent_repo=True),
    ("GET", "/v1/models/{model*}"): Call(of_absent_repo=True),
    ("GET", "/v2/health/ready"): Call(statuses=(503,)),  # the hub of these tests has no controller of inference
    ("POST", "/api/validate-yaml"): Call(json={"content": "x"}),
    ("PUT", "/api/organizations/{name}/members/{user}/role"): Call(json={"role": "read"}, statuses=()),
    ("POST", "/api/telemetry/{topic*}"): Call(statuses=()),
    ("PATCH", "/api/settings/watch"): Call(json={}),
    ("DELETE", "/api/notifications"): Call(query="?applyToAll=true"),
    ("POST", "/api/notifications/mark-as-read"): Call(json={}, query="?applyToAll=true"),
    ("POST", "/api/buckets/{namespace}/{name}"): Call(json={}, statuses=(200, 409)),
    ("POST", "/oauth/device"): _form(fields=b"client_id=x", statuses=()),
    ("POST", "/oauth/revoke"): _form(fields=b"client_id=x", statuses=()),
}


@dataclass
class World:
    """The hub with its people, and for each repo type the targets."""

    inside: Inside
    tokens: dict[str, str | None]
    people: dict[str, Caller]
    group: str

    def make(self, kind: RepoType, target: str, name: str) -> RepoId:
        """What to ask for: the old name of what has moved."""
        hub, creator, owner = self.inside.hub, self.people["creator"], self.people["owner"]
        repo = self.inside.repo(creator, f"lab/{name}", type=kind, private=target in ("private", "grouped"))
        if kind is RepoType.BUCKET and target != "empty":
            batch.apply(hub.access, creator, repo, [Add(EntryPath("folder/a.txt"), EMPTY_XET_HASH, 0)])
        elif target != "empty":
            self.inside.commit(repo, creator, {"folder/a.txt": b"1"})
        if target in ("grouped", "shared"):
            grouping.assign(self.inside.open(owner, f"lab/{name}", Action.MANAGE, type=kind), owner, self.group)
        elif target == "gated":
            self._gate(repo)
        return repo.repo_id

    def _gate(self, repo: Repo) -> None:
        self.inside.hub.catalog.change(self.people["admin"], repo, Settings(gated="manual"))
        for status in Status:
            asking = self.people[status.value]
            requests.ask(self.inside.open(asking, str(repo.repo_id), type=repo.repo_id.type), asking, {})
            if status is not Status.PENDING:
                requests.handle(repo, self.people["owner"], Who(name=status.value), status)

    def finish(self, kind: RepoType, target: str, repo_id: RepoId) -> None:
        """What nobody could work on afterwards."""
        hub, owner = self.inside.hub, self.people["owner"]
        if target == "deleted":
            hub.catalog.delete(owner, self.inside.open(owner, str(repo_id), Action.MANAGE, type=kind))
        elif target == "moved":
            hub.catalog.move(
                owner, self.inside.open(owner, str(repo_id), Action.MANAGE, type=kind), "lab", f"{kind}-now"
            )
        elif target == "disabled":
            repos = schema.repos
            here = (repos.c.full_key == repo_id.key) & (repos.c.type == kind.value)
            with hub.database.write() as connection:
                connection.execute(repos.update().where(here).values(disabled_at=1))

    def id_of(self, kind: RepoType, target: str, call: Call) -> RepoId:
        if not call.fresh or target in (*ABSENT, "moved"):
            return RepoId(kind, "lab", f"{target:x<8}")
        repo_id = self.make(kind, target, f"fresh{next(_SERIAL)}")
        self.finish(kind, target, repo_id)
        return repo_id

    def call(self, principal: str, route: Route, call: Call, path: str, repo_id: RepoId | None = None) -> Answer:
        new = f"new{next(_SERIAL)}"
        values = {"{new}": new, "{id}": str(repo_id), "{type}": repo_id.type.value if repo_id else ""}
        return self.inside.client.request(
            route.method,
            path.replace("{new}", new) + call.query,
            token=self.tokens[principal],
            json=_filled(call.json, values),
            body=call.body,
            headers={**call.headers, **(self._session() if principal == "owner_session" else {})},
        )

    def _session(self) -> dict[str, str]:
        """The owner in a browser, on a page of the hub; a new session each time, since some routes end it."""
        hub = self.inside.hub
        secret, _ = hub.directory.sessions.start(hub.directory.get_user("owner"), hours=1)
        cookie = {"cookie": f"{cookies.session_name(ADDRESS)}={secret}"}
        return {**cookie, "origin": ADDRESS, "sec-fetch-site": "same-origin", "x-csrf-token": csrf_token(secret)}


def _filled(value: Any, values: dict[str, str]) -> Any:
    if isinstance(value, dict):
        return {key: _filled(item, values) for key, item in value.items()}
    if isinstance(value, str):
        for name, text in values.items():
            value = value.replace(name, text)
    return value


@pytest.fixture(scope="module", params=ENGINES)
def world(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with ExitStack() as stack:
        folder = tmp_path_factory.mktemp("hub")
        if request.param == "sqlite":
            template = SqliteTemplate(tmp_path_factory.mktemp("template"))
            config = template.config(folder, public_url=ADDRESS, sign_up="open")
        else:
            server: Postgres = request.getfixturevalue("postgres")
            config = stack.enter_context(server.config(folder, public_url=ADDRESS, sign_up="open"))
        yield _peopled(stack.enter_context(Inside(config)))


def _peopled(inside: Inside) -> World:
    roles = dict.fromkeys(("no_access", "read", "contributor", "write"), "") | {"creator": "contributor"}
    inner = {f"in_{role}": role for role in ("read", "contributor", "write", "admin")}
    strangers = ("stranger", "pending", "accepted", "rejected", "ada", "bob")
    people = {name: inside.user(name) for name in (*roles, *inner, *strangers, "owner", "suspended")}
    people["admin"] = inside.user("siteadmin", is_admin=True)
    members = {people[name]: role or name for name, role in roles.items()}
    members |= {people[name]: "read" for name in inner} | {people["owner"]: "admin", people["suspended"]: "write"}
    inside.org("lab", members)
    directory, owner = inside.hub.directory, people["owner"]
    org = directory.get_org("lab")
    red = directory.groups.create(org, owner, "red")
    directory.groups.add(org, owner, red, [(inside.accounts[name], Role(role)) for name, role in inner.items()])
    world = World(inside, _tokens(inside, people), people, red.uid)
    for kind in RepoType:
        for target in TARGETS:
            if target == "absent":
                continue
            repo_id = world.make(kind, target, f"{target:x<8}")
            repo = inside.open(owner, str(repo_id), Action.MANAGE, type=kind)
            if kind in VERSIONED and target != "empty":
                inside.commit(repo, owner, {"b.txt": b"2"})
                _open_pull(inside, repo, owner)
            elif kind in VERSIONED:  # otherwise number 1 is of whoever comes first, and they may retitle it
                address = f"/api/{kind.plural}/{repo_id}/discussions"
                opened = inside.client.post(
                    address, token=inside.token(owner), json={"title": "first", "description": "why"}
                )
                assert opened.status == 200, opened.body
            inside.hub.catalog.alias(f"alias-{target}", repo_id)
            world.finish(kind, target, repo_id)
    return world


def _tokens(inside: Inside, people: dict[str, Caller]) -> dict[str, str | None]:
    """What each caller comes with. The expired, the revoked and the suspended could write if theirs counted."""
    directory, owner, account = inside.hub.directory, people["owner"], inside.accounts["owner"]
    tokens: dict[str, str | None] = {name: inside.token(caller) for name, caller in people.items()}
    tokens |= {"anonymous": None, "owner_session": None, "invalid": "hf_" + "x" * 34}
    tokens["owner_read"] = inside.token(owner, "read")
    tokens["expired"] = directory.tokens.create(account, role=TokenRole.WRITE, expires_at=now_ms() - 1)[0]
    tokens["revoked"], made = directory.tokens.create(account, role=TokenRole.WRITE)
    directory.tokens.revoke(account, str(made.id))
    directory.suspend(inside.accounts["suspended"])
    inside.repo(owner, "owner/other", private=True)
    tokens["fine_other"] = inside.fine_grained(owner, "model/owner/other=repo.content.read,discussion.write")
    tokens["fine_write"] = inside.fine_grained(owner, "user/owner=repo.write", "org/lab=repo.write", gated=True)
    return tokens


def _open_pull(inside: Inside, repo: Repo, caller: Caller) -> None:
    """Number 1, which is no draft any more."""
    discussions, token = f"/api/{repo.repo_id.type.plural}/{repo.repo_id}/discussions", inside.token(caller)
    inside.client.post(discussions, token=token, json={"title": "first", "pullRequest": True})
    published = inside.client.post(f"{discussions}/1/status", token=token, json={"status": "open"})
    assert published.status == 200, published.body


# --- the walk -------------------------------------------------------------------------------------------------------

ROUTES = [route for protocol in PROTOCOLS for route in protocol.routes]


def routes_of(kind: RepoType) -> list[Route]:
    """Those that are about repos of this type: buckets have their own, and are moved as all are."""
    if kind is not RepoType.BUCKET:
        return [route for route in ROUTES if "{repo:bucket}" not in route.pattern]
    return [route for route in ROUTES if "{repo:bucket}" in route.pattern or route.pattern == "/api/repos/move"]


def path_of(pattern: str, repo_id: RepoId | None = None) -> str:
    if repo_id is not None:
        web = f"{repo_id.type.prefix}{repo_id}"
        forms = {
            "{repo:api}": f"{repo_id.type.plural}/{repo_id}",
            "{repo:web}": web,
            "{repo:page}": web,
            "{repo:git}": web + ".git",
            "{repo:bucket}": f"buckets/{repo_id}",
        }
        for form, text in forms.items():
            pattern = pattern.replace(form, text)
    return re.sub(r"\{(\w+)\*?\}", lambda match: _parameter(match[1]), pattern)


def _parameter(name: str) -> str:
    return "{new}" if name == "branch" else PARAMETERS[name]


def outcome(answer: Answer, call: Call) -> str:
    code = answer.headers.get("x-error-code", "")
    if answer.status == 303 and answer.headers.get("location", "").startswith("/login?next="):
        return NOBODY  # a page says it so
    if (call.of_absent_repo and code == "RepoNotFound") or code == "EndpointNotFound":
        return IN  # absent to all of them: who may see one, tests/behaviour/test_endpoints.py says
    if answer.status in (401, 403) or code in ("RepoNotFound", "GatedRepo"):
        return f"{answer.status} {code}".strip()
    if answer.status == 501 or answer.status in call.statuses or (not call.statuses and answer.status < 500):
        return IN
    return f"{answer.status} {answer.body.decode(errors='replace')[:300]}"


def calls_of(route: Route) -> list[Call]:
    key = (route.method, route.pattern)
    if key in NAMED_IN_BODY:
        return [NAMED_IN_BODY[key]]
    if isinstance(route.needs, Action):
        if route.method != "GET":
            assert key in CALLS, f"say in tests/meta/test_rights.py how to call {route.method} {route.pattern}"
        return CALLS.get(key, [Call()])
    return [CALLS_ELSEWHERE.get(key, Call(statuses=()))]


def test_every_placeholder_has_a_value_and_every_table_entry_a_route() -> None:
    names = {name for route in ROUTES for name in re.findall(r"\{(\w+)\*?\}", route.pattern)}
    assert names - {"branch"} <= set(PARAMETERS)
    known = {(route.method, route.pattern) for route in ROUTES}
    assert {*CALLS, *NAMED_IN_BODY, *CALLS_ELSEWHERE} <= known


# --- over SSH -------------------------------------------------------------------------------------------------------

# Callers who may have a key: what the others came with is a token, or nothing.
KEYHOLDERS = [name for name in PRINCIPALS if name not in ("anonymous", "invalid", "expired", "revoked")]
KEYHOLDERS = [name for name in KEYHOLDERS if not name.startswith(("fine_", "owner_"))]
_NEEDS_OVER_SSH = {
    ("git-upload-pack", None): Action.CONTENT,
    ("git-receive-pack", None): Action.WRITE,
    ("git-lfs-authenticate", "upload"): Action.WRITE,
    ("git-lfs-authenticate", "download"): Action.CONTENT,
}


class Unsaid:
    """A client that asks for its command and says nothing more."""

    def __init__(self) -> None:
        self.written = b""

    async def read(self) -> bytes:
        return b""

    async def pieces(self) -> AsyncIterator[bytes]:
        for nothing in ():
            yield nothing

    async def requests(self, _bytes_max: int) -> AsyncIterator[bytes]:
        for nothing in ():
            yield nothing

    async def write(self, data: bytes) -> None:
        self.written += data

    async def tell(self, text: str) -> None:
        """It reads no notes."""

    async def until_left(self, work: Coroutine[Any, Any, None]) -> None:
        await work


# Before the routes, on which some callers open pull requests: they may push to those.
@pytest.mark.parametrize("kind", list(VERSIONED))
def test_commands_over_ssh(world: World, kind: RepoType) -> None:
    """Every verb of the table, for every caller who may have a key, on every target."""
    assert {(verb.name, verb.operation) for verb in VERBS} == set(_NEEDS_OVER_SSH)
    keys = {name: _key(world, name) for name in KEYHOLDERS}
    wrong, told = list[str](), dict[tuple[Verb, str], set[str]]()
    for verb, principal, target in itertools.product(VERBS, KEYHOLDERS, TARGETS):
        found = _over_ssh(world, verb, keys[principal], RepoId(kind, "lab", f"{target:x<8}"))
        # There are no redirects over SSH: what has moved is opened where it is.
        action = _NEEDS_OVER_SSH[verb.name, verb.operation].value
        wanted = expected(verb.needs.value, principal, target.replace("moved", "public"))
        wanted = wanted if wanted != IN else expected(action, principal, target.replace("moved", "public"))
        if found.partition(": ")[0] != wanted:
            wrong.append(f"{verb.name} {verb.operation} by {principal} on {target}: {found}, not {wanted}")
        if wanted == UNKNOWN_404:
            told.setdefault((verb, principal), set()).add(found)
    assert not wrong, "\n".join(wrong)
    assert all(len(words) == 1 for words in told.values()), "what is hidden is told from what is absent"


def _key(world: World, name: str) -> Caller:
    hub, caller = world.inside.hub, world.people["owner" if name not in world.people else name]
    account = world.inside.accounts["siteadmin" if name == "admin" else name]
    made = ssh_keys.add(hub.database, account, "", made_key(), Purpose.ACCESS)
    return structs.replace(caller, key_id=made.id)


def _over_ssh(world: World, verb: Verb, caller: Caller, repo_id: RepoId) -> str:
    visit = Visit(world.inside.hub, caller, "127.0.0.1", "127.0.0.1")
    stream = Unsaid()
    try:
        world.inside.client.run(perform(visit, verb, repo_id, "version=2", cast("Stream", stream)))
    except HubError as error:
        return f"{error.status} {error.code or ''}".strip() + f": {error.message}"
    return IN if stream.written else "nothing said"


# --- over HTTP ----------------------------------------------------------------------------------------------------------


@pytest.mark.timeout(900)  # a walk is minutes where the machine is busy
@pytest.mark.parametrize("kind", list(RepoType))
def test_routes_about_a_repo(world: World, kind: RepoType, record_property: Any) -> None:
    cells = Counter[str]()
    wrong = list[str]()
    every = [(route, call) for route in routes_of(kind) for call in calls_of(route)]
    part = Part.of(kind, is_sqlite=world.inside.hub.database.is_sqlite)
    for number, (route, call) in enumerate(every):
        needs = call.needs or route.needs
        if isinstance(needs, Action):
            wrong += _walk(world, route, call, needs, kind, part.cells(number), cells)
    engine = "SQLite" if world.inside.hub.database.is_sqlite else "PostgreSQL"
    print(f"\n{sum(cells.values())} cells of {kind} routes checked on {engine}: {dict(cells)}")
    record_property("cells", sum(cells.values()))
    assert not wrong, "\n".join(wrong)


@dataclass(frozen=True)
class Part:
    """The cells that one walk takes: number `shift` of `count` parts of the product of callers and targets."""

    shift: int
    count: int

    @classmethod
    def of(cls, kind: RepoType, *, is_sqlite: bool) -> "Part":
        if kind is RepoType.BUCKET:
            return cls(int(is_sqlite), len(ENGINES))
        return cls(VERSIONED.index(kind) + len(VERSIONED) * int(is_sqlite), len(VERSIONED) * len(ENGINES))

    def cells(self, number: int) -> list[tuple[str, str]]:
        """Of the route and call of this number: every caller and every target, each with another one than for the next."""
        pairs = itertools.product(enumerate(PRINCIPALS), enumerate(TARGETS))
        return [(p, t) for (i, p), (j, t) in pairs if (i + j + number) % self.count == self.shift]


def test_the_parts_have_every_caller_and_target_and_together_all_cells() -> None:
    assert set(PRINCIPALS) == {*STANDINGS, *BAD}
    for number in range(20):
        parts = [Part(shift, 8).cells(number) for shift in range(8)]
        assert sorted(itertools.chain(*parts)) == sorted(itertools.product(PRINCIPALS, TARGETS))
        for part in parts:
            assert {p for p, _ in part} == set(PRINCIPALS)
            assert {t for _, t in part} == set(TARGETS)


def expected_of(route: Route, needs: Action, principal: str, target: str) -> str:
    """What the table asks for comes first, then what the handler asks for."""
    is_about_repo = isinstance(route.needs, Action)
    first = expected(route.needs.value, principal, target) if is_about_repo else expected_elsewhere(route, principal)
    wanted = first if first != IN else expected(needs.value, principal, target)
    # No address can say where a repo is now that was named in a body.
    return UNKNOWN_404 if wanted == MOVED and not is_about_repo else wanted


def _walk(
    world: World,
    route: Route,
    call: Call,
    needs: Action,
    kind: RepoType,
    pairs: list[tuple[str, str]],
    cells: Counter[str],
) -> Iterator[str]:
    absent = dict[str, bytes]()  # what each caller is told of it
    for principal, target in pairs:
        repo_id = world.id_of(kind, target, call)
        answer = world.call(principal, route, call, path_of(route.pattern, repo_id), repo_id)
        where = f"{route.method} {route.pattern}{call.query} by {principal} on {target}"
        wanted, found = expected_of(route, needs, principal, target), outcome(answer, call)
        if target == "moved" and answer.status == 307:
            found = MOVED
        looks_first = wanted == IN or call.needs is not None
        if target == "empty" and looks_first and found[:3] in ("400", "404", "409", "422") and "Repo" not in found[:20]:
            found = wanted  # the handler ran, and found nothing
        cells[found[:20]] += 1
        if found != wanted:
            yield f"{where}: {found}, not {wanted}"
        is_hidden = wanted in (UNKNOWN_401, UNKNOWN_404) and target != "absent"
        if is_hidden:
            if principal not in absent:
                absent[principal] = _told_of_absent(world, route, call, kind, principal)
            hidden = _without_names(answer, repo_id)
            if hidden != absent[principal]:
                yield f"{where} is told from absent:\n{hidden!r}\n{absent[principal]!r}"


def _told_of_absent(world: World, route: Route, call: Call, kind: RepoType, principal: str) -> bytes:
    """What is hidden is answered to the byte as what is absent."""
    repo_id = world.id_of(kind, "absent", call)
    return _without_names(world.call(principal, route, call, path_of(route.pattern, repo_id), repo_id), repo_id)


def _without_names(answer: Answer, repo_id: RepoId) -> bytes:
    headers = {key: value for key, value in answer.pairs if key not in ("x-request-id", "date", "content-length")}
    text = f"{answer.status}\n{headers}\n".encode() + answer.body
    text = text.replace(answer.headers["x-request-id"].encode(), b"REQUEST")
    text = re.sub(rb'(name="csrf(?:-token)?" (?:content|value)=")[^"]*', rb"\1TOKEN", text)  # each session has its own
    return text.replace(str(repo_id).encode(), b"ID").replace(repo_id.name.encode(), b"NAME")


def test_routes_about_no_repo(world: World) -> None:
    cells = Counter[str]()
    wrong = list[str]()
    for route in ROUTES:
        if isinstance(route.needs, Action) or (route.method, route.pattern) in NAMED_IN_BODY:
            continue
        (call,) = calls_of(route)
        for principal in PRINCIPALS:
            answer = world.call(
                principal, route, call, path_of(route.pattern, RepoId(RepoType.MODEL, "lab", "publicxx"))
            )
            wanted = expected_elsewhere(route, principal)
            found = outcome(answer, call)
            if wanted == "unsigned":
                found = "unsigned" if answer.status in (400, 401, 403, 404) or _is_harmless(route, answer) else found
            cells[found[:20]] += 1
            if found != wanted:
                wrong.append(f"{route.method} {route.pattern} by {principal}: {found}, not {wanted}")
    print(f"\n{sum(cells.values())} cells of other routes checked: {dict(cells)}")
    assert not wrong, "\n".join(wrong)


def _is_harmless(route: Route, answer: Answer) -> bool:
    """Telemetry of Xet clients is dropped, whoever sends it."""
    return route.pattern == "/v1/telemetry" and answer.status == 200 and not answer.body.strip(b"{}")


@pytest.mark.parametrize("kind", VERSIONED)
def test_legacy_ids_lead_to_what_the_caller_may_read(world: World, kind: RepoType) -> None:
    """Un-namespaced ids: a relative redirect where the repo may be seen, and the same refusal as ever elsewhere."""
    wrong = list[str]()
    for route in routes_of(kind):
        if not isinstance(route.needs, Action):
            continue
        if kind is RepoType.MODEL and "{repo:page}" in route.pattern:
            continue  # `/gpt2` alone is the page of a person or an organisation
        call = calls_of(route)[0]
        for principal, target in itertools.product(("anonymous", "stranger", "owner"), ("public", "private", "absent")):
            repo_id = RepoId(kind, "", f"alias-{target}")
            answer = world.call(principal, route, call, path_of(route.pattern, repo_id), repo_id)
            wanted = expected("read", principal, target)
            status = 307 if wanted == IN else int(wanted[:3])
            location = answer.headers.get("location", "")
            if answer.status != status or (status == 307 and f"lab/{target:x<8}" not in location):
                wrong.append(
                    f"{route.method} {route.pattern} by {principal} on alias of {target}: {answer.status} {location}"
                )
    assert not wrong, "\n".join(wrong)
