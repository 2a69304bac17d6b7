"""Logs: one form, levels, the request's id, and no secret whatever is logged."""

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest

from pioche.keys import Keyring, SigningKey
from pioche.observe import log

KEYRING = Keyring(lambda: [SigningKey("0a1b2c3d", b"k" * 32)], clock=lambda: 1_800_000_000.0)
SIGNATURE = KEYRING.sign("download", ("repo", "oid"), seconds=60)
SEALED = KEYRING.seal("xet", {"repo": "1"}, seconds=60)
TOKEN = "hf_" + "a1B2c3D4" * 5


class Lines:
    """What was logged."""

    def __init__(self) -> None:
        self.stream = io.StringIO()

    def configure(self, level: str, form: str = "json") -> None:
        log.configure(level, form, stream=self.stream)

    @property
    def text(self) -> str:
        return self.stream.getvalue()

    @property
    def all(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.text.splitlines()]


@pytest.fixture
def lines() -> Iterator[Lines]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield Lines()
    root.handlers[:] = handlers
    root.setLevel(level)
    log.configure("warning", "text")


@pytest.mark.parametrize(
    "text",
    [
        f"Authorization: Bearer {TOKEN}",
        f"authorization=Basic dXNlcjo{'x' * 20}==",
        f"the token {TOKEN} was refused",
        f"GET /lfs/1/2?sig={SIGNATURE}",
        f"/lfs/1/2/{SIGNATURE}",
        f"X-Xet-Access-Token {SEALED}",
        "postgresql://pioche:s3cret-word@db.example/pioche",
        "{'password': 's3cret-word', 'name': 'ada'}",
        "password = s3cret-word",
        "https://hub.example/x?X-Amz-Signature=s3cret-word&a=1",
    ],
)
def test_what_looks_like_a_credential_is_blackened(text: str) -> None:
    shown = log.blacken(text)
    for secret in (TOKEN, SIGNATURE, SEALED.partition(".")[2], "s3cret-word", "dXNlcjo"):
        assert secret not in shown


@pytest.mark.parametrize(
    "text", ["/ada/model/resolve/main/a.bin", "22ab8882eca8b8eeb343d9ab52cf8ed433b530f1", "3 tokens"]
)
def test_what_does_not_is_left_alone(text: str) -> None:
    assert log.blacken(text) == text


def test_fields_are_blackened_by_name_and_by_form_however_deep(lines: Lines) -> None:
    lines.configure("info")
    log.info("x", password="one", nested={"Authorization": "two", "list": [TOKEN]}, count=3)
    (line,) = lines.all
    assert (line["password"], line["nested"], line["count"]) == ("***", {"Authorization": "***", "list": ["hf_***"]}, 3)


def test_a_trace_is_logged_and_blackened(lines: Lines) -> None:
    lines.configure("info")
    try:
        raise LookupError(f"no such token: {TOKEN}")
    except LookupError as error:
        log.failure("GET", "/x", error)
    (line,) = lines.all
    assert "test_a_trace_is_logged" in line["exception"]
    assert TOKEN not in lines.text


def test_every_line_of_a_request_has_its_id(lines: Lines) -> None:
    lines.configure("debug")
    token = log.request_id.set("abc-1")
    log.access("GET", "/x", 200, 5, 0.001)
    log.request_id.reset(token)
    log.info("elsewhere")
    first, second = lines.all
    assert (first["id"], first["path"], first["status"], first["level"]) == ("abc-1", "/x", 200, "debug")
    assert "id" not in second


def test_levels(lines: Lines) -> None:
    lines.configure("warning")
    log.access("GET", "/x", 200, 5, 0.001)
    log.info("no")
    log.warning("yes")
    assert [line["event"] for line in lines.all] == ["yes"]


def test_libraries_speak_in_the_same_form_and_only_when_it_matters(lines: Lines) -> None:
    lines.configure("debug")
    logging.getLogger("some.library").info("parameters: %s", TOKEN)
    logging.getLogger("some.library").warning("odd: %s", TOKEN)
    (line,) = lines.all
    assert (line["event"], line["level"]) == ("odd: hf_***", "warning")


def test_text_for_people(lines: Lines) -> None:
    lines.configure("info", "text")
    log.info("swept", count=3)
    assert "swept" in lines.text
    assert "count=3" in lines.text
