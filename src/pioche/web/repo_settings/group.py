"""The resource group of a repo of an organisation: a form of its settings, for those who administer groups."""

from pioche.accounts.groups import Group
from pioche.http.messages import Request, Response
from pioche.http.routes import Route
from pioche.repos import grouping
from pioche.repos.access import Action
from pioche.web.repo_settings import frame


async def assign(request: Request) -> Response:
    """POST /{repo}/settings/group: `group` is its id, empty for none."""
    sent = await request.form()
    await request.run(grouping.assign, request.repo, request.caller, sent.get("group") or None)
    return frame.saved(request.repo.repo_id, "group")


def choices(request: Request) -> tuple[list[Group], str]:
    """The groups of its organisation that the reader sees, and the id of the one that it is in. For a worker thread."""
    owner = request.hub.directory.by_id(request.repo.namespace_id)
    if owner.is_user:
        return [], ""
    now = grouping.group_of(request.repo, request.caller)
    return list(request.hub.directory.groups.of(owner, request.caller)), now.uid if now else ""


ROUTES = (Route("POST", "/{repo:web}/settings/group", Action.MANAGE, assign, frame.FORM_BYTES_MAX),)
