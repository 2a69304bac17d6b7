"""Sending over a real server: encrypted or not, signed in or not, refused for now or for good."""

import socket
from pathlib import Path
from typing import Any

import pytest

from pioche.config import Config
from pioche.errors import AddressRefused, Unreachable
from pioche.mail.message import Letter, Part
from pioche.mail.sending import LETTER, Send
from pioche.mail.smtp import Post
from tests.letterbox import PASSWORD, USER, Letterbox, letterbox, make_certificate


def post(box: Letterbox, **settings: Any) -> Post:
    made = Post.of(Config(**{**box.settings, **settings}))
    assert made is not None
    return made


def letter(to: str = "ada@example.org", language: str = "en") -> Letter:
    return Letter(to=to, language=language, subject="Hello", parts=(Part("A word."),), footer="Because.")


def test_a_hub_without_a_server_has_no_post() -> None:
    assert Post.of(Config()) is None


def test_a_letter_arrives_once_from_the_hub_to_one_address() -> None:
    with letterbox() as box:
        post(box).send(letter())
    assert box.envelopes == [("hub@example.org", ["ada@example.org"])]
    assert box.letters[0]["Subject"] == "Hello"


@pytest.mark.parametrize("tls", ["starttls", "on"])
def test_encrypted_and_signed_in(tls: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    certificate = make_certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with letterbox(certificate=certificate, tls=tls, asks_who=True) as box:
        good = post(box, mail_tls=tls, mail_user=USER, mail_password=PASSWORD)
        good.send(letter())
        with pytest.raises(Unreachable, match="mail_password"):
            post(box, mail_tls=tls, mail_user=USER, mail_password="wrong").check()
    assert len(box.letters) == 1
    assert PASSWORD not in repr(good)


def test_a_certificate_that_nobody_vouches_for_is_not_taken(tmp_path: Path) -> None:
    with (
        letterbox(certificate=make_certificate(tmp_path), tls="starttls") as box,
        pytest.raises(Unreachable, match="certificate"),
    ):
        post(box, mail_tls="starttls").send(letter())
    assert box.letters == []


def test_a_server_without_starttls_is_sent_nothing() -> None:
    with letterbox() as box, pytest.raises(Unreachable, match="STARTTLS"):
        post(box, mail_tls="starttls", mail_user=USER, mail_password=PASSWORD).send(letter())
    assert box.letters == []


def test_refused_for_good_or_for_now() -> None:
    with letterbox() as box:
        box.refusals = {"gone@example.org": "550 No such user", "full@example.org": "452 Mailbox full"}
        with pytest.raises(AddressRefused, match="550 No such user"):
            post(box).send(letter("gone@example.org"))
        with pytest.raises(Unreachable, match="452 Mailbox full"):
            post(box).send(letter("full@example.org"))
        with pytest.raises(AddressRefused):
            post(box).send(letter("not an address"))
    assert box.letters == []


def test_nobody_is_there() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    with pytest.raises(Unreachable, match=f"localhost:{port}"):
        post(Letterbox(port)).check()


def test_the_job_sends_what_its_kind_composes_and_does_what_comes_after() -> None:
    done: list[str] = []

    def compose(payload: dict[str, Any]) -> Letter | None:
        if payload.get("moot"):
            return None
        return Letter(
            to=payload["to"], language="en", subject="Hello", parts=(), footer="", after=lambda: done.append("sent")
        )

    with letterbox() as box:
        box.refusals = {"gone@example.org": "550 No such user"}
        send = Send(post(box), {"hello": compose})
        send.run("1", {LETTER: "hello", "to": "ada@example.org"})
        send.run("2", {LETTER: "hello", "moot": True})
        send.run("3", {LETTER: "hello", "to": "gone@example.org"})  # for good: not tried again
        Send(None, {}).run("4", {LETTER: "hello"})  # mail was switched off meanwhile
    assert len(box.letters) == 1
    assert done == ["sent", "sent"]
