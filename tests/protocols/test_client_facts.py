"""What the stock client reads of cards and files: declared, derived in the commit, read from headers a moment later."""

import json
import time

from huggingface_hub import CommitOperationAdd, HfApi, ModelCard, ModelInfo

from tests.hub import Hub
from tests.weights import llama, safetensors

CARD = """---
license: mit
library_name: transformers
# who speaks it
language: [en]
---
# Words

A model that says what people might say next, when they say anything.
"""


def test_a_model_is_described_by_what_is_in_it(hub: Hub) -> None:
    ada = hub.user(hub.name("ada"))
    api = HfApi(hub.endpoint, token=ada.token)
    repo_id = f"{ada.name}/words"
    api.create_repo(repo_id)
    config = {"architectures": ["LlamaForCausalLM"], "model_type": "llama"}
    files = {
        "README.md": CARD.encode(),
        "config.json": json.dumps(config).encode(),
        "tokenizer.json": b"{}",
        "model.safetensors": safetensors({"a": ("BF16", [3, 5])}),
        "words-Q4.gguf": llama().bytes(),
        ".eval_results/mmlu.yaml": b"- dataset: {id: cais/mmlu, task_id: all}\n  value: 12.5\n  date: 2026-01-15\n",
    }
    api.create_commit(repo_id, [CommitOperationAdd(path, data) for path, data in files.items()], commit_message="all")
    found = api.model_info(repo_id)
    assert (found.pipeline_tag, found.library_name) == ("text-generation", "transformers")
    assert found.transformers_info == {
        "auto_model": "AutoModelForCausalLM", "custom_class": None, "pipeline_tag": "text-generation", "processor": "AutoTokenizer",
    }  # fmt: skip
    assert found.config is not None
    assert found.config["model_type"] == "llama"
    assert found.eval_results is not None
    assert [(one.dataset_id, one.value) for one in found.eval_results] == [("cais/mmlu", 12.5)]
    found = read(api, repo_id)
    assert found.safetensors is not None
    assert found.safetensors.parameters == {"BF16": 15}
    assert found.gguf is not None
    assert (found.gguf["architecture"], found.gguf["total"]) == ("llama", 48)

    card = ModelCard(CARD)
    card.data.base_model, card.data.tags = "org/base", ["legal"]
    api.upload_file(repo_id=repo_id, path_or_fileobj=str(card).encode(), path_in_repo="README.md")
    info = api.model_info(repo_id, expand=["tags", "safetensors", "pipeline_tag"])
    assert info.safetensors is not None
    assert {"legal", "base_model:quantized:org/base", "safetensors", "gguf", "license:mit"} <= set(info.tags or [])


def read(api: HfApi, repo_id: str) -> ModelInfo:
    """The info once the job has read the headers."""
    for _ in range(600):
        found = api.model_info(repo_id)
        if found.safetensors is not None:
            return found
        time.sleep(0.1)
    raise AssertionError("the headers were not read")
