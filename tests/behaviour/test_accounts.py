"""Accounts over both databases: names, members, tokens, passwords, the first administrator."""

import asyncio
import time

import argon2
import pytest
import sqlalchemy as sa

from pioche.accounts import overviews
from pioche.accounts.account import Account, Kind
from pioche.accounts.callers import Caller, Callers
from pioche.accounts.directory import Directory, first_administrator
from pioche.accounts.members import Role
from pioche.accounts.tokens import LastUsed, TokenRole
from pioche.db import schema
from pioche.db.engine import Database
from pioche.db.instance import new_uid, now_ms
from pioche.errors import (
    AccountNotFound,
    AlreadyExists,
    BadRequest,
    Conflict,
    InvalidName,
    InvalidToken,
    NotFound,
    Unauthenticated,
)


@pytest.fixture
def directory(database: Database) -> Directory:
    return Directory(database)


@pytest.fixture
def ada(directory: Directory) -> Account:
    return directory.create_user("ada", fullname="Ada Lovelace", email="ada@example.org")


@pytest.fixture
def lab(directory: Directory) -> Account:
    return directory.create_org("lab", fullname="The Lab")


def caller_of(database: Database, token: str) -> Caller:
    async def ask() -> Caller:
        try:
            return await Callers(database).by_token(token)
        finally:
            await database.aclose()

    return asyncio.run(ask())


def add_repo(database: Database, owner: Account, name: str, *, type: str = "model", private: bool = False) -> int:
    """A row is all that counts need."""
    row = {
        "uid": new_uid(),
        "type": type,
        "namespace_id": owner.id,
        "name": name,
        "full_name": f"{owner.name}/{name}",
        "full_key": f"{owner.name}/{name}".lower(),
        "private": private,
        "genesis": "{}",
        "created_at": now_ms(),
        "updated_at": now_ms(),
    }
    with database.write() as connection:
        return connection.execute(schema.repos.insert().values(row).returning(schema.repos.c.id)).scalar_one()


# --- names ----------------------------------------------------------------------------------------------------------


def test_a_user_is_found_in_any_case(directory: Directory, ada: Account) -> None:
    assert directory.find("ADA") == directory.get("Ada") == directory.get_user("aDa") == directory.by_id(ada.id) == ada
    assert (ada.kind, ada.name, ada.fullname, ada.email) == (Kind.USER, "ada", "Ada Lovelace", "ada@example.org")
    assert not ada.is_admin


def test_a_full_name_is_the_name_where_none_is_given(directory: Directory) -> None:
    assert directory.create_user("Grace").fullname == "Grace"
    assert directory.create_org("Navy").fullname == "Navy"


@pytest.mark.parametrize("name", ["nobody", "", "a/b", "a.b", "ada\x00", "\udc80", "é", "ada "])
def test_whom_nobody_knows_is_not_found(directory: Directory, ada: Account, name: str) -> None:
    assert directory.find(name) is None
    with pytest.raises(AccountNotFound):
        directory.get(name)


def test_users_are_no_organisations(directory: Directory, ada: Account, lab: Account) -> None:
    with pytest.raises(AccountNotFound):
        directory.get_org("ada")
    with pytest.raises(AccountNotFound):
        directory.get_user("lab")
    with pytest.raises(AccountNotFound):
        directory.by_id(lab.id + 100)


def test_names_are_unique_over_users_and_organisations(directory: Directory, ada: Account, lab: Account) -> None:
    for create in (directory.create_user, directory.create_org):
        for name in ("Ada", "LAB"):
            with pytest.raises(AlreadyExists, match=name):
                create(name)


@pytest.mark.parametrize("name", ["", "-a", "a-", "a--b", "a.b", "a/b", "api", "Settings", "admin", "x" * 97, "é"])
def test_names_that_nobody_may_have(directory: Directory, name: str) -> None:
    with pytest.raises(InvalidName):
        directory.create_user(name)
    with pytest.raises(InvalidName):
        directory.create_org(name)


def test_what_else_is_refused(directory: Directory) -> None:
    with pytest.raises(BadRequest, match="email"):
        directory.create_user("ada", email="nonsense")
    with pytest.raises(BadRequest, match="full name"):
        directory.create_user("ada", fullname="a\nb")
    with pytest.raises(BadRequest, match="password"):
        directory.create_user("ada", password="short")
    assert directory.find("ada") is None


# --- organisations --------------------------------------------------------------------------------------------------


def test_members_come_by_name_in_pages(directory: Directory, lab: Account) -> None:
    for name, role in (("Cleo", Role.READ), ("ada", Role.ADMIN), ("bob", Role.CONTRIBUTOR)):
        directory.members.add(lab, directory.create_user(name), role)
    assert [(m.account.name, m.role) for m in directory.members.of(lab, limit=2)] == [
        ("ada", Role.ADMIN),
        ("bob", Role.CONTRIBUTOR),
    ]
    assert [m.account.name for m in directory.members.of(lab, after="Bob")] == ["Cleo"]
    assert directory.members.count(lab) == 3


def test_a_member_knows_their_organisations(directory: Directory, ada: Account, lab: Account) -> None:
    other = directory.create_org("academy", creator_id=ada.id)
    directory.members.add(lab, ada, Role.NO_ACCESS)
    found = directory.members.orgs_of(ada.id)
    assert [(m.account, m.role) for m in found] == [(other, Role.ADMIN), (lab, Role.NO_ACCESS)]
    assert directory.members.role(other.id, ada.id) is Role.ADMIN
    assert directory.members.role(lab.id, lab.id) is None


def test_adding_again_changes_the_role(directory: Directory, ada: Account, lab: Account) -> None:
    directory.members.add(lab, ada, Role.READ)
    directory.members.add(lab, ada, Role.WRITE)
    directory.members.change(lab, ada, Role.CONTRIBUTOR)
    assert directory.members.role(lab.id, ada.id) is Role.CONTRIBUTOR
    directory.members.remove(lab, ada)
    assert directory.members.of(lab) == []


def test_only_members_change_and_leave(directory: Directory, ada: Account, lab: Account) -> None:
    with pytest.raises(AccountNotFound):
        directory.members.change(lab, ada, Role.READ)
    with pytest.raises(AccountNotFound):
        directory.members.remove(lab, ada)


def test_the_last_administrator_stays(directory: Directory, ada: Account) -> None:
    club = directory.create_org("club", creator_id=ada.id)
    for leave in (
        lambda: directory.members.remove(club, ada),
        lambda: directory.members.change(club, ada, Role.WRITE),
        lambda: directory.members.add(club, ada, Role.READ),
    ):
        with pytest.raises(Conflict, match="last administrator"):
            leave()
    directory.members.add(club, directory.create_user("bob"), Role.ADMIN)
    directory.members.remove(club, ada)
    assert [m.account.name for m in directory.members.of(club)] == ["bob"]


def test_only_users_are_members_and_only_of_organisations(directory: Directory, ada: Account, lab: Account) -> None:
    with pytest.raises(BadRequest):
        directory.members.add(lab, lab, Role.READ)
    with pytest.raises(BadRequest):
        directory.members.add(ada, ada, Role.READ)


def test_an_organisation_with_repos_is_not_removed(database: Database, directory: Directory, lab: Account) -> None:
    repo = add_repo(database, lab, "m")
    with pytest.raises(Conflict, match="1 repo"):
        directory.remove_org(lab)
    with database.write() as connection:
        connection.execute(schema.repos.delete().where(schema.repos.c.id == repo))
    directory.remove_org(lab)
    assert directory.find("lab") is None


def test_private_repos_are_counted_for_those_who_read_them(database: Database, directory: Directory) -> None:
    ada, bob, eve = (directory.create_user(name) for name in ("ada", "bob", "eve"))
    club = directory.create_org("club", creator_id=ada.id)
    directory.members.add(club, bob, Role.READ)
    directory.members.add(club, eve, Role.NO_ACCESS)
    add_repo(database, club, "public")
    add_repo(database, club, "secret", private=True)
    add_repo(database, club, "data", type="dataset", private=True)

    def seen_by(user: Account | None) -> tuple[int, int]:
        caller = Caller(user.id, user.name, may_write=True, is_admin=False) if user else Caller.nobody()
        seen = overviews.overview(database, club, caller)
        assert (seen.spaces, seen.discussions, seen.members) == (0, 0, 3)
        return seen.models, seen.datasets

    assert seen_by(ada) == seen_by(bob) == (2, 1)
    assert seen_by(eve) == seen_by(None) == (1, 0)


# --- tokens ---------------------------------------------------------------------------------------------------------


def test_a_token_makes_a_caller(database: Database, directory: Directory, ada: Account) -> None:
    for role in (TokenRole.READ, TokenRole.WRITE):
        value, token = directory.tokens.create(ada, name="laptop", role=role)
        caller = caller_of(database, value)
        assert caller == Caller(ada.id, "ada", may_write=role is TokenRole.WRITE, is_admin=False, token_id=token.id)
        assert directory.tokens.get(token.id) == token


def test_no_column_holds_a_token(database: Database, directory: Directory, ada: Account) -> None:
    value, _ = directory.tokens.create(ada)
    with database.read() as connection:
        assert value not in str(connection.execute(sa.select(schema.tokens)).all())


@pytest.mark.parametrize("wrong", ["", "hf_", "hf_" + "x" * 37, "é" * 20, "\udcff", "' OR 1=1 --"])
def test_an_unknown_token_is_refused(database: Database, ada: Account, wrong: str) -> None:
    with pytest.raises(InvalidToken):
        caller_of(database, wrong)


def test_a_token_of_ones_own(database: Database, directory: Directory, ada: Account) -> None:
    value, _ = directory.tokens.create(ada, value="hf_hubsuite_user")
    assert value == "hf_hubsuite_user"
    assert caller_of(database, "hf_hubsuite_user").name == "ada"
    with pytest.raises(AlreadyExists):
        directory.tokens.create(directory.create_user("bob"), value="hf_hubsuite_user")
    for refused in ("short", "has a blank", "é" * 10, "x" * 201):
        with pytest.raises(BadRequest):
            directory.tokens.create(ada, value=refused)


def test_organisations_have_no_tokens(directory: Directory, lab: Account) -> None:
    with pytest.raises(BadRequest):
        directory.tokens.create(lab)


def test_an_expired_token_is_refused(database: Database, directory: Directory, ada: Account) -> None:
    fresh, _ = directory.tokens.create(ada, expires_at=now_ms() + 60_000)
    stale, _ = directory.tokens.create(ada, expires_at=now_ms() - 1)
    assert caller_of(database, fresh).name == "ada"
    with pytest.raises(InvalidToken):
        caller_of(database, stale)


def test_tokens_are_revoked_by_id_name_or_value(database: Database, directory: Directory, ada: Account) -> None:
    made = [directory.tokens.create(ada, name=name) for name in ("laptop", "phone", "server")]
    for (value, token), which in zip(made, (str(made[0][1].id), "phone", made[2][0]), strict=True):
        assert directory.tokens.revoke(ada, which).id == token.id
        with pytest.raises(InvalidToken):
            caller_of(database, value)
        with pytest.raises(NotFound):
            directory.tokens.revoke(ada, token.name)
    assert all(token.revoked_at is not None for token in directory.tokens.of(ada))


def test_a_name_that_several_tokens_have_revokes_none(directory: Directory, ada: Account) -> None:
    first, second = (directory.tokens.create(ada, name="laptop")[1] for _ in range(2))
    with pytest.raises(Conflict, match=f"{first.id}, {second.id}"):
        directory.tokens.revoke(ada, "laptop")


def test_nobody_revokes_the_tokens_of_others(database: Database, directory: Directory, ada: Account) -> None:
    value, token = directory.tokens.create(ada, name="laptop")
    bob = directory.create_user("bob")
    for which in (value, str(token.id), "laptop"):
        with pytest.raises(NotFound):
            directory.tokens.revoke(bob, which)
    assert caller_of(database, value).name == "ada"


def test_last_used_is_buffered(database: Database, directory: Directory, ada: Account) -> None:
    value, token = directory.tokens.create(ada)
    _, unused = directory.tokens.create(ada)
    last_used = LastUsed(database)
    last_used.flush()

    async def use() -> None:
        await Callers(database, used=last_used.record).by_token(value)
        await database.aclose()

    asyncio.run(use())
    assert directory.tokens.get(token.id).last_used_at is None
    last_used.flush()
    at = directory.tokens.get(token.id).last_used_at
    assert at is not None
    assert abs(at - time.time() * 1000) < 600_000
    assert directory.tokens.get(unused.id).last_used_at is None


def test_last_used_never_goes_back(database: Database, directory: Directory, ada: Account) -> None:
    _, token = directory.tokens.create(ada)
    early, late = LastUsed(database), LastUsed(database)
    early.record(token.id)
    time.sleep(0.005)
    late.record(token.id)
    late.flush()
    newest = directory.tokens.get(token.id).last_used_at
    early.flush()
    assert directory.tokens.get(token.id).last_used_at == newest


# --- suspending and passwords ---------------------------------------------------------------------------------------


def test_a_suspended_user_is_refused_until_reinstated(database: Database, directory: Directory, ada: Account) -> None:
    directory.set_password(ada, "correct horse")
    value, _ = directory.tokens.create(ada)
    directory.suspend(ada)
    with pytest.raises(InvalidToken):
        caller_of(database, value)
    with pytest.raises(Unauthenticated):
        directory.authenticate("ada", "correct horse")
    directory.reinstate(ada)
    assert caller_of(database, value).name == "ada"
    assert directory.authenticate("ada", "correct horse") == ada


def test_the_last_administrator_of_the_hub_is_not_suspended(directory: Directory) -> None:
    root, other = (directory.create_user(name, is_admin=True) for name in ("root-1", "root-2"))
    directory.suspend(root)
    with pytest.raises(Conflict, match="last administrator"):
        directory.suspend(other)


def test_wrong_passwords_unknown_users_and_organisations_are_refused_alike(directory: Directory, lab: Account) -> None:
    directory.create_user("ada", password="correct horse")
    directory.create_user("bob")
    refusals = set[str]()
    for name, password in (("ada", "wrong horse"), ("nobody", "correct horse"), ("lab", ""), ("bob", "")):
        with pytest.raises(Unauthenticated) as refusal:
            directory.authenticate(name, password)
        refusals.add(refusal.value.message)
    assert len(refusals) == 1


def test_an_old_hash_is_renewed_when_the_password_is_at_hand(database: Database, directory: Directory) -> None:
    ada = directory.create_user("ada", password="correct horse")
    weak = argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash("correct horse")
    column = schema.accounts.c.password_hash

    def stored() -> str:
        with database.read() as connection:
            return str(connection.execute(sa.select(column).where(schema.accounts.c.id == ada.id)).scalar_one())

    with database.write() as connection:
        connection.execute(schema.accounts.update().values(password_hash=weak))
    with pytest.raises(Unauthenticated):
        directory.authenticate("ada", "wrong horse")
    assert stored() == weak
    directory.authenticate("ada", "correct horse")
    assert stored() != weak
    assert directory.authenticate("ADA", "correct horse").name == "ada"


# --- events ---------------------------------------------------------------------------------------------------------


def test_every_change_is_told_in_its_own_transaction(database: Database, directory: Directory, ada: Account) -> None:
    lab = directory.create_org("lab", creator_id=ada.id)
    bob = directory.create_user("bob")
    directory.members.add(lab, bob, Role.READ)
    directory.members.add(lab, bob, Role.WRITE, actor_id=ada.id)
    directory.members.remove(lab, bob)
    value, _ = directory.tokens.create(bob, name="laptop")
    directory.tokens.revoke(bob, "laptop")
    directory.suspend(bob)
    directory.reinstate(bob)
    directory.set_password(bob, "correct horse")
    with pytest.raises(Conflict):
        directory.members.remove(lab, ada)
    with pytest.raises(AlreadyExists):
        directory.create_user("bob")
    with database.read() as connection:
        told = connection.execute(sa.select(schema.events).order_by(schema.events.c.id)).all()
    assert [row.kind for row in told] == [
        "user.create",
        "org.create",
        "user.create",
        "org.add_user",
        "org.change_role",
        "org.remove_user",
        "token.create",
        "token.revoke",
        "user.suspend",
        "user.reinstate",
        "user.change_password",
    ]
    assert [row.kind for row in told if row.actor_id == ada.id] == ["org.create", "org.change_role"]
    assert value not in str(told)
    assert "correct horse" not in str(told)


# --- the first start ------------------------------------------------------------------------------------------------


def test_the_first_administrator_is_made_once(database: Database, directory: Directory) -> None:
    password = first_administrator(database)
    assert password is not None
    admin = directory.authenticate("admin", password)
    assert admin.is_admin
    assert admin.must_change_password
    directory.set_password(admin, "correct horse")
    assert not directory.get_user("admin").must_change_password
    assert first_administrator(database) is None


def test_a_hub_with_users_gets_no_administrator(database: Database, directory: Directory, ada: Account) -> None:
    assert first_administrator(database) is None
    assert directory.find("admin") is None


def test_an_organisation_alone_is_no_user(database: Database, lab: Account) -> None:
    assert first_administrator(database) is not None
