from typing import Any

import pytest

from pioche.errors import BadRequest
from pioche.names import RepoType
from pioche.search import parameters
from pioche.search.query import Query, Range, Sort

MODEL, DATASET, SPACE = RepoType.MODEL, RepoType.DATASET, RepoType.SPACE


def parse(repo_type: RepoType = MODEL, **values: Any) -> Query:
    lists = {name: value if isinstance(value, list) else [value] for name, value in values.items()}
    return parameters.parse(repo_type, lists)


def test_nothing_asks_for_everything_by_trend() -> None:
    assert parse() == Query(type=MODEL, sort=Sort.TRENDING, limit=1000)


@pytest.mark.parametrize(
    ("values", "tags"),
    [
        ({"filter": ["a", "b"]}, (("a",), ("b",))),
        ({"filter": "a,b"}, (("a",), ("b",))),
        ({"filter": "Dataset:Ada/Squad"}, (("dataset:ada/squad",),)),
        ({"license": "mit"}, (("license:mit",),)),
        ({"license": "license:mit"}, (("license:mit",),)),
        ({"license": "or:(license:mit,apache-2.0)"}, (("license:mit", "license:apache-2.0"),)),
        ({"library": "pytorch,jax"}, (("pytorch",), ("jax",))),
        ({"apps": "ollama"}, (("gguf",),)),
        ({"apps": "nobody-knows"}, (("app:nobody-knows",),)),
        ({"filter": " , "}, ()),
    ],
)
def test_tags_of_models(values: dict[str, Any], tags: tuple[tuple[str, ...], ...]) -> None:
    assert parse(**values).tags == tags


def test_tags_of_datasets_have_prefixes() -> None:
    query = parse(DATASET, language=["en", "language:fr"], benchmark="official", filter="size_categories:n<1K")
    assert set(query.tags) == {("size_categories:n<1k",), ("language:en",), ("language:fr",), ("benchmark:official",)}


def test_words_of_several_searches_and_accents() -> None:
    assert parse(search=["Bert base", "Évaluation"]).words == ("bert", "base", "evaluation")


@pytest.mark.parametrize(
    ("text", "range_"),
    [
        ("min:6B,max:128B", Range(6 * 10**9, 128 * 10**9)),
        ("max:0.5b", Range(None, 5 * 10**8)),
        ("min:100", Range(100, None)),
        ("min:7.61B", Range(7_610_000_000, None)),
    ],
)
def test_numbers_of_parameters(text: str, range_: Range) -> None:
    assert parse(num_parameters=text).parameters == range_
    assert parse(DATASET, num_rows=text).rows == range_
    assert parse(num_rows=text).rows is None


def test_what_belongs_to_one_type_means_nothing_in_another() -> None:
    assert parse(SPACE, pipeline_tag="fill-mask", num_parameters="rubbish", inference="rubbish") == parse(SPACE)
    assert parse(MODEL, models="a/b", linked="true") == parse(MODEL)


def test_spaces_and_what_they_name() -> None:
    query = parse(SPACE, models=["bert-base-uncased", "Ada/M"], datasets="wikipedia", linked="True", sdk="gradio")
    assert (query.models, query.datasets, query.linked) == (("bert-base-uncased", "ada/m"), ("wikipedia",), True)
    assert query.tags == (("gradio",),)


@pytest.mark.parametrize(("text", "flag"), [("True", True), ("1", True), ("false", False), ("", None)])
def test_flags_of_both_client_libraries(text: str, flag: bool | None) -> None:
    assert parse(gated=text).gated is flag


@pytest.mark.parametrize(
    ("values", "sort", "ascending"),
    [
        ({"sort": "downloads"}, Sort.DOWNLOADS, False),
        ({"sort": "lastModified", "direction": "-1"}, Sort.MODIFIED, False),
        ({"sort": "created_at", "direction": "1"}, Sort.CREATED, True),
        ({"sort": "least_params"}, Sort.PARAMETERS, True),
        ({"sort": "trending"}, Sort.TRENDING, False),
    ],
)
def test_orders(values: dict[str, Any], sort: Sort, ascending: bool) -> None:
    query = parse(**values)
    assert (query.sort, query.ascending) == (sort, ascending)


def test_pages_by_number_and_by_cursor() -> None:
    assert (parse(p="3", limit="30").offset, parse(p="3", limit="30").limit) == (90, 30)
    assert parse(p="3", cursor="abc").offset == 0
    assert parse(limit="5000").limit == 1000


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({"sort": "x"}, '"sort" must be one of [trendingScore, downloads, likes, createdAt, lastModified]'),
        ({"limit": "-1"}, '"limit" must be a number'),
        ({"p": "9" * 40}, '"p" must be a number'),
        ({"gated": "perhaps"}, '"gated" must be a boolean'),
        ({"direction": "2"}, '"direction" must be one of [-1, 1]'),
        ({"inference": "hot"}, '"inference" must be one of [warm, cold]'),
        ({"num_parameters": "6B"}, '"num_parameters" must be of the form min:6B,max:128B'),
        ({"num_parameters": "min:6B,min:7B"}, '"num_parameters" must be of the form min:6B,max:128B'),
        ({"filter": ["a"] * 101}, '"filter" must contain less than or equal to 100 items'),
        ({"search": "a" * 501}, '"search" length must be less than or equal to 500 characters long'),
    ],
)
def test_refusals(values: dict[str, Any], text: str) -> None:
    with pytest.raises(BadRequest) as refusal:
        parse(**values)
    assert refusal.value.message == text
