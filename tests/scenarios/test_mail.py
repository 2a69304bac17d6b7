"""Letters of a running hub: its processes queue and send them, and nobody who asks for a page waits for the mail server."""

import time
from collections.abc import Callable
from pathlib import Path

import httpx

from tests.hub import Hub
from tests.letterbox import Letterbox, letterbox, link_in

WAIT_S_MAX = 60


def until(what: Callable[[], bool], hub: Hub) -> None:
    deadline = time.monotonic() + WAIT_S_MAX
    while not what():
        assert time.monotonic() < deadline, hub.output()[-4000:]
        time.sleep(0.1)


def settings(box: Letterbox) -> dict[str, str]:
    return {key.upper(): str(value) for key, value in box.settings.items()}


def test_t1_a1_an_account_from_its_first_letter_to_another_password(tmp_path: Path) -> None:
    with letterbox() as box, Hub(tmp_path, settings(box)) as hub:
        hub.cli("user", "create", "ada", "--email", "ada@example.org", "--password", "correct horse")
        until(lambda: len(box.letters) == 1, hub)
        key = link_in(box.letters[0], "/login/address").partition("=")[2]
        assert key not in hub.output()
        headers = {"accept": "text/html"}
        with httpx.Client(base_url=hub.endpoint, headers=headers, timeout=30) as client:
            assert "ada@example.org" in client.post("/login/address", data={"key": key}).text
            box.refusals = {"ada@example.org": "451 Not now"}
            assert client.post("/login/forgotten", data={"username": "ada"}).status_code == 200
            until(lambda: "451 Not now" in hub.output(), hub)
            box.refusals = {}
            until(lambda: len(box.letters) == 2, hub)  # the second attempt, some seconds later
        ticket = link_in(box.letters[1], "/login/reset").partition("=")[2]
        assert ticket not in hub.output()
