"""F-CORS: scripts of other sites read what is public, as nobody (reliability.md section F)."""

import pytest

from pioche.accounts.callers import Caller
from tests.asgi import HOST
from tests.inside import Inside

ORIGINS = ["https://evil.example", "null", "http://run.localhost:8000", "http://localhost:9000", f"http://{HOST}", "*"]
PATHS = ["/", "/login", "/settings/tokens", "/api/models", "/api/models/ada/words", "/ada/words/resolve/main/a.txt",
         "/api/whoami-v2", "/api/nothing", "/nothing/here/at/all"]  # fmt: skip


@pytest.fixture
def ada(inside: Inside) -> Caller:
    return inside.publisher("ada")


@pytest.fixture
def cookie(inside: Inside, ada: Caller) -> dict[str, str]:
    return inside.cookie(ada)


@pytest.mark.parametrize("origin", ORIGINS)
@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "POST"])
def test_f_cors_credentials_are_never_allowed(inside: Inside, cookie: dict[str, str], origin: str, method: str) -> None:
    asked = {"access-control-request-method": "DELETE", "access-control-request-headers": "x-csrf-token, cookie"}
    for path in PATHS:
        answer = inside.client.request(method, path, headers={"origin": origin, **cookie, **asked})
        assert "access-control-allow-credentials" not in answer.headers, path
        assert answer.all("access-control-allow-origin") in ([], ["*"]), path


@pytest.mark.parametrize("origin", [origin for origin in ORIGINS if HOST not in origin or "run" in origin])
def test_f_cors_what_is_private_is_not_given_to_another_origin(
    inside: Inside, cookie: dict[str, str], origin: str
) -> None:
    for path in ("/api/models/ada/secret", "/ada/secret/resolve/main/a.txt", "/api/whoami-v2"):
        assert inside.client.get(path, headers={"origin": origin, **cookie}).status == 401
    seen = inside.client.get("/api/models?author=ada", headers={"origin": origin, **cookie}).json()
    assert [found["id"] for found in seen] == ["ada/words"]


def test_f_cors_the_api_is_open_to_programs_with_tokens(inside: Inside, ada: Caller) -> None:
    """As on the public Hub: a page elsewhere that was given a token may use it, and read what is public without one."""
    asked = {"access-control-request-method": "POST", "access-control-request-headers": "authorization"}
    preflight = inside.client.request(
        "OPTIONS", "/api/repos/create", headers={"origin": "https://app.example", **asked}
    )
    assert preflight.status == 204
    assert preflight.headers["access-control-allow-origin"] == "*"
    assert "authorization" in preflight.headers["access-control-allow-headers"]
    bearer = {"authorization": f"Bearer {inside.token(ada)}", "origin": "https://app.example"}
    assert inside.client.get("/api/models/ada/secret", headers=bearer).status == 200
    assert inside.client.get("/api/models/ada/words", headers={"origin": "https://app.example"}).status == 200
