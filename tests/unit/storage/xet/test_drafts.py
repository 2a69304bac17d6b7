"""Xorbs on their way in: what is refused, and that nothing of it is left."""

import os
from pathlib import Path

import pytest

from pioche.errors import BadRequest, ContentMismatch, TooLarge
from pioche.storage import direct
from pioche.storage.xet import drafts
from pioche.storage.xet.drafts import XorbDraft
from tests.xet_client import Xorb, chunk, make

XORB = Xorb([*chunk(make("draft", 300_000)), b"abcd" * 999], [0] * len(chunk(make("draft", 300_000))) + [1])


@pytest.mark.parametrize("size", [0, direct.BYTES_MIN], ids=["through the cache", "past it"])
def test_what_came_is_in_the_file(tmp_path: Path, size: int) -> None:
    with XorbDraft(tmp_path, size=size) as draft:
        draft.write([XORB.body[:100_000], XORB.body[100_000:100_003]])
        draft.write([XORB.body[100_003:]])
        table = draft.finish(XORB.name)
        assert draft.path.read_bytes() == XORB.body
    assert table.stored_bytes == len(XORB.body)
    assert os.listdir(tmp_path) == []


def test_another_name_is_refused_and_nothing_is_left(tmp_path: Path) -> None:
    with XorbDraft(tmp_path) as draft:
        draft.write([XORB.body])
        with pytest.raises(ContentMismatch):
            draft.finish(bytes(32))
    assert os.listdir(tmp_path) == []


def test_noise_is_refused_with_its_first_header(tmp_path: Path) -> None:
    with pytest.raises(BadRequest, match="version 255"), XorbDraft(tmp_path) as draft:
        draft.write([b"\xff" * 100])
    assert os.listdir(tmp_path) == []


def test_a_footer_may_not_go_on_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drafts, "BODY_BYTES_MAX", len(XORB.body) + 1000)
    with XorbDraft(tmp_path) as draft:
        draft.write([XORB.body, b"XETBLOB\x01" + bytes(992)])
        with pytest.raises(TooLarge):
            draft.write([b"\0"])
