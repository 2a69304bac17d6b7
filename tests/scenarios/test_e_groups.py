"""E-LEAK and E-STATE inside an organisation: who is not in a resource group learns nothing of its private repos, and what
changes in a group counts for the next request."""

import re
from collections.abc import Callable
from typing import Any

import pytest

from pioche.accounts.groups import Group
from pioche.accounts.members import Role
from pioche.names import LISTED, RepoType
from pioche.repos import grouping
from pioche.repos.access import Action, Repo
from tests.asgi import Answer
from tests.inside import Inside, ndjson

WORD = "zirconium"
CARD = {"README.md": f"---\nlicense: mit\ntags: [{WORD}]\nbase_model: lab/public0\n---\n# {WORD}\n".encode()}
PLAIN = {"README.md": b"---\nlicense: mit\n---\n"}
OUTSIDE = ("write", "contributor", "read", "stranger")
"""Of `lab` and not in its group, and of nothing. All of them follow the organisation and watch it."""

API = [
    "/api/models", "/api/models?author=lab", "/api/models?search=zircon", "/api/models?filter=zirconium",
    "/api/models?limit=1", "/api/models?expand=siblings", "/api/models?sort=createdAt", "/api/models?text=zirconium",
    "/api/datasets", "/api/spaces", "/api/organizations/lab/overview", "/api/users/inside/overview",
    "/api/users/inside/likes", "/api/models-tags-by-type", "/api/trending", "/api/quicksearch?q=zirconium",
    "/api/quicksearch?q=zircnium", "/api/buckets/lab", "/api/models/lab/public0?expand=childrenModelCount",
    "/api/organizations/lab/settings/repositories", "/api/deleted-repos", "/api/organizations/lab/resource-groups",
    "/api/collections?owner=owner", "/api/kernels", "/api/settings/repositories", "/api/recent-activity",
]  # fmt: skip
PAGES = [
    "/", "/feed", "/models", "/datasets", "/spaces", "/models?search=zirconium", "/search/full-text?q=zirconium",
    "/search/suggest?q=zircon", "/lab", "/inside", "/inside/likes", "/lab/models", "/lab/activity", "/lab/public0", "/sitemap.xml",
    "/collections", "/collections/owner",
]  # fmt: skip


class Lab:
    def __init__(self, inside: Inside) -> None:
        self.inside = inside
        self.owner, self.member = inside.user("owner"), inside.user("inside")
        self.outside = {name: inside.user(name) for name in OUTSIDE}
        roles = {caller: name for name, caller in self.outside.items() if name != "stranger"}
        inside.org("lab", {self.owner: "admin", self.member: "read", **roles})
        self.org = inside.hub.directory.get_org("lab")
        self.groups = inside.hub.directory.groups
        self.red = self.groups.create(self.org, self.owner, f"{WORD} team")
        self.groups.add(self.org, self.owner, self.red, [(inside.accounts["inside"], Role.WRITE)])
        inside.commit(inside.repo(self.owner, "lab/public0"), self.owner, PLAIN)
        made = self.post("owner", "/api/collections", {"title": "Ours", "namespace": "owner", "private": False})
        self.collection = made.json()["slug"]
        for name in OUTSIDE:
            self.post(name, "/api/users/inside/follow", None)

    def token(self, name: str) -> str:
        known = {"owner": self.owner, "inside": self.member, **self.outside}
        return self.inside.token(known[name])

    def post(self, name: str, path: str, body: Any) -> Answer:
        answer = self.inside.client.post(path, token=self.token(name), json=body)
        assert answer.status in (200, 404), (path, answer.status, answer.body)
        return answer

    def secret(self, name: str, *, kind: RepoType = RepoType.MODEL, group: Group | None = None) -> Repo:
        """A private repo, in the group before anybody can have seen it, with everything about it that leaves traces."""
        repo = self.inside.repo(self.owner, f"lab/{name}", private=True, type=kind)
        grouping.assign(self.inside.open(self.owner, f"lab/{name}", Action.MANAGE, type=kind), self.owner, self.red.uid)
        if kind in LISTED:
            self.inside.commit(repo, self.member, CARD)
            path = f"/api/{kind.plural}/lab/{name}"
            self.post("inside", f"{path}/like", None)
            self.post("inside", f"{path}/discussions", {"title": WORD, "description": "@write @read @inside"})
            item = {"item": {"type": kind.value, "id": f"lab/{name}"}}
            assert self.post("owner", f"/api/collections/{self.collection}/items", item).status == 200
        return repo


@pytest.fixture
def lab(inside: Inside) -> Lab:
    return Lab(inside)


def seen(lab: Lab, names: tuple[str, ...]) -> list[tuple[Any, ...]]:
    """All that answers say, but for what every request has of its own."""
    found = list[tuple[Any, ...]]()
    for name in names:
        for address in [*API, f"/api/collections/{lab.collection}", f"/collections/{lab.collection}", *PAGES]:
            answer = lab.inside.client.get(address, token=lab.token(name))
            found.append((name, address, _said(answer)))
    return found


# When a collection was changed last is no secret: what of, is.
_TIMES = re.compile(rb"<time [^>]*>[^<]*</time>|\"lastUpdated\":\"[^\"]*\"")


def _said(answer: Answer) -> bytes:
    headers = {
        key: value for key, value in answer.pairs if key not in ("x-request-id", "date", "etag", "content-length")
    }
    body = answer.body.replace(answer.headers["x-request-id"].encode(), b"ID")
    return f"{answer.status} {headers}".encode() + _TIMES.sub(b"TIME", body)


def test_e_leak_repos_of_a_group_change_nothing_that_others_see(lab: Lab) -> None:
    outside = ("write", "read", "stranger")
    before = seen(lab, outside)
    for kind in RepoType:
        lab.secret("zirconium-one", kind=kind)
    lab.inside.hub.catalog.delete(lab.owner, lab.secret("zirconium-gone"))
    after = seen(lab, outside)
    different = [
        (name, address) for (name, address, *was), (*_, now) in zip(before, after, strict=True) if was[-1] != now
    ]
    assert different == []
    telling = [address for name, address, said in after if WORD.encode() in said.lower() and "zirc" not in address]
    assert telling == []
    # The walk asks for the right things: who is in the group finds it nearly everywhere.
    found = {address for _, address, said in seen(lab, ("inside",)) if b"lab/zirconium-one" in said}
    assert {"/api/models", "/api/models?author=lab", "/api/models?search=zircon", "/api/models?filter=zirconium",
            "/api/quicksearch?q=zirconium", "/feed", "/models", "/lab", "/api/buckets/lab", "/api/users/inside/likes",
            f"/api/collections/{lab.collection}", "/search/suggest?q=zircon"} <= found  # fmt: skip


DOORS = [
    "/api/models/lab/NAME", "/api/models/LAB/NAME", "/api/models/lab/NAME/tree/main", "/api/models/lab/NAME/refs",
    "/api/models/lab/NAME/auth-check", "/api/models/lab/NAME/xet-read-token/main", "/api/models/lab/NAME/xet-write-token/main",
    "/api/models/lab/NAME/discussions", "/api/models/lab/NAME/discussions/1", "/api/models/lab/NAME/likers",
    "/api/models/lab/NAME/resource-group", "/api/models/lab/NAME/user-access-request/pending", "/lab/NAME",
    "/lab/NAME/resolve/main/README.md", "/lab/NAME/raw/main/README.md", "/lab/NAME/blob/main/README.md", "/lab/NAME/tree/main",
    "/lab/NAME/discussions", "/lab/NAME/discussions/1", "/lab/NAME/commits/main", "/lab/NAME/settings",
    "/lab/NAME.git/info/refs?service=git-upload-pack", "/lab/NAME.git/info/refs?service=git-receive-pack",
]  # fmt: skip


def test_e_leak_no_door_tells_a_repo_of_a_group_from_one_that_is_not_there(lab: Lab) -> None:
    lab.secret("zirconium")
    batch = {"operation": "download", "objects": [{"oid": "0" * 64, "size": 1}]}
    commit = ndjson({"summary": "x"}, ("file", {"path": "b.txt", "content": "eA==", "encoding": "base64"}))
    client = lab.inside.client
    doors: list[Callable[[str, str], Answer]] = [
        *(lambda token, name, door=door: client.get(door.replace("NAME", name), token=token) for door in DOORS),
        lambda token, name: client.post(f"/lab/{name}.git/info/lfs/objects/batch", token=token, json=batch),
        lambda token, name: client.post(f"/api/models/lab/{name}/commit/main", token=token, body=commit),
        lambda token, name: client.post(f"/api/models/lab/{name}/commit/main?create_pr=1", token=token, body=commit),
        lambda token, name: client.post(f"/api/models/lab/{name}/like", token=token),
        lambda token, name: client.post(f"/api/models/lab/{name}/duplicate", token=token, json={"repository": "mine"}),
        lambda token, name: client.post(f"/api/models/lab/{name}/resource-group", token=token, json={}),
        lambda token, name: client.request("DELETE", "/api/repos/delete", token=token, json={"name": f"lab/{name}"}),
        lambda token, name: client.post(
            "/api/repos/move", token=token, json={"fromRepo": f"lab/{name}", "toRepo": "lab/stolen", "type": "model"}
        ),
    ]
    for who in OUTSIDE:
        token = lab.token(who)
        for number, door in enumerate(doors):
            hidden, absent = door(token, "zirconium"), door(token, "zirconian")
            told = [
                _said(answer).replace(name, b"NAME")
                for answer, name in ((hidden, b"zirconium"), (absent, b"zirconian"))
            ]
            assert told[0] == told[1], (who, number)
            assert hidden.status >= 300, (who, number)


def test_e_leak_mentions_speak_to_the_groups_members_only(lab: Lab) -> None:
    lab.secret("zirconium")
    token = lab.token("inside")
    page = lab.inside.client.get("/lab/zirconium/discussions/1", token=token).text
    assert 'href="/inside"' in page
    assert 'href="/read"' not in page


GROUPS = "/api/organizations/lab/resource-groups"


def test_e_groups_are_managed_by_the_api_as_the_public_hubs(lab: Lab) -> None:
    client, owner = lab.inside.client, lab.token("owner")
    body = {
        "name": "blue",
        "description": "The other ones",
        "users": [{"user": "read", "role": "write"}],
        "repos": [{"name": "lab/public0", "type": "model"}],
        "autoJoin": {"enabled": True, "role": "read"},
    }
    made = client.post(GROUPS, token=owner, json=body).json()
    path = f"{GROUPS}/{made['id']}"
    assert [(one["user"], one["role"], one["type"]) for one in made["users"]] == [("read", "write", "user")]
    assert [(one["name"], one["type"], one["private"]) for one in made["repos"]] == [("lab/public0", "model", False)]
    assert made["autoJoin"] == {"enabled": True, "role": "read"}
    assert client.get(path, token=owner).json() == made
    assert [one["name"] for one in client.get(GROUPS, token=owner).json()] == ["blue", f"{WORD} team"]
    assert [one["name"] for one in client.get(GROUPS, token=lab.token("read")).json()] == ["blue"]
    assert client.get("/api/models/lab/public0/resource-group", token=owner).json() == {
        "id": made["id"],
        "name": "blue",
    }
    expanded = client.get("/api/models/lab/public0?expand=resourceGroup", token=owner).json()
    assert expanded["resourceGroup"] == {"id": made["id"], "name": "blue"}
    assert client.get("/api/models/lab/public0/resource-group").json() is None
    changed = client.request("PATCH", path, token=owner, json={"name": "cyan"}).json()
    assert (changed["name"], changed["description"]) == ("cyan", "The other ones")
    off = client.post(f"{path}/settings", token=owner, json={"autoJoin": {"enabled": False}}).json()
    assert off["autoJoin"] == {"enabled": False}
    users = {"users": [{"user": "write", "role": "read"}]}
    assert len(client.post(f"{path}/users", token=owner, json=users).json()["users"]) == 2
    assert client.post(f"{path}/users", token=owner, json=users).status == 403
    lower = client.request("PATCH", f"{path}/users/read", token=owner, json={"role": "contributor"}).json()
    assert lower["users"][0]["role"] == "contributor"
    assert len(client.delete(f"{path}/users/write", token=owner).json()["users"]) == 1
    assert client.delete(f"{path}/users/write", token=owner).status == 404
    new = {"name": "within", "organization": "lab", "private": True, "resourceGroupId": made["id"]}
    assert client.post("/api/repos/create", token=lab.token("read"), json=new).status == 200
    copy = {"repository": "lab/copy", "private": True, "resourceGroupId": made["id"]}
    assert client.post("/api/models/lab/public0/duplicate", token=owner, json=copy).status == 200
    bucket = {"private": True, "resourceGroupId": made["id"]}
    assert client.post("/api/buckets/lab/box", token=owner, json=bucket).status == 200
    inside = [one["name"] for one in client.get(path, token=owner).json()["repos"]]
    assert sorted(inside) == ["lab/box", "lab/copy", "lab/public0", "lab/within"]
    assert client.get("/api/models/lab/within", token=lab.token("write")).status == 404
    out = client.post("/api/models/lab/within/resource-group", token=owner, json={"resourceGroupId": None})
    assert (out.status, out.json()) == (200, None)
    assert client.get("/api/models/lab/within", token=lab.token("write")).status == 200
    assert client.delete(path, token=owner).status == 200
    assert client.get(path, token=owner).status == 404


def test_e_groups_refuse_what_means_nothing(lab: Lab) -> None:
    client, owner, path = lab.inside.client, lab.token("owner"), f"{GROUPS}/{lab.red.uid}"
    refused: list[tuple[str, str, Any, int]] = [
        ("POST", GROUPS, {"name": ""}, 400),
        ("POST", GROUPS, {"name": "x", "autoJoin": {"enabled": True}}, 400),
        ("POST", GROUPS, {"name": "x", "autoJoin": {"enabled": True, "role": "no_access"}}, 400),
        ("POST", GROUPS, {"name": "x", "users": [{"user": "nobody-here", "role": "read"}]}, 404),
        ("POST", GROUPS, {"name": "x", "repos": [{"name": "lab/absent"}]}, 404),
        ("POST", GROUPS, {"name": f"{WORD} TEAM"}, 409),
        ("POST", "/api/organizations/absent/resource-groups", {"name": "x"}, 404),
        ("POST", f"{path}/users", {"users": []}, 400),
        ("POST", f"{path}/users", {"users": [{"user": "stranger", "role": "read"}]}, 403),
        ("POST", f"{path}/users", {"users": [{"user": "read", "role": "owner"}]}, 400),
        ("PATCH", f"{path}/users/read", {"role": "read"}, 404),
        ("PATCH", f"{path}/users/inside", {"role": "no_access"}, 400),
        ("POST", "/api/models/lab/public0/resource-group", {"resourceGroupId": "5f" * 12}, 404),
        ("POST", "/api/repos/create", {"name": "lab/x", "resourceGroupId": "5f" * 12}, 404),
        ("POST", "/api/repos/create", {"name": "owner/x", "resourceGroupId": lab.red.uid}, 404),
    ]
    for method, address, body, status in refused:
        answer = client.request(method, address, token=owner, json=body)
        assert answer.status == status, (method, address, body, answer.status, answer.body)
    # Who is not in it sees no group, whatever they are in the organisation.
    for method, address, body in (("GET", path, None), ("PATCH", path, {"name": "x"}), ("DELETE", path, None)):
        assert client.request(method, address, token=lab.token("write"), json=body).status == 404


READS = (
    "/api/models/lab/words", "/lab/words/resolve/main/README.md", "/lab/words.git/info/refs?service=git-upload-pack",
    "/api/models/lab/words/xet-read-token/main", "/lab/words",
)  # fmt: skip


def _state(lab: Lab, token: str) -> tuple[set[int], int]:
    statuses = {lab.inside.client.get(place, token=token).status for place in READS}
    return statuses, len(lab.inside.client.get("/api/models?search=words", token=token).json())


def test_e_state_what_changes_in_a_group_counts_for_the_next_request(lab: Lab) -> None:
    repo = lab.inside.repo(lab.owner, "lab/words", private=True)
    lab.inside.commit(repo, lab.owner, PLAIN)
    token, user = lab.token("write"), lab.inside.accounts["write"]
    xet = lab.inside.client.get("/api/models/lab/words/xet-read-token/main", token=token).json()
    place = xet["casUrl"].removeprefix("http://localhost:8000") + f"/v1/reconstructions/{'0' * 64}"
    may, may_not = ({200}, 1), ({404}, 0)
    held = lab.inside.open(lab.owner, "lab/words", Action.MANAGE)
    changes: list[tuple[Callable[[], object], tuple[set[int], int]]] = [
        (lambda: None, may),
        (lambda: grouping.assign(held, lab.owner, lab.red.uid), may_not),
        (lambda: lab.groups.set_auto_join(lab.org, lab.owner, lab.red, Role.READ), may),
        (lambda: lab.groups.set_auto_join(lab.org, lab.owner, lab.red, None), may_not),
        (lambda: lab.groups.add(lab.org, lab.owner, lab.red, [(user, Role.READ)]), may),
        (lambda: lab.groups.remove(lab.org, lab.owner, lab.red, user), may_not),
        (lambda: lab.groups.delete(lab.org, lab.owner, lab.red), may),
    ]
    for number, (change, expected) in enumerate(changes):
        change()
        assert _state(lab, token) == expected, number
        signed = lab.inside.client.get(place, token=xet["accessToken"]).headers.get("x-error-code", "")
        assert ("RepoNotFound" in signed) is (expected is may_not), (number, signed)


def test_e_state_a_lower_role_in_a_group_writes_no_more(lab: Lab) -> None:
    lab.secret("words")
    token, user = lab.token("inside"), lab.inside.accounts["inside"]

    def commit() -> int:
        body = ndjson({"summary": "x"}, ("file", {"path": "b.txt", "content": "eA==", "encoding": "base64"}))
        return lab.inside.client.post("/api/models/lab/words/commit/main", token=token, body=body).status

    assert commit() == 200
    lab.groups.change_role(lab.org, lab.owner, lab.red, user, Role.READ)
    assert commit() == 403
    assert lab.inside.client.get("/api/models/lab/words", token=token).status == 200


def test_e_leak_a_fine_grained_token_shows_no_more_of_a_group_than_its_user_sees(lab: Lab) -> None:
    lab.secret("zirconium")
    everything, named = "org/lab=repo.content.read", "model/lab/zirconium=repo.content.read"
    tokens = {
        "member": lab.inside.fine_grained(lab.member, everything),
        "named": lab.inside.fine_grained(lab.member, named),
        "elsewhere": lab.inside.fine_grained(lab.member, "user/inside=repo.content.read"),
        "outside": lab.inside.fine_grained(lab.outside["write"], everything),
    }

    def shown() -> list[str]:
        found = []
        for name, token in tokens.items():
            rows = lab.inside.client.get("/api/models?search=zirconium", token=token).json()
            status = lab.inside.client.get("/api/models/lab/zirconium", token=token).status
            assert (status == 200) is bool(rows), name
            found += [name] if rows else []
        return found

    assert shown() == ["member", "named"]
    lab.groups.remove(lab.org, lab.owner, lab.red, lab.inside.accounts["inside"])
    assert shown() == []


def test_e_groups_are_changed_by_fine_grained_tokens_that_may(lab: Lab) -> None:
    client, path = lab.inside.client, f"{GROUPS}/{lab.red.uid}"
    may = lab.inside.fine_grained(lab.owner, "org/lab=resourceGroup.write,org.read")
    may_not = lab.inside.fine_grained(lab.owner, "org/lab=repo.write,org.read")
    elsewhere = lab.inside.fine_grained(lab.owner, "user/owner=resourceGroup.write")
    assert client.get(path, token=may_not).status == 200
    for token, status in ((may_not, 403), (elsewhere, 403), (may, 200)):
        assert client.request("PATCH", path, token=token, json={"name": "red"}).status == status
