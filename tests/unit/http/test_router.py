"""The router: the Hub's paths, spelled out; what may be meant, and in which order."""

from functools import partial
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pioche.errors import BadRequest, HubError, MethodNotAllowed, NotFound
from pioche.http.messages import Request, Response, text_response
from pioche.http.router import Match, Router, decode
from pioche.http.routes import Needs, Protocol, Route
from pioche.names import VERSIONED, RepoId
from pioche.repos.access import Action


async def handler(_request: Request) -> Response:
    return Response()


def render(_request: Request, error: HubError) -> Response:
    return text_response(error.message, status=error.status)


def table(*patterns: str) -> Protocol:
    routes = [Route(*pattern.split(" "), Action.READ if "{repo:" in pattern else Needs.ANYONE, handler) for pattern in patterns]  # type: ignore[arg-type]  # fmt: skip
    return Protocol("test", routes, render)


ROUTER = Router(
    [
        table(
            "GET /",
            "GET /api/models",
            "GET /api/{repo:api}",
            "GET /api/{repo:api}/revision/{rev}",
            "GET /api/{repo:api}/refs",
            "GET /api/{repo:api}/tree/{rev}",
            "GET /api/{repo:api}/tree/{rev}/{path*}",
            "POST /api/{repo:api}/commit/{rev}",
            "GET /api/quicksearch",
            "GET /{repo:web}/resolve/{rev}/{path*}",
            "GET /{repo:git}/info/refs",
            "POST /{repo:git}/git-upload-pack",
            "PUT /lfs/{uid}/{oid}",
        )
    ]
)


model, dataset, space, kernel = (partial(RepoId, kind) for kind in VERSIONED)


def found(path: str, method: str = "GET") -> list[Match]:
    return ROUTER.matches(method, path.split("/")[1:])


def told(path: str, method: str = "GET") -> list[tuple[str, str, dict[str, str]]]:
    return [(match.route.pattern, str(match.repo_id), match.params) for match in found(path, method)]


@pytest.mark.parametrize(
    ("path", "pattern", "repo_id", "params"),
    [
        ("/api/models/ada/words", "/api/{repo:api}", model("ada", "words"), {}),
        ("/api/datasets/ada/words", "/api/{repo:api}", dataset("ada", "words"), {}),
        ("/api/kernels/ada/words", "/api/{repo:api}", kernel("ada", "words"), {}),
        ("/api/models/ada%2Fwords", "/api/{repo:api}", model("ada", "words"), {}),
        ("/api/models/gpt2", "/api/{repo:api}", model("", "gpt2"), {}),
        ("/api/spaces/a/b/revision/refs%2Fpr%2F1", "/api/{repo:api}/revision/{rev}", space("a", "b"), {"rev": "refs/pr/1"}),
        ("/api/models/a/b/tree/main", "/api/{repo:api}/tree/{rev}", model("a", "b"), {"rev": "main"}),
        ("/api/models/a/b/tree/main/x/y", "/api/{repo:api}/tree/{rev}/{path*}", model("a", "b"), {"rev": "main", "path": "x/y"}),
        ("/api/models/a/b/tree/v/x%2Fy", "/api/{repo:api}/tree/{rev}/{path*}", model("a", "b"), {"rev": "v", "path": "x/y"}),
        ("/api/models/a/b/tree/main/", "/api/{repo:api}/tree/{rev}/{path*}", model("a", "b"), {"rev": "main", "path": ""}),
        ("/api/models/gpt2/tree/main/x", "/api/{repo:api}/tree/{rev}/{path*}", model("", "gpt2"), {"rev": "main", "path": "x"}),
        ("/a/b/resolve/v/x%20y/%2e%2e/z", "/{repo:web}/resolve/{rev}/{path*}", model("a", "b"), {"rev": "v", "path": "x y/../z"}),
        ("/datasets/a/b/resolve/main/x", "/{repo:web}/resolve/{rev}/{path*}", dataset("a", "b"), {"rev": "main", "path": "x"}),
        ("/datasets/squad/resolve/main/x", "/{repo:web}/resolve/{rev}/{path*}", dataset("", "squad"), {"rev": "main", "path": "x"}),
        ("/gpt2/resolve/main/x", "/{repo:web}/resolve/{rev}/{path*}", model("", "gpt2"), {"rev": "main", "path": "x"}),
        ("/a/b.git/info/refs", "/{repo:git}/info/refs", model("a", "b"), {}),
        ("/a/b/info/refs", "/{repo:git}/info/refs", model("a", "b"), {}),
        ("/spaces/a/b.git/info/refs", "/{repo:git}/info/refs", space("a", "b"), {}),
        ("/gpt2.git/info/refs", "/{repo:git}/info/refs", model("", "gpt2"), {}),
    ],
)  # fmt: skip
def test_paths_of_the_hub(path: str, pattern: str, repo_id: RepoId, params: dict[str, str]) -> None:
    match = found(path)[0]
    assert (match.route.pattern, match.repo_id, match.params) == (pattern, repo_id, params)
    start, end = match.repo_span
    id_ = "/".join(path.split("/")[1:][start:end]).removesuffix(".git")
    assert decode(id_) == str(repo_id)


def test_a_repo_may_be_called_like_a_route() -> None:
    assert told("/api/models/ada/refs") == [
        ("/api/{repo:api}", "ada/refs", {}),
        ("/api/{repo:api}/refs", "ada", {}),
    ]
    assert told("/api/models/ada/tree/refs") == [
        ("/api/{repo:api}/refs", "ada/tree", {}),
        ("/api/{repo:api}/tree/{rev}", "ada", {"rev": "refs"}),
    ]
    assert [repo_id for _, repo_id, _ in told("/ada/resolve/resolve/main/x")] == ["ada/resolve", "ada"]
    assert told("/datasets/squad/resolve/main/x")[0][1] == "squad"
    assert len(told("/api/models/ada/words")) == 1


def test_exact_segments_come_before_parameters() -> None:
    assert told("/api/quicksearch")[0][0] == "/api/quicksearch"
    assert told("/")[0][0] == "/"


def test_head_is_served_by_get() -> None:
    assert told("/a/b/resolve/main/x", "HEAD") == told("/a/b/resolve/main/x")


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("POST", "/api/models", ["GET", "HEAD"]),
        ("GET", "/api/models/a/b/commit/main", ["POST"]),
        ("DELETE", "/lfs/x/y", ["PUT"]),
        ("HEAD", "/lfs/x/y", ["PUT"]),
        ("BREW", "/", ["GET", "HEAD"]),
    ],
)
def test_other_methods_are_named(method: str, path: str, allowed: list[str]) -> None:
    with pytest.raises(MethodNotAllowed) as caught:
        found(path, method)
    assert caught.value.allowed == allowed


@pytest.mark.parametrize(
    "path",
    ["/x", "//", "/api", "/api/models/", "/api/models//x", "/api/models/a/", "/api/models/a/b/", "/api/models/a/b/c",
     "/a/b/resolve/main", "/a/b/info/refs/x", "/api//models", "/api/models/a/b/tree/", "/%00", "/" * 2000, "/a" * 2000],
)  # fmt: skip
def test_nothing_else_is_there(path: str) -> None:
    with pytest.raises((NotFound, BadRequest)):
        found(path)


@pytest.mark.parametrize("segment", ["%ff", "%c3", "a%00b", "%ed%a0%80"])
def test_segments_that_are_no_text_are_refused(segment: str) -> None:
    with pytest.raises(BadRequest):
        found(f"/api/models/a/{segment}")


def test_two_routes_for_one_address_are_a_mistake() -> None:
    with pytest.raises(ValueError, match="twice"):
        Router([table("GET /a/{x}"), table("GET /a/{y}")])


@given(st.text(min_size=1, max_size=20).filter(lambda text: "\x00" not in text))
def test_whatever_a_revision_is_called_it_arrives(text: str) -> None:
    assert found(f"/api/models/a/b/revision/{quote(text, safe='')}")[0].params == {"rev": text}


@given(st.lists(st.text("abAPI.%2F/:@é-_", max_size=8), max_size=8), st.sampled_from(["GET", "POST", "HEAD", "X"]))
def test_any_path_is_routed_or_refused(segments: list[str], method: str) -> None:
    try:
        matches = ROUTER.matches(method, segments)
    except (NotFound, BadRequest, MethodNotAllowed):
        return
    assert matches
