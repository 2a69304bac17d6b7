"""F-CACHE: nothing that is somebody's stays in a cache, shared or ours (reliability.md section F)."""

import pytest

from pioche.accounts.callers import Caller
from pioche.web import assets
from tests.asgi import Answer
from tests.inside import Inside

SETTINGS = ("/settings/profile", "/settings/account", "/settings/authentication", "/settings/tokens")


@pytest.fixture
def ada(inside: Inside) -> Caller:
    ada = inside.publisher("ada")
    inside.hub.directory.change_profile(
        inside.accounts["ada"], fullname="Ada", email="ada.private@example.org", bio="", homepage=""
    )
    return ada


@pytest.fixture
def cookie(inside: Inside, ada: Caller) -> dict[str, str]:
    return inside.cookie(ada)


def is_kept_by_nobody(answer: Answer) -> bool:
    return "no-store" in answer.headers.get("cache-control", "")


def test_f_cache_pages_of_somebody_are_not_kept(inside: Inside, cookie: dict[str, str]) -> None:
    for path in ("/", *SETTINGS, "/nothing/at/all/here"):
        answer = inside.client.get(path, headers={"accept": "text/html", **cookie})
        assert is_kept_by_nobody(answer), path
        assert "private" in answer.headers["cache-control"]
        assert "Cookie" in answer.headers["vary"]
        assert 'href="/ada"' in answer.text


def test_f_cache_answers_of_the_api_to_somebody_are_not_kept(inside: Inside, cookie: dict[str, str]) -> None:
    for path in (
        "/api/whoami-v2",
        "/api/models",
        "/api/models/ada/secret",
        "/api/models/ada/secret/tree/main",
        "/ada/secret/resolve/main/a.txt",
        "/api/models/ada/secret/xet-read-token/main",
        "/api/models/ada/absent",
    ):
        assert is_kept_by_nobody(inside.client.get(path, headers=cookie)), path


def test_f_cache_what_is_everybodys_may_be_kept(inside: Inside, cookie: dict[str, str]) -> None:
    commit = inside.client.get("/api/models/ada/words").json()["sha"]
    for path in (assets.url("app.css"), f"/ada/words/resolve/{commit}/a.txt", "/avatars/ada.svg"):
        assert "public" in inside.client.get(path, headers=cookie).headers["cache-control"], path


@pytest.mark.parametrize("suffix", ["/x.css", "/x.js", "/.png", ";x.css", "%2fx.css", "%0ax.css", "%00.css", "/..%2fx.css",
                                    ".css", "%3bx.css", "%3f.css"])  # fmt: skip
def test_f_cache_an_address_that_looks_like_a_file_shows_nothing(
    inside: Inside, cookie: dict[str, str], suffix: str
) -> None:
    for path in ("/settings", *SETTINGS):
        answer = inside.client.get(path + suffix, headers=cookie)
        assert answer.status in (400, 404), path + suffix
        assert "ada.private@example.org" not in answer.text
        assert is_kept_by_nobody(answer) or "csrf" not in answer.text


def test_f_cache_what_we_remember_does_not_mix_callers(inside: Inside, ada: Caller, cookie: dict[str, str]) -> None:
    bob = inside.user("bob")
    secret, _ = inside.hub.directory.sessions.start(inside.accounts["bob"], hours=1)
    who = {
        "nobody": {},
        "ada": cookie,
        "bob": {"cookie": f"pioche_session_8000={secret}"},
        "ada's token": {"authorization": f"Bearer {inside.token(ada)}"},
        "bob's token": {"authorization": f"Bearer {inside.token(bob)}"},
        "stale": {"cookie": "pioche_session_8000=" + "x" * 43},
        "elsewhere": {**cookie, "sec-fetch-site": "cross-site"},
    }
    expected = {
        "nobody": 401,
        "ada": 200,
        "bob": 404,
        "ada's token": 200,
        "bob's token": 404,
        "stale": 401,
        "elsewhere": 401,
    }
    for path in ("/api/models/ada/secret", "/ada/secret/resolve/main/a.txt"):
        for first in who.values():
            for _ in range(2):
                inside.client.get(path, headers=first)
            assert {name: inside.client.get(path, headers=headers).status for name, headers in who.items()} == expected
    names = {name: inside.client.get("/api/whoami-v2", headers=headers).status for name, headers in who.items()}
    assert names == {**dict.fromkeys(who, 200), "nobody": 401, "stale": 401, "elsewhere": 401}


def test_f_cache_the_answer_that_sets_a_cookie_is_not_kept(inside: Inside, ada: Caller) -> None:
    stale = inside.client.get("/api/models", headers={"cookie": "pioche_session_8000=" + "x" * 43})
    assert stale.all("set-cookie") != []
    assert is_kept_by_nobody(stale)
    chosen = inside.client.get("/?lang=fr")
    assert chosen.all("set-cookie") != []
    assert is_kept_by_nobody(chosen)
