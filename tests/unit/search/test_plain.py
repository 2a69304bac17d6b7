from dataclasses import replace
from typing import Any

import pytest

from pioche.errors import BadRequest
from pioche.names import RepoType
from pioche.search import plain
from pioche.search.plain import Row, Scope
from pioche.search.query import Query, Range, Sort

EVERYBODY = Scope()


def row(number: int, name: str = "", **values: Any) -> Row:
    values = {"type": RepoType.MODEL, "audience": 1, "private": False, **values}
    return Row(id=number, full_name=name or f"ada/model-{number}", **values)


def found(rows: list[Row], scope: Scope = EVERYBODY, **values: Any) -> list[int]:
    return plain.find(rows, scope, Query(type=RepoType.MODEL, **values)).ids


ROWS = [
    row(1, "Ada/Bert-Base", tags=frozenset(["pytorch", "fr", "License:MIT"]), pipeline_tag="fill-mask", downloads=5),
    row(2, "ada/roberta", tags=frozenset(["pytorch", "en"]), parameters=125_000_000, downloads=5, gated="auto"),
    row(3, "eve/gpt", tags=frozenset(["jax"]), parameters=7_000_000_000, providers=frozenset(["local"]), downloads=9),
    row(4, "eve/hidden-bert", tags=frozenset(["jax"]), private=True, audience=2, downloads=99),
    row(5, "ada/data", type=RepoType.DATASET, downloads=1),
]


@pytest.mark.parametrize(
    ("values", "ids"),
    [
        ({}, [3, 2, 1]),
        ({"author": "ada"}, [2, 1]),
        ({"author": "nobody"}, []),
        ({"words": ("bert",)}, [2, 1]),
        ({"words": ("bert", "base")}, [1]),
        ({"words": ("ada/bert-base",)}, [1]),
        ({"tags": (("pytorch",), ("fr",))}, [1]),
        ({"tags": (("jax", "fr"),)}, [3, 1]),
        ({"tags": (("license:mit",),)}, [1]),
        ({"pipeline_tag": "fill-mask"}, [1]),
        ({"parameters": Range(None, 125_000_000)}, [2]),
        ({"parameters": Range()}, [3, 2]),
        ({"gated": True}, [2]),
        ({"gated": False}, [3, 1]),
        ({"inference": "warm"}, [3]),
        ({"inference": "cold"}, [2, 1]),
        ({"providers": ("all",)}, [3]),
        ({"providers": ("elsewhere",)}, []),
        ({"sort": Sort.DOWNLOADS}, [3, 2, 1]),
        ({"sort": Sort.DOWNLOADS, "ascending": True}, [1, 2, 3]),
        ({"sort": Sort.PARAMETERS}, [3, 2, 1]),
        ({"sort": Sort.PARAMETERS, "ascending": True}, [2, 3, 1]),
        ({"sort": Sort.CREATED, "offset": 1, "limit": 1}, [2]),
    ],
)
def test_answers(values: dict[str, Any], ids: list[int]) -> None:
    assert found(ROWS, **values) == ids


def test_private_repos_are_for_their_namespace_and_counted_for_nobody_else() -> None:
    query = Query(type=RepoType.MODEL, words=("bert",))
    assert plain.find(ROWS, EVERYBODY, query).total == 2
    assert plain.find(ROWS, Scope(frozenset([2])), query).total == 3
    assert plain.find(ROWS, Scope(everything=True), query).total == 3
    counts = dict(plain.facets(ROWS, EVERYBODY, Query(type=RepoType.MODEL))["library"])
    assert counts == {"pytorch": 2, "jax": 1}


@pytest.mark.parametrize("ascending", [False, True])
@pytest.mark.parametrize("sort", list(Sort))
def test_pages_by_cursor_tell_everything_once(sort: Sort, ascending: bool) -> None:
    rows = [row(n, downloads=n % 3, parameters=n % 4 or None, trending=n % 2, rows=n % 5 or None) for n in range(1, 30)]
    query = Query(type=RepoType.MODEL, sort=sort, ascending=ascending, limit=4)
    whole = plain.find(rows, EVERYBODY, replace(query, limit=100))
    assert whole.next_cursor is None
    ids, cursor = list[int](), None
    while True:
        page = plain.find(rows, EVERYBODY, replace(query, cursor=cursor))
        ids += page.ids
        cursor = page.next_cursor
        assert page.total == 29
        if cursor is None:
            break
    assert ids == whole.ids


def test_a_cursor_of_another_order_is_refused() -> None:
    query = Query(type=RepoType.MODEL, limit=1)
    cursor = plain.find(ROWS, EVERYBODY, query).next_cursor
    for other in (replace(query, sort=Sort.LIKES), replace(query, ascending=True)):
        with pytest.raises(BadRequest, match="another order"):
            plain.find(ROWS, EVERYBODY, replace(other, cursor=cursor))
    for rubbish in ("x", "!!!", "WzFd", "a" * 400):
        with pytest.raises(BadRequest, match="cursor"):
            plain.find(ROWS, EVERYBODY, replace(query, cursor=rubbish))
