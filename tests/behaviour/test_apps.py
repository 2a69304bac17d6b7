"""Rows of apps, on both databases: what is asked of a Space, what it is given, and what the controller says of it."""

import json

import pytest
import sqlalchemy as sa
from msgspec.structs import replace

from pioche.accounts.callers import Caller
from pioche.db import schema
from pioche.errors import BadRequest, Conflict, Corrupt, NotFound
from pioche.names import RepoType
from pioche.repos.access import Repo
from pioche.spaces.apps import NEVER, App, Apps
from pioche.spaces.spec import Stage, Wanted
from tests.core import Core, at_once

SECRET = "correct horse battery staple"


@pytest.fixture
def space(core: Core, ada: Caller) -> Repo:
    return core.repo(ada, "ada/demo", type=RepoType.SPACE)


@pytest.fixture
def apps(core: Core) -> Apps:
    return Apps(core.hub.database)


def kept(core: Core) -> str:
    """All that the database says of what Spaces are given, and of what was done."""
    with core.hub.database.read() as connection:
        tables = (schema.app_values, schema.apps, schema.events)
        return "\n".join(str(tuple(row)) for table in tables for row in connection.execute(sa.select(table)))


def test_a_space_of_which_nothing_was_asked_is_stopped_and_has_no_row(apps: Apps, space: Repo) -> None:
    assert apps.get(space.id) == App(repo=space.id, stage=Stage.STOPPED, wanted=Wanted.RUNNING)
    assert apps.of_repos([space.id]) == {}
    assert [(due.app.repo, due.is_disabled) for due in apps.due()] == [(space.id, False)]


def test_what_is_asked_is_kept_and_told_to_the_audit_log(core: Core, apps: Apps, ada: Caller, space: Repo) -> None:
    assert apps.pause(space, ada.user_id).wanted is Wanted.PAUSED
    resumed = apps.restart(space, ada.user_id)
    assert (resumed.wanted, resumed.restarts, resumed.stage) == (Wanted.RUNNING, 1, Stage.BUILDING)
    assert apps.restart(space, ada.user_id, factory=True).rebuilds == 1
    assert apps.set_hardware(space, ada.user_id, "cpu-basic", 300).sleep_seconds == 300
    assert apps.set_sleep(space, ada.user_id, NEVER).sleep_seconds == NEVER
    with core.hub.database.read() as connection:
        told = connection.execute(
            sa.select(schema.events.c.payload).filter_by(kind="space.update").order_by(schema.events.c.id)
        )
        changes = [json.loads(text)["change"] for text in told.scalars()]
    assert changes == ["pause", "restart", "restart", "hardware", "sleep_time"]


@pytest.mark.parametrize("seconds", [-2, 0, 59, 2**31, 2**40])
def test_a_time_until_it_sleeps_that_cannot_be_is_refused(apps: Apps, ada: Caller, space: Repo, seconds: int) -> None:
    with pytest.raises(BadRequest):
        apps.set_sleep(space, ada.user_id, seconds)
    assert apps.of_repos([space.id]) == {}


def test_e_space_a_secret_is_for_the_app_alone(core: Core, apps: Apps, ada: Caller, space: Repo) -> None:
    apps.set_value(space, ada.user_id, "KEY", SECRET, is_secret=True, description="of the door")
    apps.set_value(space, ada.user_id, "COLOUR", "blue", is_secret=False)
    assert [(one.name, one.value, one.description) for one in apps.values(space.id)] == [
        ("COLOUR", "blue", ""),
        ("KEY", "", "of the door"),
    ]
    assert apps.environment(space.id) == ({"COLOUR": "blue", "KEY": SECRET}, [SECRET])
    copy = core.repo(ada, "ada/copy", type=RepoType.SPACE)
    apps.copy_variables(space.id, copy)
    assert apps.environment(copy.id) == ({"COLOUR": "blue"}, [])
    assert SECRET not in kept(core)
    assert apps.get(space.id).restarts == 2


def test_e_space_the_row_of_a_secret_is_of_no_use_under_another_name(
    core: Core, apps: Apps, ada: Caller, space: Repo
) -> None:
    apps.set_value(space, ada.user_id, "KEY", SECRET, is_secret=True)
    with core.hub.database.write() as connection:
        connection.execute(schema.app_values.update().values(name="OTHER"))
    with pytest.raises(Corrupt):
        apps.environment(space.id)


def test_a_name_is_a_variable_or_a_secret(apps: Apps, ada: Caller, space: Repo) -> None:
    apps.set_value(space, ada.user_id, "KEY", SECRET, is_secret=True, description="of the door")
    with pytest.raises(Conflict, match="KEY is a secret already"):
        apps.set_value(space, ada.user_id, "KEY", "1", is_secret=False)
    with pytest.raises(NotFound, match="no variable 'KEY'"):
        apps.delete_value(space, ada.user_id, "KEY", is_secret=False)
    apps.set_value(space, ada.user_id, "KEY", "new", is_secret=True)
    assert [one.description for one in apps.values(space.id)] == ["of the door"]
    assert apps.get(space.id).restarts == 2  # what was refused starts nothing again
    apps.delete_value(space, ada.user_id, "KEY", is_secret=True)
    assert apps.environment(space.id) == ({}, [])


@pytest.mark.parametrize(
    ("name", "value", "description"),
    [
        ("1KEY", "x", ""),
        ("A-B", "x", ""),
        ("KEY\n", "x", ""),
        ("K" * 129, "x", ""),
        ("SPACE_ID", "x", ""),
        ("LD_PRELOAD", "x", ""),
        ("KEY", "x" * 65_537, ""),
        ("KEY", "a\0b", ""),
        ("KEY", "x", "a\0b"),
    ],
)
def test_what_no_variable_may_be(apps: Apps, ada: Caller, space: Repo, name: str, value: str, description: str) -> None:
    for is_secret in (False, True):
        with pytest.raises(BadRequest):
            apps.set_value(space, ada.user_id, name, value, is_secret=is_secret, description=description)
    assert apps.values(space.id) == []


def test_one_name_set_by_many_at_once_is_there_once(apps: Apps, ada: Caller, space: Repo) -> None:
    def put(number: int) -> None:
        apps.set_value(space, ada.user_id, "KEY", str(number), is_secret=number % 2 == 0)

    refused = [one for one in at_once(8, put) if one is not None]
    assert all(isinstance(one, Conflict) for one in refused)
    assert [one.name for one in apps.values(space.id)] == ["KEY"]
    assert len(refused) == 4


def test_what_the_controller_says_is_kept_whatever_the_app_printed(apps: Apps, space: Repo) -> None:
    apps.report(space.id, Stage.RUNTIME_ERROR, "It ended\nbytes: \0\0 end", commit="a" * 40, hardware="cpu-basic")
    app = apps.get(space.id)
    assert (app.stage, app.commit, app.running_hardware) == (Stage.RUNTIME_ERROR, "a" * 40, "cpu-basic")
    assert app.reason == "It ended\nbytes:  end"
    apps.note_activity({space.id: 7})
    assert apps.get(space.id).active_at == 7


def test_a_repo_that_is_gone_is_asked_nothing(apps: Apps, ada: Caller, space: Repo) -> None:
    gone = replace(space, id=space.id + 1000)
    apps.report(gone.id, Stage.RUNNING)
    with pytest.raises(NotFound):
        apps.pause(gone, ada.user_id)
    with pytest.raises(NotFound):
        apps.set_value(gone, ada.user_id, "KEY", SECRET, is_secret=True)
    assert apps.of_repos([gone.id]) == {}
