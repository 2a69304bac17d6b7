"""E-STATE, "2FA enforced", and networks: what an organisation asks of its members holds by every door, from the next request on.

`bob` writes to what is the lab's; the lab comes to ask for a second factor, or for a place to come from, that he lacks.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from pioche.accounts import org_security, policies
from pioche.accounts.callers import Caller
from pioche.accounts.members import Role
from pioche.accounts.org_security import Security, Setter
from pioche.errors import BadRequest, Conflict
from pioche.webhooks.readers import may_read
from tests.asgi import Answer
from tests.codes import turn_on
from tests.inside import Inside, ndjson
from tests.scenarios.test_e_tokens import LFS, doors

INSIDE, OUTSIDE = "192.0.2.7", "198.51.100.7"
RANGES = "192.0.2.0/24 2001:db8::/32"


@dataclass
class World:
    inside: Inside
    ada: Caller
    bob: Caller
    token: str

    def at(self, address: str) -> None:
        """All requests come from there from now on."""
        self.inside.client._client = address

    def get(self, path: str, token: str | None = None) -> Answer:
        return self.inside.client.get(path, token=token or self.token)

    def ask(self, *, second_factor: bool = False, ranges: str | None = None) -> None:
        lab = self.inside.hub.directory.get_org("lab")
        org_security.set_security(self.inside.hub.database, lab, Security(second_factor, ranges), None)

    def statuses(self, token: str | None = None) -> list[int]:
        """Reading, listing and changing what is the lab's and private; what is public; and bob's own."""
        token = token or self.token
        body = ndjson({"summary": "x"}, ("file", {"path": "n.txt", "content": "eA==", "encoding": "base64"}))
        return [
            self.get("/api/models/lab/secret", token).status,
            len(self.get("/api/models?author=lab", token).json()),
            self.inside.client.post("/api/models/lab/secret/commit/main", token=token, body=body).status,
            self.get("/lab/secret.git/info/refs?service=git-upload-pack", token).status,
            self.get("/api/models/lab/open", token).status,
            self.get("/api/models/bob/own", token).status,
        ]


IN, OUT = [200, 2, 200, 200, 200, 200], [403, 1, 403, 403, 200, 200]


@pytest.fixture
def world(inside: Inside) -> Iterator[World]:
    ada, bob = inside.user("ada"), inside.user("bob")
    inside.org("lab", {ada: "admin", bob: "write"})
    for owner, name, private in ((ada, "lab/secret", True), (ada, "lab/open", False), (bob, "bob/own", True)):
        inside.commit(inside.repo(owner, name, private=private), owner, {"a.txt": name.encode()})
    world = World(inside, ada, bob, inside.token(bob))
    yield world
    world.at("127.0.0.1")


def shut(world: World, token: str) -> list[str]:
    """The doors to `lab/secret` that are not shut to bob."""
    wrong = list[str]()
    for route, path in doors("secret"):
        path = path.replace("ada/secret", "lab/secret")
        headers = LFS if "info/lfs" in path else {"content-type": "application/json"}
        body = b"0000" if "git-" in path else b"{}"
        answer = world.inside.client.request(route.method, path, token=token, body=body, headers=headers)
        if answer.status != 403:
            wrong.append(f"{route.method} {path}: {answer.status}")
    return wrong


def test_e_state_a_second_factor_that_is_asked_for_is_needed_by_every_door(world: World) -> None:
    fine = world.inside.fine_grained(world.bob, "org/lab=repo.write,discussion.write,repo.access.read")
    assert world.statuses() == IN
    world.ask(second_factor=True)
    assert world.statuses() == OUT
    assert world.statuses(fine)[:5] == OUT[:5]
    refused = world.get("/api/models/lab/secret")
    assert "shows what is private to members with a second factor only" in refused.text
    assert not shut(world, world.token)
    # With their session too, and its page says what to do.
    cookie = world.inside.cookie(world.bob)
    page = world.inside.client.get("/lab/secret", headers={**cookie, "accept": "text/html"})
    assert page.status == 403
    assert "/settings/authentication#second-factor" in page.text
    # To strangers nothing is told of it.
    eve = world.inside.token(world.inside.user("eve"))
    assert world.get("/api/models/lab/secret", eve).status == 404
    factors = world.inside.hub.directory.second_factors
    turn_on(factors, world.inside.accounts["bob"])
    assert world.statuses() == IN
    assert world.statuses(fine)[:5] == IN[:5]
    factors.turn_off(world.inside.accounts["bob"])
    assert world.statuses() == OUT


def test_e_state_networks_hold_by_every_door(world: World) -> None:
    world.ask(ranges=RANGES)
    for address, expected in (
        (INSIDE, IN),
        (OUTSIDE, OUT),
        (INSIDE, IN),
        ("2001:db8::9", IN),
        ("::ffff:192.0.2.9", IN),
        ("", OUT),
    ):
        world.at(address)
        assert world.statuses() == expected, address
    world.at(OUTSIDE)
    assert not shut(world, world.token)


def test_e_state_an_answer_inside_is_not_remembered_for_outside(world: World) -> None:
    """Equal requests are answered once (decision 9): from another network they are not equal."""
    world.ask(ranges=RANGES)
    for path in ("/api/models/lab/secret", "/lab/secret/resolve/main/a.txt", "/api/models/lab/secret/tree/main"):
        for address, status in ((INSIDE, 200), (INSIDE, 200), (OUTSIDE, 403), (OUTSIDE, 403), (INSIDE, 200)):
            world.at(address)
            assert world.get(path).status == status, (path, address)


def test_e_state_a_forwarded_address_counts_from_a_proxy_alone(world: World) -> None:
    world.ask(ranges=RANGES)
    world.at(OUTSIDE)
    headers = {"x-forwarded-for": INSIDE, "x-real-ip": INSIDE, "forwarded": f"for={INSIDE}"}
    assert world.inside.client.get("/api/models/lab/secret", token=world.token, headers=headers).status == 403


def test_e_state_what_was_signed_inside_is_nothing_outside(world: World) -> None:
    """Xet tokens and addresses of LFS: made for somebody who was inside."""
    inside = world.inside
    sha256 = inside.upload(inside.open(world.ada, "lab/secret"), world.ada, b"large " * 5000)
    inside.client.post(
        "/api/models/lab/secret/commit/main",
        token=world.token,
        body=ndjson(
            {"summary": "x"}, ("lfsFile", {"path": "x.bin", "algo": "sha256", "oid": str(sha256), "size": 30_000})
        ),
    )
    world.ask(ranges=RANGES)
    world.at(INSIDE)
    granted = world.get("/api/models/lab/secret/xet-read-token/main").json()
    chunk = f"{granted['casUrl'].removeprefix('http://localhost:8000')}/v1/chunks/default/{'0' * 64}"
    content = {"operation": "download", "transfers": ["basic"], "objects": [{"oid": str(sha256), "size": 30_000}]}
    found = inside.client.post(
        "/lab/secret.git/info/lfs/objects/batch", token=world.token, json=content, headers=LFS
    ).json()
    href = found["objects"][0]["actions"]["download"]["href"].removeprefix("http://localhost:8000")
    assert inside.client.get(href).status == 200
    assert world.get(chunk, granted["accessToken"]).status == 404
    world.at(OUTSIDE)
    assert inside.client.get(href).status == 403
    assert world.get(chunk, granted["accessToken"]).status == 403


def test_e_state_what_was_signed_for_nobody_by_name_is_for_the_networks_too(world: World) -> None:
    """Addresses of a xorb's bytes name no caller."""
    access = world.inside.hub.access
    secret, shown = (world.inside.open(world.ada, name).uid for name in ("lab/secret", "lab/open"))
    world.ask(ranges=RANGES)

    def served(uid: str, address: str) -> bool:
        return world.inside.client.run(access.is_there(uid, address))

    assert [served(secret, INSIDE), served(secret, OUTSIDE), served(secret, "")] == [True, False, False]
    assert served(shown, OUTSIDE)


def test_e_state_lists_pages_and_settings_follow(world: World) -> None:
    inside = world.inside
    inside.hub.directory.members.add(inside.hub.directory.get("lab"), inside.accounts["bob"], Role.ADMIN)
    collection = inside.client.post(
        "/api/collections", token=world.token, json={"title": "Plans", "namespace": "lab", "private": True}
    ).json()
    inside.hub.catalog.delete(world.ada, inside.open(world.ada, "lab/secret"))
    cookie = inside.cookie(world.bob)
    places = (
        "/organizations/lab/settings/members",
        "/organizations/lab/settings/requirements",
        "/organizations/lab/settings/audit-log",
        "/organizations/lab/settings/webhooks",
    )
    apis = (
        f"/api/collections/{collection['slug']}",
        "/api/organizations/lab/audit-log/export",
        "/api/organizations/lab/settings/tokens",
    )

    def seen() -> list[object]:
        pages = [inside.client.get(place, headers=cookie).status for place in places]
        deleted = "lab/secret" in inside.client.get("/settings/deleted-repos", headers=cookie).text
        return [*pages, *(world.get(api).status for api in apis), deleted]

    assert seen() == [200] * 4 + [200] * 3 + [True]
    world.ask(second_factor=True)
    assert seen() == [403] * 4 + [404, 403, 403] + [False]


def test_e_state_a_webhook_of_who_is_kept_out_hears_nothing(world: World) -> None:
    inside = world.inside
    repo = inside.open(world.ada, "lab/secret")
    assert may_read(inside.hub.access, world.bob.user_id, repo.id)
    for asked in ({"second_factor": True}, {"ranges": RANGES}):
        world.ask(**asked)  # type: ignore[arg-type]  # one of each
        assert not may_read(inside.hub.access, world.bob.user_id, repo.id)


def test_e_state_administrators_of_the_hub_and_service_accounts_are_not_kept_out(world: World) -> None:
    inside = world.inside
    directory = inside.hub.directory
    root = inside.user("chief", is_admin=True)
    robot = directory.service_accounts.create(directory.get("lab"), "robot", Role.READ, actor=inside.accounts["ada"])
    inside.accounts["robot"] = robot.account
    machine = Caller(robot.account.id, "robot", may_write=False, is_admin=False)
    token = inside.fine_grained(machine, "org/lab=repo.content.read")
    world.ask(second_factor=True)
    assert world.get("/api/models/lab/secret", inside.token(root)).status == 200
    assert world.get("/api/models/lab/secret", token).status == 200
    world.ask(ranges=RANGES)  # a place to come from machines have as people do
    world.at(OUTSIDE)
    assert world.get("/api/models/lab/secret", token).status == 403


def test_nobody_locks_themselves_out(world: World) -> None:
    inside = world.inside
    lab, database = inside.hub.directory.get_org("lab"), inside.hub.database
    by = Setter(world.ada.user_id, OUTSIDE)
    for wanted in (Security(True, None), Security(False, RANGES)):
        with pytest.raises(Conflict):
            org_security.set_security(database, lab, wanted, by)
    assert org_security.security(database, lab.id) == Security()
    turn_on(inside.hub.directory.second_factors, inside.accounts["ada"])
    org_security.set_security(database, lab, Security(True, RANGES), Setter(world.ada.user_id, INSIDE))
    assert org_security.without_factor(database, lab.id) == 1


@pytest.mark.parametrize(
    "text", ["192.0.2.1/24", "192.0.2.0/33", "example.org", "192.0.2.0-192.0.2.9", "::/129", "1 2"]
)
def test_networks_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(BadRequest):
        policies.parse_ranges(text)


def test_networks_are_read_as_people_write_them() -> None:
    assert (
        policies.parse_ranges("192.0.2.0/24,\n 2001:DB8::/32 192.0.2.0/24 10.0.0.1")
        == "192.0.2.0/24 2001:db8::/32 10.0.0.1/32"
    )
    assert policies.parse_ranges(" \n ") is None
