"""Who answers for a model: this hub itself, under the name that the clients know for the public Hub's own service."""

from collections.abc import Collection
from typing import Any

from pioche.errors import NotOffered, NotServed
from pioche.http.messages import Request
from pioche.names import RepoType
from pioche.repos.revisions import Revision

NAMES = frozenset(("inference", "inferenceProviderMapping"))
_PROVIDER = "hf-inference"


async def told(request: Request, revision: Revision, tags: Collection[str]) -> dict[str, Any]:
    """Of a model that can be asked: nobody may be able to ask it at this moment, but the hub would start it.

    A list, as `InferenceClient` and @huggingface/inference read it; models that chat are `conversational` there.
    """
    task = await _task(request, revision)
    if task is None:
        return {"inferenceProviderMapping": []}
    chats = task == "text-generation" and "conversational" in tags
    mapping = {
        "provider": _PROVIDER,
        "providerId": str(request.repo.repo_id),
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
