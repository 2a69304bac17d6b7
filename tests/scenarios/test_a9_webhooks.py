"""A9: a hub that is killed while it posts to a webhook posts again, under the same delivery id."""

import json
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path

import httpx

from tests.canary import Canary, Reply
from tests.hub import Hub


def test_a9_a_delivery_that_nobody_noted_is_repeated_under_its_id(tmp_path: Path) -> None:
    """The receiver has taken it all, and the hub dies before it hears so."""
    killed = threading.Event()
    with Canary() as receiver:
        hub = Hub(tmp_path, {"OUTBOUND_ALLOWED": receiver.allowed})

        def silence(_send: Callable[[bytes], None]) -> None:
            killed.wait(60)

        receiver.reply = lambda number: Reply(pieces=silence) if number == 0 else Reply()
        hub.start()
        ada = hub.user("ada")
        with httpx.Client(base_url=hub.endpoint, headers=ada.bearer, timeout=60) as client:
            wanted = {"url": receiver.url, "watched": [{"type": "user", "name": "ada"}]}
            uid = client.post("/api/settings/webhooks", json=wanted).json()["webhook"]["id"]
            client.post("/api/repos/create", json={"name": "words", "organization": "ada"}).raise_for_status()
        receiver.wait(1)
        hub.kill()
        killed.set()
        _end_leases(hub)
        hub.start()
        first, second = receiver.wait(2)
        hub.stop()
    assert first.body == second.body
    assert first.headers["x-webhook-delivery"] == second.headers["x-webhook-delivery"]
    assert json.loads(first.body)["webhook"]["id"] == uid


def _end_leases(hub: Hub) -> None:
    """As if the minute had passed after which the jobs of a dead process are taken over."""
    with sqlite3.connect(hub.data_dir / "pioche.db") as database:
        assert database.execute("UPDATE jobs SET leased_until = 0 WHERE kind = 'webhook.send'").rowcount == 1
    database.close()
