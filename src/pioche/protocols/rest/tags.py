"""The vocabulary of the lists: tags by facet, and tasks."""

import functools

from babel import Locale

from pioche.errors import BadRequest
from pioche.http.messages import Request, Response, cached_json
from pioche.http.routes import Needs, Route
from pioche.names import RepoType
from pioche.protocols.rest.shapes import Json
from pioche.search import facets, tasks
from pioche.search.query import Query

_EACH = 10_000
_KNOWN = {"pipeline_tag": "tasks", "library": "libraries"}
"""Facets of models that have names which nobody needs to have used, and where `tasks.table` has them."""


async def of_models(request: Request) -> Response:
    """GET /api/models-tags-by-type."""
    return await _by_type(request, RepoType.MODEL)


async def of_datasets(request: Request) -> Response:
    """GET /api/datasets-tags-by-type."""
    return await _by_type(request, RepoType.DATASET)


async def of_spaces(request: Request) -> Response:
    """GET /api/spaces-tags-by-type."""
    return await _by_type(request, RepoType.SPACE)


async def _by_type(request: Request, repo_type: RepoType) -> Response:
    """The tags of the repos that the caller may see, the most frequent first. `?type=` asks for one facet."""
    found = await request.run(request.hub.search.facets, request.caller, Query(type=repo_type), each=_EACH)
    named = {facet: [tag for tag, _ in counts] for facet, counts in found.items()}
    if repo_type is RepoType.MODEL:
        for facet, part in _KNOWN.items():
            named[facet] = [*dict.fromkeys((*named.get(facet, ()), *tasks.table()[part]))]
    wanted = request.query.get("type")
    if wanted is not None and wanted not in named:
        if wanted not in facets.all_of(repo_type):
            raise BadRequest(f'"type" must be one of [{", ".join(facets.all_of(repo_type))}]')
        named[wanted] = []
    shown = named if wanted is None else {wanted: named[wanted]}
    return cached_json(request, {facet: [_tag(facet, tag) for tag in listed] for facet, listed in shown.items()})


def _tag(facet: str, tag: str) -> Json:
    row: Json = {"id": tag, "label": _label(facet, tag), "type": facet}
    if facet == "pipeline_tag":
        row["subType"] = tasks.table()["tasks"].get(tag, {}).get("modality", "other")
    return row


def _label(facet: str, tag: str) -> str:
    text = tag.removeprefix(facet + ":")
    if facet in ("pipeline_tag", "library"):
        return str(tasks.table()[_KNOWN[facet]].get(text, {}).get("label", text))
    return str(_languages().get(text, text)) if facet == "language" else text


@functools.cache
def _languages() -> dict[str, str]:
    """English names, as on the Hub; pages have those of their reader's language."""
    return {str(code): str(name) for code, name in Locale("en").languages.items()}


async def all_tasks(request: Request) -> Response:
    """GET /api/tasks: what @huggingface/tasks tells of each task."""
    return cached_json(request, {task: _task(task, about) for task, about in tasks.table()["tasks"].items()})


def _task(task: str, about: Json) -> Json:
    empty: Json = {name: [] for name in ("datasets", "libraries", "metrics", "models", "spaces", "widgetModels")}
    return {"id": task, "label": task, "summary": "", **empty, **about}


ROUTES = (
    Route("GET", "/api/models-tags-by-type", Needs.ANYONE, of_models),
    Route("GET", "/api/datasets-tags-by-type", Needs.ANYONE, of_datasets),
    Route("GET", "/api/spaces-tags-by-type", Needs.ANYONE, of_spaces),
    Route("GET", "/api/tasks", Needs.ANYONE, all_tasks),
)
