"""What somebody is given who asks what the hub knows of them (ui.md T1), over both databases."""

import re

import msgspec
import pytest

from pioche.accounts.callers import Caller
from pioche.community import likes
from pioche.db import schema
from pioche.names import RepoType
from pioche.repos.access import Repo
from pioche.repos.catalog import Settings
from pioche.upkeep import personal
from tests.core import Core

# Tables that name an account in other ways than as its own: what others did, or nothing of a person.
_NOT_OF_A_PERSON = {
    "repos", "protections", "invitations", "reflog", "comment_texts", "collection_changes", "org_invitations",
    "resource_groups", "service_accounts", "token_approvals", "org_providers", "org_sign_ins", "scim_tokens",
    "repo_contents", "uploads", "xorb_uploads",
}  # fmt: skip


def export(core: Core, who: Caller) -> dict[str, list[dict[str, object]]]:
    found: dict[str, list[dict[str, object]]] = msgspec.json.decode(b"".join(personal.document(core.hub.database, who)))
    return found


def test_t1_the_export_has_what_somebody_did_and_no_secret(core: Core, ada: Caller, repo: Repo) -> None:
    token, _ = core.hub.directory.tokens.create(core.hub.directory.get_user("ada"), name="laptop")
    core.hub.directory.set_password(core.hub.directory.get_user("ada"), "a sentence to keep in mind")
    core.org("lab", {ada: "write"})
    likes.like(repo, ada)
    found = export(core, ada)
    assert found["profile"]["name"] == "ada"  # type: ignore[call-overload]  # the profile is one object
    assert [one["name"] for one in found["tokens"]] == ["laptop"]
    assert [one["repo"] for one in found["likes"]] == ["ada/words"]
    assert [(one["name"], one["role"]) for one in found["organizations"]] == [("lab", "write")]
    assert [one["full_name"] for one in found["repos"]] == ["ada/words"]
    text = msgspec.json.encode(found).decode()
    assert token not in text
    assert not re.search(r'"(?:hash|secret|password_hash)"|argon2|[0-9a-f]{64}', text)


def test_t1_a_repo_that_one_may_not_open_any_more_is_not_named(core: Core, ada: Caller, repo: Repo) -> None:
    bob = core.user("bob")
    likes.like(repo, bob)
    core.hub.catalog.change(ada, repo, Settings(private=True))
    core.hub.catalog.move(ada, repo, "ada", "new-and-secret")
    assert [(one["repo"], one["repo_type"]) for one in export(core, bob)["likes"]] == [(None, None)]


def test_t1_pages_of_an_export_follow_each_other(
    core: Core, ada: Caller, repo: Repo, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(personal, "_PAGE", 2)
    for number in range(5):
        likes.like(core.repo(ada, f"ada/words-{number}", type=RepoType.MODEL), ada)
    found = export(core, ada)
    assert [one["repo"] for one in found["likes"]] == [f"ada/words-{number}" for number in range(5)]
    assert len(found["repos"]) == 6


def test_t1_every_table_that_names_a_person_is_in_the_export_or_excused() -> None:
    named = {
        table.name
        for table in schema.metadata.tables.values()
        if any(key.column.table.name == "accounts" for column in table.columns for key in column.foreign_keys)
    }
    read = {str(key.table.name) for section in personal.SECTIONS for key in section.keys}  # type: ignore[attr-defined]  # columns
    assert named - read - _NOT_OF_A_PERSON == set()
