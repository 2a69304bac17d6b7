"""The pages of errors: the right status, in the reader's language, and nothing that tells a private repo from none."""

import re
from typing import Any

import pytest

from pioche.errors import (
    BadRequest,
    Disabled,
    Failure,
    Forbidden,
    HubError,
    NotFound,
    NotOffered,
    OutOfSpace,
    RepoNotFound,
    StaleParent,
    TooLarge,
    TooManyRequests,
    Unauthenticated,
    Unavailable,
)
from pioche.http.messages import Request, Summary
from pioche.web import errors
from tests.local import LocalHub

KINDS = (
    BadRequest("x"), Unauthenticated(), Forbidden("x"), Disabled(), NotFound("x"), RepoNotFound(), StaleParent(),
    TooLarge("x"), TooManyRequests("x"), Failure("x"), NotOffered("x"), Unavailable("x"), OutOfSpace("x"),
)  # fmt: skip

BROWSER = {"accept": "text/html,application/xhtml+xml"}


def test_a_browser_gets_a_page_and_a_client_json(local: LocalHub) -> None:
    page = local.client.get("/nothing/at/all/here", headers=BROWSER | {"accept-language": "fr"})
    assert page.status == 404
    assert page.headers["content-type"].startswith("text/html")
    assert "Il n’y a rien ici" in page.text
    assert page.headers["x-request-id"] in page.text
    for path, headers in (("/nothing/at/all/here", {}), ("/api/nothing", BROWSER)):
        assert local.client.get(path, headers=headers).headers["content-type"].startswith("application/json")


def test_what_the_reader_sent_is_escaped(local: LocalHub) -> None:
    page = local.client.get("/nothing/at/all/%3Cscript%3Ealert(1)%3C/script%3E?q=%22%3E%3Cb%3E", headers=BROWSER)
    assert "<script>alert" not in page.text
    assert "<b>" not in page.text
    assert not re.search(r"None|undefined|\{\{", page.text)


@pytest.mark.parametrize("error", KINDS, ids=lambda error: f"{error.status}-{type(error).__name__}")
def test_g7_every_refusal_is_a_page_in_both_languages(local: LocalHub, error: HubError) -> None:
    titles = set[str]()
    for language in ("en", "fr"):
        request = a_request(local, language)
        page = errors.render(request, error)
        assert isinstance(page.body, bytes)
        text = page.body.decode()
        assert page.status == error.status
        assert request.id in text
        assert 'href="/"' in text
        found = re.search(r"<h1>(.+?)</h1>", text)
        assert found is not None
        titles.add(found[1])
    assert len(titles) == 2


def test_g7_our_own_failures_tell_no_detail(local: LocalHub) -> None:
    page = errors.render(a_request(local, "en"), Failure("the disk of node 7 says no"))
    assert isinstance(page.body, bytes)
    assert b"node 7" not in page.body


def a_request(local: LocalHub, language: str) -> Request:
    headers = [(b"host", b"localhost:8000"), (b"accept-language", language.encode())]
    scope = {
        "type": "http",
        "method": "POST",
        "raw_path": b"/x",
        "query_string": b"",
        "headers": headers,
        "client": None,
    }
    summary = Summary("request-1", len(headers), 0, (), asks_for_range=False, lone_range=None, has_session=False)
    return Request(scope, _nothing, local.hub, summary)


async def _nothing() -> dict[str, Any]:
    return {"type": "http.disconnect"}
