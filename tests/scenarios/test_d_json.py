"""D-JSON/NDJSON: malformed and hostile bodies. Each gets a 4xx that says what to mend; the branch stays where it was."""

import itertools
import json
import random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pioche.accounts.callers import Caller
from pioche.config import Config
from pioche.names import DEFAULT_REF
from pioche.repos import refs
from pioche.repos.access import Repo
from tests.asgi import Answer
from tests.core import main, paths, text
from tests.databases import SqliteTemplate
from tests.inside import Inside, assert_refused, ndjson

HEADER = {"summary": "change"}
POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:OID\nsize 16\n"
COMMIT = "/api/models/ada/words/commit/main"


@pytest.fixture
def ada(inside: Inside) -> Caller:
    return inside.user("ada")


@pytest.fixture
def token(inside: Inside, ada: Caller) -> str:
    return inside.token(ada)


@pytest.fixture
def repo(inside: Inside, ada: Caller) -> Repo:
    repo = inside.repo(ada, "ada/words")
    inside.commit(repo, ada, {"a.txt": b"1", "folder/b.txt": b"2", "folder/c.txt": b"3"})
    return repo


def file(path: str, content: str = "eA==", **more: Any) -> tuple[str, dict[str, Any]]:
    return "file", {"path": path, "content": content, "encoding": "base64", **more}


def state(repo: Repo) -> list[refs.Ref]:
    return refs.all_refs(repo)


# --- the form of the lines ------------------------------------------------------------------------------------------

MALFORMED: dict[str, bytes] = {
    "empty": b"",
    "blank lines": b"\n\n  \n",
    "header missing": ndjson(b"", file("x")),
    "header last": json.dumps({"key": "file", "value": file("x")[1]}).encode() + b"\n" + ndjson(HEADER),
    "header twice": ndjson(HEADER, ("header", HEADER)),
    "header without summary": ndjson({"description": "x"}),
    "empty summary": ndjson({"summary": " "}),
    "summary of a megabyte": ndjson({"summary": "x" * 2**20}),
    "huge description": ndjson({"summary": "x", "description": "x" * 2 * 10**6}),
    "summary is no text": ndjson({"summary": 1}),
    "summary with NUL": ndjson({"summary": "a\x00b"}),
    "parent is no text": ndjson({"summary": "x", "parentCommit": 1}),
    "unknown key": ndjson(HEADER, ("rename", {"path": "x"})),
    "key in another case": ndjson(HEADER, ("File", file("x")[1])),
    "no key": ndjson(HEADER, b'{"value": {}}'),
    "no value": ndjson(HEADER, b'{"key": "file"}'),
    "value is null": ndjson(HEADER, ("file", None)),
    "value is a list": ndjson(HEADER, ("file", [])),
    "line is a list": ndjson(HEADER, b"[]"),
    "line is a number": ndjson(HEADER, b"1"),
    "line is no JSON": ndjson(HEADER, b"{key: file}"),
    "two values in a line": ndjson(HEADER, b'{"key":"file","value":{}}{"key":"file","value":{}}'),
    "cut off": ndjson(HEADER, file("x"))[:-20],
    "not UTF-8": ndjson(HEADER, b'{"key": "file", "value": {"path": "\xff", "content": "eA=="}}'),
    "UTF-16": ndjson(HEADER).decode().encode("utf-16"),
    "byte order mark": b"\xef\xbb\xbf" + ndjson(HEADER, file("x")),
    "lone surrogate": ndjson(HEADER, b'{"key": "file", "value": {"path": "\\ud800", "content": "eA=="}}'),
    "lone surrogate in content": ndjson(HEADER, b'{"key": "file", "value": {"path": "x", "content": "\\udfff"}}'),
    "NaN": ndjson(HEADER, b'{"key": "lfsFile", "value": {"path": "x", "oid": "0", "size": NaN}}'),
    "deep": ndjson(HEADER, b'{"key": "file", "value": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"),
    "number of 5,000 digits": ndjson(HEADER, b'{"key": "lfsFile", "value": {"size": ' + b"9" * 5000 + b"}}"),
    "path missing": ndjson(HEADER, ("file", {"content": "eA=="})),
    "path is a number": ndjson(HEADER, ("file", {"path": 1, "content": ""})),
    "base64 garbage": ndjson(HEADER, file("x", "!!!!")),
    "base64 cut": ndjson(HEADER, file("x", "eA=")),
    "base64 with blanks": ndjson(HEADER, file("x", "eA==\n")),
    "base64 not ASCII": ndjson(HEADER, file("x", "é")),
    "unknown encoding": ndjson(HEADER, ("file", {"path": "x", "content": "", "encoding": "hex"})),
    "encoding is null": ndjson(HEADER, ("file", {"path": "x", "content": "", "encoding": None})),
}  # fmt: skip

WRONG: dict[str, tuple[int, list[object]]] = {
    "same path twice": (422, [file("x"), file("x")]),
    "same path, file and copy": (422, [file("x"), ("copyFile", {"path": "x", "srcPath": "a.txt"})]),
    "file and folder of one name": (422, [file("x"), file("x/y")]),
    "folder and file of one name": (422, [file("x/y"), file("x")]),
    "file where a folder is": (422, [file("folder")]),
    "folder where a file is": (422, [file("a.txt/x")]),
    "oid in upper case": (400, [("lfsFile", {"path": "x", "oid": "A" * 64, "size": 1})]),
    "oid too short": (400, [("lfsFile", {"path": "x", "oid": "0" * 63, "size": 1})]),
    "oid of a git blob": (400, [("lfsFile", {"path": "x", "oid": "0" * 40, "size": 1})]),
    "oid of an absent file": (422, [("lfsFile", {"path": "x", "oid": "0" * 64, "size": 1})]),
    "wrong algorithm": (400, [("lfsFile", {"path": "x", "oid": "0" * 64, "algo": "md5", "size": 1})]),
    "wrong size": (422, [("lfsFile", {"path": "x", "oid": "{large}", "size": 4})]),
    "negative size": (400, [("lfsFile", {"path": "x", "oid": "{large}", "size": -1})]),
    "size of 2^63": (422, [("lfsFile", {"path": "x", "oid": "{large}", "size": 2**63})]),
    "size is a text": (400, [("lfsFile", {"path": "x", "oid": "{large}", "size": "5"})]),
    "deleted file that is not there": (404, [("deletedFile", {"path": "absent"})]),
    "deleted folder that is not there": (404, [("deletedFolder", {"path": "absent"})]),
    "deleted folder that is a file": (404, [("deletedFolder", {"path": "a.txt"})]),
    "deleted folder is the root": (422, [("deletedFolder", {"path": "/"})]),
    "deleted folder is nothing": (422, [("deletedFolder", {"path": ""})]),
    "deleted folder is a dot": (422, [("deletedFolder", {"path": "."})]),
    "copy of nothing": (404, [("copyFile", {"path": "x", "srcPath": "absent"})]),
    "copy of a folder": (404, [("copyFile", {"path": "x", "srcPath": "folder"})]),
    "copy from another repo's commit": (404, [("copyFile", {"path": "x", "srcPath": "s.txt", "srcRevision": "{secret}"})]),
    "copy from another repo's name": (404, [("copyFile", {"path": "x", "srcPath": "s.txt", "srcRevision": "eve/secret"})]),
    "copy from a revision with NUL": (404, [("copyFile", {"path": "x", "srcPath": "a.txt", "srcRevision": "m\x00"})]),
    "copy climbs out": (422, [("copyFile", {"path": "x", "srcPath": "../../eve/secret/s.txt"})]),
    "a good one before a bad one": (422, [file("good"), file("../bad")]),
    "a good one after a bad one": (422, [file("../bad"), file("good")]),
    "pointer to an absent file": (422, [("file", {"path": "x", "content": POINTER.replace("OID", "1" * 64)})]),
    "bad metadata": (400, [("file", {"path": "README.md", "encoding": "utf-8", "content": "---\na: [\n---\n"})]),
}  # fmt: skip


def test_d_ndjson_malformed_lines_are_refused(inside: Inside, repo: Repo, token: str) -> None:
    before = state(repo)
    for name, body in MALFORMED.items():
        answer = inside.client.post(COMMIT, token=token, body=body)
        assert answer.status in (400, 413), (name, answer.status, answer.body[:200])
        assert_refused(answer)
        assert state(repo) == before, name


def test_d_ndjson_the_line_is_named(inside: Inside, repo: Repo, token: str) -> None:
    for name in ("line is no JSON", "base64 garbage", "path missing", "unknown key", "header twice"):
        answer = inside.client.post(COMMIT, token=token, body=MALFORMED[name])
        assert answer.json()["error"].startswith("Line 2: "), name


def test_d_ndjson_operations_that_cannot_be_are_refused_whole(
    inside: Inside, ada: Caller, repo: Repo, token: str
) -> None:
    eve = inside.user("eve")
    secret = inside.repo(eve, "eve/secret", private=True)
    commit = inside.commit(secret, eve, {"s.txt": b"secret"}).oid
    large = inside.upload(repo, ada, b"large")
    before = state(repo)
    for name, (status, lines) in WRONG.items():
        body = ndjson(HEADER, *lines).replace(b"{large}", large.encode()).replace(b"{secret}", commit.encode())
        answer = inside.client.post(COMMIT, token=token, body=body)
        assert answer.status == status, (name, answer.status, answer.body[:200])
        assert_refused(answer)
        assert b"secret" not in answer.body.replace(b"eve/secret", b"")
        assert state(repo) == before, name


def test_d_ndjson_a_large_file_of_a_private_repo_is_not_given_away(
    inside: Inside, ada: Caller, repo: Repo, token: str
) -> None:
    """E-LFS-4 by the API: knowing the sha256 of a foreign file gives nothing."""
    eve = inside.user("eve")
    secret = inside.upload(inside.repo(eve, "eve/secret", private=True), eve, b"the secret bytes")
    absent = secret[::-1]
    for line in (
        ("lfsFile", {"path": "x", "oid": "{oid}", "size": 16}),
        ("lfsFile", {"path": "x", "oid": "{oid}"}),
        ("file", {"path": "x", "encoding": "utf-8", "content": POINTER.replace("OID", "{oid}")}),
    ):
        foreign, none = (
            inside.client.post(COMMIT, token=token, body=ndjson(HEADER, line).replace(b"{oid}", oid.encode()))
            for oid in (secret, absent)
        )
        assert_refused(foreign, statuses=(422,))
        assert foreign.text.replace(secret, "") == none.text.replace(absent, "")


def test_d_ndjson_limits(sqlite_template: SqliteTemplate, tmp_path: Any) -> None:
    limits = {"commit_operations_max": 50, "commit_bytes_max": 100_000, "regular_file_bytes_max": 1000}
    with Inside(sqlite_template.config(tmp_path / "limited", **limits)) as inside:
        ada = inside.user("ada")
        token, repo = inside.token(ada), inside.repo(ada, "ada/words")
        before = state(repo)
        too_much: list[Any] = [
            ndjson(HEADER, *(file(f"{number}") for number in range(60))),
            ndjson(HEADER, file("x", "eHh4" * 500)),
            ndjson(HEADER, ("file", {"path": "x", "content": "x" * 1001, "encoding": "utf-8"})),
            itertools.chain([ndjson(HEADER)], itertools.repeat(b"x" * 4096, 100)),
            itertools.chain([ndjson(HEADER)], itertools.repeat(b'{"key":"deletedFile","value":{"path":"x"}}\n', 60)),
            ndjson(HEADER, *(b" " * 1000 for _ in range(150))),
        ]
        for body in too_much:
            assert_refused(inside.client.post(COMMIT, token=token, body=body), statuses=(413,))
            assert state(repo) == before
        assert inside.client.post(COMMIT, token=token, body=ndjson(HEADER, file("x", "eHh4" * 300))).status == 200


def test_d_ndjson_a_body_that_breaks_off_changes_nothing(inside: Inside, repo: Repo, token: str) -> None:
    """However it is cut: a missing line at the end is no smaller commit when the announced length did not arrive."""
    before = state(repo)
    body = ndjson(HEADER, file("one"), file("two"))
    for cut in (5, len(body) // 2, body.rindex(b"\n", 0, -1) + 1):
        answer = inside.client.post(COMMIT, token=token, body=body[:cut], headers={"content-length": str(len(body))})
        assert_refused(answer, statuses=(400,))
        assert state(repo) == before


def test_d_ndjson_compressed_bodies_are_refused(inside: Inside, repo: Repo, token: str) -> None:
    for encoding in ("gzip", "br", "zstd", "deflate", "x"):
        answer = inside.client.post(COMMIT, token=token, body=ndjson(HEADER), headers={"content-encoding": encoding})
        assert_refused(answer, statuses=(415,))


def test_d_ndjson_what_is_unusual_and_right(inside: Inside, repo: Repo, token: str) -> None:
    body = (
        b'\r\n{"key":"header","value":{"summary":"one\\ntwo","description":"","oops":1},"extra":[]}\r\n\n'
        + json.dumps({"value": file("é/\u00a0/x")[1], "key": "file"}).encode()
        + b"\n"
        + b'{"key":"file","value":{"path":"empty"}}'
    )
    pieces = [body[start : start + 7] for start in range(0, len(body), 7)]
    answer = inside.client.post(COMMIT, token=token, body=pieces)
    assert answer.status == 200, answer.body
    assert (text(repo, "é/\u00a0/x"), text(repo, "empty")) == (b"x", b"")
    assert repo.objects.commit(answer.json()["commitOid"]).message.strip() == "one\ntwo"


def test_d_ndjson_the_order_of_operations_does_not_matter(inside: Inside, ada: Caller, token: str) -> None:
    lines = [
        ("deletedFolder", {"path": "folder"}),
        ("deletedFile", {"path": "a.txt"}),
        file("a.txt/inside"),
        file("folder"),
        ("copyFile", {"path": "copy", "srcPath": "folder/b.txt"}),
    ]
    trees = set[str]()
    for number, order in enumerate(random.Random(1).sample(list(itertools.permutations(lines)), 12)):
        repo = inside.repo(ada, f"ada/order{number}")
        inside.commit(repo, ada, {"a.txt": b"1", "folder/b.txt": b"2"})
        answer = inside.client.post(
            f"/api/models/ada/order{number}/commit/main", token=token, body=ndjson(HEADER, *order)
        )
        assert answer.status == 200, (order, answer.body)
        trees.add(repo.objects.commit(main(repo).commit).tree)
    assert len(trees) == 1


# --- any bytes ------------------------------------------------------------------------------------------------------

KEYS = st.sampled_from(["header", "file", "lfsFile", "copyFile", "deletedFile", "deletedFolder", "x"])
NAMES = st.sampled_from(["a.txt", "folder", "folder/b.txt", "new", "new/x", "README.md", "..", "é", "", "\x00"])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
VALUES = st.fixed_dictionaries(
    {},
    optional={
        "path": NAMES | JSON,
        "srcPath": NAMES | JSON,
        "srcRevision": st.sampled_from(["main", "HEAD", "x"]) | JSON,
        "content": st.sampled_from(["eA==", "x", ""]) | JSON,
        "encoding": st.sampled_from(["base64", "utf-8"]) | JSON,
        "oid": st.sampled_from(["0" * 64, "{large}"]) | JSON,
        "size": st.integers() | JSON,
        "summary": st.text(max_size=5) | JSON,
        "parentCommit": st.sampled_from(["main", "0" * 40]) | JSON,
    },
)
LINES = st.lists(st.tuples(KEYS | st.text(max_size=4), VALUES | JSON), max_size=6)


@pytest.fixture(scope="module")
def fuzzed(sqlite_template: SqliteTemplate, tmp_path_factory: pytest.TempPathFactory) -> Any:
    config: Config = sqlite_template.config(tmp_path_factory.mktemp("fuzz"))
    with Inside(config) as inside:
        ada = inside.user("ada")
        repo = inside.repo(ada, "ada/words")
        large = inside.upload(repo, ada, b"large")
        inside.commit(repo, ada, {"a.txt": b"1", "folder/b.txt": b"2"})
        yield inside, repo, inside.token(ada), large
        assert inside.log.getvalue() == ""


def check(inside: Inside, repo: Repo, before: str, answer: Answer) -> None:
    """Either a commit on top of the last, or nothing."""
    if answer.status == 200:
        commit = answer.json()["commitOid"]
        assert main(repo).commit == commit
        assert repo.objects.commit(commit).parents == (before,)
        assert all(".." not in path for path in paths(repo))
    else:
        assert_refused(answer)
        assert main(repo).commit == before


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(lines=LINES, header=st.just(HEADER) | JSON)
def test_d_ndjson_fuzz_of_operations(fuzzed: Any, lines: list[Any], header: Any) -> None:
    inside, repo, token, large = fuzzed
    before = main(repo).commit
    body = ndjson(header, *lines).replace(b"{large}", large.encode())
    check(inside, repo, before, inside.client.post(COMMIT, token=token, body=body))


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(junk=st.binary(max_size=40), at=st.floats(0, 1), length=st.integers(0, 10))
def test_d_ndjson_fuzz_of_bytes(fuzzed: Any, junk: bytes, at: float, length: int) -> None:
    inside, repo, token, _ = fuzzed
    before = main(repo).commit
    good = ndjson(HEADER, file("a.txt"), ("deletedFile", {"path": "folder/b.txt"}), file("folder/b.txt"))
    place = int(at * len(good))
    body = good[:place] + junk + good[place + length :]
    check(inside, repo, before, inside.client.post(COMMIT, token=token, body=body))


JSON_ROUTES = [
    ("POST", "/api/repos/create", ["name", "organization", "type", "private", "visibility", "sdk"]),
    ("DELETE", "/api/repos/delete", ["name", "organization", "type"]),
    ("POST", "/api/repos/move", ["fromRepo", "toRepo", "type"]),
    ("PUT", "/api/models/ada/words/settings", ["gated", "visibility", "private"]),
    ("POST", "/api/models/ada/words/branch/b", ["startingPoint", "emptyBranch", "overwrite"]),
    ("POST", "/api/models/ada/words/tag/main", ["tag", "message"]),
    ("POST", "/api/models/ada/words/paths-info/main", ["paths", "expand"]),
    ("POST", "/api/models/ada/words/preupload/main", ["files", "gitAttributes", "gitIgnore"]),
    ("POST", "/api/models/ada/words/discussions", ["title", "description", "pullRequest"]),
    ("POST", "/api/models/ada/words/super-squash/main", ["message"]),
    (
        "POST",
        "/api/models/ada/words/user-access-request/handle",
        ["user", "userId", "requestId", "status", "rejectionReason"],
    ),
    ("POST", "/api/models/ada/words/user-access-request/grant", ["user", "userId", "requestId"]),
    ("POST", "/api/models/ada/words/user-access-request/batch", ["status", "requests", "rejectionReason"]),
    ("POST", "/api/validate-yaml", ["content", "repoType"]),
]
BAD_JSON = [b"", b"{", b"[]", b"null", b"1", b'"x"', b"\xff", b"[" * 100_000, b'{"a":' * 50_000, b"NaN", b'{"name":"\\ud800"}',
            b'{"x":' + b"9" * 5000 + b"}", b"{}" + b" " * 2**21]  # fmt: skip


@pytest.mark.parametrize(("method", "path", "fields"), JSON_ROUTES, ids=lambda value: str(value)[:40])
def test_d_json_bodies_that_are_none(
    inside: Inside, repo: Repo, token: str, method: str, path: str, fields: list[str]
) -> None:
    before = state(repo)
    wrong: list[Any] = [None, 1, 1.5, True, "", "x\x00y", "\u202e", "x" * 5000, [], [1], {}, {"a": 1}, -(2**70)]
    bodies = [*BAD_JSON, *(json.dumps({name: value}).encode() for name in fields for value in wrong)]
    bodies += [json.dumps(dict.fromkeys(fields, value)).encode() for value in wrong]
    for body in bodies:
        answer = inside.client.request(
            method, path, token=token, body=body, headers={"content-type": "application/json"}
        )
        assert answer.status < 500 or answer.status == 501, (body[:100], answer.status, answer.body)
        if answer.status >= 400:
            assert_refused(answer, statuses=(*range(400, 500), 501))
        assert main(repo).commit == before[0].target or path.endswith("super-squash/main")
    assert [ref for ref in state(repo) if ref.name == DEFAULT_REF]
