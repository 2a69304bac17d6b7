"""Events become deliveries: a consumer of the outbox, which asks two indexed questions where anybody has a webhook at all,
and one where nobody has."""

from dataclasses import dataclass
from typing import Any

import msgspec
import sqlalchemy as sa

from pioche.db import schema
from pioche.events import Event
from pioche.observe import log
from pioche.repos.access import Access
from pioche.webhooks import deliveries, payloads, readers

_webhooks, _targets, _repos, _accounts = schema.webhooks, schema.webhook_targets, schema.repos, schema.accounts
_IS_ON = _webhooks.c.disabled_at.is_(None)
_REPO = (
    sa.select(_repos.c.type, _repos.c.full_name, _repos.c.namespace_id)
    .where(_repos.c.id == sa.bindparam("repo"))
    .where(sa.exists(sa.select(_webhooks.c.id).where(_IS_ON)))
)
_OLD_NAMES = sa.select(schema.redirects.c.full_key).where(schema.redirects.c.repo_id == sa.bindparam("repo"))
# Nobody else ever has such a name.
_OLD_OWNERS = sa.select(schema.former_names.c.name_key).where(
    schema.former_names.c.account_id == sa.bindparam("account")
)


@dataclass(frozen=True, slots=True)
class _Watcher:
    id: int
    uid: str
    owner_id: int


class Match:
    """Writes a delivery for each webhook that watches the repo of an event, and whose owner may read it."""

    name = "webhooks"

    def __init__(self, access: Access, base_url: str) -> None:
        """`base_url` is what links in payloads begin with (`payloads.base_url`)."""
        self._access = access
        self._database = access.stores.database
        self._base_url = base_url

    def handle(self, event: Event) -> None:
        if event.repo_id is None or event.kind not in payloads.KINDS:
            return
        with self._database.read() as connection:
            watchers = _watchers(connection, event)
            story = payloads.tell(connection, event, self._base_url) if watchers else None
        if story is None:
            return
        told = [one for one in watchers if readers.may_read(self._access, one.owner_id, event.repo_id)]
        if not told:
            return
        with self._database.write() as connection:
            for one in told:
                if deliveries.add(connection, one.id, story.to(one.uid), event.id) is None:
                    log.info("webhook told enough today", webhook=one.uid)


def _watchers(connection: sa.Connection, event: Event) -> list[_Watcher]:
    """The webhooks that were there when it happened, by every name that the repo has or had."""
    repo = connection.execute(_REPO, {"repo": event.repo_id}).first()
    if repo is None:
        return []
    names = {repo.full_name.lower(), *(str(event.payload[key]).lower() for key in ("from", "to") if _moved(event))}
    owners = {name.partition("/")[0] for name in names}
    owners.update(connection.execute(_OLD_OWNERS, {"account": repo.namespace_id}).scalars())
    names.update(connection.execute(_OLD_NAMES, {"repo": event.repo_id}).scalars())
    by_name = (_targets.c.kind == repo.type) & _targets.c.name_key.in_(sorted(names))
    by_owner = _targets.c.kind.in_(("user", "org")) & _targets.c.name_key.in_(sorted(owners))
    query = sa.select(_webhooks.c.id, _webhooks.c.uid, _webhooks.c.owner_id, _webhooks.c.domains).distinct()
    query = query.join_from(_targets, _webhooks, _webhooks.c.id == _targets.c.webhook_id)
    query = query.where(by_name | by_owner, _IS_ON, _webhooks.c.created_at <= event.at).order_by(_webhooks.c.id)
    return [_Watcher(row.id, row.uid, row.owner_id) for row in connection.execute(query) if _is_told(row, event)]


def _moved(event: Event) -> bool:
    return event.kind == "repo.move"


def _is_told(row: Any, event: Event) -> bool:
    _action, scope = payloads.KINDS[event.kind]
    return scope.partition(".")[0] in msgspec.json.decode(row.domains, type=list[str])
