"""Who answers for a model: this hub itself, under the name that the clients know for the public Hub's own service."""

from collections.abc import Collection, Sequence
from typing import Any

from pioche.errors import NotOffered, NotServed
from pioche.http.messages import Request
from pioche.names import RepoType
from pioche.repos.revisions import Revision
from pioche.search import rows
from pioche.search.providing import HERE

NAMES = frozenset(("inference", "inferenceProviderMapping"))


async def told(request: Request, revision: Revision, tags: Collection[str]) -> dict[str, Any]:
    """Of a model that can be asked: nobody may be able to ask it at this moment, but the hub would start it."""
    return _told(str(request.repo.repo_id), await _task(request, revision), tags)


def listed(request: Request, repo_ids: Sequence[int]) -> dict[int, dict[str, Any]]:
    """The same of several models by their rows, as the search index sees them: in a thread."""
    found = rows.of(request.hub.database, repo_ids, request.hub.models.serves)
    return {row.id: _told(row.full_name, row.pipeline_tag if row.providers else None, row.tags) for row in found}


def _told(name: str, task: str | None, tags: Collection[str]) -> dict[str, Any]:
    """A list, as `InferenceClient` and @huggingface/inference read it; models that chat are `conversational` there."""
    if task is None:
        return {"inferenceProviderMapping": []}
    chats = task in ("text-generation", "image-text-to-text") and "conversational" in tags
    mapping = {
        "provider": HERE,
        "providerId": name,
        "status": "live",
        "task": "conversational" if chats else task,
    }
    return {"inference": "warm", "inferenceProviderMapping": [mapping]}


async def _task(request: Request, revision: Revision) -> str | None:
    models, repo = request.hub.models, request.repo
    if not models.is_on or repo.repo_id.type is not RepoType.MODEL:
        return None
    try:
        known = models.targets.known(repo, revision)
        target = known if known is not None else await request.run(models.targets.find, repo, revision)
    except (NotServed, NotOffered):
        return None
    return target.spec.task
