"""E, tokens: a fine-grained token does what it was given and nothing else, by every door.

The doors are the routes of the tables. `ada/here` is what her token names; `ada/there` is hers as well, and to this token
it is absent: each answer about it is, byte for byte, the one about a repo that there is not.
"""

import base64
import re
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from pioche.accounts.callers import Caller
from pioche.accounts.members import Role
from pioche.app import PROTOCOLS
from pioche.http.routes import ANY_SCOPE, Needs, Route
from pioche.names import RepoType
from pioche.repos.access import Action
from pioche.repos.catalog import Settings
from tests.asgi import Answer
from tests.inside import Inside, ndjson

HIDDEN = "zwetschgenkuchen"
"""In the name, the card and the files of what the token is not for."""
ABSENT = "zwetschgenkuchex"
ROUTES = [route for protocol in PROTOCOLS for route in protocol.routes]
LFS = {"Accept": "application/vnd.git-lfs+json", "Content-Type": "application/vnd.git-lfs+json"}


@dataclass
class World:
    """Two private repos of ada's, one of an organisation of hers, and what everybody sees."""

    inside: Inside
    ada: Caller
    bob: Caller

    def get(self, path: str, token: str | None) -> Answer:
        return self.inside.client.get(path, token=token)

    def post(self, path: str, token: str | None, json: object = None, **options: object) -> Answer:
        return self.inside.client.post(path, token=token, json=json, **options)

    def commit(self, path: str, token: str, query: str = "") -> Answer:
        body = ndjson({"summary": "change"}, ("file", {"path": "new.txt", "content": "eA==", "encoding": "base64"}))
        return self.post(f"/api/models/{path}/commit/main{query}", token, body=body)


@pytest.fixture
def world(inside: Inside) -> World:
    ada, bob = inside.user("ada"), inside.user("bob")
    inside.org("lab", {ada: "admin"})
    for name in ("ada/here", f"ada/{HIDDEN}", f"lab/{HIDDEN}"):
        repo = inside.repo(ada, name, private=True)
        card = f"# {HIDDEN if HIDDEN in name else 'Here'}\n".encode()
        inside.commit(repo, ada, {"README.md": card, "a.txt": f"of {name}\n".encode()})
    inside.commit(inside.repo(bob, "bob/shown"), bob, {"a.txt": b"shown"})
    return World(inside, ada, bob)


def doors(name: str) -> Iterator[tuple[Route, str]]:
    """Every route about a model, whatever its method, with something in each place."""
    web = f"ada/{name}"
    forms = {
        "{repo:api}": f"models/{web}", "{repo:web}": web, "{repo:page}": web, "{repo:git}": f"{web}.git",
        "{range*}": "main..main", "{path*}": "a.txt", "{rev}": "main", "{revision}": "main", "{any*}": "x",
    }  # fmt: skip
    for route in ROUTES:
        if isinstance(route.needs, Action) and "{repo:bucket}" not in route.pattern:
            path = route.pattern
            for form, text in forms.items():
                path = path.replace(form, text)
            query = "?service=git-upload-pack" if "info/refs" in path else ""
            yield route, re.sub(r"\{\w+\*?\}", "1", path) + query


def without_ids(answer: Answer) -> bytes:
    pairs = {key: value for key, value in answer.pairs if key not in ("x-request-id", "date", "content-length")}
    text = f"{answer.status}\n{pairs}\n".encode() + answer.body
    return text.replace(answer.headers["x-request-id"].encode(), b"REQUEST")


def test_e_lfs_6_what_a_token_does_not_name_is_absent_by_every_door(world: World) -> None:
    """E-LFS-6, for all protocols: to the token for `ada/here` her other repo is what it is to a stranger."""
    token = world.inside.fine_grained(
        world.ada, "model/ada/here=repo.write,discussion.write,repo.access.read", gated=True
    )
    wrong, doors_seen = list[str](), 0
    for (route, hidden), (_, absent) in zip(doors(HIDDEN), doors(ABSENT), strict=True):
        body = b"0000" if "git-" in hidden else b"{}"
        headers = LFS if "info/lfs" in hidden else {"content-type": "application/json"}
        answers = [
            world.inside.client.request(route.method, path, token=token, body=body, headers=headers)
            for path in (hidden, absent)
        ]
        doors_seen += 1
        mine, nothing = (without_ids(answer).replace(HIDDEN.encode(), ABSENT.encode()) for answer in answers)
        if answers[0].status != 404 or mine != nothing:
            wrong.append(
                f"{route.method} {hidden}: {answers[0].status}, and {answers[1].status} where there is nothing"
            )
    assert doors_seen > 100
    assert not wrong, "\n".join(wrong)


def test_e_token_reads_what_it_names_and_what_is_public(world: World) -> None:
    token = world.inside.fine_grained(world.ada, "model/ada/here=repo.content.read")
    for path in (
        "/api/models/ada/here", "/ada/here/resolve/main/a.txt", "/ada/here/raw/main/a.txt", "/ada/here",
        "/api/models/ada/here/tree/main", "/api/models/ada/here/commits/main", "/api/models/ada/here/discussions",
        "/ada/here.git/info/refs?service=git-upload-pack", "/api/models/ada/here/xet-read-token/main",
        "/api/models/bob/shown", "/bob/shown/resolve/main/a.txt", "/bob/shown.git/info/refs?service=git-upload-pack",
    ):  # fmt: skip
        assert world.get(path, token).status == 200, path
    batch = {"operation": "download", "objects": [{"oid": "0" * 64, "size": 1}]}
    assert world.post("/ada/here.git/info/lfs/objects/batch", token, batch, headers=LFS).status == 200
    assert world.post(f"/ada/{HIDDEN}.git/info/lfs/objects/batch", token, batch, headers=LFS).status == 404


def test_e_token_that_reads_changes_nothing(world: World) -> None:
    """Not even of what it names; nor of what is public and anybody's to discuss."""
    token = world.inside.fine_grained(world.ada, "model/ada/here=repo.content.read")
    wrong = list[str]()
    for name in ("here", "shown"):
        for route, path in doors(name):
            if route.needs in (Action.READ, Action.CONTENT):
                continue
            path = path.replace("ada/shown", "bob/shown")
            answer = world.inside.client.request(route.method, path, token=token, body=b"", headers={})
            if answer.status != 403:
                wrong.append(f"{route.method} {path}: {answer.status} {answer.text[:100]}")
    assert not wrong, "\n".join(wrong)
    assert world.get("/ada/here.git/info/refs?service=git-receive-pack", token).status == 403
    upload = {"operation": "upload", "objects": [{"oid": "0" * 64, "size": 1}]}
    assert world.post("/ada/here.git/info/lfs/objects/batch", token, upload, headers=LFS).status == 403


def test_e_token_writes_where_it_may_write_only(world: World) -> None:
    token = world.inside.fine_grained(world.ada, "model/ada/here=repo.write")
    assert world.commit("ada/here", token).status == 200
    assert world.commit("ada/here", token, "?create_pr=1").status == 200
    assert world.get("/api/models/ada/here/xet-write-token/main", token).status == 200
    assert world.get("/ada/here.git/info/refs?service=git-receive-pack", token).status == 200
    assert world.commit(f"ada/{HIDDEN}", token).status == 404
    assert world.commit(f"lab/{HIDDEN}", token).status == 404
    assert world.commit("bob/shown", token, "?create_pr=1").status == 403
    assert world.post("/api/repos/create", token, {"name": "new"}).status == 403
    move = {"fromRepo": "ada/here", "toRepo": "lab/here", "type": "model"}
    assert world.post("/api/repos/move", token, move).status == 403
    duplicate = {"repository": "ada/copy"}
    assert world.post("/api/models/bob/shown/duplicate", token, duplicate).status == 403
    discussion = {"title": "a title", "description": "why"}
    assert world.post("/api/models/ada/here/discussions", token, discussion).status == 403


def test_e_token_for_a_namespace_makes_repos_there_and_only_there(world: World) -> None:
    token = world.inside.fine_grained(world.ada, "org/lab=repo.write")
    assert world.post("/api/repos/create", token, {"name": "new", "organization": "lab", "private": True}).status == 200
    assert world.commit("lab/new", token).status == 200
    assert world.post("/api/repos/create", token, {"name": "new"}).status == 403
    assert world.get(f"/api/models/ada/{HIDDEN}", token).status == 404
    assert world.get(f"/api/models/lab/{HIDDEN}", token).status == 200


def test_e_token_discusses_everywhere_what_is_public(world: World) -> None:
    token = world.inside.fine_grained(world.ada, everywhere=["discussion.write"])
    discussion = {"title": "a title", "description": "why"}
    assert world.post("/api/models/bob/shown/discussions", token, discussion).status == 200
    assert world.commit("bob/shown", token, "?create_pr=1").status == 200
    assert world.commit("bob/shown", token).status == 403
    assert world.post("/api/models/bob/shown/like", token).status == 200
    assert world.post("/api/models/ada/here/discussions", token, discussion).status == 404


def test_e_token_reads_gated_files_only_where_it_was_allowed(world: World) -> None:
    repo = world.inside.open(world.bob, "bob/shown", Action.MANAGE)
    world.inside.hub.catalog.change(world.bob, repo, Settings(gated="auto"))
    ada = world.inside.token(world.ada)
    assert world.post("/bob/shown/ask-access", ada, body=b"x=").status == 303
    path = "/bob/shown/resolve/main/a.txt"
    assert world.get(path, ada).status == 200
    closed = world.get(path, world.inside.fine_grained(world.ada, "model/ada/here=repo.write"))
    assert (closed.status, closed.headers["x-error-code"]) == (403, "GatedRepo")
    assert world.get(path, world.inside.fine_grained(world.ada, gated=True)).status == 200
    assert world.get(path, world.inside.fine_grained(world.ada, "model/bob/shown=repo.content.read")).status == 200
    # It opens no gate that its user did not pass.
    eve = world.inside.user("eve")
    assert world.get(path, world.inside.fine_grained(eve, gated=True)).status == 403


def test_e_leak_no_list_shows_what_the_token_does_not_name(world: World) -> None:
    inside = world.inside
    token = inside.fine_grained(world.ada, "model/ada/here=repo.content.read")
    collection = {"title": HIDDEN, "namespace": "ada", "private": True}
    made = world.post("/api/collections", inside.token(world.ada), collection)
    assert made.status == 200
    wrong = list[str]()
    values = {"name": "ada", "namespace": "ada", "slug": made.json()["slug"].partition("/")[2], "file": "ada.svg"}
    for route in ROUTES:
        if route.needs is Needs.ANYONE and route.method == "GET" and "{repo" not in route.pattern:
            path = re.sub(r"\{(\w+)\*?\}", lambda match: values.get(match[1], "x"), route.pattern)
            for query in ("", f"?search={HIDDEN}&q={HIDDEN}&author=ada", "?author=ada&sort=lastModified"):
                answer = world.get(path + query, token)
                # A page says again what was looked for, and the address what it is of.
                told = answer.body.replace(f"search={HIDDEN}&".encode(), b"")
                if answer.status == 200 and f"ada/{HIDDEN}".encode() in told.replace(f"{HIDDEN}&q".encode(), b""):
                    wrong.append(f"{path}{query}")
    assert not wrong, "\n".join(wrong)
    names = [row["id"] for row in world.get("/api/models?author=ada", token).json()]
    assert names == ["ada/here"]
    assert [row["id"] for row in world.get("/api/models?author=lab", token).json()] == []
    assert world.get("/api/users/ada/overview", token).json()["numModels"] == 1
    everything = inside.fine_grained(world.ada, "user/ada=repo.content.read")
    assert {row["id"] for row in world.get("/api/models?author=ada", everything).json()} == {
        "ada/here",
        f"ada/{HIDDEN}",
    }
    assert world.get("/api/users/ada/overview", everything).json()["numModels"] == 2
    assert world.get(f"/api/collections/{made.json()['slug']}", token).status == 404


def test_e_state_a_token_shows_no_more_than_its_user_may_still_see(world: World) -> None:
    inside = world.inside
    inside.hub.directory.members.add(
        inside.hub.directory.get("lab"), inside.accounts["bob"], inside.hub.directory.members.role(
            inside.hub.directory.get("lab").id, world.ada.user_id))  # fmt: skip
    token = inside.fine_grained(world.bob, f"model/lab/{HIDDEN}=repo.write", "org/lab=repo.content.read")
    assert world.get(f"/api/models/lab/{HIDDEN}", token).status == 200
    assert len(world.get("/api/models?author=lab", token).json()) == 1
    inside.hub.directory.members.remove(inside.hub.directory.get("lab"), inside.accounts["bob"])
    assert world.get(f"/api/models/lab/{HIDDEN}", token).status == 404
    assert world.get("/api/models?author=lab", token).json() == []
    assert world.commit(f"lab/{HIDDEN}", token).status == 404
    scoped = world.get("/api/whoami-v2", token).json()["auth"]["accessToken"]["fineGrained"]["scoped"]
    assert HIDDEN not in str(scoped)


def test_e_xet_a_session_is_no_wider_than_its_token(world: World) -> None:
    """What the hub signs for a token is asked again of that token, with its permissions of that moment."""
    inside = world.inside
    token = inside.fine_grained(world.ada, "model/ada/here=repo.content.read")
    granted = world.get("/api/models/ada/here/xet-read-token/main", token).json()
    chunk = f"{granted['casUrl'].removeprefix('http://localhost:8000')}/v1/chunks/default/{'0' * 64}"
    assert world.get(chunk, granted["accessToken"]).status == 404
    inside.hub.directory.tokens.revoke(inside.accounts["ada"], token)
    assert world.get(chunk, granted["accessToken"]).status == 401


def test_e_escalation_no_token_makes_or_changes_tokens(world: World) -> None:
    """Whatever its permissions are: tokens are made by people who signed in, and by the hub's own commands."""
    inside = world.inside
    everything = inside.fine_grained(
        world.ada, "user/ada=repo.write,user.webhooks.write,collection.write", "org/lab=org.write,repo.write"
    )
    before = inside.hub.directory.tokens.of(inside.accounts["ada"])
    for route in ROUTES:
        if "token" in route.pattern and "xet" not in route.pattern and route.method != "GET":
            path = re.sub(r"\{(\w+)\*?\}", "1", route.pattern)
            for token in (everything, inside.token(world.ada)):
                answer = world.inside.client.request(route.method, path, token=token, json={})
                assert answer.status in (400, 401, 403, 404, 422), (route.pattern, answer.status)
    after = [token for token in inside.hub.directory.tokens.of(inside.accounts["ada"]) if token.id <= before[-1].id]
    assert [(one.id, one.scopes, one.role, one.revoked_at) for one in after] == [
        (one.id, one.scopes, one.role, one.revoked_at) for one in before
    ]


def test_e_escalation_what_no_row_gives_to_fine_grained_tokens_they_may_not(world: World) -> None:
    token = world.inside.fine_grained(
        world.ada, "user/ada=repo.write,user.webhooks.write,collection.write", "org/lab=org.write,repo.write"
    )
    wrong, refused = list[str](), 0
    for route in ROUTES:
        if route.needs in (Needs.USER, Needs.USER_WRITE, Needs.SESSION, Needs.ADMIN) and route.scope is None:
            path = re.sub(r"\{(\w+)\*?\}", "1", route.pattern)
            answer = world.inside.client.request(route.method, path, token=token, body=b"")
            refused += 1
            if answer.status != 403:
                wrong.append(f"{route.method} {path}: {answer.status}")
    assert refused > 20
    assert not wrong, "\n".join(wrong)
    who = {"/api/whoami-v2", "/oauth/userinfo"}  # whose token it is, any token may say
    assert {route.pattern for route in ROUTES if route.scope == ANY_SCOPE} == who


def test_e_a_token_of_an_administrator_of_the_hub_carries_none_of_that(inside: Inside) -> None:
    root, ada = inside.user("root2", is_admin=True), inside.user("ada")
    inside.repo(ada, "ada/secret", private=True)
    inside.repo(root, "root2/own", private=True)
    token = inside.fine_grained(root, "user/root2=repo.write")
    assert inside.client.get("/api/models/ada/secret", token=inside.token(root)).status == 200
    assert inside.client.get("/api/models/ada/secret", token=token).status == 404
    assert inside.client.get("/api/models/root2/own", token=token).status == 200


def test_e_whoami_tells_what_the_token_allows(world: World) -> None:
    token = world.inside.fine_grained(
        world.ada, "model/ada/here=repo.write,repo.content.read", "org/lab=org.read", everywhere=["discussion.write"]
    )
    told = world.get("/api/whoami-v2", token).json()["auth"]["accessToken"]
    assert told["role"] == "fineGrained"
    scoped = told["fineGrained"].pop("scoped")
    assert told["fineGrained"] == {"canReadGatedRepos": False, "global": ["discussion.write"]}
    assert [(one["entity"]["type"], one["entity"]["name"], one["permissions"]) for one in scoped] == [
        ("model", "ada/here", ["repo.content.read", "repo.write"]),
        ("org", "lab", ["org.read"]),
    ]
    assert scoped[0]["entity"]["_id"] == world.inside.open(world.ada, "ada/here").uid
    basic = base64.b64encode(f"anything:{token}".encode()).decode()
    found = world.inside.client.get("/api/whoami-v2", headers={"authorization": f"Basic {basic}"})
    assert found.json()["name"] == "ada"


def test_e_webhooks_and_collections_need_their_permissions(world: World) -> None:
    inside = world.inside
    neither = inside.fine_grained(world.ada, "user/ada=repo.write", "org/lab=collection.write")
    assert world.get("/api/settings/webhooks", neither).status == 403
    assert world.post("/api/collections", neither, {"title": "x"}).status == 403
    assert world.post("/api/collections", neither, {"title": "x", "namespace": "lab"}).status == 200
    reading = inside.fine_grained(world.ada, "user/ada=user.webhooks.read")
    assert world.get("/api/settings/webhooks", reading).status == 200
    body = {"url": "https://example.org/x", "watched": [{"type": "user", "name": "ada"}], "domains": ["repo"]}
    assert world.post("/api/settings/webhooks", reading, body).status == 403


def test_e_who_asked_for_files_is_told_to_tokens_that_may_know(world: World) -> None:
    repo = world.inside.open(world.ada, "ada/here", Action.MANAGE)
    world.inside.hub.catalog.change(world.ada, repo, Settings(gated="manual"))
    token = world.inside.fine_grained(world.ada, "model/ada/here=repo.access.read,repo.content.read")
    base = "/api/models/ada/here/user-access-request"
    assert world.get(f"{base}/pending", token).status == 200
    assert world.post(f"{base}/handle", token, {"status": "accepted", "user": "bob"}).status == 403


def test_e_only_models_are_not_datasets(inside: Inside) -> None:
    """Two repos of one name and different types are two."""
    ada = inside.user("ada")
    for kind in (RepoType.MODEL, RepoType.DATASET):
        inside.repo(ada, "ada/same", private=True, type=kind)
    token = inside.fine_grained(ada, "dataset/ada/same=repo.content.read")
    assert inside.client.get("/api/datasets/ada/same", token=token).status == 200
    assert inside.client.get("/api/models/ada/same", token=token).status == 404


# --- what organisations say of tokens -------------------------------------------------------------------------------


def _member(world: World) -> tuple[str, str]:
    """bob writes to the lab's repos: his write token, and a fine-grained one for all of the lab."""
    directory = world.inside.hub.directory
    directory.members.add(directory.get("lab"), world.inside.accounts["bob"], Role.WRITE)
    return world.inside.token(world.bob), world.inside.fine_grained(world.bob, "org/lab=repo.write")


def _policy(world: World, **policy: bool) -> None:
    path = "/api/organizations/lab/settings/tokens"
    assert (
        world.inside.client.put(
            path, token=world.inside.fine_grained(world.ada, "org/lab=org.write"), json=policy
        ).status
        == 200
    )


def _status(world: World, token: str) -> list[int]:
    """Reading, listing and changing what is the lab's and private, and something of bob's own."""
    return [
        world.get(f"/api/models/lab/{HIDDEN}", token).status,
        len(world.get("/api/models?author=lab", token).json()),
        world.commit(f"lab/{HIDDEN}", token).status,
        world.get("/api/models/bob/shown", token).status,
    ]


def test_e_policy_an_organisation_wants_fine_grained_tokens(world: World) -> None:
    write, fine = _member(world)
    assert _status(world, write) == _status(world, fine) == [200, 1, 200, 200]
    _policy(world, requireFineGrained=True)
    refused = world.get(f"/api/models/lab/{HIDDEN}", write)
    assert (refused.status, refused.headers.get("x-error-code")) == (403, None)
    assert "lab accepts fine-grained tokens only" in refused.text
    assert _status(world, write) == [403, 0, 403, 200]
    assert _status(world, fine) == [200, 1, 200, 200]
    assert world.post("/api/repos/create", write, {"name": "more", "organization": "lab"}).status == 403
    assert world.get(f"/lab/{HIDDEN}.git/info/refs?service=git-upload-pack", write).status == 403
    # What is public and the lab's is everybody's to read.
    world.inside.repo(world.ada, "lab/open", private=False)
    assert world.get("/api/models/lab/open", write).status == 200
    assert world.commit("lab/open", write).status == 403
    # In a browser nothing changes: there is no token.
    assert world.inside.client.get(f"/lab/{HIDDEN}", headers=world.inside.cookie(world.bob)).status == 200


def test_e_policy_a_token_waits_and_is_approved_denied_or_revoked(world: World) -> None:
    _, fine = _member(world)
    root = world.inside.token(world.ada)
    _policy(world, requireApproval=True)
    # Administrators' own write tokens are none that count here any more: they ask with what they made for it.
    admin = world.inside.fine_grained(world.ada, "org/lab=org.read,org.write")
    assert world.get("/api/organizations/lab/settings/tokens", root).status == 403
    listed = world.get("/api/organizations/lab/settings/tokens", admin).json()
    assert listed["policy"] == {"requireFineGrained": True, "requireApproval": True}
    (waiting,) = [one for one in listed["tokens"] if one["status"] == "pending"]
    assert (waiting["user"], waiting["permissions"]) == ("bob", ["repo.write"])
    path = f"/api/organizations/lab/settings/tokens/{waiting['id']}"
    for status, expected in (("denied", 403), ("approved", 200), ("revoked", 403)):
        assert world.post(path, admin, {"status": status}).status == 200
        assert _status(world, fine) == [expected, expected == 200, expected, 200]
    assert world.post(path, admin, {"status": "approved"}).status == 409
    assert world.post(path, fine, {"status": "approved"}).status == 403


def test_e_policy_strangers_are_told_no_more_than_ever(world: World) -> None:
    """The policy of an organisation says nothing to who does not belong to it."""
    eve = world.inside.user("eve")
    _policy(world, requireApproval=True)
    for token in (world.inside.token(eve), world.inside.fine_grained(eve)):
        assert world.get(f"/api/models/lab/{HIDDEN}", token).status == 404
        assert world.get("/api/organizations/lab/settings/tokens", token).status == 403


def test_e_found_tokens_end_and_nothing_is_told(world: World) -> None:
    token, absent = world.inside.token(world.bob), "hf_" + "x" * 37
    answers = [world.post("/api/tokens/revoke", None, {"tokens": [one]}) for one in (token, token, absent)]
    assert {(answer.status, answer.body) for answer in answers} == {(202, b"{}")}
    assert world.get("/api/whoami-v2", token).status == 401
    assert world.post("/api/tokens/revoke", None, {"tokens": []}).status == 400
    assert world.post("/api/tokens/revoke", None, {"tokens": ["x"] * 101}).status == 400


def test_e_an_administrator_revokes_a_found_token_for_their_organisation(world: World) -> None:
    write, _ = _member(world)
    admin = world.inside.fine_grained(world.ada, "org/lab=org.write")
    assert world.post("/api/organizations/lab/settings/tokens/revoke", write, {"token": write}).status == 403
    assert world.post("/api/organizations/lab/settings/tokens/revoke", admin, {"token": write}).status == 200
    assert _status(world, write) == [403, 0, 403, 200]
    assert "revoked this token" in world.get(f"/api/models/lab/{HIDDEN}", write).text
