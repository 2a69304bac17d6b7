"""/api/settings/webhooks, as clients ask it: exact shapes, plain refusals, nothing of anybody else's."""

from collections.abc import Iterator
from typing import Any

import pytest

from pioche.config import Config
from tests.asgi import Answer
from tests.inside import Inside, assert_refused

PATH = "/api/settings/webhooks"
BODY: dict[str, Any] = {
    "url": "https://webhook.site/test",
    "watched": [{"type": "user", "name": "julien-c"}, {"type": "org", "name": "HuggingFaceH4"}],
    "domains": ["repo"],
    "secret": "my-secret",
}


@pytest.fixture
def inside(config: Config) -> Iterator[Inside]:
    with Inside(config) as inside:
        yield inside


@pytest.fixture
def token(inside: Inside) -> str:
    return inside.token(inside.user("ada"))


def create(inside: Inside, token: str, **changes: Any) -> Answer:
    body = {key: value for key, value in {**BODY, **changes}.items() if value is not ...}
    return inside.client.post(PATH, json=body, token=token)


def test_a_webhook_from_its_making_to_its_end(inside: Inside, token: str) -> None:
    made = create(inside, token)
    assert made.status == 200
    webhook = made.json()["webhook"]
    uid = webhook["id"]
    assert webhook == {"id": uid, **BODY, "disabled": False}
    assert inside.client.get(PATH, token=token).json() == [webhook]
    assert inside.client.get(f"{PATH}/{uid}", token=token).json() == {"webhook": webhook}
    changed = {"watched": [], "url": "https://webhook.site/new"}  # as the client leaves what is watched as it is
    updated = inside.client.post(f"{PATH}/{uid}", json=changed, token=token).json()["webhook"]
    assert updated == webhook | {"url": "https://webhook.site/new"}
    assert inside.client.post(f"{PATH}/{uid}/disable", token=token).json()["webhook"]["disabled"] is True
    assert inside.client.post(f"{PATH}/{uid}/enable", token=token).json()["webhook"]["disabled"] is False
    assert inside.client.delete(f"{PATH}/{uid}", token=token).status == 200
    assert inside.client.get(PATH, token=token).json() == []
    assert_refused(inside.client.get(f"{PATH}/{uid}", token=token), statuses=(404,))


def test_both_domains_unless_one_is_chosen_and_no_secret_unless_it_is_given(inside: Inside, token: str) -> None:
    webhook = create(inside, token, domains=..., secret=...).json()["webhook"]
    assert webhook["domains"] == ["repo", "discussion"]
    assert "secret" not in webhook


def test_a_token_that_only_reads_does_not_see_the_secret(inside: Inside) -> None:
    ada = inside.user("ada")
    uid = create(inside, inside.token(ada)).json()["webhook"]["id"]
    reading = inside.token(ada, "read")
    assert "secret" not in inside.client.get(f"{PATH}/{uid}", token=reading).json()["webhook"]
    assert_refused(create(inside, reading), statuses=(403,))
    assert_refused(inside.client.post(f"{PATH}/{uid}/disable", token=reading), statuses=(403,))


@pytest.mark.parametrize(
    "changes",
    [
        {"url": ...}, {"url": ""}, {"url": "ftp://example.org/"}, {"url": "http://127.0.0.1:5432/"}, {"url": "http://[::1]/"},
        {"url": "http://u:p@example.org/"}, {"url": "https://example.org/\r\nx"}, {"url": 7}, {"watched": []},
        {"watched": [{"type": "user"}]}, {"watched": [{"type": "team", "name": "x"}]}, {"watched": "x"},
        {"watched": [{"type": "model", "name": "../x"}]}, {"domains": []}, {"domains": ["all"]}, {"domains": "repo"},
        {"secret": "a\r\nX-Other: 1"}, {"secret": "é"}, {"secret": "x" * 300}, {"secret": {}},
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_by_name(inside: Inside, token: str, changes: dict[str, Any]) -> None:
    assert_refused(create(inside, token, **changes), statuses=(400,))
    assert inside.client.get(PATH, token=token).json() == []
    uid = create(inside, token).json()["webhook"]["id"]
    if changes not in ({"url": ...}, {"watched": []}):
        assert_refused(inside.client.post(f"{PATH}/{uid}", json=BODY | changes, token=token), statuses=(400,))


def test_jobs_are_refused_plainly(inside: Inside, token: str) -> None:
    for changes in ({"url": ..., "jobSourceId": "687f911eaea852de79c4a50a"}, {"secrets": {"HF_TOKEN": "x"}}):
        answer = create(inside, token, **changes)
        assert_refused(answer, statuses=(501,))
        assert "job" in answer.json()["error"]


def test_e_mass_nothing_else_in_the_body_counts(inside: Inside, token: str) -> None:
    extra = {
        "id": "0" * 24,
        "owner": "eve",
        "owner_id": 1,
        "disabled": True,
        "disabled_reason": "gone",
        "job": {"x": 1},
    }
    webhook = create(inside, token, **extra).json()["webhook"]
    assert (webhook["disabled"], webhook["id"] == "0" * 24, "job" in webhook) == (False, False, False)


def test_e_mass_another_ones_webhook_is_as_one_that_does_not_exist(inside: Inside, token: str) -> None:
    uid = create(inside, token).json()["webhook"]["id"]
    eve, client = inside.token(inside.user("eve")), inside.client
    admin = inside.token(inside.user("root1", is_admin=True))
    for stranger in (eve, admin):
        asked = [
            client.get(f"{PATH}/{uid}", token=stranger), client.post(f"{PATH}/{uid}", json=BODY, token=stranger),
            client.delete(f"{PATH}/{uid}", token=stranger), client.post(f"{PATH}/{uid}/enable", token=stranger),
            client.post(f"{PATH}/{uid}/disable", token=stranger),
            client.post(f"{PATH}/{uid}/replay/{'0' * 24}", token=stranger),
        ]  # fmt: skip
        absent = client.get(f"{PATH}/{'0' * 24}", token=stranger)
        for answer in asked:
            assert (answer.status, answer.body) == (404, absent.body)
        assert client.get(PATH, token=stranger).json() == []
    assert client.get(PATH).status == 401


def test_a_delivery_that_is_not_there_is_not_replayed(inside: Inside, token: str) -> None:
    uid = create(inside, token).json()["webhook"]["id"]
    for delivery in ("0" * 24, "1", "%00", "x' or 1=1"):
        path = f"{PATH}/{uid}/replay/{delivery}".replace(" ", "%20")
        assert_refused(inside.client.post(path, token=token), statuses=(400, 404))
