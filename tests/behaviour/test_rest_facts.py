"""Facts over the API: repo info, lists and `expand` (hub-api.md section 9), and what of other repos is told to whom."""

import json
import os
import pickle
from collections import OrderedDict
from collections.abc import Iterator
from typing import Any

import pytest

from pioche.config import Config
from pioche.names import RepoType
from pioche.upkeep.deriving import read_headers
from tests.inside import Inside, assert_refused
from tests.weights import safetensors


@pytest.fixture
def inside(config: Config) -> Iterator[Inside]:
    with Inside(config) as inside:
        yield inside
        assert inside.log.getvalue() == ""


CARD = b"""---
library_name: transformers
license: mit
base_model: ada/base
widget: [{text: Hello}]
model-index: [{name: m, results: []}]
---
# Words

A model that says what people might say next, when they say anything.
"""
FILES = {
    "README.md": CARD,
    "config.json": json.dumps({"architectures": ["BertForMaskedLM"], "model_type": "bert"}).encode(),
    "tokenizer_config.json": json.dumps({"mask_token": {"content": "[MASK]"}, "chat_template": "x"}).encode(),
    "tokenizer.json": b"{}",
    "model.safetensors": safetensors({"a": ("F32", [4, 5])}),
    ".eval_results/a.yaml": b"- dataset: {id: a/b, task_id: c}\n  value: 3\n",
}


def fill(inside: Inside) -> str:
    """Returns ada's token."""
    ada = inside.user("ada")
    for name, private in (("base", False), ("words", False), ("secret", True)):
        repo = inside.repo(ada, f"ada/{name}", private=private)
        card = CARD if name == "words" else b"---\nbase_model: ada/words\n---\n"
        inside.commit(repo, ada, FILES if name == "words" else {"README.md": card})
        read_headers(inside.hub.access).run(str(repo.id), {})
    for name, private in (("app", False), ("hidden", True)):
        space = inside.repo(ada, f"ada/{name}", private=private, type=RepoType.SPACE)
        inside.commit(space, ada, {"README.md": b"---\nsdk: static\nmodels: [ada/words]\n---\n"})
    return inside.token(ada)


def test_info_has_what_the_files_say(inside: Inside) -> None:
    fill(inside)
    found = inside.client.get("/api/models/ada/words").json()
    assert (found["pipeline_tag"], found["library_name"], found["mask_token"]) == (
        "fill-mask",
        "transformers",
        "[MASK]",
    )
    assert found["safetensors"] == {"parameters": {"F32": 20}, "total": 20}
    assert found["config"]["architectures"] == ["BertForMaskedLM"]
    assert found["config"]["tokenizer_config"] == {"mask_token": "[MASK]", "chat_template": "x"}
    expected = {"auto_model": "AutoModelForMaskedLM", "pipeline_tag": "fill-mask", "processor": "AutoTokenizer"}
    assert found["transformersInfo"] == expected
    assert found["widgetData"] == [{"text": "Hello"}]
    assert found["model-index"] == [{"name": "m", "results": []}]
    assert found["evalResults"] == [
        {"filename": "a.yaml", "data": {"dataset": {"id": "a/b", "task_id": "c"}, "value": 3}}
    ]
    assert found["tags"] == [
        "transformers", "safetensors", "bert", "fill-mask", "conversational", "base_model:ada/base",
        "base_model:finetune:ada/base", "license:mit", "model-index", "eval-results", "endpoints_compatible", "region:local",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "name", ["safetensors", "config", "transformersInfo", "pipeline_tag", "library_name", "mask_token"]
)
def test_expand_gives_only_what_was_asked_for(inside: Inside, name: str) -> None:
    fill(inside)
    one = inside.client.get(f"/api/models/ada/words?expand={name}").json()
    assert set(one) == {"_id", "id", name}
    listed = {row["id"]: row for row in inside.client.get(f"/api/models?expand={name}").json()}
    assert listed["ada/words"] == one


def test_short_rows_have_task_and_library(inside: Inside) -> None:
    fill(inside)
    rows = {row["id"]: row for row in inside.client.get("/api/models").json()}
    assert rows["ada/words"]["pipeline_tag"] == "fill-mask"
    assert rows["ada/words"]["library_name"] == "transformers"
    assert "config" not in rows["ada/words"]
    assert [row["id"] for row in inside.client.get("/api/models?config=true&filter=bert").json() if row["config"]] == [
        "ada/words"
    ]


def test_e_leak_relations_are_told_of_repos_that_one_may_see(inside: Inside) -> None:
    token = fill(inside)

    def expanded(name: str, repo: str = "words", **options: Any) -> Any:
        return inside.client.get(f"/api/models/ada/{repo}?expand={name}", **options).json()[name]

    assert expanded("baseModels")["models"][0]["id"] == "ada/base"
    assert expanded("baseModels")["relation"] == "finetune"
    assert expanded("childrenModelCount") == {"adapter": 0, "finetune": 1, "merge": 0, "quantized": 0}
    assert expanded("childrenModelCount", token=token)["finetune"] == 2
    assert expanded("spaces") == ["ada/app"]
    assert sorted(expanded("spaces", token=token)) == ["ada/app", "ada/hidden"]


def test_e_leak_a_private_base_model_is_not_told(inside: Inside) -> None:
    ada = inside.user("ada")
    inside.repo(ada, "ada/base", private=True)
    repo = inside.repo(ada, "ada/words")
    inside.commit(repo, ada, {"README.md": CARD})
    assert inside.client.get("/api/models/ada/words?expand=baseModels").json()["baseModels"] is None
    told = inside.client.get("/api/models/ada/words?expand=baseModels", token=inside.token(ada)).json()
    assert [base["id"] for base in told["baseModels"]["models"]] == ["ada/base"]


def test_a_dataset_describes_itself(inside: Inside) -> None:
    ada = inside.user("ada")
    repo = inside.repo(ada, "ada/rows", type=RepoType.DATASET)
    body = b"# Rows\n\nRows of many kinds for those who like rows and columns.\n\n```\n@misc{rows}\n```\n"
    inside.commit(repo, ada, {"README.md": b"---\npretty_name: Rows\n---\n" + body, "a.csv": b"a,b\n"})
    found = inside.client.get("/api/datasets/ada/rows").json()
    assert found["description"] == "Rows of many kinds for those who like rows and columns."
    assert found["citation"] == "@misc{rows}"
    assert "format:csv" in found["tags"]
    row = inside.client.get("/api/datasets").json()[0]
    assert row["description"] == found["description"]


def test_d_yaml_validation_warns_with_the_line(inside: Inside) -> None:
    body = {"content": "---\nlicense: apache2\n---\n", "repoType": "model"}
    answer = inside.client.post("/api/validate-yaml", json=body)
    assert answer.status == 200
    assert [warning["message"] for warning in answer.json()["warnings"]] == [
        "\"license\" (line 2): 'apache2' is no licence that the hub knows; did you mean 'apache-2.0'?"
    ]


def test_d_fmt_headers_of_liars_are_refused(inside: Inside) -> None:
    ada = inside.user("ada")
    repo = inside.repo(ada, "ada/words")
    files = {
        "liar.safetensors": b"\xff" * 20,
        "model.safetensors": safetensors({"a": ("F32", [1])}),
        "a/model.safetensors.index.json": b'{"weight_map": {"a": "../model.safetensors"}}',
        "b/model.safetensors.index.json": b'{"weight_map": {"a": "absent.safetensors"}}',
        "c/model.safetensors.index.json": b'{"weight_map": ["a"]}',
        "d/model.safetensors.index.json": json.dumps({"weight_map": {str(n): str(n) for n in range(1001)}}).encode(),
    }
    inside.commit(repo, ada, files)
    base = "/api/models/ada/words/safetensors-metadata"
    assert inside.client.get(f"{base}/model.safetensors").json() == {
        "index": {}, "headers": {"model.safetensors": {"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}},
    }  # fmt: skip
    expected = {"liar.safetensors": 422, "README.md": 404, "a": 404, "a%00": 400}
    expected |= {
        f"{name}/model.safetensors.index.json": status
        for name, status in zip("abcd", (404, 404, 422, 422), strict=True)
    }
    for path, status in expected.items():
        assert_refused(inside.client.get(f"{base}/{path}"), statuses=(status, 422))


def test_datasets_are_sorted_by_their_rows(inside: Inside) -> None:
    ada = inside.user("ada")
    for name, count in (("small", 5), ("large", 10**9), ("unknown", None), ("middle", 700)):
        repo = inside.repo(ada, f"ada/{name}", type=RepoType.DATASET)
        info = "" if count is None else f"dataset_info: {{splits: [{{name: train, num_examples: {count}}}]}}\n"
        inside.commit(repo, ada, {"README.md": f"---\n{info}license: mit\n---\n".encode()})
    rows = inside.client.get("/api/datasets?sort=most_rows").json()
    assert [row["id"] for row in rows] == ["ada/large", "ada/middle", "ada/small", "ada/unknown"]


class _Runs:
    """Its pickle runs a command when it is loaded; nobody here loads it."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, ("true",)


def test_f1_files_tell_what_their_pickles_import_and_none_is_safe(inside: Inside) -> None:
    ada = inside.user("ada")
    repo = inside.repo(ada, "ada/risky")
    files = {"bad.pkl": pickle.dumps(_Runs(), protocol=2), "good.pkl": pickle.dumps(OrderedDict(a=1), protocol=2)}
    inside.commit(repo, ada, {**files, "words.bin": b"no pickle", "notes.txt": b"text"})

    def statuses() -> dict[str, Any]:
        rows = inside.client.get("/api/models/ada/risky/tree/main?expand=true").json()
        return {row["path"]: row["securityFileStatus"] for row in rows}

    assert {one["status"] for one in statuses().values()} == {"unscanned"}  # nobody has looked yet
    read_headers(inside.hub.access).run(str(repo.id), {})
    found = statuses()
    assert {path: one["status"] for path, one in found.items() if one["status"] != "unscanned"} == {"bad.pkl": "unsafe"}
    assert found["bad.pkl"]["pickleImportScan"] == {
        "status": "unsafe",
        "pickleImports": [{"module": "posix", "name": "system", "safety": "dangerous"}],
        "version": None,
    }
    assert found["good.pkl"]["pickleImportScan"]["pickleImports"] == [
        {"module": "collections", "name": "OrderedDict", "safety": "innocuous"}
    ]
    assert all(one["avScan"]["status"] == "unscanned" for one in found.values())
    told = inside.client.get("/api/models/ada/risky?securityStatus=true").json()["securityRepoStatus"]
    assert told == {"scansDone": False, "filesWithIssues": [{"path": "bad.pkl", "level": "unsafe"}]}
    inside.commit(repo, ada, {"bad.pkl": files["good.pkl"]})  # its bytes are others now: nobody has looked at these
    assert statuses()["bad.pkl"]["status"] == "unscanned"
