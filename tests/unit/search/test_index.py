"""The index against the plain meaning of queries: the same answers, pages, counts and facets, for every caller."""

import random
from dataclasses import replace
from itertools import islice
from typing import Any

import msgspec
import pytest

from pioche.names import RepoType
from pioche.search import counting, orders, plain, postings
from pioche.search.index import Index
from pioche.search.plain import Row, Scope
from pioche.search.query import Query, Sort
from tests.random_queries import pages, query, row, rows, scope


def filled(known: dict[int, Row]) -> Index:
    index = Index()
    for one in known.values():
        index.put(one)
    index.seal()
    return index


def check(rng: random.Random, index: Index, known: dict[int, Row], queries: int) -> None:
    present = list(known.values())
    for _ in range(queries):
        seen = scope(rng)
        for asked in pages(rng, present, seen, query(rng)):
            assert index.find(seen, asked) == plain.find(present, seen, asked), (seen, asked)
        each = rng.choice((1, 3, 100))
        assert index.facets(seen, asked, each=each) == plain.facets(present, seen, asked, each=each), (seen, asked)


def change(rng: random.Random, index: Index, known: dict[int, Row], changes: int) -> None:
    for _ in range(changes):
        number = (
            rng.choice(list(known)) if known and rng.random() < 0.7 else max(known, default=0) + rng.randrange(1, 50)
        )
        if number in known and rng.random() < 0.3:
            del known[number]
            index.replace(number, None)
        else:
            kind = known[number].type if number in known else None
            made = row(rng, number)
            while kind is not None and made.type is not kind:
                made = row(rng, number)
            known[number] = made
            index.replace(number, made)


@pytest.fixture(params=["small", "large"])
def ways(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """The ways that are chosen for small sets, and those for large ones, which a small index has none of."""
    if request.param == "large":
        for module, name, value in (
            (orders, "_SMALL", 0), (orders, "_PROBE_COST", 0), (orders, "_CHUNK", 7), (postings, "_KEPT_FROM", 3),
            (postings, "_FEW", 0), (counting, "_FEW", 0), (counting, "_UNRANKED_MAX", 20),
        ):  # fmt: skip
            monkeypatch.setattr(module, name, value)


@pytest.mark.usefixtures("ways")
@pytest.mark.parametrize("seed", range(4))
def test_answers_are_those_of_the_plain_evaluation(seed: int) -> None:
    rng = random.Random(seed)
    known = rows(rng, 300)
    check(rng, filled(known), known, 60)


@pytest.mark.long
@pytest.mark.usefixtures("ways")
@pytest.mark.parametrize("seed", range(1000, 1005))
def test_five_thousand_answers_are_those_of_the_plain_evaluation(seed: int) -> None:
    """Five seeds, two ways, five hundred questions each, with the pages that follow."""
    rng = random.Random(seed)
    known = rows(rng, 1000)
    check(rng, filled(known), known, 500)


@pytest.mark.usefixtures("ways")
@pytest.mark.parametrize("seed", range(3))
def test_answers_stay_right_while_repos_come_change_and_go(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(orders, "_DIRTY_MAX", 40)
    rng = random.Random(100 + seed)
    known = rows(rng, 200)
    index = filled(known)
    warming = index.warm()
    for _ in range(6):
        list(islice(warming, 300))  # words of one and two letters, beside the changes
        change(rng, index, known, 25)
        making = list(index.stale())
        change(rng, index, known, 5)  # while an order is being sorted elsewhere
        check(rng, index, known, 8)
        for order, ids, keys in making:
            order.replace(orders.sort(ids, keys))
        check(rng, index, known, 8)


def test_words_that_are_separators_are_found_before_and_after_changes() -> None:
    rng = random.Random(11)
    known = rows(rng, 200)
    index = filled(known)
    for _ in range(2):
        for word in ("-", "_", ".", "/", "a-", "-a", "_b"):
            asked = Query(type=RepoType.MODEL, words=(word,), limit=50)
            assert index.find(Scope(), asked) == plain.find(list(known.values()), Scope(), asked), word
        change(rng, index, known, 60)


def test_an_index_that_was_empty_grows() -> None:
    rng = random.Random(7)
    known = dict[int, Row]()
    index = filled(known)
    change(rng, index, known, 200)
    check(rng, index, known, 40)


@pytest.mark.parametrize("ascending", [False, True])
def test_datasets_are_sorted_by_their_rows_those_of_unknown_number_last(ascending: bool) -> None:
    """`sort=most_rows` and `least_rows`, with pages, and after a number changed."""
    numbers = {1: 500, 2: None, 3: 0, 4: 10**12, 5: None, 6: 500}
    known = {
        number: Row(id=number, type=RepoType.DATASET, full_name=f"a/d{number}", audience=1, private=False, rows=count)
        for number, count in numbers.items()
    }
    index = filled(known)

    def found() -> list[int]:
        asked, ids = Query(type=RepoType.DATASET, sort=Sort.ROWS, ascending=ascending, limit=2), list[int]()
        while True:
            page = index.find(Scope(), asked)
            assert page == plain.find(known.values(), Scope(), asked)
            ids += page.ids
            if page.next_cursor is None:
                return ids
            asked = replace(asked, cursor=page.next_cursor)

    assert found() == ([3, 1, 6, 4, 2, 5] if ascending else [4, 6, 1, 3, 5, 2])
    known[2] = msgspec.structs.replace(known[2], rows=7)
    index.replace(2, known[2])
    assert found() == ([3, 2, 1, 6, 4, 5] if ascending else [4, 6, 1, 2, 3, 5])
    models = Query(type=RepoType.MODEL, sort=Sort.ROWS)  # a number that models do not have
    assert index.find(Scope(), models).ids == []


@pytest.mark.parametrize("word", ["a", "e", "-", "ab", "é", "t5", "^", "x1"])
def test_short_words_are_found_the_same_before_and_after_they_are_kept(word: str) -> None:
    rng = random.Random(11)
    known = rows(rng, 300)
    cold, warm = filled(known), filled(known)
    list(warm.warm())
    for sort in (Sort.RELEVANCE, Sort.DOWNLOADS):
        asked = Query(type=RepoType.MODEL, words=(word,), sort=sort, limit=500)
        assert cold.find(Scope(everything=True), asked) == warm.find(Scope(everything=True), asked)


def test_words_are_found_by_how_well_they_fit() -> None:
    """RELEVANCE: called so, begins with it, has it, nearly has it; each by what trends (docs/reference/ranking.md)."""
    names = ["ada/camembert", "ada/bert-base", "bob/bert", "bob/my-bert-large", "eve/bertha", "x/roberta", "x/other"]
    known = {
        number: Row(
            id=number,
            type=RepoType.MODEL,
            full_name=name,
            audience=1,
            private=False,
            trending=number if number != 2 else 90,
        )
        for number, name in enumerate(names, start=1)
    }
    index = filled(known)

    def found(*words: str, **more: Any) -> list[str]:
        asked = Query(type=RepoType.MODEL, words=words, sort=Sort.RELEVANCE, **more)
        return [names[repo_id - 1] for repo_id in index.find(Scope(), asked).ids]

    everything = ["bob/bert", "ada/bert-base", "eve/bertha", "bob/my-bert-large", "x/roberta", "ada/camembert"]
    assert found("bert") == everything
    assert found("ada/bert-base") == ["ada/bert-base"]
    assert found("bert", "base") == ["ada/bert-base"]
    assert found("brt", tolerant=True) == []  # of three letters
    assert found("othre", tolerant=True) == ["x/other"]
    assert found("bert", ascending=True) == everything[::-1]
    paged, cursor = list[str](), None
    while True:
        page = index.find(
            Scope(), Query(type=RepoType.MODEL, words=("bert",), sort=Sort.RELEVANCE, limit=2, cursor=cursor)
        )
        paged += [names[repo_id - 1] for repo_id in page.ids]
        cursor = page.next_cursor
        if cursor is None:
            break
    assert paged == everything
    index.replace(2, None)
    assert found("bert") == [name for name in everything if name != "ada/bert-base"]
