"""Resource groups: who is what in them, who may do what, and for whom their private repos are there."""

import pytest

from pioche.accounts import audiences, overviews
from pioche.accounts.callers import Caller
from pioche.accounts.groups import Group
from pioche.accounts.members import Role
from pioche.db import schema
from pioche.errors import AlreadyExists, BadRequest, Forbidden, HubError, NotFound, ReadOnlyToken, RepoNotFound
from pioche.names import RepoType
from pioche.repos import grouping, info, undo
from pioche.repos.access import Action
from pioche.repos.catalog import NewRepo, Settings
from tests.core import Core

ROLES = ("admin", "write", "contributor", "read")


class Lab:
    """An organisation with somebody of each role in it, somebody of each in its group `red`, and others."""

    def __init__(self, core: Core) -> None:
        self.core, self.groups = core, core.hub.directory.groups
        self.owner, self.stranger = core.user("owner"), core.user("stranger")
        self.outside = {role: core.user(f"out_{role}") for role in (*ROLES[1:], "no_access")}
        self.inside = {role: core.user(f"in_{role}") for role in ROLES}
        members = {user: role for role, user in self.outside.items()} | dict.fromkeys(self.inside.values(), "read")
        core.org("lab", {self.owner: "admin", **members})
        self.org = core.hub.directory.get_org("lab")
        self.red = self.group("red", {user: role for role, user in self.inside.items()})

    def group(self, name: str, members: dict[Caller, str] | None = None) -> Group:
        made = self.groups.create(self.org, self.owner, name)
        if members:
            named = [(self.core.accounts[user.name], Role(role)) for user, role in members.items()]
            self.groups.add(self.org, self.owner, made, named)
        return made

    def repo(self, name: str, group: Group | None = None, *, private: bool = True, by: Caller | None = None) -> str:
        new = NewRepo(
            type=RepoType.MODEL, namespace="lab", name=name, private=private, group=None if group is None else group.uid
        )
        return str(self.core.hub.catalog.create(by or self.owner, new).repo_id)

    def allows(self, caller: Caller, name: str, action: Action) -> bool:
        try:
            self.core.open(caller, name, action)
        except HubError:
            return False
        return True

    def sees(self, caller: Caller) -> list[str]:
        """By what lists and counts go by."""
        rows = schema.repos
        with self.core.hub.database.read() as connection:
            query = rows.select().where(*info.visible(caller)).order_by(rows.c.full_key)
            found = [row.full_name for row in connection.execute(query)]
            ids = [row.id for row in connection.execute(rows.select())]
        assert sorted(str(one.repo_id) for one in info.of_ids(self.core.hub.database, caller, ids)) == found
        assert overviews.overview(self.core.hub.database, self.org, caller).models == len(found)
        return found


@pytest.fixture
def lab(core: Core) -> Lab:
    return Lab(core)


def test_a_private_repo_of_a_group_is_for_its_members_and_nobody_else(lab: Lab) -> None:
    lab.repo("plain")
    secret = lab.repo("secret", lab.red)
    for role, caller in lab.inside.items():
        assert lab.allows(caller, secret, Action.READ)
        assert lab.allows(caller, secret, Action.WRITE) is (role in ("admin", "write"))
        assert lab.allows(caller, secret, Action.MANAGE) is (role in ("admin", "write"))
        assert lab.sees(caller) == ["lab/plain", "lab/secret"]
    for role, caller in lab.outside.items():
        with pytest.raises(RepoNotFound):
            lab.core.open(caller, secret)
        assert lab.sees(caller) == ([] if role == "no_access" else ["lab/plain"])
    assert lab.sees(lab.owner) == ["lab/plain", "lab/secret"]
    assert lab.sees(lab.stranger) == []
    assert lab.sees(Caller.nobody()) == []
    assert lab.allows(lab.owner, secret, Action.MANAGE)


def test_a_public_repo_of_a_group_is_read_by_all_and_written_by_its_members(lab: Lab) -> None:
    shown = lab.repo("shown", lab.red, private=False)
    for caller in (*lab.outside.values(), lab.stranger, Caller.nobody()):
        assert lab.allows(caller, shown, Action.READ)
        assert not lab.allows(caller, shown, Action.WRITE)
    assert [role for role, caller in lab.inside.items() if lab.allows(caller, shown, Action.WRITE)] == [
        "admin",
        "write",
    ]


def test_a_contributor_writes_to_what_they_made_in_the_group(lab: Lab) -> None:
    contributor = lab.inside["contributor"]
    own, other = lab.repo("own", lab.red, by=contributor), lab.repo("other", lab.red)
    assert lab.allows(contributor, own, Action.MANAGE)
    assert not lab.allows(contributor, other, Action.WRITE)
    # What they are outside does not count inside: an organisation's contributor who made a repo may lose it to a group.
    outsider = lab.outside["contributor"]
    made = lab.repo("made", by=outsider)
    grouping.assign(lab.core.open(lab.owner, made, Action.MANAGE), lab.owner, lab.red.uid)
    assert not lab.allows(outsider, made, Action.READ)


def test_repos_are_made_in_a_group_by_those_who_may_there(lab: Lab) -> None:
    for role in ("admin", "write", "contributor"):
        lab.repo(f"by-{role}", lab.red, by=lab.inside[role])
    with pytest.raises(Forbidden):
        lab.repo("x", lab.red, by=lab.inside["read"])
    with pytest.raises(Forbidden):  # they read in the organisation, and make nothing outside their group
        lab.repo("x", by=lab.inside["write"])
    for caller in (lab.outside["write"], lab.stranger):
        with pytest.raises(NotFound):
            lab.repo("x", lab.red, by=caller)


def test_auto_join_lets_in_every_member_who_reads(lab: Lab) -> None:
    secret = lab.repo("secret", lab.red)
    lab.groups.set_auto_join(lab.org, lab.owner, lab.red, Role.WRITE)
    assert lab.allows(lab.outside["read"], secret, Action.WRITE)
    assert not lab.allows(lab.outside["no_access"], secret, Action.READ)
    assert not lab.allows(lab.inside["read"], secret, Action.WRITE)  # somebody chose this for them
    assert lab.sees(lab.outside["read"]) == ["lab/secret"]
    lab.groups.set_auto_join(lab.org, lab.owner, lab.red, None)
    assert lab.sees(lab.outside["read"]) == []


def test_whoever_has_no_access_may_be_let_into_one_group(lab: Lab) -> None:
    secret, plain = lab.repo("secret", lab.red), lab.repo("plain")
    caller = lab.outside["no_access"]
    lab.groups.add(lab.org, lab.owner, lab.red, [(lab.core.accounts[caller.name], Role.WRITE)])
    assert lab.allows(caller, secret, Action.WRITE)
    assert not lab.allows(caller, plain, Action.READ)
    assert lab.sees(caller) == ["lab/secret"]


def test_who_leaves_the_organisation_leaves_its_groups(lab: Lab) -> None:
    secret, caller = lab.repo("secret", lab.red), lab.inside["write"]
    user = lab.core.accounts[caller.name]
    lab.core.hub.directory.members.remove(lab.org, user)
    assert not lab.allows(caller, secret, Action.READ)
    lab.core.hub.directory.members.add(lab.org, user, Role.WRITE)
    assert not lab.allows(caller, secret, Action.READ)
    assert user.name not in [member.account.name for member in lab.groups.members(lab.red)]


def test_only_members_of_the_organisation_are_added_each_once(lab: Lab) -> None:
    outside, inside = lab.core.accounts["out_read"], lab.core.accounts["in_read"]
    with pytest.raises(Forbidden, match="stranger"):
        lab.groups.add(lab.org, lab.owner, lab.red, [(lab.core.accounts["stranger"], Role.READ), (outside, Role.READ)])
    with pytest.raises(Forbidden, match="in_read"):
        lab.groups.add(lab.org, lab.owner, lab.red, [(inside, Role.ADMIN)])
    with pytest.raises(BadRequest):
        lab.groups.add(lab.org, lab.owner, lab.red, [(outside, Role.READ), (outside, Role.READ)])
    assert len(lab.groups.members(lab.red)) == 4


def test_a_group_is_administered_by_its_administrators_and_the_organisations(lab: Lab) -> None:
    user = lab.core.accounts["out_read"]
    for caller in (lab.inside["write"], lab.outside["write"], lab.stranger):
        with pytest.raises(Forbidden):
            lab.groups.add(lab.org, caller, lab.red, [(user, Role.READ)])
        with pytest.raises(Forbidden):
            lab.groups.change(lab.org, caller, lab.red, name="x", description="")
    administrator = lab.inside["admin"]
    lab.groups.add(lab.org, administrator, lab.red, [(user, Role.READ)])
    lab.groups.change_role(lab.org, administrator, lab.red, user, Role.WRITE)
    lab.groups.remove(lab.org, administrator, lab.red, user)
    assert lab.groups.change(lab.org, administrator, lab.red, name="rot", description="x").name == "rot"
    for change in (
        lambda: lab.groups.delete(lab.org, administrator, lab.red),
        lambda: lab.groups.set_auto_join(lab.org, administrator, lab.red, Role.READ),
        lambda: lab.groups.create(lab.org, administrator, "new"),
    ):
        with pytest.raises(Forbidden):
            change()
    reader = Caller(lab.owner.user_id, "owner", may_write=False, is_admin=False)
    with pytest.raises(ReadOnlyToken):
        lab.groups.delete(lab.org, reader, lab.red)


def test_who_is_in_a_group_may_leave_it(lab: Lab) -> None:
    caller = lab.inside["read"]
    lab.groups.remove(lab.org, caller, lab.red, lab.core.accounts[caller.name])
    with pytest.raises(NotFound):
        lab.groups.get(lab.org, lab.red.uid, caller)


def test_groups_are_known_to_who_is_in_them(lab: Lab) -> None:
    lab.group("blue")
    assert [one.name for one in lab.groups.of(lab.org, lab.owner)] == ["blue", "red"]
    assert [one.name for one in lab.groups.of(lab.org, lab.inside["read"])] == ["red"]
    assert lab.groups.of(lab.org, lab.outside["write"]) == []
    shown = lab.core.open(lab.owner, lab.repo("shown", lab.red, private=False))
    assert grouping.group_of(shown, lab.inside["read"]) == lab.red
    assert grouping.group_of(shown, lab.outside["write"]) is None


def test_repos_go_in_and_out_by_who_administers_both_groups(lab: Lab) -> None:
    blue = lab.group("blue")
    name = lab.repo("words", lab.red)
    administrator = lab.inside["admin"]
    held = lab.core.open(administrator, name, Action.MANAGE)
    with pytest.raises(NotFound):  # blue is not for them
        grouping.assign(held, administrator, blue.uid)
    lab.groups.add(lab.org, lab.owner, blue, [(lab.core.accounts["in_admin"], Role.WRITE)])
    with pytest.raises(Forbidden):
        grouping.assign(held, administrator, blue.uid)
    lab.groups.change_role(lab.org, lab.owner, blue, lab.core.accounts["in_admin"], Role.ADMIN)
    assert grouping.assign(held, administrator, blue.uid) == blue
    assert [str(one.repo_id) for one in grouping.repos_of(lab.core.hub.database, blue)] == [name]
    writer = lab.inside["write"]
    with pytest.raises(RepoNotFound):
        lab.core.open(writer, name)
    assert grouping.assign(held, administrator, None) is None
    assert lab.allows(lab.outside["read"], name, Action.READ)
    other = lab.core.open(writer, lab.repo("more", lab.red), Action.MANAGE)
    with pytest.raises(Forbidden):
        grouping.assign(other, writer, None)


def test_a_group_of_another_organisation_is_none(lab: Lab) -> None:
    lab.core.org("other", {lab.owner: "admin"})
    other = lab.groups.create(lab.core.hub.directory.get_org("other"), lab.owner, "red")
    held = lab.core.open(lab.owner, lab.repo("words"), Action.MANAGE)
    with pytest.raises(NotFound):
        grouping.assign(held, lab.owner, other.uid)


def test_a_repo_that_moves_away_leaves_its_group(lab: Lab) -> None:
    name = lab.repo("words", lab.red)
    target = lab.core.hub.catalog.move(lab.owner, lab.core.open(lab.owner, name, Action.MANAGE), "owner", "words")
    assert lab.core.open(lab.owner, str(target)).group_id is None
    assert not lab.allows(lab.inside["admin"], str(target), Action.READ)
    # A member of the group renames it, and it stays.
    again, writer = lab.repo("again", lab.red), lab.inside["write"]
    renamed = lab.core.hub.catalog.move(writer, lab.core.open(writer, again, Action.MANAGE), "lab", "anew")
    assert lab.core.open(writer, str(renamed)).group_id == lab.red.id


def test_the_repos_of_a_group_that_is_deleted_fall_to_the_organisation(lab: Lab) -> None:
    name, gone = lab.repo("words", lab.red), lab.repo("gone", lab.red)
    lab.core.hub.catalog.delete(lab.owner, lab.core.open(lab.owner, gone, Action.MANAGE))
    lab.groups.delete(lab.org, lab.owner, lab.red)
    assert lab.allows(lab.outside["read"], name, Action.READ)
    with pytest.raises(NotFound):
        lab.groups.get(lab.org, lab.red.uid, lab.owner)
    with pytest.raises(NotFound):
        lab.groups.change_role(lab.org, lab.owner, lab.red, lab.core.accounts["in_read"], Role.WRITE)


def test_what_was_deleted_in_a_group_is_restored_by_who_may_there(lab: Lab) -> None:
    name = lab.repo("words", lab.red)
    lab.core.hub.catalog.delete(lab.owner, lab.core.open(lab.owner, name, Action.MANAGE))

    def offered(caller: Caller) -> list[str]:
        return [str(one.repo_id) for one in undo.deleted_repos(lab.core.hub.database, caller, undo_hours=1)]

    assert offered(lab.outside["write"]) == []
    assert offered(lab.inside["read"]) == []
    assert offered(lab.inside["write"]) == offered(lab.owner) == [name]


def test_the_gate_for_members_lets_a_groups_administrators_pass(lab: Lab) -> None:
    gated = lab.repo("gated", lab.red, private=False)
    held = lab.core.open(lab.owner, gated, Action.MANAGE)
    lab.core.hub.catalog.change(lab.owner, held, Settings(gated="manual"))
    assert lab.allows(lab.inside["read"], gated, Action.CONTENT)
    assert not lab.allows(lab.outside["write"], gated, Action.CONTENT)
    lab.core.hub.catalog.change(lab.owner, held, Settings(gates_members=True))
    assert not lab.allows(lab.inside["read"], gated, Action.CONTENT)
    assert lab.allows(lab.inside["admin"], gated, Action.CONTENT)


def test_names_and_descriptions_are_checked(lab: Lab) -> None:
    with pytest.raises(AlreadyExists):
        lab.group(" RED ")
    for name in ("", "  ", "x" * 97, "a\x00b", "a\x1bb"):
        with pytest.raises(BadRequest):
            lab.group(name)
    with pytest.raises(BadRequest):
        lab.groups.create(lab.org, lab.owner, "ok", description="x" * 1001)


def test_what_happens_to_groups_is_told(lab: Lab) -> None:
    user = lab.core.accounts["out_read"]
    name = lab.repo("words")
    grouping.assign(lab.core.open(lab.owner, name, Action.MANAGE), lab.owner, lab.red.uid)
    lab.groups.add(lab.org, lab.owner, lab.red, [(user, Role.READ)])
    lab.groups.change_role(lab.org, lab.owner, lab.red, user, Role.WRITE)
    lab.groups.remove(lab.org, lab.owner, lab.red, user)
    lab.groups.change(lab.org, lab.owner, lab.red, name="red", description="ours")
    lab.groups.delete(lab.org, lab.owner, lab.red)
    events = schema.events
    with lab.core.hub.database.read() as connection:
        rows = connection.execute(
            events.select().where(events.c.kind.startswith("resource_group")).order_by(events.c.id)
        )
        told = [(row.kind.partition(".")[2], row.repo_id is not None, row.actor_id) for row in rows]
    kinds = "create add_users add_repos add_users change_role remove_users settings remove_repos delete".split()
    assert told == [(kind, kind.endswith("repos"), lab.owner.user_id) for kind in kinds]


def test_the_readers_of_a_repo_are_those_who_may_open_it(lab: Lab) -> None:
    """The three ways to say who sees what agree, for everybody and every repo, with and without `auto_join`."""
    names = [lab.repo("plain"), lab.repo("secret", lab.red), lab.repo("other", lab.group("blue"))]
    everybody = [*lab.inside.values(), *lab.outside.values(), lab.owner, lab.stranger]
    for auto_join in (None, Role.READ):
        lab.groups.set_auto_join(lab.org, lab.owner, lab.red, auto_join)
        for name in names:
            repo = lab.core.open(lab.owner, name)
            accounts = schema.accounts
            with lab.core.hub.database.read() as connection:
                condition = audiences.readers(repo.namespace_id, repo.group_id)
                readers = {row.name for row in connection.execute(accounts.select().where(condition))} - {"lab"}
            opened = {caller.name for caller in everybody if lab.allows(caller, name, Action.READ)}
            assert readers == opened == {caller.name for caller in everybody if name in lab.sees(caller)}
