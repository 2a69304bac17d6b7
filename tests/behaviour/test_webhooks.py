"""Webhooks over every database: what matches, who is told, how often it is tried, and what the owner may see of it."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest
import sqlalchemy as sa
from huggingface_hub import WebhookPayload

from pioche.accounts.callers import Caller
from pioche.accounts.members import Role
from pioche.app import build_work
from pioche.community import discussions
from pioche.community.standing import Standing
from pioche.db import schema
from pioche.db.instance import now_ms
from pioche.errors import BadRequest, Conflict, ForbiddenAddress, NotFound, TooManyRequests
from pioche.events import Event
from pioche.jobs import outbox
from pioche.names import RepoType
from pioche.networks import Allowed
from pioche.outbound.targets import Guard
from pioche.repos import history, threads
from pioche.repos.access import Action
from pioche.repos.catalog import NewRepo, Settings
from pioche.repos.threads import Entry, Kind, Opening
from pioche.webhooks import deliveries, registry
from pioche.webhooks.deliveries import Delivery, PruneDeliveries, State
from pioche.webhooks.registry import Reason, Wanted, Watched, Webhook, Webhooks
from tests.canary import Canary, Reply
from tests.core import Core

_webhooks, _deliveries, _jobs = schema.webhooks, schema.webhook_deliveries, schema.jobs


@dataclass
class World:
    """A hub in this process whose webhooks may call the canary, and the work that its jobs process would do."""

    core: Core
    canary: Canary
    webhooks: Webhooks

    def __post_init__(self) -> None:
        config = replace(self.core.hub.config, outbound_allowed=(self.canary.allowed,))
        self.work = build_work(config)

    def hook(self, owner: Caller, *watched: tuple[str, str], secret: str | None = None, domains: Any = None) -> Webhook:
        targets = [Watched.parse(kind, name) for kind, name in watched]
        wanted = Wanted.parse(self.canary.url, targets, domains or tuple(registry.Domain), secret)
        return self.webhooks.create(owner.user_id, wanted)

    def settle(self) -> list[dict[str, Any]]:
        """Delivers events and posts what is due; gives the payloads that have arrived until now."""
        while self.work.dispatcher.step():
            pass
        while self.work.caller.step():
            pass
        return [json.loads(post.body) for post in self.canary.posts]

    def later(self, seconds: int) -> None:
        """As if that much time had passed since the last attempts."""
        with self.core.hub.database.write() as connection:
            connection.execute(_deliveries.update().values(sent_at=_deliveries.c.sent_at - seconds * 1000))
            connection.execute(_jobs.update().values(run_at=0))

    def history(self, webhook: Webhook) -> list[Delivery]:
        return self.core.hub.deliveries.of(webhook.id, webhook.owner_id)


@pytest.fixture
def world(core: Core) -> Iterator[World]:
    with Canary() as canary:
        world = World(core, canary, Webhooks(core.hub.database, Guard([Allowed.parse(canary.allowed)])))
        yield world
        world.work.dispatcher._database.close()


def scopes(payloads: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return [(one["event"]["action"], one["event"]["scope"]) for one in payloads]


# --- what is told ----------------------------------------------------------------------------------------------------


def test_a_repo_is_told_of_from_its_making_to_its_end(world: World, ada: Caller) -> None:
    core = world.core
    world.hook(ada, ("user", "ada"), secret="a word")
    repo = core.repo(ada, "ada/words")
    commit = core.commit(repo, ada, {"README.md": b"---\ntags: [x]\n---\n"})
    history.create_branch(repo, ada, "dev", None)
    history.delete_branch(repo, ada, "dev")
    core.hub.catalog.change(ada, repo, Settings(private=True))
    core.hub.catalog.move(ada, repo, "ada", "verbs")
    core.hub.catalog.delete(ada, core.open(ada, "ada/verbs", Action.MANAGE))
    told = world.settle()
    assert scopes(told) == [
        ("create", "repo"), ("update", "repo.content"), ("update", "repo.content"), ("update", "repo.content"),
        ("update", "repo.config"), ("move", "repo"), ("delete", "repo"),
    ]  # fmt: skip
    for payload in told:
        parsed = WebhookPayload.model_validate(payload)
        assert (parsed.repo.id, parsed.repo.owner.id) == (repo.uid, core.accounts["ada"].uid)
    [update] = told[1]["updatedRefs"]
    assert (update["ref"], update["newSha"]) == ("refs/heads/main", commit.oid)
    assert told[2]["updatedRefs"] == [{"ref": "refs/heads/dev", "oldSha": None, "newSha": commit.oid}]
    assert told[3]["updatedRefs"] == [{"ref": "refs/heads/dev", "oldSha": commit.oid, "newSha": None}]
    assert told[4]["updatedConfig"] == {"private": True}
    assert (told[5]["repo"]["name"], told[5]["movedTo"]["name"]) == ("ada/words", "ada/verbs")
    assert told[5]["movedTo"]["owner"] == {"id": core.accounts["ada"].uid}
    assert told[1]["repo"]["head_sha"] == commit.oid
    assert told[1]["repo"]["url"]["api"].endswith("/api/models/ada/verbs")  # as it is called now
    assert {post.headers["x-webhook-secret"] for post in world.canary.posts} == {"a word"}
    assert len({post.headers["x-webhook-delivery"] for post in world.canary.posts}) == len(told)


def test_a_thread_is_told_of_with_its_comments(world: World, ada: Caller) -> None:
    core = world.core
    repo = core.repo(ada, "ada/data", type=RepoType.DATASET)
    world.hook(ada, ("dataset", "ada/data"), domains=("discussion",))
    with core.hub.database.write() as connection:
        number = threads.start(connection, repo.id, ada.user_id, Opening("A title", "First *words*"))
        threads.add(connection, repo.id, number, ada.user_id, Entry(Kind.COMMENT, text="An answer"))
        threads.add(connection, repo.id, number, ada.user_id, Entry(Kind.TITLE, {"from": "A title", "to": "Another"}))
    core.commit(repo, ada, {"a": b"1"})  # of the domain that is not asked for
    told = world.settle()
    assert scopes(told) == [("create", "discussion"), ("create", "discussion.comment"), ("update", "discussion")]
    parsed = WebhookPayload.model_validate(told[0])
    assert parsed.discussion is not None
    assert parsed.comment is not None
    assert (parsed.discussion.num, parsed.discussion.title, parsed.discussion.status) == (number, "A title", "open")
    assert parsed.discussion.author.id == core.accounts["ada"].uid
    assert parsed.comment.content == "First *words*"
    assert parsed.comment.url.web.endswith(f"/datasets/ada/data/discussions/{number}#{parsed.comment.id}")
    assert told[1]["comment"]["content"] == "An answer"
    assert "comment" not in told[2]


def test_a_hidden_comment_and_a_deleted_thread_say_nothing_of_what_was_written(world: World, ada: Caller) -> None:
    core = world.core
    repo = core.repo(ada, "ada/words")
    world.hook(ada, ("model", "ada/words"), domains=("discussion",))
    with core.hub.database.write() as connection:
        number = threads.start(connection, repo.id, ada.user_id, Opening("A title", "First"))
        said = threads.add(connection, repo.id, number, ada.user_id, Entry(Kind.COMMENT, text="regretted"))
        hidden = schema.thread_events.update().where(schema.thread_events.c.uid == said.uid).values(hidden_at=1)
        connection.execute(hidden)
        about = {"number": number, "comment": said.uid}
        outbox.append(connection, Event("discussion.comment.hide", repo.id, ada.user_id, about))
    discussions.delete(Standing(repo, ada, writes=True, manages=True), number)
    told = world.settle()
    assert "regretted" not in json.dumps(told)
    WebhookPayload.model_validate(told[-1])
    assert (scopes(told)[-1], told[-1]["discussion"]["num"]) == (("delete", "discussion"), number)
    assert told[-1]["discussion"]["title"] == "A title"


def test_names_are_watched_before_they_exist_in_any_case_and_after_a_move(world: World, ada: Caller) -> None:
    core = world.core
    world.hook(ada, ("model", "Ada/Later"))
    repo = core.repo(ada, "ada/later")
    core.repo(ada, "ada/other")
    core.hub.catalog.move(ada, repo, "ada", "moved")
    core.commit(core.open(ada, "ada/moved", Action.WRITE), ada, {"a": b"1"})
    told = world.settle()
    assert scopes(told) == [("create", "repo"), ("move", "repo"), ("update", "repo.content")]


def test_what_happened_before_a_webhook_was_made_is_not_told(world: World, ada: Caller) -> None:
    world.core.repo(ada, "ada/words")
    with world.core.hub.database.write() as connection:
        connection.execute(schema.events.update().values(at=now_ms() - 60_000))
    world.hook(ada, ("user", "ada"))
    assert world.settle() == []


def test_two_names_of_one_webhook_that_match_make_one_delivery(world: World, ada: Caller) -> None:
    world.hook(ada, ("user", "ada"), ("model", "ada/words"), ("org", "ada"))
    world.core.repo(ada, "ada/words")
    assert len(world.settle()) == 1


# --- who is told -----------------------------------------------------------------------------------------------------


def test_a_private_repo_is_told_of_to_those_who_may_read_it(world: World, ada: Caller) -> None:
    core = world.core
    bob, eve = core.user("bob"), core.user("eve")
    core.org("lab", {ada: "admin", bob: "read", eve: "no_access"})
    for watcher in (bob, eve):
        world.hook(watcher, ("org", "lab"))
    repo = core.repo(ada, "lab/secret", private=True)
    core.commit(repo, ada, {"a": b"1"})
    told = world.settle()
    assert len(told) == 2
    with core.hub.database.read() as connection:
        assert connection.execute(sa.select(sa.func.count()).select_from(_deliveries)).scalar_one() == 2
    assert core.hub.directory.members.role(core.hub.directory.get("lab").id, bob.user_id) == "read"


def test_a_private_repo_of_a_resource_group_is_told_of_to_who_is_in_it(world: World, ada: Caller) -> None:
    core = world.core
    bob, eve = core.user("bob"), core.user("eve")
    core.org("lab", {ada: "admin", bob: "read", eve: "write"})
    groups, org = core.hub.directory.groups, core.hub.directory.get_org("lab")
    red = groups.create(org, ada, "red")
    groups.add(org, ada, red, [(core.accounts["bob"], Role.READ)])
    hooks = [world.hook(watcher, ("org", "lab")) for watcher in (bob, eve)]
    new = NewRepo(type=RepoType.MODEL, namespace="lab", name="secret", private=True, group=red.uid)
    core.commit(core.hub.catalog.create(ada, new), ada, {"a": b"1"})
    world.settle()
    told, untold = (world.history(hook) for hook in hooks)
    assert told
    assert untold == []


def test_an_organisation_is_told_of_its_own_private_repos_and_not_of_others(world: World, ada: Caller) -> None:
    core = world.core
    core.org("lab", {ada: "admin"})
    lab = core.hub.directory.get("lab")
    world.hook(Caller(lab.id, "lab", may_write=True, is_admin=False), ("org", "lab"), ("user", "ada"))
    core.repo(ada, "lab/secret", private=True)
    core.repo(ada, "ada/secret", private=True)
    core.repo(ada, "ada/open")
    assert [one["repo"]["name"] for one in world.settle()] == ["lab/secret", "ada/open"]


def test_who_lost_the_right_is_told_nothing_that_waited_and_sees_nothing_of_what_was_told(
    world: World, ada: Caller
) -> None:
    core = world.core
    bob = core.user("bob")
    core.org("lab", {ada: "admin", bob: "read"})
    webhook = world.hook(bob, ("org", "lab"))
    repo = core.repo(ada, "lab/secret", private=True)
    assert len(world.settle()) == 1
    [seen] = world.history(webhook)
    core.commit(repo, ada, {"a": b"1"})
    world.work.dispatcher.step()  # it waits now
    core.hub.directory.members.remove(core.hub.directory.get("lab"), core.accounts["bob"])
    assert len(world.settle()) == 1
    assert world.history(webhook) == []
    with pytest.raises(NotFound):
        core.hub.deliveries.replay(webhook.id, bob.user_id, seen.uid)


def test_the_suspended_are_told_nothing(world: World, ada: Caller) -> None:
    world.hook(ada, ("user", "ada"))
    world.core.repo(ada, "ada/words")
    with world.core.hub.database.write() as connection:
        connection.execute(schema.accounts.update().values(suspended_at=1))
    assert world.settle() == []


# --- how it is tried -------------------------------------------------------------------------------------------------


def test_it_is_tried_again_later_under_the_same_id_and_given_up_at_last(world: World, ada: Caller) -> None:
    world.canary.reply = lambda _number: Reply(500, body=b"<b>not now</b>")
    webhook = world.hook(ada, ("user", "ada"))
    world.core.repo(ada, "ada/words")
    world.settle()
    world.settle()
    assert len(world.canary.posts) == 1  # not before its time
    for seconds in (10, 60, 600, 3600, 21_600):
        world.later(seconds)
        world.settle()
    assert len(world.canary.posts) == 6
    world.later(10**6)
    world.settle()
    assert len(world.canary.posts) == 6
    assert len({post.headers["x-webhook-delivery"] for post in world.canary.posts}) == 1
    [failed] = world.history(webhook)
    assert (failed.state, failed.attempts, failed.status, failed.answer) == (State.FAILED, 6, 500, "<b>not now</b>")


def test_it_is_delivered_when_the_other_side_is_back(world: World, ada: Caller) -> None:
    world.canary.reply = lambda number: Reply(503 if number == 0 else 204, body=b"")
    webhook = world.hook(ada, ("user", "ada"))
    world.core.repo(ada, "ada/words")
    world.settle()
    world.later(10)
    world.settle()
    assert [(one.state, one.attempts) for one in world.history(webhook)] == [(State.DELIVERED, 2)]


def test_who_does_not_answer_at_all_is_left_alone_for_a_while(world: World, ada: Caller) -> None:
    webhook = world.hook(ada, ("user", "ada"))
    world.canary.__exit__(None, None, None)
    for number in range(3):
        world.core.repo(ada, f"ada/words{number}")
    world.settle()
    found = world.history(webhook)
    assert [one.attempts for one in found] == [0, 0, 1]
    assert found[-1].status is None
    assert "did not answer" in (found[-1].answer or "")


@pytest.mark.parametrize("status", [301, 302, 307, 400, 401, 404])
def test_a_refusal_is_final(world: World, ada: Caller, status: int) -> None:
    world.canary.reply = lambda _number: Reply(status, {"Location": "/elsewhere"})
    webhook = world.hook(ada, ("user", "ada"))
    world.core.repo(ada, "ada/words")
    world.settle()
    assert [(one.state, one.status) for one in world.history(webhook)] == [(State.FAILED, status)]
    assert len(world.canary.posts) == 1


def test_an_address_that_is_gone_is_called_no_more(world: World, ada: Caller) -> None:
    world.canary.reply = lambda _number: Reply(410)
    webhook = world.hook(ada, ("user", "ada"))
    world.core.repo(ada, "ada/words")
    world.settle()
    world.core.repo(ada, "ada/more")
    assert len(world.settle()) == 1
    found = world.webhooks.get(ada.user_id, webhook.uid)
    assert (found.disabled_reason, found.disabled_at is not None) == (Reason.GONE, True)
    world.canary.reply = lambda _number: Reply()
    assert world.webhooks.enable(ada.user_id, webhook.uid).disabled_reason is None
    world.core.repo(ada, "ada/again")
    assert len(world.settle()) == 2


def test_ten_failures_in_a_row_disable_a_webhook(world: World, ada: Caller) -> None:
    world.canary.reply = lambda number: Reply(200 if number == 4 else 404)
    webhook = world.hook(ada, ("user", "ada"))
    repo = world.core.repo(ada, "ada/words")
    for number in range(14):
        world.core.commit(repo, ada, {"a": str(number).encode()})
        world.settle()
        off = world.webhooks.get(ada.user_id, webhook.uid).disabled_at
        assert (off is not None) == (number == 13), number
    assert world.webhooks.get(ada.user_id, webhook.uid).disabled_reason is Reason.FAILING


def test_a_disabled_webhook_is_told_nothing_and_not_later_either(world: World, ada: Caller) -> None:
    webhook = world.hook(ada, ("user", "ada"))
    assert world.webhooks.disable(ada.user_id, webhook.uid).disabled_at is not None
    world.core.repo(ada, "ada/words")
    assert world.settle() == []
    world.webhooks.enable(ada.user_id, webhook.uid)
    assert world.settle() == []


def test_an_event_that_is_handed_over_twice_is_told_once(world: World, ada: Caller) -> None:
    world.hook(ada, ("user", "ada"))
    world.core.repo(ada, "ada/words")
    world.settle()
    with world.core.hub.database.write() as connection:
        connection.execute(schema.event_cursors.delete().where(schema.event_cursors.c.consumer == "webhooks"))
    assert len(world.settle()) == 1


def test_an_address_inside_is_not_called_and_its_owner_learns_why(world: World, ada: Caller) -> None:
    webhook = world.hook(ada, ("user", "ada"))
    with world.core.hub.database.write() as connection:
        connection.execute(_webhooks.update().values(url=f"http://127.0.0.2:{world.canary.port}/"))
    world.core.repo(ada, "ada/words")
    world.settle()
    [found] = world.history(webhook)
    assert world.canary.connections == 0
    assert (found.status, found.state) == (None, State.WAITING)
    assert "outbound_allowed" in (found.answer or "")


def test_a_long_answer_is_kept_in_part(world: World, ada: Caller) -> None:
    world.canary.reply = lambda _number: Reply(200, body=b"\x00\xff" * 3 * 2**20)
    webhook = world.hook(ada, ("user", "ada"))
    world.core.repo(ada, "ada/words")
    world.settle()
    [found] = world.history(webhook)
    assert found.state is State.DELIVERED
    assert found.answer is not None
    assert len(found.answer) == 4000
    assert "\x00" not in found.answer


# --- the day's measure, replay, history -----------------------------------------------------------------------------


def test_after_a_thousand_triggers_in_a_day_no_more_is_told(
    world: World, ada: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert deliveries.TRIGGERS_MAX == 1000
    monkeypatch.setattr(deliveries, "TRIGGERS_MAX", 3)
    webhook = world.hook(ada, ("user", "ada"))
    for number in range(5):
        world.core.repo(ada, f"ada/words{number}")
    assert len(world.settle()) == 3
    [newest, *_] = world.history(webhook)
    with pytest.raises(TooManyRequests):
        world.core.hub.deliveries.replay(webhook.id, ada.user_id, newest.uid)
    with world.core.hub.database.write() as connection:
        connection.execute(_deliveries.update().values(created_at=now_ms() - deliveries.DAY_MS - 1))
    assert world.core.hub.deliveries.today(webhook.id) == 0
    world.core.repo(ada, "ada/tomorrow")
    assert len(world.settle()) == 4


def test_a_replay_is_the_same_payload_under_another_id(world: World, ada: Caller) -> None:
    webhook = world.hook(ada, ("user", "ada"))
    world.core.repo(ada, "ada/words")
    world.settle()
    [first] = world.history(webhook)
    again = world.core.hub.deliveries.replay(webhook.id, ada.user_id, first.uid)
    world.settle()
    one, two = world.canary.posts
    assert one.body == two.body
    assert [one.headers["x-webhook-delivery"], two.headers["x-webhook-delivery"]] == [first.uid, again]
    for other in ("0" * 24, "'", ""):
        with pytest.raises(NotFound):
            world.core.hub.deliveries.replay(webhook.id, ada.user_id, other)


def test_history_is_pruned_by_age_and_by_number(world: World, ada: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deliveries, "_KEPT", 3)
    webhook, other = world.hook(ada, ("user", "ada")), world.hook(ada, ("model", "ada/words0"))
    for number in range(5):
        world.core.repo(ada, f"ada/words{number}")
    world.settle()
    names = [one.about.repo.name for one in world.history(webhook)]
    PruneDeliveries(world.core.hub.database).run("", {})
    assert [one.about.repo.name for one in world.history(webhook)] == names[:3]
    assert len(world.history(other)) == 1
    with world.core.hub.database.write() as connection:
        connection.execute(_deliveries.update().values(created_at=now_ms() - 31 * deliveries.DAY_MS))
    PruneDeliveries(world.core.hub.database).run("", {})
    assert world.history(webhook) == []


def test_history_comes_in_pages(world: World, ada: Caller) -> None:
    webhook = world.hook(ada, ("user", "ada"))
    for number in range(3):
        world.core.repo(ada, f"ada/words{number}")
    world.settle()
    history = world.core.hub.deliveries
    first = history.of(webhook.id, ada.user_id, limit=2)
    rest = history.of(webhook.id, ada.user_id, before=first[-1].id)
    assert [one.about.repo.name for one in (*first, *rest)] == ["ada/words2", "ada/words1", "ada/words0"]


# --- what may be asked for -------------------------------------------------------------------------------------------


def test_another_ones_webhook_does_not_exist(world: World, ada: Caller) -> None:
    webhook, eve = world.hook(ada, ("user", "ada")), world.core.user("eve")
    webhooks, wanted = world.webhooks, webhook.wanted
    for forbidden in (
        lambda: webhooks.get(eve.user_id, webhook.uid),
        lambda: webhooks.change(eve.user_id, webhook.uid, wanted),
        lambda: webhooks.enable(eve.user_id, webhook.uid),
        lambda: webhooks.disable(eve.user_id, webhook.uid),
        lambda: webhooks.delete(eve.user_id, webhook.uid),
    ):
        with pytest.raises(NotFound):
            forbidden()
    assert webhooks.of(eve.user_id) == []
    assert webhooks.of(ada.user_id) == [webhook]


def test_a_webhook_goes_with_its_history(world: World, ada: Caller) -> None:
    webhook = world.hook(ada, ("user", "ada"))
    world.core.repo(ada, "ada/words")
    world.work.dispatcher.step()
    world.webhooks.delete(ada.user_id, webhook.uid)
    assert world.settle() == []
    with world.core.hub.database.read() as connection:
        for table in (_deliveries, schema.webhook_targets, _webhooks):
            assert connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one() == 0


def test_what_cannot_be_is_refused(world: World, ada: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    url, one, both = "https://example.org/x", [Watched("user", "ada")], ["repo", "discussion"]
    for watched, domains, secret in (
        ([], both, None), (one, [], None), (one, ["repos"], None), (one, both, "a\nb"), (one, both, " x"),
        (one, both, "é"), (one, both, "x" * 257), ([Watched("user", f"u{n}") for n in range(101)], both, None),
    ):  # fmt: skip
        with pytest.raises(BadRequest):
            Wanted.parse(url, watched, domains, secret)
    for kind, name in (("user", "a.b"), ("model", "a/b/c"), ("model", ""), ("group", "x"), ("org", "api"), ("", "")):
        with pytest.raises(BadRequest):
            Watched.parse(kind, name)
    for inside in ("http://127.0.0.1/", "http://[::1]/", "http://2130706433/", "http://10.0.0.1:80/"):
        with pytest.raises(ForbiddenAddress):
            world.webhooks.create(ada.user_id, Wanted.parse(inside, one, both, None))
    monkeypatch.setattr(registry, "WEBHOOKS_MAX", 1)
    world.webhooks.create(ada.user_id, Wanted.parse(url, one, both, None))
    with pytest.raises(Conflict):
        world.webhooks.create(ada.user_id, Wanted.parse(url, one, both, None))
