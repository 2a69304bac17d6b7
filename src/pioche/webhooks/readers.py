"""Whether the owner of a webhook may read a repo at this moment. A repo that was deleted counts as it was."""

import sqlalchemy as sa

from pioche.accounts.callers import Caller, barred_from_afar
from pioche.db import schema
from pioche.errors import Failure, HubError
from pioche.repos.access import Access, Action

_accounts, _repos = schema.accounts, schema.repos


def may_read(access: Access, owner_id: int, repo_id: int) -> bool:
    """`repo_id` is a row's. An organisation reads what is its own and what is public."""
    database = access.stores.database
    owner = sa.select(_accounts.c.id, _accounts.c.name, _accounts.c.is_admin, _accounts.c.suspended_at)
    deleted = sa.select(_repos.c.uid).where(_repos.c.id == repo_id, _repos.c.deleted_at > 0)
    with database.read() as connection:
        row = connection.execute(owner.where(_accounts.c.id == owner_id)).first()
        deleted_uid = connection.execute(deleted).scalar()
    if row is None or row.suspended_at is not None:
        return False
    barred = barred_from_afar(database, row.id)
    caller = Caller(row.id, row.name, may_write=False, is_admin=bool(row.is_admin), barred=barred)
    if deleted_uid is None:
        return bool(access.open_all_sync(caller, [repo_id], Action.READ))
    try:
        access.open_deleted_sync(caller, deleted_uid, Action.READ)
    except Failure:
        raise
    except HubError:
        return False
    return True
