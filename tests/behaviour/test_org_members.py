"""Coming into an organisation and going, over both databases: invitations, requests, the last administrator."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import pytest
import sqlalchemy as sa

from pioche.accounts import join_requests, org_invitations, org_settings
from pioche.accounts.account import Account
from pioche.accounts.callers import Caller
from pioche.accounts.directory import Directory
from pioche.accounts.members import Role
from pioche.db import schema
from pioche.db.engine import Database
from pioche.errors import AccountNotFound, BadRequest, Conflict, Forbidden, HubError, NotFound

WORDS = "not valid any more"


@dataclass
class World:
    """`lab` has ada (admin) and bob (read); eve and zoe belong to nothing."""

    database: Database
    directory: Directory
    ada: Account
    bob: Account
    eve: Account
    zoe: Account

    @property
    def lab(self) -> Account:
        return self.directory.get_org("lab")

    def role(self, user: Account) -> Role | None:
        return self.directory.members.role(self.lab.id, user.id)

    def link(self, role: Role = Role.READ, *, days: int = 7, uses: int | None = None) -> str:
        return org_invitations.create_link(self.database, self.lab, self.ada.id, role, days=days, uses=uses)[0]

    def follow(self, secret: str, user: Account, org: Account | None = None) -> bool:
        return org_invitations.follow_link(self.database, org or self.lab, secret, user)

    def end_all(self) -> None:
        """Time goes by: everything that was made expires."""
        with self.database.write() as connection:
            connection.execute(schema.org_invitations.update().values(expires_at=1))

    def events(self) -> list[str]:
        with self.database.read() as connection:
            return [row[0] for row in connection.execute(sa.select(schema.events.c.kind).order_by(schema.events.c.id))]


@pytest.fixture
def world(database: Database) -> World:
    directory = Directory(database)
    ada, bob, eve, zoe = (directory.create_user(name) for name in ("ada", "bob", "eve", "zoe"))
    lab = directory.create_org("lab", creator_id=ada.id)
    directory.members.add(lab, bob, Role.READ)
    return World(database, directory, ada, bob, eve, zoe)


# --- by link --------------------------------------------------------------------------------------------------------


def test_whoever_has_a_link_is_a_member_in_its_role(world: World) -> None:
    secret = world.link(Role.WRITE)
    found = org_invitations.find_link(world.database, world.lab, secret)
    assert (found.org, found.creator, found.role, found.uses_left) == ("lab", "ada", Role.WRITE, None)
    assert world.follow(secret, world.eve)
    assert world.follow(secret, world.zoe)
    assert world.role(world.eve) is world.role(world.zoe) is Role.WRITE
    assert "org.create_invite_link" in world.events()


def test_the_database_does_not_hold_what_a_link_does(world: World) -> None:
    secret = world.link()
    with world.database.read() as connection:
        rows = [*connection.execute(sa.select(schema.org_invitations)), *connection.execute(sa.select(schema.events))]
    assert secret not in repr(rows)


def test_a_member_stays_what_they_are_and_uses_nothing_up(world: World) -> None:
    secret = world.link(Role.WRITE, uses=1)
    assert not world.follow(secret, world.bob)
    assert world.role(world.bob) is Role.READ
    assert world.follow(secret, world.eve)


def used_up(world: World) -> str:
    secret = world.link(uses=1)
    world.follow(secret, world.zoe)
    return secret


def expired(world: World) -> str:
    secret = world.link()
    world.end_all()
    return secret


def revoked(world: World) -> str:
    secret = world.link()
    org_invitations.revoke(world.database, world.lab, org_invitations.waiting_of(world.database, world.lab)[0].id)
    return secret


def of_who_administers_no_more(world: World) -> str:
    secret = world.link()
    world.directory.members.add(world.lab, world.bob, Role.ADMIN)
    world.directory.members.change(world.lab, world.ada, Role.WRITE)
    return secret


def of_who_left(world: World) -> str:
    secret = world.link()
    world.directory.members.add(world.lab, world.bob, Role.ADMIN)
    world.directory.members.remove(world.lab, world.ada, actor_id=world.ada.id)
    return secret


def of_who_is_suspended(world: World) -> str:
    secret = world.link()
    world.directory.suspend(world.ada)
    return secret


def of_another_organisation(world: World) -> str:
    other = world.directory.create_org("other", creator_id=world.ada.id)
    return org_invitations.create_link(world.database, other, world.ada.id, Role.READ, days=1)[0]


def for_one_user(world: World) -> str:
    org_invitations.invite(world.database, world.lab, world.ada.id, world.zoe, Role.READ, days=1)
    with world.database.read() as connection:
        return str(connection.execute(sa.select(schema.org_invitations.c.hash)).scalar_one())


def invented(_world: World) -> str:
    return "x" * 32


BROKEN = (
    used_up, expired, revoked, of_who_administers_no_more, of_who_left, of_who_is_suspended, of_another_organisation,
    for_one_user, invented,
)  # fmt: skip


@pytest.mark.parametrize("broken", BROKEN, ids=lambda made: made.__name__)
def test_a_link_that_does_not_count_says_the_same_whatever_the_reason(
    world: World, broken: Callable[[World], str]
) -> None:
    secret = broken(world)
    for ask in (
        lambda: org_invitations.find_link(world.database, world.lab, secret),
        lambda: world.follow(secret, world.eve),
    ):
        with pytest.raises(Forbidden) as refused:
            ask()
        assert refused.value.message == "This invitation is not valid any more: ask for a new one"
    assert world.role(world.eve) is None


def test_a_link_of_the_hubs_administrators_counts(world: World) -> None:
    warden = world.directory.create_user("warden", is_admin=True)
    secret, _ = org_invitations.create_link(world.database, world.lab, warden.id, Role.READ, days=1)
    assert world.follow(secret, world.eve)


def test_many_at_once_are_as_many_as_a_link_is_good_for(world: World) -> None:
    secret = world.link(uses=2)
    people = [world.directory.create_user(f"p{number}") for number in range(6)]
    came = outcomes(*(partial(world.follow, secret, user) for user in people))
    assert sorted(came) == ["Forbidden"] * 4 + ["done"] * 2
    assert sum(world.role(user) is not None for user in people) == 2


@pytest.mark.parametrize(
    ("role", "days", "uses"),
    [(Role.READ, 0, None), (Role.READ, 400, None), (Role.READ, 1, 0), (Role.READ, 1, 2000), (Role.ADMIN, 1, None)],
)
def test_links_that_are_refused(world: World, role: Role, days: int, uses: int | None) -> None:
    with pytest.raises(BadRequest):
        world.link(role, days=days, uses=uses)


def test_long_ended_invitations_are_swept(world: World) -> None:
    world.link()
    assert org_invitations.sweep(world.database) == 0
    world.end_all()
    assert org_invitations.sweep(world.database) == 1


# --- by name --------------------------------------------------------------------------------------------------------


def test_who_is_invited_by_name_accepts(world: World) -> None:
    made = org_invitations.invite(world.database, world.lab, world.ada.id, world.eve, Role.CONTRIBUTOR, days=7)
    assert org_invitations.waiting_for(world.database, world.eve.id) == [made]
    assert org_invitations.waiting_of(world.database, world.lab) == [made]
    assert world.role(world.eve) is None
    assert org_invitations.accept(world.database, made.id, world.eve) == "lab"
    assert world.role(world.eve) is Role.CONTRIBUTOR
    assert org_invitations.waiting_for(world.database, world.eve.id) == []
    assert world.events()[-2:] == ["org.invite_user", "org.add_user"]


def test_an_invitation_of_somebody_else_is_none(world: World) -> None:
    made = org_invitations.invite(world.database, world.lab, world.ada.id, world.eve, Role.ADMIN, days=7)
    for ask in (org_invitations.accept, org_invitations.decline):
        with pytest.raises(NotFound, match=WORDS):
            ask(world.database, made.id, world.zoe)
    link = org_invitations.create_link(world.database, world.lab, world.ada.id, Role.READ, days=1)[1]
    with pytest.raises(NotFound, match=WORDS):
        org_invitations.accept(world.database, link.id, world.zoe)
    assert world.role(world.zoe) is None


def test_who_declines_may_be_invited_again_and_the_last_word_counts(world: World) -> None:
    for role in (Role.WRITE, Role.READ):
        made = org_invitations.invite(world.database, world.lab, world.ada.id, world.eve, role, days=7)
    assert [one.role for one in org_invitations.waiting_for(world.database, world.eve.id)] == [Role.READ]
    org_invitations.decline(world.database, made.id, world.eve)
    assert org_invitations.waiting_of(world.database, world.lab) == []
    with pytest.raises(NotFound, match=WORDS):
        org_invitations.accept(world.database, made.id, world.eve)


def test_members_are_not_invited_and_only_ones_own_invitations_are_withdrawn(world: World) -> None:
    with pytest.raises(Conflict, match="already"):
        org_invitations.invite(world.database, world.lab, world.ada.id, world.bob, Role.READ, days=7)
    made = org_invitations.invite(world.database, world.lab, world.ada.id, world.eve, Role.READ, days=7)
    other = world.directory.create_org("other", creator_id=world.zoe.id)
    with pytest.raises(NotFound):
        org_invitations.revoke(world.database, other, made.id)
    org_invitations.revoke(world.database, world.lab, made.id)
    assert org_invitations.waiting_for(world.database, world.eve.id) == []


# --- by request -----------------------------------------------------------------------------------------------------


@pytest.fixture
def asking(world: World) -> World:
    """`lab` takes requests, and eve asked."""
    org_settings.set_openness(world.database, world.lab.id, hides_members=False, takes_requests=True)
    join_requests.ask(world.database, world.lab, world.eve, "Let me in")
    return world


def test_who_asked_is_let_in_in_the_role_that_was_chosen(asking: World) -> None:
    (found,) = join_requests.waiting_of(asking.database, asking.lab)
    assert (found.account.name, found.text) == ("eve", "Let me in")
    join_requests.accept(asking.database, asking.lab, asking.eve, Role.WRITE, actor_id=asking.ada.id)
    assert asking.role(asking.eve) is Role.WRITE
    assert not join_requests.is_waiting(asking.database, asking.lab, asking.eve.id)
    with pytest.raises(NotFound):
        join_requests.refuse(asking.database, asking.lab, asking.eve)


def test_who_was_refused_or_withdrew_may_ask_again(asking: World) -> None:
    join_requests.refuse(asking.database, asking.lab, asking.eve)
    join_requests.ask(asking.database, asking.lab, asking.eve)
    join_requests.withdraw(asking.database, asking.lab, asking.eve)
    with pytest.raises(NotFound):
        join_requests.accept(asking.database, asking.lab, asking.eve, Role.READ)
    assert asking.role(asking.eve) is None


def test_requests_where_none_are_taken(world: World) -> None:
    with pytest.raises(Forbidden, match="no requests"):
        join_requests.ask(world.database, world.lab, world.eve)


def test_requests_that_are_refused_at_once(asking: World) -> None:
    with pytest.raises(Conflict, match="already"):
        join_requests.ask(asking.database, asking.lab, asking.bob)
    with pytest.raises(BadRequest):
        join_requests.ask(asking.database, asking.lab, asking.zoe, "x" * 501)


def test_who_comes_by_another_way_waits_for_nothing_any_more(asking: World) -> None:
    org_invitations.invite(asking.database, asking.lab, asking.ada.id, asking.eve, Role.READ, days=7)
    asking.directory.members.add(asking.lab, asking.eve, Role.READ)
    assert join_requests.waiting_of(asking.database, asking.lab) == []
    assert org_invitations.waiting_of(asking.database, asking.lab) == []


# --- going, and who stays -------------------------------------------------------------------------------------------


def together(*calls: Callable[[], object]) -> None:
    threads = [threading.Thread(target=call) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def outcomes(*calls: Callable[[], object]) -> list[str]:
    """What became of each, all at once."""
    found = list[str]()

    def go(call: Callable[[], object]) -> None:
        try:
            call()
        except HubError as error:
            found.append(type(error).__name__)
        else:
            found.append("done")

    together(*(partial(go, call) for call in calls))
    return found


def attempts(world: World) -> Iterator[tuple[Callable[[], None], Callable[[], None]]]:
    """Two administrators at once: each takes the right from the other, or from themselves."""
    members, lab, ada, bob = world.directory.members, world.lab, world.ada, world.bob
    yield (lambda: members.remove(lab, bob)), (lambda: members.remove(lab, ada))
    yield (lambda: members.change(lab, bob, Role.READ)), (lambda: members.change(lab, ada, Role.READ))
    yield (lambda: members.remove(lab, ada, actor_id=ada.id)), (lambda: members.remove(lab, bob, actor_id=bob.id))
    yield (lambda: members.add(lab, ada, Role.NO_ACCESS)), (lambda: members.remove(lab, bob))


def test_of_two_administrators_one_stays_whatever_both_do_at_once(world: World) -> None:
    for one, other in attempts(world):
        for user in (world.ada, world.bob):
            world.directory.members.add(world.lab, user, Role.ADMIN)
        assert sorted(outcomes(one, other)) == ["Conflict", "done"]
        assert [one.role for one in world.directory.members.of(world.lab)].count(Role.ADMIN) == 1


def test_who_is_suspended_does_not_count_as_an_administrator(world: World) -> None:
    world.directory.members.add(world.lab, world.bob, Role.ADMIN)
    world.directory.suspend(world.bob)
    with pytest.raises(Conflict, match="last administrator"):
        world.directory.members.remove(world.lab, world.ada)
    world.directory.members.remove(world.lab, world.bob)


def test_an_organisation_without_administrators_is_one_that_the_command_line_made(world: World) -> None:
    navy = world.directory.create_org("navy")
    world.directory.members.add(navy, world.eve, Role.READ)
    world.directory.members.remove(navy, world.eve, actor_id=world.eve.id)
    assert world.events()[-1] == "org.leave"
    with pytest.raises(AccountNotFound):
        world.directory.members.remove(navy, world.eve)


# --- who sees the members -------------------------------------------------------------------------------------------


def test_hidden_members_are_shown_to_members_alone(world: World) -> None:
    org_settings.set_openness(world.database, world.lab.id, hides_members=True, takes_requests=False)
    world.directory.members.add(world.lab, world.zoe, Role.NO_ACCESS)
    world.directory.create_org("open", creator_id=world.bob.id)
    members = world.directory.members
    sees = {name: caller(world, name) for name in ("ada", "bob", "eve", "zoe")} | {"nobody": Caller.nobody()}
    assert {name for name, who in sees.items() if members.are_shown_to(who, world.lab)} == {"ada", "bob"}
    assert members.are_shown_to(Caller.operator(), world.lab)
    shown = {name: [one.account.name for one in members.orgs_shown(who, world.bob.id)] for name, who in sees.items()}
    assert shown == {
        "ada": ["lab", "open"], "bob": ["lab", "open"], "eve": ["open"], "zoe": ["open"], "nobody": ["open"],
    }  # fmt: skip


def caller(world: World, name: str) -> Caller:
    user = world.directory.get_user(name)
    return Caller(user.id, user.name, may_write=True, is_admin=False)


# --- what it says of itself -----------------------------------------------------------------------------------------


def test_the_profile_the_mark_and_the_defaults(world: World) -> None:
    org_settings.change_profile(world.database, world.lab.id, fullname="The Lab", bio="x", homepage="https://x.org")
    org_settings.verify(world.database, world.lab.id, is_verified=True)
    org_settings.set_default_visibility(world.database, world.lab.id, private=True)
    lab = world.lab
    assert (lab.fullname, lab.bio, lab.homepage, lab.private_by_default) == ("The Lab", "x", "https://x.org", True)
    assert lab.verified_at is not None
    org_settings.change_profile(world.database, world.lab.id, fullname="", bio="", homepage="")
    org_settings.verify(world.database, world.lab.id, is_verified=False)
    assert (world.lab.fullname, world.lab.bio, world.lab.verified_at) == ("lab", None, None)
    with pytest.raises(BadRequest):
        org_settings.change_profile(world.database, lab.id, fullname="", bio="", homepage="javascript:x")
    assert world.events()[-5:] == [
        "org.update_settings", "org.verify", "org.settings.default_repo_visibility", "org.update_settings", "org.unverify",
    ]  # fmt: skip
