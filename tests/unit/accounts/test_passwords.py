"""Passwords: argon2id, renewed when the parameters change."""

import argon2
import pytest

from pioche.accounts import passwords
from pioche.errors import BadRequest


def test_a_hash_is_argon2id_and_salted() -> None:
    first, second = passwords.hashed("correct horse"), passwords.hashed("correct horse")
    assert first.startswith("$argon2id$")
    assert first != second
    assert passwords.matches(first, "correct horse")
    assert not passwords.matches(first, "correct horsf")


def test_nobody_has_no_password() -> None:
    assert not passwords.matches(None, "")
    assert not passwords.matches(None, "correct horse")


def test_a_stored_text_that_is_no_hash_matches_nothing() -> None:
    assert not passwords.matches("plain", "plain")


@pytest.mark.parametrize("password", ["", "short", "x" * 257, "\udcff" * 10], ids=["empty", "short", "long", "bytes"])
def test_refused(password: str) -> None:
    with pytest.raises(BadRequest):
        passwords.hashed(password)


def test_a_password_that_is_not_text_matches_nothing() -> None:
    assert not passwords.matches(passwords.hashed("correct horse"), "\udcff" * 10)


def test_other_parameters_are_outdated() -> None:
    weak = argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash("correct horse")
    assert passwords.matches(weak, "correct horse")
    assert passwords.is_outdated(weak)
    assert not passwords.is_outdated(passwords.hashed("correct horse"))


def test_generated_passwords_differ_and_are_accepted() -> None:
    made = {passwords.generated() for _ in range(50)}
    assert len(made) == 50
    assert all(len(password) >= passwords.CHARACTERS_MIN for password in made)
