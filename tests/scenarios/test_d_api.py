"""D-API: hostile query strings and headers on every address that reads: a 4xx or a harmless answer, never a 5xx."""

import random
from collections.abc import Iterator
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pioche.accounts.callers import Caller
from tests.databases import SqliteTemplate
from tests.inside import Inside, assert_refused

ADDRESSES = [
    "/api/models",
    "/api/datasets",
    "/api/spaces",
    "/api/models/ada/words",
    "/api/models/ada/words/revision/main",
    "/api/models/ada/words/tree/main",
    "/api/models/ada/words/tree/{old}",
    "/api/models/ada/words/refs",
    "/api/models/ada/words/commits/main",
    "/api/models/ada/words/discussions",
    "/api/models/ada/words/discussions/1",
    "/api/models/ada/words/treesize/main",
    "/api/models/ada/words/compare/main..main",
    "/ada/words/resolve/main/a.txt",
    "/api/users/ada/overview",
    "/api/organizations/lab/members",
]
NAMES = [
    "limit",
    "cursor",
    "p",
    "expand",
    "expand[]",
    "sort",
    "direction",
    "search",
    "author",
    "filter",
    "gated",
    "full",
    "recursive",
    "blobs",
    "status",
    "type",
    "diff",
    "include_prs",
    "cardData",
    "pipeline_tag",
    "securityStatus",
    "download",
]
VALUES = [
    "",
    "-1",
    "0",
    "1",
    "x",
    "1.5",
    "%00",
    "%F0%9F%98%80",
    "%C2%B2",
    "%D9%A3",
    "9" * 30,
    "9" * 5000,
    "true",
    "True",
    "%2e%2e%2f",
    "[]",
    "a,b",
    "%22%25_",
    "' OR 1=1 --",
    "W10",
    "WzEsMV0",
    "gICA",
    "AA",
    "%ED%A0%80",
    "%ff",
    "a%20b",
]


@pytest.fixture
def ada(inside: Inside) -> Caller:
    ada = inside.user("ada")
    inside.org("lab", {ada: "admin"})
    inside.commit(inside.repo(ada, "ada/words"), ada, {"a.txt": b"1", "d/b.txt": b"1"})
    return ada


WORDS = """api models datasets spaces ada words words.git resolve raw main tree refs info lfs cas revision commits discussions
    1 a.txt d objects batch v1 xorbs users overview . .."""
SEGMENTS = st.sampled_from(["", *WORDS.split()]) | st.text(alphabet="ab%2F0é:@\\?&=.~", max_size=6)


@pytest.fixture(scope="module")
def fuzzed(sqlite_template: SqliteTemplate, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Inside, str]]:
    with Inside(sqlite_template.config(tmp_path_factory.mktemp("fuzz"))) as inside:
        ada = inside.user("ada")
        inside.commit(inside.repo(ada, "ada/words"), ada, {"a.txt": b"1", "d/b.txt": b"1"})
        yield inside, inside.token(ada)
        assert inside.log.getvalue() == ""


@settings(max_examples=250, deadline=None)
@given(
    method=st.sampled_from(["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "X"]),
    segments=st.lists(SEGMENTS, max_size=8),
    body=st.sampled_from([b"", b"{}", b"[]", b"\xff", b"0000"]),
    signed_in=st.booleans(),
)
def test_d_api_fuzz_of_addresses(
    fuzzed: tuple[Inside, str], method: str, segments: list[str], body: bytes, signed_in: bool
) -> None:
    inside, token = fuzzed
    path = "/" + "/".join(quote(segment, safe="%:@\\?&=.~") for segment in segments)
    answer = inside.client.request(method, path, body=body, token=token if signed_in else None)
    assert 200 <= answer.status < 500 or answer.status == 501, (path, answer.status, answer.body)
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert method != "HEAD" or answer.body == b""


def test_d_api_query_strings(inside: Inside, ada: Caller) -> None:
    old, dice = inside.open(ada, "ada/words").genesis.commit, random.Random(1)
    for address in ADDRESSES:
        for name in NAMES:
            for value in dice.sample(VALUES, 9):
                url = f"{address.replace('{old}', old)}?{name}={value.replace(' ', '+')}"
                answer = inside.client.get(url)
                assert answer.status < 500, (url, answer.body)
                if answer.status >= 400:
                    assert_refused(answer)


def test_d_api_query_strings_that_are_none(inside: Inside, ada: Caller) -> None:
    for query in (
        "&" * 5000,
        "a=1&" * 30_000,
        "=&=;",
        "%",
        "%zz=%zz",
        "\xff=\xfe",
        "limit=1&limit=2&limit=x",
        "x" * 17_000,
    ):
        for address in ("/api/models", "/api/models/ada/words/tree/main"):
            answer = inside.client.get(f"{address}?{query}")
            assert answer.status < 500, query[:20]
            if answer.status >= 400:
                assert_refused(answer)


def test_d_api_headers(inside: Inside, ada: Caller) -> None:
    hostile = [
        "",
        " ",
        "x",
        "\xff",
        "a" * 5000,
        "Bearer",
        "Bearer ",
        "Basic",
        "Basic !!!",
        "Basic Og==",
        "Basic /w==",
        "Digest x",
        "Bearer a b",
        "bearer \xe9",
        "Basic " + "QQ==" * 500,
        "Negotiate x",
        "bytes=0-1",
        'W/"x"',
        "*",
        "1" * 30,
    ]
    for name in (
        "authorization",
        "range",
        "if-none-match",
        "if-range",
        "accept",
        "content-type",
        "x-amzn-trace-id",
        "origin",
        "cookie",
        "content-encoding",
        "x-forwarded-for",
        "x-forwarded-proto",
        "x-http-method-override",
        "expect",
    ):
        for value in hostile:
            for address in ("/api/models/ada/words", "/ada/words/resolve/main/a.txt"):
                answer = inside.client.get(address, headers={name: value})
                assert answer.status < 500, (name, value, answer.body)
                assert answer.status != 401 or name == "authorization"
                if name == "authorization" and value.strip():
                    assert_refused(answer, statuses=(401,))


def test_d_api_hosts_are_checked_before_anything_is_done(inside: Inside, ada: Caller) -> None:
    """D-HTTP-8: an answer that cannot have a right address comes before the change, not after it."""
    token = inside.token(ada)
    for host in ("evil.example", "localhost:80@evil.example", "", "localhost, evil.example"):
        answer = inside.client.post("/api/repos/create", token=token, json={"name": "new"}, headers={"host": host})
        assert_refused(answer, statuses=(400,))
        assert "evil" not in answer.headers.get("location", "")
    assert inside.client.get("/api/models/ada/new", token=token).status == 404


def test_d_api_methods_are_not_overridden(inside: Inside, ada: Caller) -> None:
    token = inside.token(ada)
    for headers, query in (({"x-http-method-override": "DELETE"}, ""), ({}, "?_method=DELETE"), ({}, "?method=DELETE")):
        answer = inside.client.post(f"/api/repos/delete{query}", token=token, json={"name": "words"}, headers=headers)
        assert_refused(answer, statuses=(405,))
    assert inside.client.get("/api/models/ada/words").status == 200


def test_d_api_mass_assignment_gives_nothing(inside: Inside, ada: Caller) -> None:
    """E-MASS: fields that are the hub's to set are not taken from a body."""
    extra = {
        "id": 1,
        "_id": "0" * 24,
        "uid": "0" * 24,
        "owner": "lab",
        "namespace_id": 1,
        "creator_id": 1,
        "role": "admin",
        "isAdmin": True,
        "downloads": 10**6,
        "likes": 10**6,
        "disabled": True,
        "createdAt": "1970-01-01",
    }
    token = inside.token(ada)
    made = inside.client.post("/api/repos/create", token=token, json={"name": "new", **extra})
    assert made.status == 200
    assert made.json()["id"] != "0" * 24
    inside.client.put("/api/models/ada/new/settings", token=token, json={"gated": False, **extra})
    found = inside.client.get("/api/models/ada/new").json()
    assert (found["author"], found["downloads"], found["likes"], found["disabled"]) == ("ada", 0, 0, False)
    assert inside.client.get("/api/whoami-v2", token=token).json()["orgs"][0]["name"] == "lab"
