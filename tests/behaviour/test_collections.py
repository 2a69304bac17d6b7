"""Collections on both databases: what is in them, in which order, and who is told of what."""

import pytest

from pioche.accounts.callers import Caller
from pioche.community.collections import changing, finding, history, items
from pioche.community.collections.changing import Change, NewCollection, TitleTaken
from pioche.community.collections.collection import Collection, Kind, parse_note, slugified, uid_of
from pioche.community.collections.finding import Sort, Wanted
from pioche.db import schema
from pioche.errors import BadRequest, Forbidden, HubError, NotFound, ReadOnlyToken, Unauthenticated
from pioche.repos.access import Action
from pioche.repos.catalog import Settings
from tests.core import Core, at_once

NOBODY = Caller.nobody()


def make(core: Core, caller: Caller, title: str, *, namespace: str = "", private: bool = False) -> Collection:
    new = NewCollection(title=title, namespace=namespace, private=private)
    return changing.create(core.hub.database, core.hub.directory, caller, new)


def add(core: Core, caller: Caller, where: Collection, target: str, kind: Kind = Kind.MODEL, note: str = "") -> None:
    items.add(core.hub.database, core.hub.access, caller, where.slug, kind, target, note=note)


def shown(core: Core, reader: Caller, where: Collection) -> list[tuple[int, str]]:
    found = items.of(core.hub.database, reader, [where])[where.id]
    return [(one.item.position, one.item.target) for one in found]


def test_slugs() -> None:
    assert slugified("  Été 2026: nos modèles! ") == "ete-2026-nos-modeles"
    assert slugified("模型") == ""
    assert uid_of("x-" + "a" * 24) == uid_of("ada/" + "a" * 24) == "a" * 24
    assert uid_of("x") is uid_of("x" + "a" * 24) is None
    with pytest.raises(BadRequest):
        parse_note("x" * 501)


def test_a_collection_is_made_renamed_and_found_by_its_old_name(core: Core, ada: Caller) -> None:
    database = core.hub.database
    made = make(core, ada, "Été, nos modèles")
    assert made.slug == f"ada/ete-nos-modeles-{made.uid}"
    with pytest.raises(TitleTaken) as taken:
        make(core, ada, "Été, nos modèles")
    assert taken.value.slug == made.slug
    changed = changing.change(database, ada, made.slug, Change(title="Winter", theme="pink", description="Cold"))
    assert (changed.slug, changed.theme, changed.description) == (f"ada/winter-{made.uid}", "pink", "Cold")
    assert finding.get(database, NOBODY, made.slug) == finding.get(database, NOBODY, changed.slug) == changed
    for wrong in (Change(title=" "), Change(theme="mauve"), Change(description="x" * 151)):
        with pytest.raises(BadRequest):
            changing.change(database, ada, made.slug, wrong)
    changing.delete(database, ada, made.slug)
    with pytest.raises(NotFound):
        changing.delete(database, ada, made.slug)


def test_positions_among_those_of_an_owner(core: Core, ada: Caller) -> None:
    database = core.hub.database
    made = [make(core, ada, f"Number {number}") for number in range(4)]
    changing.change(database, ada, made[3].slug, Change(position=1))
    ordered = finding.find(database, ada, Wanted(owners=["Ada"], sort=Sort.POSITION))
    assert [one.collection.title[-1] for one in ordered] == ["0", "3", "1", "2"]


def test_items_keep_their_order_and_names_of_now(core: Core, ada: Caller) -> None:
    database = core.hub.database
    where = make(core, ada, "All")
    for name in ("a", "b", "c"):
        add(core, ada, where, str(core.repo(ada, f"ada/{name}").repo_id), note=f"of {name}")
    add(core, ada, where, "2307.09288", Kind.PAPER)
    other = make(core, ada, "Other")
    add(core, ada, where, other.slug, Kind.COLLECTION)
    for target, kind, error in (
        ("ada/a", Kind.MODEL, items.ItemTaken),
        ("ada/a", Kind.DATASET, NotFound),
        ("2307", Kind.PAPER, BadRequest),
        (where.slug, Kind.COLLECTION, BadRequest),
        ("../x", Kind.MODEL, BadRequest),
    ):
        with pytest.raises(error):
            add(core, ada, where, target, kind)
    uids = {one.item.target: one.item.uid for one in items.of(database, ada, [where])[where.id]}
    items.change(database, ada, where.slug, [items.Change(uid=uids["ada/a"], position=1, note="New")])
    assert [name for _, name in shown(core, ada, where)][:3] == ["ada/b", "ada/a", "ada/c"]
    items.arrange(database, ada, where.slug, [uids["2307.09288"], uids["ada/c"], "absent"])
    assert [name for _, name in shown(core, ada, where)][:3] == ["2307.09288", "ada/c", "ada/b"]
    core.hub.catalog.move(ada, core.open(ada, "ada/c", Action.MANAGE), "ada", "renamed")
    assert (1, "ada/renamed") in shown(core, ada, where)
    items.remove(database, ada, where.slug, uids["ada/b"])
    with pytest.raises(NotFound):
        items.remove(database, ada, where.slug, uids["ada/b"])
    with pytest.raises(NotFound):
        items.change(database, ada, other.slug, [items.Change(uid=uids["ada/a"], note="E-MASS: of another one")])
    told = history.read(database, ada, where, limit=50)
    assert [one.kind for one in told][:3] == ["remove", "move", "move"]
    assert {one.actor for one in told} == {"ada"}


def test_e_leak_items_of_private_and_deleted_repos_are_for_their_readers(core: Core, ada: Caller) -> None:
    bob, eve = core.user("bob"), core.user("eve")
    core.org("lab", {ada: "admin", bob: "read"})
    secret = core.repo(ada, "lab/secret", private=True)
    gone, plain = core.repo(ada, "ada/gone"), core.repo(ada, "ada/plain")
    where = make(core, ada, "Mixed")
    for repo in (secret, gone, plain):
        add(core, ada, where, str(repo.repo_id))
    core.hub.catalog.delete(ada, core.open(ada, "ada/gone", Action.MANAGE))
    assert shown(core, bob, where) == [(0, "lab/secret"), (1, "ada/plain")]
    for stranger in (eve, NOBODY):
        assert shown(core, stranger, where) == [(0, "ada/plain")]
        assert finding.count(core.hub.database, stranger, Wanted(repo_ids=[secret.id])) == 0
    assert finding.count(core.hub.database, bob, Wanted(repo_ids=[secret.id])) == 1
    assert [one.kind for one in items.count_hidden(core.hub.database, ada, where)] == [Kind.MODEL]
    eves = make(core, eve, "Of eve")
    for name in ("lab/secret", "ada/gone", "lab/absent"):
        with pytest.raises(NotFound) as refusal:
            add(core, eve, eves, name)
        assert refusal.value.message == "Repository not found"
    core.hub.catalog.change(ada, secret, Settings(private=False))
    assert shown(core, NOBODY, where) == [(0, "lab/secret"), (1, "ada/plain")]


def test_a_move_among_what_one_sees_leaves_hidden_items_where_they_are(core: Core, ada: Caller) -> None:
    bob = core.user("bob")
    core.org("lab", {ada: "admin", bob: "write"})
    where = make(core, ada, "Shared", namespace="lab")
    for name, private in (("a", False), ("hidden", True), ("b", False), ("c", False)):
        add(core, ada, where, str(core.repo(ada, f"ada/{name}", private=private).repo_id))
    assert shown(core, bob, where) == [(0, "ada/a"), (1, "ada/b"), (2, "ada/c")]
    last = items.of(core.hub.database, bob, [where])[where.id][2].item
    items.change(core.hub.database, bob, where.slug, [items.Change(uid=last.uid, position=1)])
    assert shown(core, bob, where) == [(0, "ada/a"), (1, "ada/c"), (2, "ada/b")]
    assert {name for _, name in shown(core, ada, where)} == {"ada/a", "ada/hidden", "ada/c", "ada/b"}
    hidden = items.count_hidden(core.hub.database, bob, where)[0]
    with pytest.raises(NotFound):
        items.change(core.hub.database, bob, where.slug, [items.Change(uid=hidden.uid, note="what is it?")])
    assert all(entry.target != "ada/hidden" for entry in history.read(core.hub.database, bob, where, limit=50))


def test_who_may_read_and_change(core: Core, ada: Caller) -> None:
    database = core.hub.database
    bob, eve, root = core.user("bob"), core.user("eve"), core.user("root2", is_admin=True)
    core.org("lab", {ada: "admin", bob: "read"})
    secret = make(core, ada, "Secret", namespace="lab", private=True)
    public = make(core, ada, "Public", namespace="lab")
    for reader in (ada, bob, root):
        assert finding.get(database, reader, secret.slug).title == "Secret"
    for reader in (eve, NOBODY):
        with pytest.raises(NotFound) as hidden:
            finding.get(database, reader, secret.slug)
        with pytest.raises(NotFound) as absent:
            finding.get(database, reader, "lab/secret-" + "0" * 24)
        assert hidden.value.message == absent.value.message
        assert [one.collection.title for one in finding.find(database, reader, Wanted(owners=["lab"]))] == ["Public"]
        assert finding.count(database, reader, Wanted(words="secret")) == 0
        with pytest.raises(NotFound):
            changing.upvote(database, reader, secret.slug)
    weak = Caller(ada.user_id, "ada", may_write=False, is_admin=False)
    refusals: tuple[tuple[Caller, type[HubError]], ...] = (
        (bob, Forbidden), (eve, Forbidden), (NOBODY, Unauthenticated), (weak, ReadOnlyToken),
    )  # fmt: skip
    for caller, refusal in refusals:
        with pytest.raises(refusal):
            changing.change(database, caller, public.slug, Change(title="Mine"))
        with pytest.raises(refusal):
            changing.delete(database, caller, public.slug)
        with pytest.raises(refusal):
            make(core, caller, "New", namespace="lab")
    assert finding.get(database, NOBODY, public.slug).title == "Public"


def test_c9_votes_and_items_at_once_are_exact(core: Core, ada: Caller) -> None:
    where = make(core, ada, "Stormy")
    people = [core.user(f"user{number}") for number in range(4)]
    for number in range(8):
        core.repo(ada, f"ada/r{number}")

    def storm(number: int) -> None:
        for turn in range(4):
            vote = changing.take_back if (turn + number) % 3 == 0 else changing.upvote
            vote(core.hub.database, people[number % 4], where.slug)
        add(core, ada, where, f"ada/r{number}")

    assert at_once(8, storm) == [None] * 8
    found = finding.get(core.hub.database, ada, where.slug)
    assert found.upvotes == sum(changing.has_voted(core.hub.database, who, found) for who in people)
    assert [place for place, _ in shown(core, ada, where)] == list(range(8))
    titles = at_once(6, lambda _number: make(core, ada, "Once"))
    assert sum(isinstance(one, Collection) for one in titles) == 1


def test_lists_are_paged_by_each_order(core: Core, ada: Caller) -> None:
    database = core.hub.database
    made = [make(core, ada, f"Number {number}") for number in range(5)]
    for who in (ada, core.user("bob")):
        changing.upvote(database, who, made[2].slug)
    changing.upvote(database, ada, made[1].slug)
    for sort in Sort:
        seen, before = list[str](), None
        while page := finding.find(database, NOBODY, Wanted(sort=sort, limit=2, before=before)):
            seen += [one.collection.title[-1] for one in page]
            before = page[-1].place
        assert sorted(seen) == list("01234"), sort
        if sort in (Sort.UPVOTES, Sort.TRENDING):
            assert seen[:2] == ["2", "1"]


def test_a_collected_repo_leaves_an_item_that_can_be_taken_out(core: Core, ada: Caller) -> None:
    where = make(core, ada, "Ruins")
    repo = core.repo(ada, "ada/ruin")
    add(core, ada, where, "ada/ruin")
    with core.hub.database.write() as connection:
        connection.execute(schema.repos.delete().where(schema.repos.c.id == repo.id))
    assert shown(core, ada, where) == []
    (hidden,) = items.count_hidden(core.hub.database, ada, where)
    items.remove(core.hub.database, ada, where.slug, hidden.uid)
    assert items.count_hidden(core.hub.database, ada, where) == []
