"""Two models side by side: what their cards and files tell, their configurations, tensors and results (issue item 6)."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import msgspec

from pioche.errors import Corrupt, EntryNotFound, HubError, InvalidName, NotFound
from pioche.http.messages import Request, Response
from pioche.http.routes import Needs, Route
from pioche.i18n import formats
from pioche.i18n.texts import gettext as _
from pioche.names import RepoId, RepoType
from pioche.repos import files, overviews
from pioche.repos.access import Action, Repo
from pioche.repos.overviews import Overview
from pioche.web import layout
from pioche.web.repo import labels, results, snippets, tensors, weights

_CONFIG_BYTES_MAX = 1024 * 1024
_CONFIG_ROWS_MAX = 500
_TENSORS_SHOWN = 200
_VALUE_CHARACTERS_MAX = 200


class Row(NamedTuple):
    """One thing of both; None where one has none."""

    label: str
    left: str | None
    right: str | None

    @property
    def differs(self) -> bool:
        return self.left != self.right


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One model. `may_read_files`: its configuration and tensors are shown only then."""

    repo: Repo
    overview: Overview
    may_read_files: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class TensorsCompared:
    """How the tensors of two models go together; the rows are those that differ, the first of them."""

    same: int
    changed: int
    only_left: int
    only_right: int
    rows: list[Row]


async def compare(request: Request) -> Response:
    """GET /compare?a=ns/name&b=ns/name. One side missing, or not found: the form that asks for it."""
    names = [(request.query.get(side) or "").strip()[:200] for side in ("a", "b")]
    sides, errors = list[Side | None](), list[str]()
    for name in names:
        side, error = await _open(request, name)
        sides.append(side)
        errors.append(error)
    if sides[0] is None or sides[1] is None:
        status = 404 if any(errors) else 200
        return layout.page(request, "repo/compare.html", status=status, names=names, errors=errors, sides=None)
    if sides[0].repo.id == sides[1].repo.id:
        path = sides[0].repo.repo_id.web_path
        return Response(303, [("Location", f"{path}/compare"), ("Cache-Control", "no-store")])
    return await request.run(_page, request, names, sides[0], sides[1])


async def _open(request: Request, name: str) -> tuple[Side | None, str]:
    """A private model and an absent one are the same."""
    if not name:
        return None, ""
    try:
        repo_id = RepoId.parse(RepoType.MODEL, name.removeprefix("/"))
        repo = await request.hub.access.open_wherever(request.caller, repo_id, Action.READ)
    except (NotFound, InvalidName):
        return None, _("There is no such model, or it is private")
    overview = await request.run(overviews.read, repo)
    return Side(repo=repo, overview=overview, may_read_files=await _may_read(request, repo)), ""


async def _may_read(request: Request, repo: Repo) -> bool:
    try:
        await request.hub.access.open_uid(request.caller, repo.uid, Action.CONTENT)
    except HubError:
        return False
    return True


def _page(request: Request, names: list[str], left: Side, right: Side) -> Response:
    may_read = left.may_read_files and right.may_read_files
    return layout.page(
        request,
        "repo/compare.html",
        names=names,
        errors=["", ""],
        sides=[left.overview, right.overview],
        facts=facts(left.overview, right.overview),
        results=_results(left.overview, right.overview),
        config=_config(left.repo, right.repo) if may_read else [],
        tensors=_tensors(left.repo, right.repo) if may_read else None,
        may_read=may_read,
    )


# --- rows -------------------------------------------------------------------------------------------------------------


def facts(left: Overview, right: Overview) -> list[Row]:
    """What both pages tell beside their cards, in the language of the reader."""
    rows = [
        Row(label, first, second) for (label, first), (_same, second) in zip(_told(left), _told(right), strict=True)
    ]
    return [row for row in rows if row.left or row.right]


def _told(model: Overview) -> Iterator[tuple[str, str | None]]:
    found = weights.weights(model)
    yield _("Task"), labels.task(model.pipeline_tag) if model.pipeline_tag else None
    yield _("Library"), labels.library(model.library_name) if model.library_name else None
    yield _("Licence"), _joined(model.text("license_name") or labels.licence(name) for name in model.texts("license"))
    yield _("Languages"), _joined(labels.language(code) for code in model.texts("language")[:30])
    yield _("Parameters"), formats.parameters(model.parameters) if model.parameters is not None else None
    yield (
        _("Tensor types"),
        _joined(f"{name} {formats.parameters(count)}" for name, count in (found.types if found else [])),
    )
    yield _("Architecture"), found.architecture or None if found else None
    yield _("Context"), formats.number(found.context) if found and found.context else None
    yield _("Made from"), _joined(snippets.base_models(model))
    yield _("Trained on"), _joined(model.texts("datasets")[:20])
    yield _("Storage"), formats.size(model.used_storage)
    yield _("Downloads"), formats.number(model.downloads)
    yield _("Likes"), formats.number(model.likes)
    yield _("Updated"), formats.day(model.updated_at)
    yield _("Completeness"), formats.percent(model.completeness / 100) if model.completeness is not None else None


def _joined(texts: Iterable[str]) -> str | None:
    return ", ".join(dict.fromkeys(texts)) or None


def _results(left: Overview, right: Overview) -> list[Row]:
    """By data set and metric; those that both have come first."""
    first, second = _by_metric(left), _by_metric(right)
    rows = [Row(name, first.get(name), second.get(name)) for name in (first | second)]
    return sorted(rows, key=lambda row: row.left is None or row.right is None)


def _by_metric(model: Overview) -> dict[str, str]:
    return {" · ".join(part for part in (row.dataset, row.metric) if part): row.value for row in results.of(model)}


def _config(left: Repo, right: Repo) -> list[Row]:
    """`config.json`, value by value; what differs comes first."""
    first, second = dict(_flat("", _read_config(left))), dict(_flat("", _read_config(right)))
    rows = [Row(name, first.get(name), second.get(name)) for name in sorted(first | second)]
    return sorted(rows, key=lambda row: not row.differs)[:_CONFIG_ROWS_MAX]


def _read_config(repo: Repo) -> dict[str, Any]:
    try:
        entry = files.locate_sync(repo, "main", "config.json").entry
        if not entry.is_file or entry.size > _CONFIG_BYTES_MAX:
            return {}
        found = msgspec.json.decode(files.read_all(repo, entry))
    except (EntryNotFound, Corrupt, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _flat(prefix: str, values: Mapping[str, Any], depth: int = 0) -> Iterator[tuple[str, str]]:
    """Nested objects as `text_config.hidden_size`; lists as they are written."""
    for name, value in values.items():
        if isinstance(value, dict) and depth < 4:
            yield from _flat(f"{prefix}{name}.", value, depth + 1)
        else:
            yield f"{prefix}{name}"[:_VALUE_CHARACTERS_MAX], msgspec.json.encode(value).decode()[:_VALUE_CHARACTERS_MAX]


def _tensors(left: Repo, right: Repo) -> TensorsCompared | None:
    """None where neither has any that can be read."""
    first = {tensor.name: f"{tensor.dtype} {tensor.shape}" for tensor in tensors.of_model(left)}
    second = {tensor.name: f"{tensor.dtype} {tensor.shape}" for tensor in tensors.of_model(right)}
    if not first and not second:
        return None
    rows = [Row(name, first.get(name), second.get(name)) for name in sorted(first | second)]
    differing = [row for row in rows if row.differs]
    return TensorsCompared(
        same=len(rows) - len(differing),
        changed=sum(row.left is not None and row.right is not None for row in differing),
        only_left=sum(row.right is None for row in differing),
        only_right=sum(row.left is None for row in differing),
        rows=differing[:_TENSORS_SHOWN],
    )


ROUTES = (Route("GET", "/compare", Needs.ANYONE, compare),)
