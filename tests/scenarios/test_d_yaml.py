"""D-YAML: metadata from strangers. A commit is refused with the line, or stored with a warning; whatever is stored, the repo's
info, page and the lists go on working, for it and for all others."""

import base64
import json
import re
from typing import Any

import msgspec
import pytest

from pioche.accounts.callers import Caller
from pioche.names import RepoType
from pioche.repos.access import Repo
from pioche.repos.facts import telling
from tests.asgi import Answer
from tests.inside import Inside, assert_refused, ndjson

ALIASES = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{new}: &{new} [{','.join([f'*{old}'] * 9)}]\n" for old, new in zip("abcdefgh", "bcdefghi", strict=True)
)
REFUSED = {
    "alias bomb": ALIASES,
    "merge-key bomb": "a: &a {x: 1}\nb: {<<: *a, <<: *a}\n",
    "deep list": "a: " + "[" * 20_000,
    "deep mapping": "\n".join(" " * depth + "a:" for depth in range(100)),
    "duplicate": "license: mit\nlicense: gpl",
    "ten megabytes": "a: " + "x" * 10_000_000,
    "no mapping": "- a\n- b",
    "tab": "a:\n\t- b",
    "unterminated": 'a: "b',
    "half a character": 'a: "\\ud800"',
    "two documents": "a: 1\n...\n---x\nb: 2",
    "tags of mappings": "tags: [{a: b}]",
    "results that are none": "model-index: [{results: [1]}]",
}
STORED: dict[str, tuple[bytes, str]] = {
    "python object": (b"---\na: !!python/object/apply:os.system [ls]\n---\n", ""),
    "words of YAML 1.1": (b"---\nlicense: no\nlanguage: [no, on, y]\n---\n", '"license" (line 2)'),
    "date and nan": (b"---\nlicense: 2020-01-01\ntags: [.nan, .inf, 0x1f]\n---\n", '"license" (line 2)'),
    "byte order mark": (b"\xef\xbb\xbf---\nlicense: mit\n---\n", ""),
    "carriage returns": (b"---\r\nlicense: mit\r\n---\r\n", ""),
    "only the beginning": (b"---\n", ""),
    "without an end": (b"---\nlicense: mit\n", ""),
    "no text": (b"---\nlicense: \xff\xfe\n---\n", '"license" (line 2)'),
    "markup": (b"---\nlicense: <img src=x onerror=alert(1)>\npipeline_tag: '<b>'\n---\n", '"license" (line 2)'),
}


@pytest.fixture
def ada(inside: Inside) -> Caller:
    return inside.user("ada")


@pytest.fixture
def token(inside: Inside, ada: Caller) -> str:
    return inside.token(ada)


@pytest.fixture
def repo(inside: Inside, ada: Caller) -> Repo:
    other = inside.repo(ada, "ada/other")
    inside.commit(other, ada, {"README.md": b"---\nlicense: mit\n---\n# Other\n"})
    return inside.repo(ada, "ada/words")


def commit(inside: Inside, token: str, readme: bytes) -> Answer:
    content = base64.b64encode(readme).decode()
    line = ("file", {"path": "README.md", "content": content, "encoding": "base64"})
    return inside.client.post("/api/models/ada/words/commit/main", token=token, body=ndjson({"summary": "x"}, line))


def all_works(inside: Inside) -> None:
    for path in (
        "/api/models/ada/words",
        "/api/models?full=true&cardData=true",
        "/api/models?search=words",
        "/api/models?filter=x",
    ):
        answer = inside.client.get(path)
        assert answer.status == 200, (path, answer.body[:300])
        assert b"NaN" not in answer.body
        json.loads(answer.body)
    assert {row["id"] for row in inside.client.get("/api/models").json()} == {"ada/words", "ada/other"}
    assert [row["id"] for row in inside.client.get("/api/models?filter=license:mit").json()][-1:] == ["ada/other"]
    for path in ("/ada/words", "/ada/other", "/models"):
        answer = inside.client.get(path)
        assert answer.status in (200, 404), path  # 404: a page that there is not yet
        assert b"onerror=alert(1)>" not in answer.body


def test_d_yaml_what_cannot_be_read_is_refused_with_the_reason(inside: Inside, token: str, repo: Repo) -> None:
    for name, block in REFUSED.items():
        answer = commit(inside, token, f"---\n{block}\n---\n# Words\n".encode())
        assert_refused(answer, statuses=(400, 413))
        assert "README.md" in answer.json()["error"], name
    assert inside.client.get("/api/models/ada/words").json()["cardData"] is None
    all_works(inside)


def test_d_yaml_what_is_odd_is_stored_as_written_and_warned_of(inside: Inside, token: str, repo: Repo) -> None:
    for name, (readme, warning) in STORED.items():
        assert commit(inside, token, readme).status == 200, name
        warned = telling.get_sync(repo).warned()
        assert any(text.startswith(warning) for text in warned) if warning else warned == [], name
        all_works(inside)


def test_d_yaml_scalars_stay_what_was_written(inside: Inside, token: str, repo: Repo) -> None:
    assert commit(inside, token, STORED["words of YAML 1.1"][0]).status == 200
    found = inside.client.get("/api/models/ada/words").json()
    assert found["cardData"] == {"license": "no", "language": ["no", "on", "y"]}
    assert {"license:no", "no", "on", "y"} <= set(found["tags"])


FIELDS = """license license_name license_link language tags library_name pipeline_tag datasets metrics base_model
    base_model_relation new_version deprecated thumbnail model-index co2_eq_emissions widget inference mask_token extra_gated_prompt
    extra_gated_fields pretty_name size_categories task_categories task_ids configs dataset_info viewer title emoji colorFrom
    sdk app_port header models custom_headers""".split()
VALUES = [None, 0, 1.5, True, [], {}, [[1]], {"a": {"b": []}}, "x" * 40_000, "<script>alert(1)</script>"]


def test_d_yaml_every_field_takes_every_type(inside: Inside, ada: Caller, repo: Repo) -> None:
    """JSON is YAML: each field with each wrong type, alone where it is refused, and all together."""
    repos = [repo, *(inside.repo(ada, "ada/words", type=kind) for kind in (RepoType.DATASET, RepoType.SPACE))]
    for value in VALUES:
        accepted = {name: value for name in FIELDS if is_accepted(inside, name, value)}
        if len(str(value)) > 10_000:  # together they would be more than a block may have
            accepted = dict(list(accepted.items())[:1])
        for one in repos:
            inside.commit(one, ada, {"README.md": written(accepted).encode()})
            msgspec.json.decode(inside.client.get(f"/api/{one.repo_id.type}s/ada/words").body)
        all_works(inside)


def is_accepted(inside: Inside, name: str, value: object) -> bool:
    answer = inside.client.post("/api/validate-yaml", json={"content": written({name: value}), "repoType": "model"})
    assert answer.status == 200 or (answer.status == 400 and re.search(rf'"{name}', answer.json()["error"]))
    return answer.status == 200


def written(card: dict[str, Any]) -> str:
    lines = [f"{name}: {json.dumps(value)}" for name, value in card.items()]
    return "\n".join(["---", *lines, "---", "# Words", ""])
