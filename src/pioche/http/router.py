"""A segment trie over all tables: exact segments before parameters, with backtracking.

Why our own: the Hub's paths mix one- and two-segment ids, type prefixes, `.git` and encoded slashes; one trie over
undecoded segments serves them all at dictionary speed (docs/decisions/0001-one-router.md).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from urllib.parse import unquote_to_bytes

import msgspec

from pioche.errors import BadRequest, MethodNotAllowed, NotFound
from pioche.http.routes import Protocol, Route
from pioche.names import RESERVED, VERSIONED, RepoId, RepoType

_REMEMBERED_MAX = 4096
_REMEMBERED_CHARACTERS_MAX = 256

_REPO_FORMS = ("{repo:api}", "{repo:web}", "{repo:git}", "{repo:page}")
_BUCKET_FORM = "{repo:bucket}"


class Match(msgspec.Struct, frozen=True):
    """`repo_span` is where the repo's id stands among the path's segments: what a redirect of a moved repo rewrites."""

    protocol: Protocol
    route: Route
    params: dict[str, str]
    repo_id: RepoId | None
    repo_span: tuple[int, int]


@dataclass(frozen=True, slots=True)
class _Leaf:
    protocol: Protocol
    route: Route
    names: tuple[str, ...]
    repo_type: RepoType | None
    repo_span: tuple[int, int]
    is_git: bool
    is_legacy: bool
    """For ids without a namespace."""
    is_model_page: bool
    """Begins with a namespace, which no reserved word can be: `/api/absent` is nobody's page."""


@dataclass(slots=True)
class _Node:
    exact: dict[str, "_Node"] = field(default_factory=dict)
    any: "_Node | None" = None
    leaves: dict[str, _Leaf] = field(default_factory=dict)  # by method
    rest: dict[str, _Leaf] = field(default_factory=dict)


class Router:
    """Built once from the protocols' tables. Two routes for one method and path are a mistake and refused."""

    def __init__(self, protocols: Iterable[Protocol]) -> None:
        self._root = _Node()
        self._remembered: dict[tuple[str, str], list[Match]] = {}
        for protocol in protocols:
            for route in protocol.routes:
                for repo_type, segments in _spell_out(route.pattern):
                    self._add(protocol, route, repo_type, segments)

    def find(self, method: str, path: str) -> list[Match]:
        """As `matches`, of an undecoded path; what was asked for lately is remembered. Not to be changed."""
        key = (method, path)
        found = self._remembered.get(key)
        if found is None:
            found = self.matches(method, path.split("/")[1:])
            if len(path) <= _REMEMBERED_CHARACTERS_MAX:
                if len(self._remembered) >= _REMEMBERED_MAX:
                    self._remembered.clear()
                self._remembered[key] = found
        return found

    def matches(self, method: str, segments: list[str]) -> list[Match]:
        """The routes that the path may mean, the likeliest first; usually one. `segments` are undecoded.

        `/api/models/ada/refs` is the info of `ada/refs`, or the refs of the legacy id `ada`: the id with a namespace counts
        first, and the other is there for when no such repo is. Raises NotFound, or MethodNotAllowed where other methods
        are served.
        """
        search = _Search(segments, method)
        search.visit(self._root, 0, ())
        if search.found:
            return [_match(segments, *found) for found in _ordered(search.found)]
        if search.allowed:
            raise MethodNotAllowed(method, sorted(search.allowed | ({"HEAD"} if "GET" in search.allowed else set())))
        raise NotFound("There is nothing at this address")

    def _add(self, protocol: Protocol, route: Route, repo_type: RepoType | None, segments: list[str]) -> None:
        node, names = self._root, list[str]()
        span = (0, 0)
        for position, segment in enumerate(segments):
            if segment == "{repo}":
                span = (position - ("{ns}" in segments), position + 1)
            if segment.endswith("*}"):
                names.append(segment[1:-2])
                leaves = node.rest
                break
            if segment.startswith("{"):
                names.append(segment[1:-1])
                node.any = node.any or _Node()
                node = node.any
            else:
                node = node.exact.setdefault(segment, _Node())
        else:
            leaves = node.leaves
        if route.method in leaves:
            raise ValueError(f"{route.method} {route.pattern} is in the tables twice")
        is_git = "{repo:git}" in route.pattern
        is_legacy = repo_type is not None and span[1] - span[0] == 1
        is_model_page = "{repo:page}" in route.pattern and repo_type is RepoType.MODEL
        leaves[route.method] = _Leaf(protocol, route, tuple(names), repo_type, span, is_git, is_legacy, is_model_page)


_Found = tuple[_Leaf, int, tuple[str, ...]]
"""A leaf, the depth where it hangs, and the undecoded values of the parameters on the way."""


@dataclass(slots=True)
class _Search:
    """Leaves for the method, the most exact first; `allowed` are the methods of the others that the path reaches."""

    segments: list[str]
    method: str
    found: list[_Found] = field(default_factory=list)
    allowed: set[str] = field(default_factory=set)

    def visit(self, node: _Node, depth: int, values: tuple[str, ...]) -> bool:
        """True when nothing else can be meant: only legacy ids leave a doubt."""
        if depth == len(self.segments):
            return self._take(node.leaves, depth, values)
        segment = self.segments[depth]
        child = node.exact.get(segment)
        if child is not None and self.visit(child, depth + 1, values):
            return True
        if node.any is not None and segment and self.visit(node.any, depth + 1, (*values, segment)):
            return True
        return bool(node.rest) and self._take(node.rest, depth, values)

    def _take(self, leaves: dict[str, _Leaf], depth: int, values: tuple[str, ...]) -> bool:
        leaf = leaves.get(self.method) or (leaves.get("GET") if self.method == "HEAD" else None)
        if leaf is None:
            self.allowed.update(leaves)
            return False
        if leaf.is_model_page and self.segments[leaf.repo_span[0]] in RESERVED:
            return False
        self.found.append((leaf, depth, values))
        return not leaf.is_legacy


def _ordered(found: list[_Found]) -> list[_Found]:
    """As they were found, but of one repo type the ids with a namespace first."""
    if len(found) == 1:
        return found
    types = [leaf.repo_type for leaf, _, _ in found]
    return sorted(found, key=lambda item: (types.index(item[0].repo_type), item[0].is_legacy))


def _match(segments: list[str], leaf: _Leaf, depth: int, values: tuple[str, ...]) -> Match:
    decoded = [decode(value) for value in values]
    if len(decoded) < len(leaf.names):
        decoded.append("/".join(decode(segment) for segment in segments[depth:]))
    params = dict(zip(leaf.names, decoded, strict=True))
    repo_id = _repo_id(leaf, params) if leaf.repo_type else None
    return Match(leaf.protocol, leaf.route, params, repo_id, leaf.repo_span)


def _repo_id(leaf: _Leaf, params: dict[str, str]) -> RepoId:
    """Not validated: an id that no repo can have is simply not found."""
    namespace, name = params.pop("ns", ""), params.pop("repo")
    if not namespace and "/" in name:  # `ns%2Fname`, as some clients write it
        namespace, _, name = name.partition("/")
    if leaf.is_git:
        name = name.removesuffix(".git")
    assert leaf.repo_type is not None  # noqa: S101 - the caller looked
    return RepoId(leaf.repo_type, namespace, name)


def decode(segment: str) -> str:
    """Percent-decoding of one segment, an encoded slash included. Raises BadRequest unless it is UTF-8 without NUL."""
    if "%" not in segment:
        return segment
    try:
        text = unquote_to_bytes(segment).decode()
    except UnicodeDecodeError:
        raise BadRequest("The address is not valid UTF-8") from None
    if "\x00" in text:
        raise BadRequest("The address contains a NUL character")
    return text


def _spell_out(pattern: str) -> Iterator[tuple[RepoType | None, list[str]]]:
    """The segments of a pattern, once for each way to write the repo's id."""
    if _BUCKET_FORM in pattern:
        yield RepoType.BUCKET, _split(pattern.replace(_BUCKET_FORM, "buckets/{ns}/{repo}"))
        return
    form = next((form for form in _REPO_FORMS if form in pattern), None)
    if form is None:
        yield None, _split(pattern)
        return
    for repo_type in VERSIONED:
        prefix = repo_type.plural + "/" if form == "{repo:api}" else repo_type.prefix
        for ids in ("{ns}/{repo}", "{repo}"):
            if form == "{repo:page}" and prefix + ids == "{repo}":
                continue  # the page of a person or an organisation
            yield repo_type, _split(pattern.replace(form, prefix + ids))


def _split(pattern: str) -> list[str]:
    return pattern.strip("/").split("/") if pattern != "/" else [""]
