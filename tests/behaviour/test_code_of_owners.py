"""Whether code that came with a model may run: who can say so, for which commits, and until when (decision 0048; H-RUN-3)."""

import pytest
import sqlalchemy as sa

from pioche.accounts.callers import Caller
from pioche.db import schema
from pioche.errors import Forbidden, NotServed
from pioche.names import parse_path
from pioche.repos import commits, switches
from pioche.repos.access import Action, Repo
from pioche.repos.catalog import Settings
from pioche.repos.commits import AddFile, Plan
from pioche.repos.revisions import resolve_sync
from pioche.serving.spec import EngineName
from pioche.serving.targets import Target, Targets
from tests import encoders
from tests.core import Core, main

ON = Settings(code_allowed=True)
HANDLER = {"handler.py": b"class EndpointHandler: pass\n"}


@pytest.fixture
def lab(core: Core, ada: Caller) -> dict[str, Caller]:
    found = {"admin": ada, "write": core.user("will"), "stranger": core.user("eve")}
    core.org("lab", {found["admin"]: "admin", found["write"]: "write"})
    return found


@pytest.fixture
def model(core: Core, ada: Caller, lab: dict[str, Caller]) -> Repo:
    made = core.repo(ada, "lab/own")
    core.commit(made, ada, HANDLER)
    return made


def find(repo: Repo, revision: str = "main", *, offered: bool = True) -> Target:
    return Targets(1, runs_code=offered).find(repo, resolve_sync(repo, revision))


def test_h_run_3_only_an_owner_lets_code_run_and_the_log_says_who(
    core: Core, model: Repo, lab: dict[str, Caller]
) -> None:
    held = core.open(lab["write"], "lab/own", Action.MANAGE)
    with pytest.raises(Forbidden, match="its administrators"):
        core.hub.catalog.change(lab["write"], held, ON)
    assert not switches.read(model).code_allowed
    core.hub.catalog.change(lab["admin"], model, ON)
    assert switches.read(model).code_allowed
    with core.hub.database.read() as connection:
        last = connection.execute(sa.select(schema.events).order_by(schema.events.c.id.desc()).limit(1)).one()
    assert (last.kind, last.actor_id) == ("repo.update_settings", lab["admin"].user_id)
    core.hub.catalog.change(lab["write"], held, Settings(code_allowed=False))  # who manages it may be more careful
    assert not switches.read(model).code_allowed


def test_h_run_3_without_the_operator_and_the_owner_nothing_runs(core: Core, model: Repo, ada: Caller) -> None:
    with pytest.raises(NotServed, match=r"handler.py is not used: .*inference_code is off"):
        find(model, offered=False)
    with pytest.raises(NotServed, match=r"handler.py is not used: no owner of the repo has allowed it"):
        find(model)
    core.hub.catalog.change(ada, model, ON)
    with pytest.raises(NotServed, match="inference_code is off"):
        find(model, offered=False)
    found = find(model)
    assert (found.spec.engine, found.spec.code, found.spec.whole, found.spec.task) == (
        EngineName.HANDLER,
        True,
        True,
        "custom",
    )


def test_h_run_3_what_was_allowed_ends_at_once(core: Core, model: Repo, ada: Caller) -> None:
    targets, revision = Targets(1, runs_code=True), resolve_sync(model, "main")
    core.hub.catalog.change(ada, model, ON)
    spec = targets.find(model, revision).spec
    assert targets.known(model, revision) is None  # it is asked again for each request
    assert targets.refused(model, spec) == ""
    core.hub.catalog.change(ada, model, Settings(code_allowed=False))
    assert "no owner" in targets.refused(model, spec)
    with pytest.raises(NotServed):
        targets.find(model, revision)


def test_h_run_3_a_model_that_needs_no_code_answers_without_it(core: Core, ada: Caller, model: Repo) -> None:
    card = b"---\npipeline_tag: text-classification\n---\n"
    files = encoders.classifier({"good": [0, 4]}, ("BAD", "GOOD"))
    core.commit(model, ada, {"README.md": card, **files})
    found = find(model)
    assert (found.spec.engine, found.spec.code) == (EngineName.ONNX, False)
    core.hub.catalog.change(ada, model, ON)
    assert find(model).spec.engine is EngineName.HANDLER
    with pytest.raises(Exception, match="not zero-shot"):
        find(model).check_task("zero-shot-classification")


def test_h_run_3_what_a_stranger_proposes_does_not_run(
    core: Core, model: Repo, ada: Caller, lab: dict[str, Caller]
) -> None:
    core.hub.catalog.change(ada, model, ON)
    before = main(model).commit
    plan = Plan("Faster", "", before, [AddFile(parse_path("handler.py"), b"import os\n")])
    proposed = commits.propose(core.open(lab["stranger"], "lab/own", Action.PROPOSE), lab["stranger"], "main", plan)
    for revision in ("refs/pr/1", proposed.oid):
        with pytest.raises(NotServed, match="on no branch"):
            find(model, revision)
    core.commit(model, ada, {"more.txt": b"1"})
    assert find(model, before).spec.commit == before  # an older commit of a branch


def test_h_run_3_another_owner_is_asked_anew(core: Core, model: Repo, ada: Caller) -> None:
    core.hub.catalog.change(ada, model, ON)
    core.hub.catalog.move(ada, model, "lab", "renamed")
    assert switches.read(model).code_allowed
    core.hub.catalog.move(ada, core.open(ada, "lab/renamed", Action.MANAGE), "ada", "own")
    assert not switches.read(model).code_allowed
    source = core.open(ada, "ada/own", Action.MANAGE)
    core.hub.catalog.change(ada, source, ON)
    copy = core.hub.catalog.duplicate(ada, source, "lab", "copy", private=None)
    assert not switches.read(copy).code_allowed
