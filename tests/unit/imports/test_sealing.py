"""Credentials at rest."""

from dataclasses import replace

import pytest

from pioche.errors import BadRequest
from pioche.imports import sealing
from pioche.imports.sources import Credentials
from pioche.keys import SigningKey

OLD, NEW = SigningKey("aa", b"o" * 32, retired=True), SigningKey("bb", b"n" * 32)
GIVEN = Credentials("ada", "hf_" + "x" * 500)


def test_what_was_sealed_opens_under_its_key_and_for_its_repo_alone() -> None:
    sealed = sealing.seal([OLD, NEW], GIVEN, "uid")
    assert sealed.startswith("bb.")
    assert "xxx" not in sealed
    assert sealed != sealing.seal([OLD, NEW], GIVEN, "uid")
    assert sealing.open_([OLD, NEW], sealed, "uid") == GIVEN
    assert sealing.open_([replace(NEW, retired=True)], sealed, "uid") == GIVEN  # rotated meanwhile
    for keys, context in (([OLD], "uid"), ([NEW], "other"), ([replace(NEW, secret=b"?" * 32)], "uid")):
        with pytest.raises(BadRequest, match="give it again"):
            sealing.open_(keys, sealed, context)


def test_what_was_changed_does_not_open() -> None:
    sealed = sealing.seal([NEW], GIVEN, "uid")
    changed = sealed[:20] + ("A" if sealed[20] != "A" else "B") + sealed[21:]
    with pytest.raises(BadRequest):
        sealing.open_([NEW], changed, "uid")
