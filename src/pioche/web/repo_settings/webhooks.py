"""/{repo}/settings/webhooks: the webhooks that watch it, of those that the reader may change, and making one."""

from dataclasses import dataclass

from pioche.accounts.members import Role
from pioche.http.messages import Request, Response
from pioche.http.routes import Route
from pioche.repos.access import Action
from pioche.web.forms import Form
from pioche.web.repo_settings import frame
from pioche.webhooks.registry import Webhook


@dataclass(frozen=True, slots=True)
class _Owner:
    """Somebody in whose name the reader may make webhooks: `base` is where theirs stand, `found` those that watch this."""

    name: str
    base: str
    found: list[Webhook]


async def webhooks(request: Request) -> Response:
    """GET /{repo}/settings/webhooks."""
    found = await request.run(_owners, request)
    return await frame.page(request, "webhooks", Form(), owners=found)


def _owners(request: Request) -> list[_Owner]:
    """The reader, and the organisation that has the repo where they administer it."""
    caller, repo, directory = request.caller, request.repo, request.hub.directory
    found = [_Owner(caller.name, "/settings/webhooks", _watching(request, caller.user_id))]
    if repo.namespace_id != caller.user_id:
        owner = directory.by_id(repo.namespace_id)
        if not owner.is_user and directory.members.role(owner.id, caller.user_id) is Role.ADMIN:
            base = f"/organizations/{owner.name}/settings/webhooks"
            found.append(_Owner(owner.name, base, _watching(request, owner.id)))
    return found


def _watching(request: Request, owner_id: int) -> list[Webhook]:
    """Those that name the repo, or whoever has it."""
    repo_id = request.repo.repo_id
    names = {(repo_id.type.value, repo_id.key), *((kind, repo_id.namespace.lower()) for kind in ("user", "org"))}
    every = request.hub.webhooks.of(owner_id)
    return [one for one in every if any((seen.kind, seen.key) in names for seen in one.wanted.watched)]


ROUTES = (Route("GET", "/{repo:web}/settings/webhooks", Action.MANAGE, webhooks),)
