"""The log of changes of an organisation and of the whole hub, as a file."""

from pioche.accounts.members import Role
from pioche.accounts.scopes import Permission
from pioche.errors import Forbidden
from pioche.http.messages import Request, Response
from pioche.http.routes import Needs, Route
from pioche.http.sources import IteratorSource
from pioche.moderation import audit, trail
from pioche.moderation.trail import Wanted

_TEXT_MAX = 100


async def export_of_org(request: Request) -> Response:
    """GET /api/organizations/O/audit-log/export: for its administrators. `kind`, `actor`, `since` and `until` narrow it."""
    return await _exported(request, await request.run(_administered, request))


async def export_of_hub(request: Request) -> Response:
    """GET /api/admin/audit-log/export: of everything, for administrators of the hub."""
    return await _exported(request, None)


def _administered(request: Request) -> int:
    directory, caller = request.hub.directory, request.caller
    org = directory.get_org(request.params["name"])
    if not caller.is_admin and directory.members.role(org.id, caller.user_id) is not Role.ADMIN:
        raise Forbidden(f"Only an administrator of {org.name} may do this")
    if not caller.is_admin:
        caller.check_token(Permission.AUDIT_LOG_READ, org.id, org.name)
    return org.id


async def _exported(request: Request, owner_id: int | None) -> Response:
    """Read while it is sent. Raises BadRequest for what is no day."""
    database, query = request.hub.database, request.query
    kind, actor, since, until = ((query.get(name) or "")[:_TEXT_MAX] for name in ("kind", "actor", "since", "until"))
    await request.run(audit.catch_up, database)
    source = IteratorSource(lambda: trail.export(database, Wanted(owner_id, kind, actor, since, until)), None)
    await source.begin()
    headers = [("Content-Type", "application/json; charset=utf-8"), ("Cache-Control", "private, no-store")]
    return Response(200, headers, source)


ROUTES = (
    Route(
        "GET", "/api/organizations/{name}/audit-log/export", Needs.USER, export_of_org, scope=Permission.AUDIT_LOG_READ
    ),
    Route("GET", "/api/admin/audit-log/export", Needs.ADMIN_PAGE, export_of_hub),
)
