"""The log of changes, over both databases: who changed what, once, and nothing that is secret."""

import json
from itertools import pairwise

import pytest
import sqlalchemy as sa

from pioche.accounts import renaming
from pioche.accounts.callers import Caller
from pioche.accounts.members import Role
from pioche.community import comments, discussions, standing
from pioche.db import schema
from pioche.errors import BadRequest
from pioche.events import Event
from pioche.jobs import outbox
from pioche.jobs.outbox import Dispatcher
from pioche.moderation import audit, disabling, reports, trail
from pioche.moderation.audit import Audit, PruneAudit
from pioche.moderation.trail import Record, Wanted
from pioche.names import RepoType
from pioche.repos import grouping, history, protection
from pioche.repos.access import Repo
from pioche.repos.catalog import Settings
from pioche.webhooks.registry import Domain, Watched
from pioche.webhooks.registry import Wanted as Told
from tests.core import Core

SECRET = "a-secret-of-somebody"


def log(core: Core, owner: str | None = None, **filters: str) -> list[Record]:
    database = core.hub.database
    audit.catch_up(database)
    owner_id = core.hub.directory.get(owner).id if owner else None
    return trail.find(database, Wanted(owner_id, **filters))  # type: ignore[arg-type]  # filters are texts


def lines(core: Core, owner: str | None = None, **filters: str) -> list[tuple[str, str, str]]:
    """The oldest first: kind, who, what."""
    return [(one.kind, one.actor, one.target) for one in reversed(log(core, owner, **filters))]


def test_s2_changes_of_a_repo_stand_in_the_log_of_its_owner(core: Core, ada: Caller, repo: Repo) -> None:
    core.hub.catalog.change(ada, repo, Settings(private=True, gated="manual"))
    protection.protect(repo, ada, "main")
    protection.unprotect(repo, ada, "main")
    history.squash(repo, ada, "main", "Anew")
    core.hub.catalog.move(ada, repo, "ada", "verbs")
    moved = core.open(ada, "ada/verbs")
    disabling.disable(moved, Caller.operator(), "Why not")
    core.hub.catalog.delete(ada, moved)
    assert lines(core, "ada", kind="repo") == [
        ("repo.create", "ada", "ada/words"),
        ("repo.update_settings", "ada", "ada/words"),
        ("repo.protect_ref", "ada", "ada/words"),
        ("repo.unprotect_ref", "ada", "ada/words"),
        ("repo.super_squash", "ada", "ada/words"),
        ("repo.move", "ada", "ada/words"),
        ("repo.disable", "", "ada/verbs"),
        ("repo.delete", "ada", "ada/verbs"),
    ]
    told = {one.kind: one.data for one in log(core, "ada")}
    assert told["repo.protect_ref"] == {"ref": "refs/heads/main"}
    assert told["repo.update_settings"] == {"private": True, "gated": "manual"}
    assert told["repo.move"] == {"from": "ada/words", "to": "ada/verbs"}
    assert told["repo.disable"]["reason"] == "Why not"


def test_u3_changes_of_members_stand_in_the_log_of_the_organisation(core: Core, ada: Caller) -> None:
    bob = core.user("bob")
    core.org("lab", {ada: "admin"})
    lab, members = core.hub.directory.get_org("lab"), core.hub.directory.members
    members.add(lab, core.accounts["bob"], Role.READ, actor_id=ada.user_id)
    members.change(lab, core.accounts["bob"], Role.WRITE, actor_id=ada.user_id)
    members.remove(lab, core.accounts["bob"], actor_id=ada.user_id)
    assert lines(core, "lab", kind="org")[-3:] == [
        ("org.add_user", "ada", "bob"),
        ("org.change_role", "ada", "bob"),
        ("org.remove_user", "ada", "bob"),
    ]
    assert not [one for one in lines(core, "bob") if one[0].startswith("org.")], bob


def test_tokens_sessions_and_webhooks_are_told_without_their_secrets(core: Core, ada: Caller) -> None:
    account, directory = core.accounts["ada"], core.hub.directory
    value, made = directory.tokens.create(account, name="laptop", actor_id=ada.user_id)
    directory.tokens.revoke_id(account, made.id, actor_id=ada.user_id)
    directory.set_password(account, SECRET, actor_id=ada.user_id)
    secret, _session = directory.sessions.start(account, hours=1)
    watched = (Watched(RepoType.MODEL, "ada/words"),)
    told = Told(f"https://example.org/{SECRET}", watched, (Domain.REPO,), SECRET)
    webhook = core.hub.webhooks.create(ada.user_id, told)
    core.hub.webhooks.disable(ada.user_id, webhook.uid)
    core.hub.webhooks.delete(ada.user_id, webhook.uid)
    found = log(core, "ada")
    assert [(one.kind, one.actor, one.target) for one in reversed(found)][1:] == [
        ("token.create", "ada", "laptop"),
        ("token.revoke", "ada", "laptop"),
        ("user.change_password", "ada", "ada"),
        ("session.start", "ada", "ada"),
        ("webhook.create", "ada", webhook.uid),
        ("webhook.disable", "ada", webhook.uid),
        ("webhook.delete", "ada", webhook.uid),
    ]
    with core.hub.database.read() as connection:
        stored = json.dumps([list(row) for row in connection.execute(sa.select(schema.audit_log))])
    assert [text for text in (SECRET, value, secret) if text in stored] == []


def test_what_people_say_is_not_in_the_log(core: Core, ada: Caller, repo: Repo) -> None:
    by = standing.of(core.hub.access, repo, ada)
    number = discussions.open_(by, f"About {SECRET}", SECRET)
    comments.add(by, number, SECRET)
    core.commit(repo, ada, {f"{SECRET}.txt": b"1"}, summary=SECRET)
    discussions.delete(by, number)
    assert lines(core, "ada")[-1] == ("discussion.delete", "ada", "ada/words")
    assert SECRET not in str(log(core, None))
    assert log(core, "ada")[0].data == {"number": number, "isPullRequest": False}


def test_an_event_that_is_told_twice_stands_there_once(core: Core, ada: Caller, repo: Repo) -> None:
    database = core.hub.database
    audit.catch_up(database)
    before = lines(core)
    with database.write() as connection:  # as after a crash between the row and the position
        connection.execute(schema.event_cursors.delete().where(schema.event_cursors.c.consumer == Audit.name))
    assert Dispatcher(database, (Audit(database),)).step() > 0
    assert lines(core) == before


def test_an_event_of_tomorrow_carries_no_more_than_its_known_keys(core: Core, ada: Caller) -> None:
    with core.hub.database.write() as connection:
        payload = {"user": "ada", "role": "read", "secret": SECRET, "nested": {"x": SECRET}, "names": ["a", "b"]}
        outbox.append(connection, Event("token.something_new", actor_id=ada.user_id, payload=payload))
    newest = log(core, "ada")[0]
    assert (newest.kind, newest.data) == ("token.something_new", {"user": "ada", "role": "read", "names": ["a", "b"]})


def test_who_reports_is_in_no_log_but_the_hubs(core: Core, ada: Caller, repo: Repo) -> None:
    reports.report_repo(repo, core.user("bob"), reports.Reason.SPAM, SECRET)
    assert not log(core, "ada", kind="report")
    assert not log(core, "bob", kind="report")
    assert lines(core, None, kind="report") == [("report.create", "bob", "ada/words")]
    assert SECRET not in str(log(core))


def test_filters_pages_and_the_export(core: Core, ada: Caller, repo: Repo) -> None:
    database = core.hub.database
    for is_private in (True, False) * 3:
        core.hub.catalog.change(ada, repo, Settings(private=is_private))
    assert {one.kind for one in log(core, "ada", kind="repo")} == {"repo.create", "repo.update_settings"}
    assert len(log(core, "ada", kind="repo.update_settings")) == 6
    assert len(log(core, "ada", actor="ADA")) == 8 - 1  # that the account was made, nobody did
    assert log(core, "ada", actor="bob") == []
    assert log(core, "ada", since="2100-01-01") == []
    assert log(core, "ada", until="2020-01-01") == []
    assert len(log(core, "ada", since="2020-01-01", until="2100-01-01")) == 8
    first = trail.find(database, Wanted(ada.user_id, limit=3))
    rest = trail.find(database, Wanted(ada.user_id, before=first[-1].id))
    assert [*first, *rest] == log(core, "ada")
    whole = json.loads(b"".join(trail.export(database, Wanted(ada.user_id))))
    assert [one["id"] for one in whole] == [str(one.id) for one in log(core, "ada")]
    assert all(int(newer["id"]) > int(older["id"]) for newer, older in pairwise(whole))
    assert json.loads(b"".join(trail.export(database, Wanted(ada.user_id, actor="nobody")))) == []
    assert "repo.update_settings" in trail.kinds(database, ada.user_id)
    for day in ("tomorrow", "2026-13-01", "0001-01-01"):
        with pytest.raises(BadRequest):
            trail.find(database, Wanted(ada.user_id, since=day))


def test_what_is_older_than_the_setting_is_removed(core: Core, ada: Caller, repo: Repo) -> None:
    audit.catch_up(core.hub.database)
    with core.hub.database.write() as connection:
        old = schema.audit_log.c.kind == "repo.create"
        connection.execute(schema.audit_log.update().where(old).values(at=10))
    PruneAudit(core.hub.database, days=0).run("", {})
    assert "repo.create" in {one.kind for one in log(core)}
    PruneAudit(core.hub.database, days=30).run("", {})
    assert "repo.create" not in {one.kind for one in log(core)}
    assert log(core)


def test_what_happens_to_a_group_and_under_a_former_name_is_in_the_right_log(
    core: Core, ada: Caller, repo: Repo
) -> None:
    core.org("lab", {ada: "admin"})
    lab, groups = core.hub.directory.get_org("lab"), core.hub.directory.groups
    core.user("bob")
    core.hub.directory.members.add(lab, core.accounts["bob"], Role.READ, actor_id=ada.user_id)
    made = groups.create(lab, ada, name="Pets", description=SECRET)
    groups.add(lab, ada, made, [(core.accounts["bob"], Role.WRITE)])
    repo_of_lab = core.repo(ada, "lab/words")
    grouping.assign(repo_of_lab, ada, made.uid)
    found = {one.kind: one for one in log(core, "lab", kind="resource_group")}
    assert found["resource_group.add_users"].data["users"] == ["bob: write"]
    assert (found["resource_group.add_repos"].target, found["resource_group.add_repos"].data["name"]) == (
        "lab/words",
        "Pets",
    )
    assert SECRET not in str(found)
    renaming.rename(core.hub.database, core.accounts["ada"], "grace", actor_id=ada.user_id)
    assert [line for line in lines(core, "grace") if line[0] == "repo.move"] == [("repo.move", "grace", "ada/words")]
