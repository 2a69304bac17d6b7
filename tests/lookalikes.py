"""Look-alikes of the public repositories that the client's own tests of lists and searches read (`scripts/conformance.py`).

Nothing is taken from the public Hub: names, cards of a few lines, and files made here. What a test counts is there often
enough: more than a hundred repos of each type, a dozen of one author, and so on.
"""

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import httpx
import sqlalchemy as sa
from huggingface_hub import CommitOperationAdd, HfApi

from pioche.accounts.directory import Directory
from pioche.config import Config
from pioche.db import schema
from pioche.db.engine import Database
from pioche.events import Event
from pioche.jobs import outbox
from tests.hub import Hub
from tests.weights import llama, safetensors

OWNERS = """google facebook microsoft albert muellerzr huggingface HuggingFaceH4 HuggingFaceBR4 deepseek-ai julien-c lhoestq
    gaia-benchmark black-forest-labs zai-org openai kernels-community crowd""".split()

_LARGE = "crowd/large-"
_LIKED = "HuggingFaceH4/zephyr-chat"


@dataclass
class LookAlike:
    """One repo: `card` is the README's metadata as JSON, which is YAML; `later` are files of a second commit."""

    kind: str
    name: str
    card: Mapping[str, object] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    later: dict[str, bytes] = field(default_factory=dict)
    gated: str = ""
    branch: str = ""
    """Of the first commit."""


def seed(hub: Hub) -> dict[str, str]:
    """Makes them all; returns constants of the suite that are other ones here."""
    database = Database(Config(data_dir=hub.data_dir))
    for owner in OWNERS:
        Directory(database).create_org(owner)
    api = HfApi(hub.endpoint, token=hub.admin_token)
    constants = dict[str, str]()
    for one in (*models(), *datasets(), *spaces(), *kernels()):
        commit = _make(api, one)
        constant = _CONSTANTS.get((one.kind, one.name))
        if constant is not None:
            constants[constant] = commit
    _enlarge(database)
    database.close()
    # The test of the order by likes wants one that nobody else has as many of.
    headers = {"authorization": f"Bearer {hub.admin_token}"}
    httpx.post(f"{hub.endpoint}/api/spaces/{_LIKED}/like", headers=headers).raise_for_status()
    return constants


_CONSTANTS = {
    ("model", "julien-c/dummy-unknown"): "DUMMY_MODEL_ID_REVISION_ONE_SPECIFIC_COMMIT",
    ("dataset", "gaia-benchmark/GAIA"): "DUMMY_DATASET_ID_REVISION_ONE_SPECIFIC_COMMIT",
}


def _make(api: HfApi, one: LookAlike) -> str:
    """Returns the id of the first commit that is ours."""
    sdk = str(one.card.get("sdk")) if one.kind == "space" else None
    api.create_repo(one.name, repo_type=one.kind, space_sdk=sdk)
    readme = f"---\n{json.dumps(one.card, ensure_ascii=False)}\n---\n# {one.name}\n".encode()
    first = _commit(api, one, {"README.md": readme, **one.files})
    if one.branch:
        api.create_branch(one.name, branch=one.branch, repo_type=one.kind)
    if one.later:
        _commit(api, one, one.later)
    if one.gated == "auto":
        api.update_repo_settings(one.name, repo_type=one.kind, gated="auto")
    return first


def _commit(api: HfApi, one: LookAlike, files: dict[str, bytes]) -> str:
    operations = [CommitOperationAdd(path, data) for path, data in files.items()]
    return str(api.create_commit(one.name, operations, commit_message="Look-alike", repo_type=one.kind).oid)


def models() -> Iterator[LookAlike]:
    """Those of `TestHfApiPublicProduction` and `TestExpandPropertyType`."""
    weights = safetensors({"a": ("F32", [2, 2])})
    bert = {"library_name": "transformers", "pipeline_tag": "fill-mask", "tags": ["bert", "jax"], "language": ["en"]}
    for number in range(12):
        yield LookAlike("model", f"google/bert-mini-{number}", bert, {"model.safetensors": weights})
    for number in range(6):
        files = {f"small-{number}.Q4_K_M.gguf": llama().bytes()}
        yield LookAlike("model", f"crowd/small-{number}-GGUF", {"pipeline_tag": "text-generation"}, files)
        yield LookAlike("model", f"{_LARGE}{number}", {"pipeline_tag": "text-generation"})
    for number, language in enumerate(("en", "fr", "zh")):
        adapter = {"library_name": "adapter-transformers", "tags": ["bert"], "language": [language]}
        yield LookAlike("model", f"crowd/adapter-{number}", adapter, {"config.json": b'{"model_type": "bert"}'})
    for number, grams in enumerate((1, 50, 5000)):
        yield LookAlike("model", f"crowd/green-{number}", {"co2_eq_emissions": grams})
    yield LookAlike("model", "muellerzr/example", {"language": ["fr"]})
    yield LookAlike("model", "facebook/bart-base", {"pipeline_tag": "feature-extraction"})
    yield LookAlike("model", "microsoft/wavlm-base-sd", {}, {"pytorch_model.bin": os.urandom(64)})
    yield LookAlike("model", "albert/albert-base-v2", {"pipeline_tag": "fill-mask"})
    yield LookAlike("model", "HuggingFaceBR4/logs", {"tags": ["tensorboard"]})
    yield LookAlike("model", "crowd/asks-first", {}, gated="auto")
    yield LookAlike("model", "zai-org/GLM-5.2", {})
    widget = {"widget": [{"messages": [{"role": "user", "content": "Bonjour"}]}], "pipeline_tag": "text-generation"}
    yield LookAlike("model", "HuggingFaceH4/zephyr-7b-beta", widget)
    yield _dummy_model()
    for number in range(80):
        yield LookAlike("model", f"crowd/model-{number}", {"language": ["zh" if number % 2 else "fr"]})


def _dummy_model() -> LookAlike:
    """The files that `test_list_repo_files` names; one of them is large."""
    names = "config.json flax_model.msgpack merges.txt pytorch_model.bin tf_model.h5 vocab.json".split()
    files = {name: (b"{}" if name.endswith(".json") else os.urandom(64)) for name in names}
    return LookAlike("model", "julien-c/dummy-unknown", {}, files, {"merges.txt": b"a b\n"})


def datasets() -> Iterator[LookAlike]:
    """Those of the datasets' tests."""
    yield LookAlike("dataset", "huggingface/DataMeasurementsFiles", {"pretty_name": "Measurements"})
    described = {
        "language": ["en", "fr"],
        "language_creators": ["crowdsourced"],
        "multilinguality": ["multilingual"],
        "size_categories": ["100K<n<1M"],
        "task_categories": ["audio-classification", "text-classification"],
        "task_ids": ["natural-language-inference"],
        "tags": ["fiftyone", "benchmark:official"],
    }
    for number in range(8):
        yield LookAlike("dataset", f"crowd/wikipedia-{number}", described)
    yield LookAlike("dataset", "HuggingFaceH4/no_robots", {"language": ["en"]})
    yield LookAlike("dataset", "openai/gsm8k", {"language": ["en"]})
    yield LookAlike("dataset", "crowd/asks-first", {}, gated="auto")
    yield LookAlike("dataset", "lhoestq/custom_squad", {}, {"train.parquet": os.urandom(64)})
    yield LookAlike("dataset", "gaia-benchmark/GAIA", {"language": ["en"]}, later={"a.csv": b"a,b\n"})
    for number in range(95):
        yield LookAlike("dataset", f"crowd/dataset-{number}", {"license": "mit"})


def spaces() -> Iterator[LookAlike]:
    """Those of the Spaces' tests."""
    uses = {"models": ["bert-base-uncased"], "datasets": ["wikipedia"], "tags": ["generate", "image"]}
    for number in range(12):
        card = {"sdk": "static", "title": f"Generate image {number}", "emoji": "🎨", **uses}
        yield LookAlike("space", f"julien-c/wikipedia-{number}", card)
    for name in ("HuggingFaceH4/zephyr-chat", "black-forest-labs/FLUX.1-dev"):
        yield LookAlike("space", name, {"sdk": "static", "models": ["black-forest-labs/FLUX.1-dev"]})
    for number in range(95):
        yield LookAlike("space", f"crowd/space-{number}", {"sdk": "static", "title": f"Space {number}"})


def kernels() -> Iterator[LookAlike]:
    """That of `test_kernels`: its branch `v1` is where it was before its newest commit."""
    files = {"benchmarks/benchmark.py": b"print(1)\n"}
    yield LookAlike("kernel", "kernels-community/relu", files=files, later={"build/relu.py": b"\n"}, branch="v1")


def _enlarge(database: Database) -> None:
    """Nobody makes files of seven billion parameters for a test: the fact is written, as if it had been read."""
    repos, facts = schema.repos, schema.facts
    with database.write() as connection:
        large = sa.select(repos.c.id).where(repos.c.full_name.startswith(_LARGE))
        for repo_id in connection.execute(large).scalars().all():
            connection.execute(facts.delete().where(facts.c.repo_id == repo_id))
            connection.execute(facts.insert().values(repo_id=repo_id, parameters=7 * 10**9))
            outbox.append(connection, Event("repo.facts", repo_id=repo_id))
