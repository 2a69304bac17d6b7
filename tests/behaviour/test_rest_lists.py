"""The lists of the REST API (hub-api.md sections 9 and 10), on both databases."""

from collections.abc import Iterator
from typing import Any

import pytest

from pioche.config import Config
from pioche.db import schema
from pioche.names import RepoType
from pioche.protocols.rest import lists
from tests.inside import Inside

CARD = b"---\nlicense: mit\nlanguage: [fr]\nlibrary_name: transformers\npipeline_tag: fill-mask\n---\n# Card\n"
SPACE = b"---\nsdk: static\nmodels: [bert-base-uncased]\n---\n"


@pytest.fixture
def inside(config: Config) -> Iterator[Inside]:
    with Inside(config) as inside:
        ada = inside.user("ada")
        for kind, text in ((RepoType.MODEL, CARD), (RepoType.DATASET, CARD), (RepoType.SPACE, SPACE)):
            repo = inside.repo(ada, "ada/words", type=kind)
            inside.commit(repo, ada, {"README.md": text, "a/config.json": b"{}"})
            inside.repo(ada, "ada/others", type=kind)
        yield inside
        assert inside.log.getvalue() == ""


def rows(inside: Inside, address: str) -> list[dict[str, Any]]:
    answer = inside.client.get(address)
    assert answer.status == 200, answer.body
    found = answer.json()
    assert isinstance(found, list)
    return found


def words(inside: Inside, address: str) -> dict[str, Any]:
    """The row of ada/words."""
    (row,) = [row for row in rows(inside, address) if row["id"] == "ada/words"]
    return row


def test_short_rows_have_what_the_hub_says(inside: Inside) -> None:
    model = words(inside, "/api/models")
    assert {"_id", "id", "modelId", "likes", "downloads", "trendingScore", "private", "tags", "createdAt"} <= set(model)
    assert (model["pipeline_tag"], model["library_name"]) == ("fill-mask", "transformers")
    assert set(model).isdisjoint(("siblings", "cardData", "config", "sha", "lastModified", "author"))
    dataset = words(inside, "/api/datasets")
    assert {"sha", "author", "lastModified", "gated", "description"} <= set(dataset)
    assert set(dataset).isdisjoint(("siblings", "cardData"))
    space = words(inside, "/api/spaces")
    assert space["sdk"] == "static"
    assert set(space).isdisjoint(("siblings", "cardData", "models", "datasets", "author"))


def test_full_rows_card_data_config_and_linked(inside: Inside) -> None:
    for kind in ("models", "datasets", "spaces"):
        row = words(inside, f"/api/{kind}?full=true")
        paths = [file["rfilename"] for file in row["siblings"]]
        assert paths == [".gitattributes", "README.md", "a/config.json"]
        assert row["author"] == "ada"
        assert row["cardData"]
        assert row["sha"]
        assert row["lastModified"].endswith("Z")
    assert words(inside, "/api/models?cardData=True")["cardData"]["license"] == "mit"
    assert words(inside, "/api/models?config=true")["config"] is not None
    assert words(inside, "/api/spaces?linked=true")["models"] == ["bert-base-uncased"]
    assert words(inside, "/api/spaces?models=Bert-Base-Uncased")["models"] == ["bert-base-uncased"]
    assert rows(inside, "/api/spaces?datasets=bert-large") == []


def test_expand_gives_the_named_fields_and_the_ids(inside: Inside) -> None:
    row = words(inside, "/api/models?expand=author&expand=downloadsAllTime")
    assert row == {"_id": row["_id"], "id": "ada/words", "author": "ada", "downloadsAllTime": 0}
    assert len(words(inside, "/api/models?expand[]=siblings")["siblings"]) == 3
    assert set(words(inside, "/api/spaces?expand=runtime")) == {"_id", "id", "runtime"}


REFUSALS = {
    "models?expand=foo": '"expand" must be one of [author, cardData, config, ',
    "models/ada/words?expand=foo": '"expand" must be one of [author, baseModels, cardData, ',
    "datasets?expand=gguf": '"expand" must be one of [author, cardData, citation, ',
    "models?sort=foo": '"sort" must be one of [trendingScore, downloads, likes, createdAt, lastModified]',
    "models?limit=x": '"limit" must be a number',
    "spaces?full=x": '"full" must be a boolean',
    "models?num_parameters=x": '"num_parameters" must be of the form min:6B,max:128B',
    "models?cursor=x": "The cursor is not valid: follow the Link header as it is",
    "models-tags-by-type?type=x": '"type" must be one of [pipeline_tag, library, language, ',
    "trending?type=x": '"type" must be one of [all, model, dataset, space]',
}


def test_refusals_are_in_the_words_of_the_hub(inside: Inside) -> None:
    for address, text in REFUSALS.items():
        answer = inside.client.get(f"/api/{address}")
        assert answer.status == 400, address
        assert answer.json()["error"].startswith(text), address


def test_a_model_tells_of_its_relatives_that_the_caller_may_see(inside: Inside) -> None:
    bob = inside.user("bob")
    for name, private in (("bob/tuned", False), ("bob/secret", True)):
        card = b"---\nbase_model: ada/words\nbase_model_relation: finetune\n---\n"
        inside.commit(inside.repo(bob, name, private=private), bob, {"README.md": card})
        card = b"---\nsdk: static\nmodels: [Ada/Words]\n---\n"
        inside.commit(inside.repo(bob, name, private=private, type=RepoType.SPACE), bob, {"README.md": card})
    asked = "/api/models/ada/words?expand=childrenModelCount&expand=spaces"
    found = inside.client.get(asked).json()
    none = {"adapter": 0, "finetune": 0, "merge": 0, "quantized": 0}
    assert (found["childrenModelCount"], found["spaces"]) == ({**none, "finetune": 1}, ["bob/tuned"])
    found = inside.client.get(asked, token=inside.token(bob)).json()
    assert found["childrenModelCount"] == {**none, "finetune": 2}
    assert sorted(found["spaces"]) == ["bob/secret", "bob/tuned"]
    base = inside.client.get("/api/models/bob/tuned?expand=baseModels").json()["baseModels"]
    assert base["relation"] == "finetune"
    assert [model["id"] for model in base["models"]] == ["ada/words"]


def test_lists_tell_of_base_models_that_the_caller_may_see(inside: Inside) -> None:
    """The Hub refuses this in lists; its refusals do not name it, and neither do ours."""
    bob = inside.user("bob")
    inside.repo(bob, "bob/base", private=True)
    card = b"---\nbase_model: [ada/words, bob/base, ada/gone]\nbase_model_relation: merge\n---\n"
    inside.commit(inside.repo(bob, "bob/tuned"), bob, {"README.md": card})

    def bases(token: str | None = None) -> dict[str, Any]:
        answer = inside.client.get("/api/models?expand=baseModels&expand=likes", token=token).json()
        assert all(set(row) == {"_id", "id", "likes", "baseModels"} for row in answer)
        return {row["id"]: row["baseModels"] for row in answer}

    seen = bases()
    assert seen["ada/words"] is None
    assert seen["bob/tuned"]["relation"] == "merge"
    assert [model["id"] for model in seen["bob/tuned"]["models"]] == ["ada/words"]
    own = bases(inside.token(bob))
    assert [model["id"] for model in own["bob/tuned"]["models"]] == ["ada/words", "bob/base"]
    assert bases() == seen


def test_rows_that_were_shown_before_are_those_of_now(inside: Inside) -> None:
    """They are remembered until something is committed, and by what they show."""
    eve = inside.user("eve")
    repo = inside.repo(eve, "eve/changes")
    inside.commit(repo, eve, {"README.md": CARD})
    asked = ("/api/models", "/api/models?full=true", "/api/models?expand=downloads", "/api/models")
    first = [rows(inside, address) for address in asked]
    assert first == [rows(inside, address) for address in asked]
    assert [set(row) for row in first[2]] == [{"_id", "id", "downloads"}] * 3
    inside.commit(repo, eve, {"README.md": CARD.replace(b"mit", b"apache-2.0")})
    for address in asked[:2]:
        (row,) = [row for row in rows(inside, address) if row["id"] == "eve/changes"]
        assert "license:apache-2.0" in row["tags"]
        assert "license:mit" not in row["tags"]


def test_rows_of_private_repos_are_not_kept_for_others(inside: Inside) -> None:
    bob = inside.user("bob")
    inside.repo(bob, "bob/secret", private=True)
    own = inside.client.get("/api/models", token=inside.token(bob)).json()
    assert "bob/secret" in [row["id"] for row in own]
    assert "bob/secret" not in [row["id"] for row in rows(inside, "/api/models")]


def test_pages_follow_by_link_whatever_was_asked(inside: Inside) -> None:
    ada = next(iter(inside.accounts))
    asked = f"/api/models?author={ada}&filter[]=region:local&limit=1&sort=lastModified&full=true&expand=author"
    first = inside.client.get(asked)
    link = first.headers["link"]
    assert link.endswith('>; rel="next"')
    second = inside.client.get(link[1 : link.index(">")].removeprefix("http://localhost:8000"))
    names = [row["id"] for row in (*first.json(), *second.json())]
    assert sorted(names) == ["ada/others", "ada/words"]
    assert "link" not in second.headers
    assert [row["id"] for row in rows(inside, asked + "&p=1")] == names[1:]


def test_a_page_with_too_many_files_is_cut_short(inside: Inside, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lists, "_PATHS_MAX", 1)
    answer = inside.client.get("/api/models?full=true&sort=createdAt")
    assert len(answer.json()) == 1
    assert "cursor=" in answer.headers["link"]


def test_tags_by_type_are_those_in_use_and_the_known_tasks(inside: Inside) -> None:
    found = inside.client.get("/api/models-tags-by-type").json()
    assert found["language"] == [{"id": "fr", "label": "French", "type": "language"}]
    assert found["license"] == [{"id": "license:mit", "label": "mit", "type": "license"}]
    (first, second) = found["pipeline_tag"][:2]
    assert (first["id"], first["type"], first["subType"]) == ("fill-mask", "pipeline_tag", "nlp")
    assert second["label"]
    assert found["library"][0]["id"] == "transformers"
    only = inside.client.get("/api/models-tags-by-type?type=language").json()
    assert only == {"language": found["language"]}
    assert inside.client.get("/api/models-tags-by-type?type=dataset").json() == {"dataset": []}
    assert "license" in inside.client.get("/api/datasets-tags-by-type").json()
    assert "sdk" in inside.client.get("/api/spaces-tags-by-type").json()


def test_tasks_are_told_with_their_labels(inside: Inside) -> None:
    found = inside.client.get("/api/tasks").json()
    assert found["text-classification"]["id"] == "text-classification"
    assert found["text-classification"]["label"].lower() == "text classification"
    assert found["fill-mask"]["widgetModels"] is not None


def test_what_trends_is_told_for_all_types_together(inside: Inside) -> None:
    scores = {("model", "words"): 7_500, ("space", "others"): 9_000, ("dataset", "words"): 1}
    repos = schema.repos
    with inside.hub.database.write() as connection:
        for (kind, name), score in scores.items():
            here = (repos.c.type == kind, repos.c.name == name)
            connection.execute(repos.update().where(*here).values(trending=score))
    found = inside.client.get("/api/trending?limit=3").json()["recentlyTrending"]
    assert [(row["repoType"], row["repoData"]["trendingScore"]) for row in found] == [
        ("space", 9),
        ("model", 7.5),
        ("dataset", 0.001),
    ]
    assert [row["repoType"] for row in inside.client.get("/api/trending?type=model").json()["recentlyTrending"]] == [
        "model",
        "model",
    ]


def test_a_search_box_is_answered_with_every_kind(inside: Inside) -> None:
    inside.org("adalab")
    found = inside.client.get("/api/quicksearch?q=ada").json()
    assert [row["id"] for row in found["spaces"]] == ["ada/others", "ada/words"]
    assert (found["modelsCount"], found["datasetsCount"], found["spacesCount"]) == (2, 2, 2)
    assert [row["user"] for row in found["users"]] == ["ada"]
    assert [row["name"] for row in found["orgs"]] == ["adalab"]
    posted = inside.client.post("/api/quicksearch", json={"q": "WORDS", "limit": 1}).json()
    assert [row["id"] for row in posted["models"]] == ["ada/words"]
    nothing = inside.client.get("/api/quicksearch").json()
    assert (nothing["models"], nothing["modelsCount"], nothing["users"]) == ([], 0, [])
    for body in ({"q": "a" * 201}, {"q": "a", "limit": -1}, {"q": 1}):
        assert inside.client.post("/api/quicksearch", json=body).status == 400


def test_spaces_are_found_by_what_they_say(inside: Inside) -> None:
    found = inside.client.get("/api/spaces/semantic-search?q=words&sdk=static").json()
    assert [(row["id"], row["title"], row["author"]) for row in found] == [("ada/words", "words", "ada")]
    assert found[0]["semanticRelevancyScore"] > 0
    assert found[0]["runtime"]["stage"]
    assert inside.client.get("/api/spaces/semantic-search?q=words&sdk=gradio").json() == []
    assert inside.client.get("/api/spaces/semantic-search?q=%20").status == 400
