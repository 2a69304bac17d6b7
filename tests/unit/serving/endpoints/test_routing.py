"""Which deployment answers: by weight, by session, by name, and only those that are ready (issue 6 item 5)."""

from collections import Counter

import pytest

from pioche.errors import BadRequest, Unavailable
from pioche.serving.endpoints.changing import NoDeployment
from pioche.serving.endpoints.endpoint import Audience, Deployment, Endpoint, Place, Scaling, State, Wanted
from pioche.serving.endpoints.routing import Router

HERE = "here"


def deployment(row: int, weight: float, replicas: int = 1, state: State = State.READY) -> Deployment:
    places = [Place(node=HERE, state=state, replicas=replicas)] if replicas or state is not State.READY else []
    return Deployment(
        id=row, name=f"v{row}", repo_id=1, repo="ada/m", revision="main", commit="0" * 40, task="fill-mask",
        weight=weight, mirror=0.0, creator_id=1, created_at=0, places=places,
    )  # fmt: skip


def endpoint(*deployments: Deployment, wanted: Wanted = Wanted.RUNNING) -> Endpoint:
    return Endpoint(
        id=1, owner_id=1, owner="ada", name="mood", audience=Audience.PRIVATE, wanted=wanted, scaling=Scaling(),
        described={}, rollout=None, outcome="", version=1, placed=0, created_at=0, updated_at=0, deployments=deployments,
    )  # fmt: skip


def shares(found: Endpoint, count: int = 2000) -> dict[str, float]:
    router = Router(HERE)
    seen = Counter(router.choose(found)[0].name for _ in range(count))
    return {name: times / count for name, times in seen.items()}


def test_requests_are_split_by_weight_evenly_over_time() -> None:
    assert shares(endpoint(deployment(1, 90), deployment(2, 10))) == {"v1": 0.9, "v2": 0.1}
    router = Router(HERE)
    first = [router.choose(endpoint(deployment(1, 50), deployment(2, 50)))[0].name for _ in range(4)]
    assert sorted(first[:2]) == sorted(first[2:]) == ["v1", "v2"]


def test_weight_goes_live_only_when_ready() -> None:
    assert shares(endpoint(deployment(1, 50), deployment(2, 50, replicas=0))) == {"v1": 1.0}
    asleep = endpoint(deployment(1, 50, replicas=0), deployment(2, 50, replicas=0))
    assert shares(asleep) == {"v1": 0.5, "v2": 0.5}


def test_a_session_stays_where_it_is_and_moves_to_the_new_one_once() -> None:
    router, moved = Router(HERE), set[str]()
    for share in (1, 10, 50, 100):
        split = endpoint(deployment(1, 100 - share), deployment(2, share))
        chosen = {f"s{n}": router.choose(split, session=f"s{n}")[0].name for n in range(300)}
        new = {session for session, name in chosen.items() if name == "v2"}
        assert moved <= new
        assert len(new) == pytest.approx(3 * share, abs=25)
        moved = new


def test_who_is_named_answers_alone_with_or_without_traffic() -> None:
    found = endpoint(deployment(1, 100), deployment(2, 0, replicas=0))
    assert [one.name for one in Router(HERE).choose(found, forced="v2")] == ["v2"]
    with pytest.raises(NoDeployment):
        Router(HERE).choose(found, forced="v9")


def test_others_that_are_ready_may_take_its_place() -> None:
    found = endpoint(deployment(1, 60), deployment(2, 40), deployment(3, 0), deployment(4, 10, replicas=0))
    assert {one.name for one in Router(HERE).choose(found)} == {"v1", "v2"}


def test_what_is_paused_or_closed_answers_nobody() -> None:
    with pytest.raises(BadRequest, match="paused"):
        Router(HERE).choose(endpoint(deployment(1, 100), wanted=Wanted.PAUSED))
    with pytest.raises(Unavailable):
        Router(HERE).choose(endpoint(deployment(1, 100, replicas=0, state=State.CLOSED)))
