"""Whose rights a deployment has: those of whoever made it, as long as they have them."""

import sqlalchemy as sa

from pioche.accounts.callers import Caller, barred_from_afar
from pioche.db import schema
from pioche.errors import Unavailable
from pioche.repos.access import Access, Action, Repo
from pioche.serving.endpoints.endpoint import Audience, Deployment, Endpoint

_accounts = schema.accounts


def may_show(access: Access, caller: Caller, repo: Repo, audience: Audience) -> bool:
    """Whether the caller may have a model that they can read answer `audience`. What is private or gated is shown to more
    people by those who could as well change who sees it. For a thread."""
    is_open = not repo.private and not repo.gated
    return is_open or audience is Audience.PRIVATE or access.allows(caller, repo, Action.WRITE)


def opened(access: Access, endpoint: Endpoint, deployment: Deployment) -> Repo | None:
    """The repo, while it may answer the endpoint's audience: by the rights of the endpoint's owner, to whom their own models
    are open whoever deployed them, or by those of whoever did. For a thread."""
    if deployment.repo_id is None:
        return None
    owner = Caller(endpoint.owner_id, endpoint.owner, may_write=True, is_admin=False)
    for caller in (owner, _lender(access, deployment.creator_id)):
        for repo in access.open_all_sync(caller, [deployment.repo_id], Action.CONTENT):
            if may_show(access, caller, repo, endpoint.audience):
                return repo
    return None


def open_lent(access: Access, endpoint: Endpoint, deployment: Deployment) -> Repo:
    """As `opened`. Raises Unavailable."""
    repo = opened(access, endpoint, deployment)
    if repo is None:
        raise Unavailable(f"The files of {deployment.repo} are not open to whoever deployed it any more")
    return repo


def _lender(access: Access, creator_id: int | None) -> Caller:
    """Of an account that is gone or suspended there is nothing left but what everybody may."""
    database = access.stores.database
    select = sa.select(_accounts.c.id, _accounts.c.name, _accounts.c.is_admin, _accounts.c.suspended_at)
    with database.read() as connection:
        row = connection.execute(select.where(_accounts.c.id == creator_id)).first()
    if row is None or row.suspended_at is not None:
        return Caller.nobody()
    barred = barred_from_afar(database, row.id)
    return Caller(row.id, row.name, may_write=True, is_admin=bool(row.is_admin), barred=barred)
