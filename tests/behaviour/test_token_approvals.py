"""Over both databases: fine-grained tokens as they are kept, refreshed and found, and what organisations say of them."""

import asyncio

import pytest

from pioche.accounts import entities
from pioche.accounts.account import Account
from pioche.accounts.approvals import Policy, Status
from pioche.accounts.callers import Bar, Caller, Callers
from pioche.accounts.directory import Directory
from pioche.accounts.members import Role
from pioche.accounts.scopes import parse_wanted
from pioche.accounts.tokens import TokenRole
from pioche.db.engine import Database
from pioche.errors import AccountNotFound, BadRequest, Conflict, InvalidToken, NotFound, RepoNotFound
from pioche.names import RepoType

STRICT = Policy(wants_fine_grained=True, approves=False)
ASKING = Policy(wants_fine_grained=True, approves=True)
OPEN = Policy(wants_fine_grained=False, approves=False)


class People:
    """ada administrates the lab, bob belongs to it, eve does not."""

    def __init__(self, database: Database) -> None:
        self.database, self.directory = database, Directory(database)
        self.ada, self.bob, self.eve = (self.directory.create_user(name) for name in ("ada", "bob", "eve"))
        self.lab = self.directory.create_org("lab")
        self.directory.members.add(self.lab, self.ada, Role.ADMIN)
        self.directory.members.add(self.lab, self.bob, Role.WRITE)

    def token(self, user: Account, *scopes: str) -> str:
        wanted = [parse_wanted(text) for text in scopes]
        given = entities.find(self.database, user, wanted, no_repo)
        return self.directory.tokens.create(user, role=TokenRole.FINE_GRAINED, scopes=given)[0]

    def id_of(self, user: Account) -> int:
        return self.directory.tokens.of(user)[-1].id

    def caller(self, *values: str) -> list[Caller]:
        async def ask() -> list[Caller]:
            callers = Callers(self.database)
            try:
                return [await callers.by_token(value) for value in values]
            finally:
                await self.database.aclose()

        return asyncio.run(ask())

    def bars(self, *values: str) -> list[list[Bar]]:
        return [[one.why for one in caller.barred] for caller in self.caller(*values)]


def no_repo(_kind: RepoType, _name: str) -> int:
    raise RepoNotFound


@pytest.fixture
def people(database: Database) -> People:
    return People(database)


def test_a_fine_grained_token_makes_a_caller_with_its_permissions(people: People) -> None:
    value = people.token(people.bob, "org/LAB=repo.write", "user/bob=collection.read")
    (caller,) = people.caller(value)
    assert caller.scopes is not None
    assert caller.scopes.on_account(people.lab.id) == {"repo.write"}
    assert caller.scopes.on_account(people.bob.id) == {"collection.read"}
    assert caller.may_write
    assert not caller.is_admin
    named = entities.named(people.database, people.bob.id, caller.scopes.given)
    assert [(one.kind, one.name, one.uid) for one in named] == [
        ("org", "lab", people.lab.uid),
        ("user", "bob", people.bob.uid),
    ]


def test_permissions_are_given_on_what_is_ones_own(people: People) -> None:
    with pytest.raises(AccountNotFound, match="belongs to no organization 'lab'"):
        people.token(people.eve, "org/lab=repo.write")
    with pytest.raises(BadRequest, match="no other user"):
        people.token(people.eve, "user/ada=repo.write")
    with pytest.raises(NotFound):
        people.token(people.eve, f"collection/ada/x-{'0' * 24}=collection.read")
    with pytest.raises(RepoNotFound):
        people.token(people.eve, "model/ada/secret=repo.write")
    with pytest.raises(BadRequest, match="has permissions"):
        people.directory.tokens.create(people.eve, role=TokenRole.FINE_GRAINED)


def test_a_refreshed_token_has_another_value_and_nothing_else_new(people: People) -> None:
    old = people.token(people.bob, "org/lab=repo.write")
    before = people.directory.tokens.get(people.id_of(people.bob))
    value, after = people.directory.tokens.refresh(people.bob, before.id)
    assert after == before
    assert people.caller(value)[0].token_id == before.id
    with pytest.raises(InvalidToken):
        people.caller(old)
    with pytest.raises(NotFound):
        people.directory.tokens.refresh(people.eve, before.id)
    people.directory.tokens.revoke_id(people.bob, before.id)
    with pytest.raises(NotFound):
        people.directory.tokens.refresh(people.bob, before.id)


def test_tokens_that_are_found_end(people: People) -> None:
    found, other = people.token(people.bob), people.token(people.bob)
    for _ in range(2):
        people.directory.tokens.revoke_found([found, "hf_" + "x" * 37, "", "é\udcff"])
    with pytest.raises(InvalidToken):
        people.caller(found)
    people.caller(other)


def test_a_policy_counts_for_members_and_at_once(people: People) -> None:
    write, _ = people.directory.tokens.create(people.bob)
    fine, own = people.token(people.bob, "org/lab=repo.write"), people.token(people.ada, "org/lab=repo.write")
    stranger, _ = people.directory.tokens.create(people.eve)
    approvals = people.directory.approvals
    assert people.bars(write, fine, own, stranger) == [[], [], [], []]
    approvals.set_policy(people.lab, STRICT, actor_id=people.ada.id)
    assert people.bars(write, fine, own, stranger) == [[Bar.UNSCOPED], [], [], []]
    approvals.set_policy(people.lab, Policy(wants_fine_grained=False, approves=True), actor_id=people.ada.id)
    assert approvals.policy(people.lab.id) == ASKING
    assert people.bars(write, fine, own, stranger) == [[Bar.UNSCOPED], [Bar.PENDING], [], []]
    approvals.set_policy(people.lab, OPEN, actor_id=people.ada.id)
    assert people.bars(write, fine, own, stranger) == [[], [], [], []]


def test_what_is_asked_for_is_approved_denied_or_revoked(people: People) -> None:
    fine = people.token(people.bob, "org/lab=repo.write")
    token_id, approvals = people.id_of(people.bob), people.directory.approvals
    approvals.set_policy(people.lab, ASKING, actor_id=people.ada.id)
    assert [(one.owner, one.status, one.permissions) for one in approvals.seen(people.lab)] == [
        ("bob", Status.PENDING, ("repo.write",))
    ]
    assert approvals.waiting(people.lab) == 1
    assert approvals.of_user(people.bob) == {token_id: [("lab", Status.PENDING)]}
    approvals.decide(people.lab, token_id, Status.DENIED, actor=people.ada)
    assert people.bars(fine) == [[Bar.DENIED]]
    approvals.decide(people.lab, token_id, Status.APPROVED, actor=people.ada)
    assert people.bars(fine) == [[]]
    assert approvals.of_user(people.bob) == {token_id: [("lab", Status.APPROVED)]}
    approvals.decide(people.lab, token_id, Status.REVOKED, actor=people.ada)
    assert people.bars(fine) == [[Bar.REVOKED]]
    with pytest.raises(Conflict, match="for good"):
        approvals.decide(people.lab, token_id, Status.APPROVED, actor=people.ada)
    # Whatever the policy becomes, and were the token refreshed.
    approvals.set_policy(people.lab, OPEN, actor_id=people.ada.id)
    value, _ = people.directory.tokens.refresh(people.bob, token_id)
    assert people.bars(value) == [[Bar.REVOKED]]


def test_a_found_token_is_revoked_by_its_value_for_one_organisation(people: People) -> None:
    write, _ = people.directory.tokens.create(people.bob)
    approvals = people.directory.approvals
    approvals.revoke_value(people.lab, write, actor=people.ada)
    assert people.bars(write) == [[Bar.REVOKED]]
    for foreign in ("hf_nobody", people.token(people.eve)):
        with pytest.raises(NotFound):
            approvals.revoke_value(people.lab, foreign, actor=people.ada)
    own, _ = people.directory.tokens.create(people.ada)
    with pytest.raises(Conflict, match="is yours"):
        approvals.revoke_value(people.lab, own, actor=people.ada)


def test_tokens_that_have_nothing_to_do_with_it_are_no_business_of_an_organisation(people: People) -> None:
    people.token(people.bob, "user/bob=repo.write")
    people.token(people.eve, "user/eve=repo.write")
    approvals = people.directory.approvals
    assert approvals.seen(people.lab) == []
    with pytest.raises(NotFound):
        approvals.decide(people.lab, people.id_of(people.bob), Status.REVOKED, actor=people.ada)


def test_names_of_tokens_are_for_organisations_that_approve_them(people: People) -> None:
    people.token(people.bob, "org/lab=repo.write")
    approvals = people.directory.approvals
    assert [one.name for one in approvals.seen(people.lab)] == [""]
    approvals.set_policy(people.lab, ASKING, actor_id=None)
    assert [one.name for one in approvals.seen(people.lab)] == ["token"]
