"""Facts about repos: derived in the transaction of the commit, from what the commit changed."""

import json
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa

from pioche.accounts.callers import Caller
from pioche.db import schema
from pioche.names import RepoType
from pioche.repos.access import Repo
from pioche.repos.facts import records, telling, whole
from tests.core import Core, main

CARD = b"""---
license: mit
language: [en, fr]
library_name: transformers
datasets: [ada/rows]
base_model: org/base
tags: [legal]
---
# Words

A model that continues a text with the words that come next, see https://arxiv.org/abs/1706.03762 for how.
"""
CONFIG = json.dumps({"architectures": ["GPT2LMHeadModel"], "model_type": "gpt2", "hidden_size": 4}).encode()


def tags(repo: Repo) -> list[str]:
    with repo.database.read() as connection:
        text = connection.execute(sa.select(schema.repos.c.tags).where(schema.repos.c.id == repo.id)).scalar_one()
    return msgspec.json.decode(text, type=list[str])


def is_right(repo: Repo) -> bool:
    """Whether what commits added up to is what a look at everything gives."""
    noticed = whole.look(repo, main(repo).commit)
    with repo.database.read() as connection:
        return records.is_right(connection, repo.id, noticed)


def test_a_card_and_a_configuration_make_tags_and_facts(core: Core, ada: Caller, repo: Repo) -> None:
    core.commit(repo, ada, {"README.md": CARD, "config.json": CONFIG})
    assert tags(repo) == [
        "transformers", "gpt2", "text-generation", "legal", "en", "fr", "dataset:ada/rows", "arxiv:1706.03762",
        "base_model:org/base", "base_model:finetune:org/base", "license:mit", "text-generation-inference",
        "endpoints_compatible",
    ]  # fmt: skip
    told = telling.get_sync(repo)
    assert (told.pipeline_tag, told.library_name) == ("text-generation", "transformers")
    assert told.summary == (
        "A model that continues a text with the words that come next, see https://arxiv.org/abs/1706.03762 for how."
    )
    details = told.read()
    assert details["transformersInfo"] == {"auto_model": "AutoModelForCausalLM", "pipeline_tag": "text-generation"}
    assert details["config"] == {"architectures": ["GPT2LMHeadModel"], "model_type": "gpt2", "tokenizer_config": {}}
    assert details["domains"] == ["legal"]
    assert told.warned() == []


def test_commits_add_up_to_what_the_files_say(core: Core, ada: Caller, repo: Repo) -> None:
    steps: list[dict[str, Any]] = [
        {"files": {"notes.py": b"1"}},
        {"files": {"config.json": CONFIG, "model.safetensors": b"no header"}},
        {"files": {"README.md": CARD, "a/model.onnx": b"1", "b/model.onnx": b"2", "b.safetensors": b"1"}},
        {"files": {"a.safetensors": b"1", "adapter_config.json": b"{}", ".eval_results/z.yaml": b"[]"}},
        {"delete": ["a.safetensors", "adapter_config.json", "b.safetensors"]},
        {"delete": ["a/"]},
        {"files": {".eval_results/mmlu.yaml": b"- dataset: {id: a/b, task_id: c}\n  value: 1.5\n"}},
        {"delete": ["config.json"], "files": {"config.json2": b"{"}},
        {"files": {"README.md": b"---\ntags: [x]\n---\n"}},
        {"delete": ["README.md", "b/"]},
    ]
    for step in steps:
        core.commit(repo, ada, **step)
        assert is_right(repo), step
    assert tags(repo) == ["safetensors", "eval-results"]


def test_a_commit_without_anything_of_interest_writes_no_facts(core: Core, ada: Caller, repo: Repo) -> None:
    core.commit(repo, ada, {"a.txt": b"1"})
    before = _stored(repo)
    core.commit(repo, ada, {"a.txt": b"2", "b.txt": b"3", "c/d.py": b"4"})
    assert _stored(repo) == before


def _stored(repo: Repo) -> Any:
    with repo.database.read() as connection:
        return connection.execute(sa.select(schema.facts).where(schema.facts.c.repo_id == repo.id)).first()


def test_a_dataset_says_what_it_holds(core: Core, ada: Caller) -> None:
    repo = core.repo(ada, "ada/rows", type=RepoType.DATASET)
    card = b"""---
language: fr
task_categories: [question-answering]
dataset_info: {features: [{name: a, dtype: string}, {name: n, dtype: int64}], splits: [{name: train, num_examples: 1500}]}
tags: [droit]
---
"""
    core.commit(repo, ada, {"README.md": card, "data/train-0.parquet": b"1", "data/train-1.parquet": b"2"})
    assert tags(repo) == [
        "task_categories:question-answering", "language:fr", "size_categories:1K<n<10K", "format:parquet",
        "modality:tabular", "modality:text", "library:datasets", "library:pandas", "library:polars",
        "library:mlcroissant", "droit",
    ]  # fmt: skip
    assert telling.get_sync(repo).read()["rows"] == 1500
    assert is_right(repo)


def test_a_space_says_how_it_runs(core: Core, ada: Caller) -> None:
    repo = core.repo(ada, "ada/app", type=RepoType.SPACE)
    space = telling.get_sync(repo).read()["space"]
    assert (space["title"], space["sdk"], space["app_file"]) == ("app", "static", "index.html")
    card = b"---\ntitle: My app\nsdk: docker\napp_port: 99999\ncolorFrom: mauve\nmodels: [a/b]\ntags: [x]\n---\n"
    core.commit(repo, ada, {"README.md": card})
    told = telling.get_sync(repo)
    assert told.read()["space"] == {
        "sdk": "docker", "title": "My app", "models": ["a/b"], "fullWidth": True, "header": "default", "pinned": False,
        "app_port": 7860,
    }  # fmt: skip
    assert told.warned() == [
        "\"colorFrom\" (line 5): 'mauve' is no colour that the hub knows",
        '"app_port" (line 4): it must be a whole number from 1 to 65535',
    ]
    assert tags(repo) == ["x"]
    assert is_right(repo)
    with repo.database.read() as connection:
        assert (
            connection.execute(sa.select(schema.repos.c.sdk).where(schema.repos.c.id == repo.id)).scalar() == "docker"
        )
    core.commit(repo, ada, {"README.md": b"---\nsdk: nonsense\n---\n"})
    assert telling.get_sync(repo).read()["space"]["sdk"] == "docker"
    assert is_right(repo)


@pytest.mark.parametrize(
    ("files", "kept"),
    [
        ({"config.json": b"[" * 100_000}, "config.json is not a JSON object"),
        ({"config.json": b'{"architectures": ' + b"[" * 100_000}, "config.json is not a JSON object"),
        ({"tokenizer_config.json": b"\xff\xfe"}, "tokenizer_config.json is not a JSON object"),
        ({".eval_results/a.yaml": b"a: &x [1]\nb: *x"}, "a.yaml: YAML aliases are not accepted in metadata (line 2)"),
        ({".eval_results/a.yaml": b"- 1"}, "a.yaml: each result must be a mapping"),
    ],
    ids=["nested", "nested-field", "no-text", "bomb", "no-mapping"],
)
def test_d_yaml_d_fmt_wrong_files_warn_and_stop_nothing(
    core: Core, ada: Caller, repo: Repo, files: dict[str, bytes], kept: str
) -> None:
    core.commit(repo, ada, {"README.md": CARD, **files})
    assert telling.get_sync(repo).warned() == [kept]
    assert "license:mit" in tags(repo)
    assert is_right(repo)


def test_d_uni_what_no_column_takes_is_left_out(core: Core, ada: Caller, repo: Repo) -> None:
    """Every text that reaches a column, with what PostgreSQL refuses: NUL, halves of characters, bytes that are no text."""
    card = '---\nlibrary_name: "a\\0b"\npipeline_tag: "t\\u2028\\0"\ntags: ["\\0", "\U0001f600", "e\u0301"]\n---\n'
    body = (
        "A text with \x00 in it and with \x9b too, which is long enough for a summary.".encode() + b" \xff\xed\xa0\x80"
    )
    config = (
        b'{"model_type": "m\\u0000", "architectures": ["\\ud800"], "quantization_config": {"quant_method": "q\\u0000"}}'
    )
    core.commit(repo, ada, {"README.md": card.encode() + body, "config.json": config})
    told = telling.get_sync(repo)
    assert (told.library_name, told.pipeline_tag) == ("ab", "t")
    assert told.summary is not None
    assert told.summary.startswith("A text with  in it and with  too, which is long enough for a summary.")
    assert {"\U0001f600", "e\u0301"} <= set(tags(repo))
    assert is_right(repo)


def test_a_repo_of_an_earlier_version_is_looked_at_whole(core: Core, ada: Caller, repo: Repo) -> None:
    """Its row was there before facts were: the first commit after the upgrade must not pass for everything."""
    core.commit(repo, ada, {"model.onnx": b"1"})
    core.commit(repo, ada, {"README.md": CARD})
    with repo.database.write() as connection:
        connection.execute(schema.facts.update().values(observed=None))
    core.commit(repo, ada, {"config.json": CONFIG})
    with repo.database.read() as connection:
        jobs = (
            connection.execute(sa.select(schema.jobs.c.key).where(schema.jobs.c.kind == records.DERIVE)).scalars().all()
        )
    assert jobs == [str(repo.id)]
    assert whole.derive(repo)
    assert "onnx" in tags(repo)
    assert is_right(repo)


def test_more_files_than_one_can_keep_track_of(core: Core, ada: Caller, repo: Repo) -> None:
    """A collection of thousands of weights or results must not make every commit slow: none is read then."""
    result = b"- dataset: {id: a/b, task_id: c}\n  value: 1\n"
    many = {f"{number}.safetensors": b"x" for number in range(1001)}
    core.commit(repo, ada, many | {f".eval_results/{number}.yaml": result for number in range(101)})
    assert is_right(repo)
    assert "evalResults" not in telling.get_sync(repo).read()
    assert waiting(repo) == set()
    core.commit(repo, ada, delete=["7.safetensors", ".eval_results/7.yaml"])
    assert waiting(repo) == {records.DERIVE}
    assert whole.derive(repo)
    assert is_right(repo)
    assert len(telling.get_sync(repo).read()["evalResults"]) == 100
    assert waiting(repo) == {records.DERIVE, records.READ_HEADERS}


def waiting(repo: Repo) -> set[str]:
    with repo.database.read() as connection:
        return set(connection.execute(sa.select(schema.jobs.c.kind)).scalars())


def test_a_copy_has_the_facts_of_its_source(core: Core, ada: Caller, repo: Repo) -> None:
    core.commit(repo, ada, {"README.md": CARD, "config.json": CONFIG})
    copy = core.hub.catalog.duplicate(ada, repo, "ada", "copy", private=None)
    assert telling.get_sync(copy) == telling.get_sync(repo)
    assert is_right(copy)
