"""The form of tokens; what is done with them is in tests/behaviour/test_accounts.py."""

import re

import pytest

from pioche.accounts import tokens
from pioche.accounts.callers import token_hash
from pioche.accounts.members import Role
from pioche.accounts.tokens import TokenRole
from pioche.errors import BadRequest


def test_a_token_has_the_form_that_clients_and_scanners_know() -> None:
    made = {tokens.generated() for _ in range(100)}
    assert len(made) == 100
    assert all(re.fullmatch(r"hf_[A-Za-z0-9]{34,}", token) for token in made)


def test_the_stored_hash_is_not_the_token() -> None:
    assert re.fullmatch(r"[0-9a-f]{64}", token_hash("hf_hubsuite_user"))


def test_roles_are_parsed_at_the_edge() -> None:
    assert TokenRole.parse("read") is TokenRole.READ
    assert Role.parse("no_access") is Role.NO_ACCESS
    with pytest.raises(BadRequest, match="use read, write or fineGrained"):
        TokenRole.parse("admin")
    with pytest.raises(BadRequest, match="contributor"):
        Role.parse("owner")
