"""The job that posts what waits for one webhook, in order, and comes back for what nobody took.

One job for each webhook: one that answers slowly holds up itself alone. The row says `delivered` after the other side said
so; a process that dies in between posts again, under the same id.
"""

import time
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from pioche.db import schema
from pioche.db.engine import Database
from pioche.db.instance import now_ms
from pioche.errors import BadRequest, Unreachable
from pioche.events import Event
from pioche.jobs import outbox, queue
from pioche.observe import log
from pioche.outbound.client import Client
from pioche.repos.access import Access
from pioche.webhooks import deliveries, readers
from pioche.webhooks.deliveries import Delivery, State
from pioche.webhooks.registry import Reason

AFTER_SECONDS = (0, 10, 60, 600, 3600, 21_600)
"""How long after its last attempt a delivery is tried again, by the number of attempts; after the last one it has failed."""
FAILED_MAX = 10
"""Deliveries that fail one after another until the webhook is disabled."""
_GONE = 410
_AGAIN = (408, 425, 429)
_RUN_SECONDS = 20.0
_REST_MS, _LOOK_MS = 10_000, 60_000
_ANSWER_CHARACTERS_MAX = 4000

_webhooks, _deliveries, _repos = schema.webhooks, schema.webhook_deliveries, schema.repos


@dataclass(frozen=True, slots=True)
class _Outcome:
    """`status` None: nothing was heard. `is_final`: trying again would change nothing."""

    status: int | None
    answer: str
    is_final: bool

    @property
    def is_good(self) -> bool:
        return self.status is not None and 200 <= self.status < 300


class Send:
    """The key is the row id of a webhook."""

    kind = deliveries.SEND
    attempts_max = 10
    every_seconds: int | None = None

    def __init__(self, access: Access, client: Client) -> None:
        self._access = access
        self._database: Database = access.stores.database
        self._client = client

    def run(self, key: str, payload: dict[str, Any]) -> None:
        ends = time.monotonic() + _RUN_SECONDS
        rest_ms = 0
        while time.monotonic() < ends:
            webhook, waiting = self._waiting(int(key))
            due = next((one for one in waiting if _due_at(one) <= now_ms()), None)
            if webhook is None or due is None:
                break
            if not self._attempt(webhook, due):
                rest_ms = _REST_MS
                break
        self._come_back(int(key), rest_ms)

    def _waiting(self, webhook_id: int) -> "tuple[sa.Row[Any] | None, list[Delivery]]":
        """The webhook, unless it is disabled or gone, and what waits for it."""
        is_on = (_webhooks.c.id == webhook_id) & _webhooks.c.disabled_at.is_(None)
        waits = (_deliveries.c.webhook_id == webhook_id) & (_deliveries.c.state == State.WAITING)
        with self._database.read() as connection:
            webhook = connection.execute(sa.select(_webhooks).where(is_on)).first()
            rows = connection.execute(sa.select(_deliveries).where(waits).order_by(_deliveries.c.id)).all()
        return webhook, [deliveries.delivery(row) for row in rows] if webhook is not None else []

    def _attempt(self, webhook: "sa.Row[Any]", one: Delivery) -> bool:
        """False when nobody is there: what else waits would wait for the same."""
        if not self._may_still_be_told(webhook.owner_id, one):
            with self._database.write() as connection:
                connection.execute(_deliveries.delete().where(_deliveries.c.id == one.id))
            return True
        outcome = self._post(webhook, one)
        with self._database.write() as connection:
            _record(connection, one, outcome)
            reason = _reason_to_disable(connection, one.webhook_id, outcome)
            if reason:
                off = {"disabled_at": now_ms(), "disabled_reason": reason}
                is_on = (_webhooks.c.id == one.webhook_id) & _webhooks.c.disabled_at.is_(None)
                connection.execute(_webhooks.update().where(is_on).values(off))
                told = {"owner": webhook.owner_id, "id": webhook.uid, "reason": reason}
                outbox.append(connection, Event("webhook.disable", payload=told))
                log.info("webhook disabled", webhook=webhook.uid, reason=reason)
        return outcome.status is not None

    def _may_still_be_told(self, owner_id: int, one: Delivery) -> bool:
        with self._database.read() as connection:
            query = sa.select(_repos.c.id).where(_repos.c.uid == one.about.repo.id)
            repo_id = connection.execute(query).scalar()
        return repo_id is not None and readers.may_read(self._access, owner_id, repo_id)

    def _post(self, webhook: "sa.Row[Any]", one: Delivery) -> _Outcome:
        headers = {"Content-Type": "application/json", "X-Webhook-Id": webhook.uid, "X-Webhook-Delivery": one.uid}
        if webhook.secret:
            headers["X-Webhook-Secret"] = webhook.secret
        try:
            answer = self._client.post(webhook.url, one.payload.encode(), headers)
        except (Unreachable, BadRequest) as error:
            return _Outcome(None, error.message, is_final=False)
        text = answer.body[: 4 * _ANSWER_CHARACTERS_MAX].decode(errors="replace").replace("\x00", "\ufffd")
        return _Outcome(answer.status, text[:_ANSWER_CHARACTERS_MAX], not _is_worth_again(answer.status))

    def _come_back(self, webhook_id: int, rest_ms: int) -> None:
        """For what waits still. At least once a minute: what happens meanwhile is not kept waiting for hours."""
        webhook, waiting = self._waiting(webhook_id)
        if webhook is None or not waiting:
            return
        wait_ms = max(min(map(_due_at, waiting)) - now_ms(), rest_ms, 0)
        with self._database.write() as connection:
            queue.enqueue(connection, self.kind, str(webhook_id), delay_ms=min(wait_ms, _LOOK_MS))


def _is_worth_again(status: int) -> bool:
    return status >= 500 or status in _AGAIN


def _due_at(one: Delivery) -> int:
    return 0 if one.sent_at is None else one.sent_at + AFTER_SECONDS[min(one.attempts, len(AFTER_SECONDS) - 1)] * 1000


def _record(connection: sa.Connection, one: Delivery, outcome: _Outcome) -> None:
    attempts = one.attempts + 1
    is_last = outcome.is_final or attempts >= len(AFTER_SECONDS)
    state = State.DELIVERED if outcome.is_good else State.FAILED if is_last else State.WAITING
    values = {"state": state, "attempts": attempts, "status": outcome.status, "answer": outcome.answer}
    connection.execute(_deliveries.update().where(_deliveries.c.id == one.id).values(**values, sent_at=now_ms()))


def _reason_to_disable(connection: sa.Connection, webhook_id: int, outcome: _Outcome) -> Reason | None:
    if outcome.status == _GONE:
        return Reason.GONE
    if outcome.is_good:
        return None
    own = _deliveries.c.webhook_id == webhook_id
    delivered = sa.select(sa.func.max(_deliveries.c.sent_at)).where(own, _deliveries.c.state == State.DELIVERED)
    since = connection.execute(delivered).scalar() or 0
    failed = (own, _deliveries.c.state == State.FAILED, _deliveries.c.sent_at > since)
    count = connection.execute(sa.select(sa.func.count()).where(*failed)).scalar_one()
    return Reason.FAILING if count >= FAILED_MAX else None
