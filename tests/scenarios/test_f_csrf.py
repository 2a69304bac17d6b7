"""F-CSRF: another site makes somebody's browser ask with their cookie, and changes nothing (reliability.md section F)."""

import json
import re
from typing import Any

import pytest

from pioche.accounts.callers import Caller
from pioche.app import PROTOCOLS
from pioche.http import browsers
from pioche.http.routes import Needs, Route
from pioche.names import RepoId, RepoType
from pioche.repos.access import Action
from tests.asgi import HOST, Answer
from tests.inside import Inside, ndjson
from tests.lfs_client import one

OURS = f"http://{HOST}"
FORM = "application/x-www-form-urlencoded"
WRITING = [
    route
    for protocol in PROTOCOLS
    for route in protocol.routes
    if route.method not in ("GET", "HEAD") and route.needs is not Needs.SIGNATURE
]


class Browser:
    """Ada's, with a session."""

    def __init__(self, inside: Inside, user: Caller) -> None:
        self.inside = inside
        secret, session = inside.hub.directory.sessions.start(inside.accounts[user.name], hours=1)
        self.session_id = session.id
        self.cookie = {"cookie": f"theme=x; pioche_session_8000={secret}"}
        self.token = {"x-csrf-token": browsers.csrf_token(secret)}

    def ask(self, method: str, path: str, headers: dict[str, str], **options: Any) -> Answer:
        return self.inside.client.request(method, path, headers=self.cookie | headers, **options)

    def from_us(self, method: str, path: str, **options: Any) -> Answer:
        """As a script of ours asks."""
        headers = {"origin": OURS, "sec-fetch-site": "same-origin", "sec-fetch-mode": "cors", **self.token}
        return self.ask(method, path, headers | options.pop("headers", {}), **options)


@pytest.fixture
def ada(inside: Inside) -> Caller:
    return inside.user("ada")


@pytest.fixture
def browser(inside: Inside, ada: Caller) -> Browser:
    return Browser(inside, ada)


def path_of(route: Route) -> str:
    """Some address of the route: who asks is looked at before what for."""
    forms = {"{repo:api}": "models/ada/words", "{repo:git}": "ada/words.git", "{repo:bucket}": "buckets/ada/words"}
    pattern = route.pattern
    for form, text in forms.items():
        pattern = pattern.replace(form, text)
    pattern = re.sub(r"\{repo:[^}]*\}", "ada/words", pattern)
    return re.sub(r"\{[^}]*\}", "1", pattern)


def other_sites(browser: Browser) -> dict[str, dict[str, str]]:
    """What browsers say of themselves when another site's page asks; the token of the page they cannot know is there all
    the same."""
    token = browser.token
    return {
        "fetch from elsewhere": {"origin": "https://evil.example", "sec-fetch-site": "cross-site", **token},
        "an old browser's form from elsewhere": {"origin": "https://evil.example", "content-type": FORM, **token},
        "a sandboxed frame": {"origin": "null", **token},
        "a Space under the same domain": {
            "origin": "http://run.localhost:8000",
            "sec-fetch-site": "same-site",
            **token,
        },
        "another port of the same host": {"origin": "http://localhost:9000", **token},
        "a longer name": {"origin": f"{OURS}.evil.example", **token},
        "a name before an @": {"origin": f"http://{HOST}@evil.example", **token},
        "an image": {"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors", "sec-fetch-dest": "image", **token},
    }


def without_the_token(browser: Browser) -> dict[str, dict[str, str]]:
    """What comes from our own pages, as far as can be seen, and does not have their token."""
    ours = {"origin": OURS, "sec-fetch-site": "same-origin"}
    return {
        "a form": {**ours, "content-type": FORM},
        "JSON as text": {**ours, "content-type": "text/plain"},
        "JSON": {**ours, "content-type": "application/json"},
        "a form with files": {**ours, "content-type": "multipart/form-data; boundary=x"},
        "another session's token": {**ours, "x-csrf-token": browsers.csrf_token("x" * 43)},
        "an empty token": {**ours, "x-csrf-token": ""},
        "an odd token": {**ours, "x-csrf-token": "\u00e9"},
        "a method in a header": {**ours, "x-http-method-override": "GET", "x-method-override": "GET"},
        "a method in the form": {**ours, "content-type": FORM, "x-http-method": "GET"},
        "nothing said of where from": {},
    }


def test_f_csrf_no_route_is_reached_from_another_site(browser: Browser) -> None:
    reached = []
    for route in WRITING:
        cases = other_sites(browser)
        if route.needs is not Needs.CREDENTIALS:  # they prove themselves by what is in the form
            cases |= without_the_token(browser)
        for what, headers in cases.items():
            answer = browser.ask(route.method, path_of(route), headers, body=b"_method=GET&csrf=guessed")
            if answer.status != 403 or "set-cookie" in answer.headers:
                reached.append(f"{route.method} {route.pattern} by {what}: {answer.status}")
    assert reached == []


def test_f_csrf_every_route_that_changes_something_is_among_those_that_were_asked() -> None:
    assert len(WRITING) > 50
    assert not [route for route in WRITING if route.method not in ("POST", "PUT", "PATCH", "DELETE")]


def test_f_csrf_nothing_was_changed(inside: Inside, ada: Caller, browser: Browser) -> None:
    repo = inside.repo(ada, "ada/words")
    for headers in (other_sites(browser) | without_the_token(browser)).values():
        for method, path, body in (
            ("POST", "/api/repos/create", {"name": "other"}),
            ("DELETE", "/api/repos/delete", {"name": "ada/words"}),
            ("PUT", "/api/models/ada/words/settings", {"private": True}),
            ("POST", "/logout", {}),
        ):
            assert browser.ask(method, path, headers, body=json.dumps(body).encode()).status == 403
    assert not inside.open(ada, "ada/words").private
    assert repo.uid == inside.open(ada, "ada/words").uid
    assert inside.client.get("/api/models/ada/other").status == 401
    assert browser.from_us("GET", "/api/whoami-v2").status == 200


def test_f_csrf_a_form_of_ours_carries_the_token_in_a_field(browser: Browser) -> None:
    headers = {"origin": OURS, "content-type": FORM}
    good = f"fullname=Countess&csrf={browser.token['x-csrf-token']}".encode()
    assert browser.ask("POST", "/settings/profile", headers, body=good).status == 303
    assert browser.ask("POST", "/settings/profile", headers, body=b"fullname=Eve&csrf=").status == 403
    assert browser.ask("POST", "/settings/profile?csrf=" + browser.token["x-csrf-token"], headers).status == 403
    assert browser.inside.hub.directory.get_user("ada").fullname == "Countess"


def test_f_csrf_programs_with_tokens_need_no_proof(inside: Inside, ada: Caller, browser: Browser) -> None:
    bearer = {"authorization": f"Bearer {inside.token(ada)}"}
    for number, headers in enumerate(({}, *other_sites(browser).values())):
        made = inside.client.post("/api/repos/create", headers=headers | bearer, json={"name": f"m{number}"})
        assert made.status == 200
    # Nor does a cookie that comes along change who asks.
    wrong = {"authorization": "Bearer hf_" + "x" * 34}
    assert browser.ask("GET", "/api/models", wrong).status == 401


def test_f_csrf_what_is_private_is_not_shown_inside_another_site(inside: Inside, ada: Caller, browser: Browser) -> None:
    repo = inside.repo(ada, "ada/secret", private=True)
    inside.commit(repo, ada, {"a.txt": b"secret"})
    paths = ("/api/models/ada/secret", "/ada/secret/resolve/main/a.txt", "/ada/secret/raw/main/a.txt")
    embedded = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors", "sec-fetch-dest": "script"}
    framed = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "iframe"}
    fetched = {"origin": "https://evil.example"}
    neighbour = {"sec-fetch-site": "same-site", "sec-fetch-mode": "cors", "sec-fetch-dest": "empty"}
    followed = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}
    for path in paths:
        for headers in (embedded, framed, fetched, neighbour):
            assert browser.ask("GET", path, headers).status == 401, (path, headers)
        assert browser.ask("GET", path, followed).status == 200
        assert browser.from_us("GET", path).status == 200
        assert browser.ask("GET", path, {}).status == 200


def test_f_csrf_our_pages_write_through_the_api(inside: Inside, ada: Caller, browser: Browser) -> None:
    """Creating, committing, and uploading large files over LFS and Xet, all by the cookie and the token of the page."""
    assert browser.from_us("POST", "/api/repos/create", json={"name": "words"}).status == 200
    body = ndjson({"summary": "one"}, ("file", {"path": "a.txt", "content": "eA==", "encoding": "base64"}))
    assert browser.from_us("POST", "/api/models/ada/words/commit/main", body=body).status == 200
    lfs = {"accept": "application/vnd.git-lfs+json", "content-type": "application/vnd.git-lfs+json"}
    data = b"large"
    oid = "c2e0cd0f6c9f5f0d0e6f" + "0" * 44
    batch = {"operation": "upload", "transfers": ["basic"], "objects": [{"oid": oid, "size": len(data)}]}
    answer = browser.from_us("POST", "/ada/words.git/info/lfs/objects/batch", json=batch, headers=lfs)
    href = one(answer)["actions"]["upload"]["href"].removeprefix(OURS)
    assert inside.client.put(href, body=data).status in (400, 422)  # reached, and the bytes were looked at
    token = browser.from_us("GET", "/api/models/ada/words/xet-write-token/main").json()["accessToken"]
    cas = browser.from_us("GET", "/api/models/ada/words/xet-write-token/main").json()["casUrl"].removeprefix(OURS)
    bearer = {"authorization": f"Bearer {token}"}
    assert inside.client.get(f"{cas}/v1/reconstructions/{'0' * 64}", headers=bearer).status == 404
    inside.hub.directory.sessions.end(ada.user_id, browser.session_id)
    assert inside.client.put(href, body=data).status == 401
    assert inside.client.get(f"{cas}/v1/reconstructions/{'0' * 64}", headers=bearer).status == 401


def test_f_csrf_who_signs_in_is_not_chosen_by_another_site(inside: Inside) -> None:
    inside.hub.directory.create_user("eve", password="evil password")
    body = b"username=eve&password=evil+password"
    for headers in ({"origin": "https://evil.example"}, {"origin": "null"}, {"sec-fetch-site": "cross-site"}):
        answer = inside.client.post("/login", headers={"content-type": FORM, **headers}, body=body)
        assert (answer.status, "set-cookie" in answer.headers) == (403, False)
    answer = inside.client.post("/login", headers={"content-type": FORM, "origin": OURS}, body=body)
    assert (answer.status, "set-cookie" in answer.headers) == (303, True)


def test_f_csrf_whoami_tells_a_session_from_a_token(browser: Browser) -> None:
    found = browser.from_us("GET", "/api/whoami-v2").json()
    assert (found["name"], found["auth"]["type"]) == ("ada", "session")
    assert re.match(r"\d{4}-\d\d-\d\dT", found["auth"]["expiresAt"])


def test_f_csrf_a_session_may_do_what_its_user_may_and_no_more(inside: Inside, ada: Caller, browser: Browser) -> None:
    bob = inside.user("bob")
    inside.repo(bob, "bob/secret", private=True)
    inside.repo(bob, "bob/open")
    assert browser.from_us("GET", "/api/models/bob/secret").status == 404
    assert browser.from_us("PUT", "/api/models/bob/open/settings", json={"private": True}).status == 403
    assert inside.hub.access.open_sync(ada, RepoId.parse(RepoType.MODEL, "bob/open"), Action.READ).uid
