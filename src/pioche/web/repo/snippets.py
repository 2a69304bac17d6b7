"""Code that uses a repo, for this host: what a reader without JavaScript gets, and what the page begins with.

With JavaScript, `use-this.js` puts the snippets of @huggingface/tasks in their place, which cover every library that the
ecosystem knows.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from pioche.names import RepoType
from pioche.repos.overviews import Overview
from pioche.web.repo import labels


@dataclass(frozen=True, slots=True)
class Snippet:
    """`id` is the library's or program's in @huggingface/tasks; `language` is python or shell."""

    id: str
    label: str
    text: str
    language: str = "python"


Writer = Callable[[Overview], str]


def of(overview: Overview) -> list[Snippet]:
    """The most fitting first; never empty: files can always be downloaded."""
    found = list(_of[overview.repo_id.type](overview))
    kind = "" if overview.repo_id.type is RepoType.MODEL else f" --repo-type {overview.repo_id.type.value}"
    found.append(Snippet("hf", "hf", f"hf download {overview.repo_id}{kind}", "shell"))
    return found


# --- models -----------------------------------------------------------------------------------------------------------


def _transformers(model: Overview) -> str:
    info = model.details.get("transformersInfo")
    auto = info.get("auto_model") if isinstance(info, dict) else None
    task = model.pipeline_tag or "text-generation"
    tail = f'pipe = pipeline("{task}", model="{model.repo_id}")'
    direct = ""
    if isinstance(auto, str) and auto.isidentifier():
        processor = info.get("processor") if isinstance(info, dict) else None
        reader = processor if isinstance(processor, str) and processor.isidentifier() else "AutoTokenizer"
        direct = (
            f"\n\n# or load the model itself\nfrom transformers import {reader}, {auto}\n\n"
            f'reader = {reader}.from_pretrained("{model.repo_id}")\nmodel = {auto}.from_pretrained("{model.repo_id}")'
        )
    return f"from transformers import pipeline\n\n{tail}{direct}"


def _sentence_transformers(model: Overview) -> str:
    return (
        f'from sentence_transformers import SentenceTransformer\n\nmodel = SentenceTransformer("{model.repo_id}")\n'
        'embeddings = model.encode(["Dig where you stand.", "Creuse là où tu es."])\n'
        "print(model.similarity(embeddings, embeddings))"
    )


def _diffusers(model: Overview) -> str:
    return (
        "import torch\nfrom diffusers import DiffusionPipeline\n\n"
        f'pipe = DiffusionPipeline.from_pretrained("{model.repo_id}", torch_dtype=torch.bfloat16)\n'
        'image = pipe("An open pit of white limestone under a blue sky").images[0]'
    )


def _peft(model: Overview) -> str:
    base = next(iter(base_models(model)), "base/model")
    return (
        "from peft import PeftModel\nfrom transformers import AutoModelForCausalLM\n\n"
        f'base = AutoModelForCausalLM.from_pretrained("{base}")\nmodel = PeftModel.from_pretrained(base, "{model.repo_id}")'
    )


def _timm(model: Overview) -> str:
    return f'import timm\n\nmodel = timm.create_model("hf_hub:{model.repo_id}", pretrained=True)'


def _llama_cpp(model: Overview) -> str:
    return f"llama serve -hf {model.repo_id}"


def _vllm(model: Overview) -> str:
    return f'pip install vllm\nvllm serve "{model.repo_id}"'


_PYTHON: Final[dict[str, Writer]] = {
    "transformers": _transformers,
    "sentence-transformers": _sentence_transformers,
    "diffusers": _diffusers,
    "peft": _peft,
    "timm": _timm,
}


def _of_model(model: Overview) -> Iterator[Snippet]:
    wanted = [name for name in (model.library_name, *model.tags) if name in _PYTHON]
    for name in dict.fromkeys(wanted):
        yield Snippet(str(name), labels.library(str(name)), _PYTHON[str(name)](model))
    if "gguf" in model.tags or model.details.get("gguf"):
        yield Snippet("llama.cpp", "llama.cpp", _llama_cpp(model), "shell")
    if "transformers" in wanted and model.pipeline_tag in ("text-generation", "image-text-to-text"):
        yield Snippet("vllm", "vLLM", _vllm(model), "shell")


def base_models(model: Overview) -> list[str]:
    """The ids that the card or the adapter's configuration names."""
    found = model.details.get("baseModels")
    ids = found.get("ids") if isinstance(found, dict) else model.card.get("base_model")
    return [text for text in (ids if isinstance(ids, list) else [ids]) if isinstance(text, str)][:20]


# --- datasets and Spaces ----------------------------------------------------------------------------------------------


def _of_dataset(dataset: Overview) -> Iterator[Snippet]:
    text = f'from datasets import load_dataset\n\ndataset = load_dataset("{dataset.repo_id}")'
    yield Snippet("datasets", "Datasets", text)
    formats = {tag.removeprefix("format:") for tag in dataset.tags if tag.startswith("format:")}
    for kind in ("parquet", "csv", "json"):
        if kind in formats:
            path = f"hf://datasets/{dataset.repo_id}/"
            yield Snippet("pandas", "pandas", f'import pandas as pd\n\ndata = pd.read_{kind}("{path}<file>.{kind}")')
            yield Snippet("polars", "Polars", f'import polars as pl\n\ndata = pl.read_{kind}("{path}**/*.{kind}")')
            yield Snippet("duckdb", "DuckDB", f"import duckdb\n\ndata = duckdb.sql(\"FROM '{path}**/*.{kind}'\")")
            return


def _of_space(space: Overview) -> Iterator[Snippet]:
    yield Snippet("git", "git", f"git clone {{address}}/spaces/{space.repo_id}", "shell")


def _of_kernel(kernel: Overview) -> Iterator[Snippet]:
    text = f"""from kernels import get_kernel

kernel = get_kernel("{kernel.repo_id}")"""
    yield Snippet("kernels", "Kernels", text)


_of: Final = {
    RepoType.MODEL: _of_model,
    RepoType.DATASET: _of_dataset,
    RepoType.SPACE: _of_space,
    RepoType.KERNEL: _of_kernel,
}
