"""Credentials and the account routes of the REST API, over both databases."""

import base64
import re
from collections.abc import Iterator

import pytest

from pioche import app
from pioche.accounts.account import Account
from pioche.accounts.members import Role
from pioche.accounts.tokens import TokenRole
from pioche.config import Config
from pioche.db.instance import now_ms
from pioche.http.hub import Hub
from pioche.http.kernel import Kernel
from tests.asgi import Answer, Client

INVALID = "Invalid credentials in Authorization header"
NOBODY = "Invalid username or password."
# A public read, a private read, a write and a page of one's own.
ROUTES = (
    ("GET", "/api/models/ada/open"),
    ("GET", "/api/models/ada/secret"),
    ("GET", "/api/users/ada/overview"),
    ("GET", "/api/whoami-v2"),
    ("DELETE", "/api/models/ada/open/branch/x"),
)


@pytest.fixture
def hub(config: Config) -> Iterator[Hub]:
    built = app.build_hub(config)
    yield built
    built.database.close()


@pytest.fixture
def client(hub: Hub) -> Iterator[Client]:
    with Client(Kernel(hub, app.PROTOCOLS)) as client:
        yield client


@pytest.fixture
def ada(hub: Hub) -> Account:
    return hub.directory.create_user("ada", fullname="Ada Lovelace", email="ada@example.org")


@pytest.fixture
def token(hub: Hub, ada: Account) -> str:
    return hub.directory.tokens.create(ada, name="laptop")[0]


@pytest.fixture
def repos(client: Client, token: str) -> None:
    for name, private in (("open", False), ("secret", True)):
        made = client.post("/api/repos/create", token=token, json={"name": name, "private": private})
        assert made.status == 200, made.text


def basic(user: str, password: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


def assert_refused(answer: Answer, message: str) -> None:
    assert answer.status == 401
    assert answer.json() == {"error": message}
    assert answer.headers["x-error-message"] == message
    assert answer.headers["www-authenticate"].startswith("Bearer ")


# --- credentials ----------------------------------------------------------------------------------------------------


def test_whoami_by_every_kind_of_credential(client: Client, token: str) -> None:
    for headers in (
        {"Authorization": f"Bearer {token}"},
        {"authorization": f"bearer  {token}"},
        basic("ada", token),
        basic("hf_user", token),
        basic("somebody-else", token),
        basic("", token),
        basic(token, ""),
    ):
        answer = client.get("/api/whoami-v2", headers=headers)
        assert (answer.status, answer.json()["name"]) == (200, "ada"), headers


def test_nobody_is_asked_to_authenticate(client: Client) -> None:
    assert_refused(client.get("/api/whoami-v2"), NOBODY)


@pytest.mark.parametrize(
    "header",
    [
        "Bearer",
        "Bearer ",
        "Bearer hf_unknown0000000000000000000000000000",
        "Digest hf_token",
        "hf_token",
        "Basic",
        "Basic !!!",
        "Basic /w==",
        "Basic Og==",
        "Bearer \xff\xfe",
    ],
)
def test_wrong_credentials_are_refused_on_every_route(client: Client, repos: None, header: str) -> None:
    for method, path in ROUTES:
        assert_refused(client.request(method, path, headers={"Authorization": header}), INVALID)


def test_a_real_password_is_no_token(hub: Hub, client: Client, ada: Account) -> None:
    hub.directory.set_password(ada, "correct horse")
    assert_refused(client.get("/api/whoami-v2", headers=basic("ada", "correct horse")), INVALID)


def test_expired_revoked_and_suspended_are_401_on_public_reads_too(
    hub: Hub, client: Client, ada: Account, token: str, repos: None
) -> None:
    expired, _ = hub.directory.tokens.create(ada, expires_at=now_ms() - 1)
    revoked, kept = hub.directory.tokens.create(ada)
    hub.directory.tokens.revoke(ada, str(kept.id))
    for method, path in ROUTES:
        for wrong in (expired, revoked):
            assert_refused(client.request(method, path, token=wrong), INVALID)
    assert client.get("/api/whoami-v2", token=token).status == 200
    hub.directory.suspend(ada)
    for method, path in ROUTES:
        assert_refused(client.request(method, path, token=token), INVALID)
    assert client.get("/api/models/ada/open").status == 200


def test_the_use_of_a_token_is_written_now_and_then(hub: Hub, ada: Account) -> None:
    value, kept = hub.directory.tokens.create(ada)
    with Client(Kernel(hub, app.PROTOCOLS)) as client:
        assert client.get("/api/whoami-v2", token=value).status == 200
        assert hub.directory.tokens.get(kept.id).last_used_at is None
    assert hub.directory.tokens.get(kept.id).last_used_at is not None


# --- who am I -------------------------------------------------------------------------------------------------------


def test_whoami_has_what_the_clients_read(hub: Hub, client: Client, ada: Account, token: str) -> None:
    lab = hub.directory.create_org("lab", fullname="The Lab")
    hub.directory.members.add(lab, ada, Role.CONTRIBUTOR)
    found = client.get("/api/whoami-v2", token=token).json()
    created_at = found["auth"]["accessToken"].pop("createdAt")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", created_at)
    assert found == {
        "type": "user",
        "id": ada.uid,
        "name": "ada",
        "fullname": "Ada Lovelace",
        "email": "ada@example.org",
        "emailVerified": False,
        "canPay": False,
        "periodEnd": None,
        "isPro": False,
        "avatarUrl": "/avatars/ada.svg",
        "orgs": [
            {
                "type": "org",
                "id": lab.uid,
                "name": "lab",
                "fullname": "The Lab",
                "email": None,
                "canPay": False,
                "periodEnd": None,
                "isEnterprise": False,
                "avatarUrl": "/avatars/lab.svg",
                "roleInOrg": "contributor",
            }
        ],
        "auth": {"type": "access_token", "accessToken": {"displayName": "laptop", "role": "write"}},
    }


def test_whoami_of_a_read_token_and_without_email(hub: Hub, client: Client) -> None:
    bob = hub.directory.create_user("bob")
    value, _ = hub.directory.tokens.create(bob, role=TokenRole.READ)
    found = client.get("/api/whoami-v2", token=value).json()
    assert found["auth"]["accessToken"]["role"] == "read"
    assert "email" not in found


# --- may I ----------------------------------------------------------------------------------------------------------


def test_auth_check_answers_by_rights(hub: Hub, client: Client, ada: Account, token: str, repos: None) -> None:
    reading, _ = hub.directory.tokens.create(ada, role=TokenRole.READ)
    stranger, _ = hub.directory.tokens.create(hub.directory.create_user("eve"))

    def status(name: str, token: str | None) -> tuple[int, int]:
        path = f"/api/models/ada/{name}/auth-check"
        return client.get(path, token=token).status, client.get(f"{path}/write", token=token).status

    assert status("open", None) == (200, 401)
    assert status("secret", None) == (401, 401)
    assert status("absent", None) == (401, 401)
    assert status("open", token) == status("secret", token) == (200, 200)
    assert status("open", reading) == status("secret", reading) == (200, 403)
    assert status("open", stranger) == (200, 403)
    assert status("secret", stranger) == status("absent", stranger) == (404, 404)


def test_auth_check_of_a_gated_repo_names_the_gate(hub: Hub, client: Client, token: str, repos: None) -> None:
    changed = client.put("/api/models/ada/open/settings", token=token, json={"gated": "auto"})
    assert changed.status == 200, changed.text
    stranger, _ = hub.directory.tokens.create(hub.directory.create_user("eve"))
    for asking, status in ((None, 401), (stranger, 403)):
        answer = client.get("/api/models/ada/open/auth-check", token=asking)
        assert (answer.status, answer.headers["x-error-code"]) == (status, "GatedRepo")


# --- who are they ---------------------------------------------------------------------------------------------------


def test_a_users_overview_counts_what_the_caller_may_see(hub: Hub, client: Client, token: str, repos: None) -> None:
    hub.directory.create_org("lab", creator_id=hub.directory.get("ada").id)
    for asking, models in ((None, 1), (token, 2)):
        found = client.get("/api/users/ADA/overview", token=asking).json()
        assert (found["user"], found["fullname"], found["type"]) == ("ada", "Ada Lovelace", "user")
        assert (found["numModels"], found["numDatasets"], found["numSpaces"]) == (models, 0, 0)
        assert [org["name"] for org in found["orgs"]] == ["lab"]
        assert "email" not in found


def test_an_organisations_overview(hub: Hub, client: Client, ada: Account) -> None:
    hub.directory.create_org("lab", fullname="The Lab", creator_id=ada.id)
    found = client.get("/api/organizations/lab/overview").json()
    assert (found["name"], found["fullname"], found["numUsers"], found["numModels"]) == ("lab", "The Lab", 1, 0)


def test_members_come_in_pages_that_link_on(hub: Hub, client: Client, ada: Account, token: str) -> None:
    lab = hub.directory.create_org("lab", creator_id=ada.id)
    for name in ("bob", "Cleo", "dora"):
        hub.directory.members.add(lab, hub.directory.create_user(name), Role.READ)
    seen, path = list[str](), "/api/organizations/lab/members?limit=3"
    while path:
        page = client.get(path)
        seen += [person["user"] for person in page.json()]
        following = re.search(r'<http://localhost:8000(.+)>; rel="next"', page.headers.get("link", ""))
        path = following[1] if following else ""
    assert seen == ["ada", "bob", "Cleo", "dora"]
    assert "role" not in client.get("/api/organizations/lab/members").json()[0]
    assert client.get("/api/organizations/lab/members", token=token).json()[0]["role"] == "admin"
    assert client.get("/api/organizations/lab/members?limit=x").status == 400


@pytest.mark.parametrize("path", ["users/ada/followers", "users/ada/following", "users/ada/likes"])
def test_of_whom_nobody_knows_anything_lists_are_empty(client: Client, ada: Account, path: str) -> None:
    assert client.get(f"/api/{path}").json() == []


@pytest.mark.parametrize(
    "path",
    [
        "users/nobody/overview",
        "users/lab/overview",
        "users/nobody/followers",
        "users/nobody/likes",
        "users/nobody/avatar",
        "users/%00/overview",
        "users/%C3%A9/overview",
        "organizations/nobody/overview",
        "organizations/ada/overview",
        "organizations/ada/members",
        "organizations/nobody/followers",
    ],
)
def test_unknown_accounts_are_not_found(hub: Hub, client: Client, ada: Account, path: str) -> None:
    hub.directory.create_org("lab")
    answer = client.get(f"/api/{path}")
    assert answer.status == (400 if "%00" in path else 404)
    assert answer.json()["error"]


def test_roles_are_changed_by_administrators_of_the_organisation(hub: Hub, client: Client, ada: Account) -> None:
    lab = hub.directory.create_org("lab", creator_id=ada.id)
    bob = hub.directory.create_user("bob")
    hub.directory.members.add(lab, bob, Role.WRITE)
    path = "/api/organizations/lab/members/bob/role"
    mine, reading, his = (
        hub.directory.tokens.create(user, role=role)[0]
        for user, role in ((ada, TokenRole.WRITE), (ada, TokenRole.READ), (bob, TokenRole.WRITE))
    )
    assert client.put(path, json={"role": "admin"}).status == 401
    assert client.put(path, token=his, json={"role": "admin"}).status == 403
    assert client.put(path, token=reading, json={"role": "admin"}).status == 403
    assert client.put(path, token=mine, json={"role": "owner"}).status == 400
    assert hub.directory.members.role(lab.id, bob.id) is Role.WRITE
    assert client.put(path, token=mine, json={"role": "read"}).status == 200
    assert hub.directory.members.role(lab.id, bob.id) is Role.READ
    alone = client.put(path.replace("bob", "ada"), token=mine, json={"role": "read"})
    assert alone.status == 409
    assert "last administrator" in alone.json()["error"]


# --- on the way -----------------------------------------------------------------------------------------------------


def test_avatars_are_inert_and_tell_not_who_exists(client: Client, ada: Account) -> None:
    for name in ("ada", "nobody", "__x", "%3Cscript%3E"):
        answer = client.get(f"/avatars/{name}.svg")
        assert answer.status == 200
        assert answer.headers["content-type"] == "image/svg+xml"
        assert answer.headers["content-security-policy"] == "default-src 'none'; sandbox"
        assert b"<script" not in answer.body
    assert client.get("/avatars/ada.png").status == 404
    assert client.get("/avatars/.svg").status == 404
    assert client.get("/api/users/ada/avatar").json() == {"avatarUrl": "/avatars/ada.svg"}
    moved = client.get("/api/users/ada/avatar?redirect=true")
    assert (moved.status, moved.headers["location"]) == (302, "/avatars/ada.svg")


def test_telemetry_is_heard_and_not_kept(client: Client) -> None:
    for method in ("HEAD", "GET", "POST"):
        answer = client.request(method, "/api/telemetry/py_commits/hub/load", body=b"{}" if method == "POST" else b"")
        assert (answer.status, answer.body) == (200, b"")
    assert client.get("/api/agent-harnesses").json() == {}


def test_an_administrator_of_the_hub_sees_what_is_private(hub: Hub, client: Client) -> None:
    ada, root = hub.directory.create_user("ada"), hub.directory.create_user("root-1", is_admin=True)
    mine, _ = hub.directory.tokens.create(ada)
    client.post("/api/repos/create", token=mine, json={"name": "secret", "private": True})
    his, _ = hub.directory.tokens.create(root)
    assert client.get("/api/models/ada/secret/auth-check", token=his).status == 200
    assert client.get("/api/users/ada/overview", token=his).json()["numModels"] == 1
