"""Endpoints on both databases: who may make, see, change and ask them, and what changes of a rollout count (issue 6 item 5)."""

import asyncio
from collections.abc import Callable
from dataclasses import replace

import pytest
from msgspec import structs

from pioche.accounts.callers import Bar, Barred, Caller
from pioche.errors import AlreadyExists, BadRequest, Conflict, Forbidden, HubError, NotFound, Unauthenticated
from pioche.repos.access import Repo
from pioche.repos.catalog import Settings
from pioche.serving.endpoints import changing, finding, history, rights
from pioche.serving.endpoints.changing import Change, Model, New, Plan
from pioche.serving.endpoints.endpoint import Audience, Endpoint, Guards, Scaling, Wanted
from pioche.serving.endpoints.finding import EndpointNotFound
from tests import encoders
from tests.core import Core

NOBODY = Caller.nobody()
LABELS = ("BAD", "GOOD")
STEPS = Plan(steps=(10, 100), guards=Guards())


def model(core: Core, owner: Caller, name: str = "lab/mood", *, private: bool = True, **files: bytes) -> Repo:
    repo = core.repo(owner, name, private=private)
    publish(core, repo, owner, *LABELS)
    return repo


def publish(core: Core, repo: Repo, owner: Caller, *labels: str) -> None:
    card = f"---\npipeline_tag: text-classification\n---\n# {labels}\n".encode()
    core.commit(repo, owner, {"README.md": card, **encoders.classifier({"good": [0, 4], "bad": [4, 0]}, labels)})


def make(
    core: Core, caller: Caller, name: str = "mood", *, owner: str = "lab", repo: str = "lab/mood", **more: object
) -> Endpoint:
    account = core.hub.directory.get(owner)
    return core.hub.endpoints.create(caller, account, New(name=name, model=Model(repo=repo), **more))  # type: ignore[arg-type]


@pytest.fixture
def people(core: Core, ada: Caller) -> dict[str, Caller]:
    """Of the organisation `lab`, each with their role, and a stranger."""
    roles = ("write", "contributor", "read", "no_access")
    found = {"admin": ada, **{role: core.user(role.replace("_", "-")) for role in roles}, "stranger": core.user("eve")}
    core.org("lab", {caller: role for role, caller in found.items() if role != "stranger"})
    return found


def asked(core: Core, caller: Caller, name: str = "mood") -> str:
    """`asked`, or why not."""

    async def find() -> None:
        try:
            await core.hub.traffic.find(caller, "lab", name)
        finally:
            await core.hub.database.aclose()

    try:
        asyncio.run(find())
    except HubError as error:
        return f"{error.status} {error.code} {error.message}"
    return "asked"


def test_each_role_makes_sees_asks_and_changes_what_is_theirs_to(core: Core, people: dict[str, Caller]) -> None:
    model(core, people["admin"])
    make(core, people["write"], audience=Audience.PRIVATE)
    database = core.hub.database
    absent = {name: asked(core, caller, "absent") for name, caller in [*people.items(), ("nobody", NOBODY)]}
    hidden = {name: asked(core, caller) for name, caller in [*people.items(), ("nobody", NOBODY)]}
    inside = {"admin", "write", "contributor", "read"}
    assert {name for name, found in hidden.items() if found == "asked"} == inside
    assert {name: hidden[name] for name in hidden if name not in inside} == {
        name: absent[name] for name in absent if name not in inside
    }
    for name, caller in people.items():
        is_seen = name in inside
        assert [one.name for one in finding.visible(database, caller)] == (["mood"] if is_seen else [])
        if not is_seen:
            with pytest.raises(EndpointNotFound):
                finding.get(database, caller, "lab", "mood")
        if name not in ("admin", "write"):
            with pytest.raises(Forbidden if is_seen else NotFound):
                core.hub.endpoints.set_wanted(caller, "lab", "mood", Wanted.PAUSED)
            with pytest.raises(Forbidden):
                make(core, caller, "other")
    with pytest.raises(Unauthenticated):
        make(core, NOBODY, "other")
    barred = structs.replace(people["read"], barred=(Barred(core.hub.directory.get("lab").id, "lab", Bar.UNSCOPED),))
    assert asked(core, barred) == absent["stranger"]


def test_whom_it_answers_is_for_its_owner_to_say(core: Core, people: dict[str, Caller]) -> None:
    model(core, people["admin"], private=False)
    make(core, people["write"], audience=Audience.AUTHENTICATED)
    assert asked(core, people["stranger"]) == "asked"
    assert asked(core, NOBODY) == asked(core, NOBODY, "absent").replace("absent", "mood") != "asked"
    core.hub.endpoints.change(people["write"], "lab", "mood", Change(audience=Audience.PUBLIC))
    assert asked(core, NOBODY) == "asked"


def test_e_gated_nobody_shows_others_what_was_shown_to_them(core: Core, people: dict[str, Caller]) -> None:
    """A reader of a private model may ask it, and have it answer those who read it anyway: no more."""
    eve = people["stranger"]
    repo = model(core, people["admin"])
    for audience in Audience:
        with pytest.raises(NotFound):
            make(core, eve, owner="eve", audience=audience)
    reader = people["read"]
    mine = make(core, reader, owner=reader.name, audience=Audience.PRIVATE)
    with pytest.raises(Forbidden, match="private or gated"):
        core.hub.endpoints.change(reader, reader.name, "mood", Change(audience=Audience.PUBLIC))
    access = core.hub.access
    assert rights.opened(access, mine, mine.deployments[0]) is not None
    assert rights.opened(access, replace(mine, audience=Audience.PUBLIC), mine.deployments[0]) is None
    core.hub.directory.members.remove(core.hub.directory.get("lab"), core.accounts[reader.name])
    assert rights.opened(access, mine, mine.deployments[0]) is None
    core.hub.catalog.change(people["admin"], repo, Settings(private=False))
    assert rights.opened(access, mine, mine.deployments[0]) is not None
    ours = make(core, people["admin"], "ours", audience=Audience.PUBLIC)
    core.hub.catalog.change(people["admin"], repo, Settings(private=True))
    assert rights.opened(access, ours, ours.deployments[0]) is not None  # its own owner said so


def test_a_rollout_moves_weights_once_and_gives_them_back(core: Core, ada: Caller) -> None:
    repo = model(core, ada, "ada/mood")
    endpoint = make(core, ada, owner="ada", repo="ada/mood")
    publish(core, repo, ada, "sad", "glad")
    doing = core.hub.endpoints
    found = doing.deploy(ada, "ada", "mood", Model(repo="ada/mood"), STEPS)
    assert found.deployments[0].commit == endpoint.deployments[0].commit != found.deployments[1].commit
    assert found.state == "updating"
    rollout = found.rollout
    assert rollout is not None
    refused: list[Callable[[], object]] = [
        lambda: doing.deploy(ada, "ada", "mood", Model(repo="ada/mood"), STEPS),
        lambda: doing.set_traffic(ada, "ada", "mood", {"v1": 100}, {}),
        lambda: doing.promote(ada, "ada", "mood"),
        lambda: doing.remove(ada, "ada", "mood", "v2"),
    ]
    for again in refused:
        with pytest.raises(Conflict):
            again()
    stepped = structs.replace(rollout, step=0, since=1)
    change = {"kind": "step", "rollout": stepped, "weights": rollout.weights(10)}
    assert changing.advance(core.hub.database, found, **change)  # type: ignore[arg-type]
    assert not changing.advance(core.hub.database, found, **change)  # type: ignore[arg-type]
    assert weights(finding.get(core.hub.database, ada, "ada", "mood")) == {"v1": 90, "v2": 10}
    assert weights(doing.roll_back(ada, "ada", "mood")) == {"v1": 100, "v2": 0}
    with pytest.raises(Conflict):
        doing.roll_back(ada, "ada", "mood")
    doing.roll_out(ada, "ada", "mood", "v2", STEPS)
    found = finding.get(core.hub.database, ada, "ada", "mood")
    assert changing.advance(core.hub.database, found, **change)  # type: ignore[arg-type]
    assert weights(doing.promote(ada, "ada", "mood")) == {"v1": 0, "v2": 100}
    assert [one.name for one in doing.remove(ada, "ada", "mood", "v1").deployments] == ["v2"]
    kinds = [one.kind for one in history.happened(core.hub.database, found, limit=20)]
    assert kinds[-3:] == ["rollout", "deploy", "create"]
    assert kinds[0] == "remove"


def weights(found: Endpoint) -> dict[str, float]:
    return {one.name: one.weight for one in found.deployments}


def test_what_cannot_be_deployed_is_refused_with_the_reason(core: Core, ada: Caller) -> None:
    model(core, ada, "ada/mood")
    other = core.repo(ada, "ada/words")
    words = encoders.embedder({"good": [1.0, 0.0]})
    core.commit(other, ada, {"README.md": b"---\npipeline_tag: feature-extraction\n---\n", **words})
    make(core, ada, owner="ada", repo="ada/mood")
    with pytest.raises(AlreadyExists):
        make(core, ada, owner="ada", repo="ada/mood")
    with pytest.raises(BadRequest, match="other questions"):
        core.hub.endpoints.deploy(ada, "ada", "mood", Model(repo="ada/words"), None)
    for scaling in (Scaling(min_replicas=2), Scaling(max_replicas=0), Scaling(idle_minutes=0), Scaling(load=0.0)):
        with pytest.raises(BadRequest):
            make(core, ada, "other", owner="ada", repo="ada/mood", scaling=scaling)


def test_requests_of_all_processes_are_counted_together(core: Core, ada: Caller) -> None:
    model(core, ada, "ada/mood")
    endpoint = make(core, ada, owner="ada", repo="ada/mood")
    [one] = endpoint.deployments
    from pioche.app import build_hub

    other = build_hub(core.hub.config)
    for _ in range(2):  # a minute is written again and again, as a whole
        for traffic in (core.hub.traffic, other.traffic):
            traffic.count(endpoint, one, 0.05, has_failed=False)
            traffic.count(endpoint, one, 0.05, has_failed=True)
            traffic.flush()
    minutes = history.minutes(core.hub.database, endpoint, 5)[one.id]
    assert sum(minute.tally.requests for minute in minutes) == 8
    assert sum(minute.tally.failures for minute in minutes) == 4
    core.hub.endpoints.delete(ada, "ada", "mood")
    other.traffic.count(endpoint, one, 0.05, has_failed=False)
    other.traffic.flush()  # of what is gone nothing is written
    assert history.minutes(core.hub.database, endpoint, 5)[one.id] == []
    other.database.close()


def test_a_model_that_is_deleted_closes_its_deployments(core: Core, ada: Caller) -> None:
    repo = model(core, ada, "ada/mood")
    make(core, ada, owner="ada", repo="ada/mood")
    core.hub.catalog.delete(ada, repo)
    found = finding.get(core.hub.database, ada, "ada", "mood")
    assert found.deployments[0].repo_id is None
    assert found.deployments[0].repo == "ada/mood"
    assert rights.opened(core.hub.access, found, found.deployments[0]) is None
