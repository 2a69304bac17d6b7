"""What follows from a card and files: a pure function, tried with what people write and with what nobody should."""

import json
import re
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pioche.names import RepoType
from pioche.repos import cards
from pioche.repos.facts import checks, derivation, domains, evaluation, models, readme, vocabulary
from pioche.repos.facts.observation import Observed, Readme
from pioche.repos.facts.told import Facts


def model(block: str = "", body: str = "", files: dict[str, int] | None = None, **documents: dict[str, Any]) -> Facts:
    return derive(RepoType.MODEL, block, body, files, documents)


def derive(
    repo_type: RepoType, block: str, body: str = "", files: dict[str, int] | None = None, documents: Any = None
) -> Facts:
    text = f"---\n{block}\n---\n{body}".encode()
    card = cards.read(text)
    seen = Readme(card.warnings, card.lines, *readme.read(text))
    found = {f"{name}.json": value for name, value in (documents or {}).items()}
    return derivation.derive(repo_type, Observed(card.data, seen, files or {}, found))


def conditional(model_type: str) -> dict[str, Any]:
    return {"config": {"architectures": ["XForConditionalGeneration"], "model_type": model_type}}


# --- library and task -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("block", "files", "documents", "library", "task"),
    [
        ("library_name: x", {}, {}, "x", None),
        ("tags: [some, diffusers]", {}, {}, "diffusers", "text-to-image"),
        ("tags: [some, summarization]", {}, {}, None, "summarization"),
        ("pipeline_tag: any", {}, {}, None, "any"),
        ("", {"nemo": 1}, {}, "nemo", None),
        ("", {"sentence-transformers": 1}, {}, "sentence-transformers", "sentence-similarity"),
        ("", {}, {"model_index": {"_diffusers_version": "0", "_class_name": "XImg2Img"}}, "diffusers", "image-to-image"),
        ("", {}, {"adapter_config": {"peft_type": "LORA", "task_type": "CAUSAL_LM"}}, "peft", "text-generation"),
        ("", {}, {"config": {"architectures": ["BertForMaskedLM"], "model_type": "bert"}}, None, "fill-mask"),
        ("", {}, conditional("whisper"), None, "automatic-speech-recognition"),
        ("", {}, conditional("t5"), None, "text2text-generation"),
        ("", {}, conditional("qwen2_vl"), None, "image-text-to-text"),
        ("", {}, {"config": {"architectures": ["ViTModel"], "model_type": "vit"}}, None, "image-feature-extraction"),
        ("", {}, {"config": {"architectures": ["Strange"], "model_type": "x"}}, None, None),
        ("", {}, {"config": {"architectures": []}}, None, None),
    ],
    ids=range(15),
)  # fmt: skip
def test_library_and_task(
    block: str, files: dict[str, int], documents: dict[str, Any], library: str | None, task: str | None
) -> None:
    found = model(block, files=files, **documents)
    assert (found.library_name, found.pipeline_tag) == (library, task)


def test_transformers_is_suggested_and_not_guessed() -> None:
    found = model(config={"architectures": ["GPT2LMHeadModel"], "model_type": "gpt2", "transformers_version": "5"})
    assert found.library_name is None
    assert [one.suggestion for one in found.details["missing"] if one.id == "library"] == ["transformers"]


# --- bases ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("block", "files", "documents", "tags"),
    [
        ("base_model: a/b", {}, {}, ["base_model:a/b", "base_model:finetune:a/b"]),
        ("base_model: [a/b, c/d]", {}, {}, ["base_model:a/b", "base_model:merge:a/b", "base_model:c/d", "base_model:merge:c/d"]),
        ("base_model: a/b\nbase_model_relation: quantized", {}, {}, ["base_model:a/b", "base_model:quantized:a/b"]),
        ("base_model: a/b\nbase_model_relation: nonsense", {}, {}, ["base_model:a/b", "base_model:finetune:a/b"]),
        ("base_model: a/b", {"gguf": 1}, {}, ["gguf", "base_model:a/b", "base_model:quantized:a/b"]),
        ("base_model: a/b\ntags: [lora]", {}, {}, ["lora", "base_model:a/b", "base_model:adapter:a/b"]),
        ("", {}, {"adapter_config": {"base_model_name_or_path": "a/b"}}, ["base_model:a/b", "base_model:adapter:a/b"]),
        ("", {}, {"adapter_config": {"base_model_name_or_path": "/home/me/b"}}, []),
        ("base_model: a/b", {}, {"config": {"quantization_config": {"quant_method": "awq", "bits": 4}}},
         ["base_model:a/b", "base_model:quantized:a/b", "4-bit", "awq"]),
        ("", {}, {"config": {"quantization_config": {"load_in_8bit": True}}}, ["8-bit", "bitsandbytes"]),
    ],
    ids=range(10),
)  # fmt: skip
def test_base_models_and_precision(
    block: str, files: dict[str, int], documents: dict[str, Any], tags: list[str]
) -> None:
    assert model(block, files=files, **documents).tags == tags


# --- text -----------------------------------------------------------------------------------------------------------


def test_a_readme_tells_its_first_sentences_code_and_papers() -> None:
    body = """# Title

[![badge](https://x/y.png)](https://x) <img src="a">

This model *continues* a [text](https://example.org) with `words`.
It was made for tests.

## How to use

```python
load()
```

## Limitations

See https://arxiv.org/abs/1706.03762v2, arXiv:2005.14165 and https://huggingface.co/papers/2307.09288.

```bibtex
@article{x, title = {Y}}
```
"""
    found = readme.read(f"---\nlicense: mit\n---\n{body}".encode())
    assert found.summary == "This model continues a text with words. It was made for tests."
    assert found.citation == "@article{x, title = {Y}}"
    assert found.has_code
    assert found.headings == ["Title", "How to use", "Limitations"]
    assert found.arxiv == ["1706.03762", "2005.14165", "2307.09288"]


@pytest.mark.parametrize(
    "text",
    [
        "[" * 200_000, "![" * 100_000, "[a](" * 100_000, "<" * 200_000, "<a " * 100_000, "*" * 200_000, "#" * 200_000,
        "arxiv" * 50_000, "arxiv:" + "1" * 200_000, "`" * 200_000, "```\n" * 50_001, "a\n" * 200_000, "---\n" * 50_000,
        "\u2028" * 100_000, "\x00" * 200_000, "[a](b" * 30_000 + "\n" + "/papers/" * 20_000, " " * 900_000 + "x",
    ],
    ids=range(17),
)  # fmt: skip
def test_d_re_no_text_takes_long(text: str) -> None:
    """Nothing to assert but that it ends: patterns that backtrack would not within the limit of the whole run."""
    assert readme.read(text.encode()).words >= 0


# --- checks ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("block", "repo_type", "warning"),
    [
        ("a: 1\nlicense: apache2", RepoType.MODEL, "license (3): 'apache2' is no licence|apache-2.0"),
        ("license: Apache 2.0", RepoType.MODEL, "license (2): 'Apache 2.0' is no licence|apache-2.0"),
        ("license: other", RepoType.MODEL, 'license (2): "other" needs "license_name"|'),
        ("language: French", RepoType.DATASET, "language (2): 'French' is no code of a language (ISO 639)|fr"),
        (
            "pipeline_tag: text generation",
            RepoType.MODEL,
            "pipeline_tag (2): 'text generation' is no task|text-generation",
        ),
        ("size_categories: 1K<n<10k", RepoType.DATASET, "size_categories (2): '1K<n<10k' is no size category|1K<n<10K"),
        ("extra_gated_fields: 1", RepoType.MODEL, "extra_gated_fields (2): it must be a mapping of names to values|"),
        ("co2_eq_emissions: -1", RepoType.MODEL, "co2_eq_emissions (2): it must be a number of grams|"),
        ("viewer: maybe", RepoType.DATASET, "viewer (2): it must be true or false|"),
        ("custom_headers: {a: b}", RepoType.SPACE, "custom_headers (2): it may only set cross-origin-embedder-policy|"),
    ],
    ids=range(10),
)
def test_a_warning_names_field_line_and_what_was_meant(block: str, repo_type: RepoType, warning: str) -> None:
    begins, _, meant = warning.partition("|")
    name, line, what = re.fullmatch(r"(\S+) \((\d)\): (.*)", begins).groups()  # type: ignore[union-attr]  # it does
    found = derive(repo_type, block).warnings
    assert len(found) == 1
    assert found[0].startswith(f'"{name}" (line {line}): {what}')
    assert found[0].endswith(f"did you mean '{meant}'?") == bool(meant)


@pytest.mark.parametrize("language", ["fr", "fr-CA", "fra", "zh-Hans", "code", "multilingual", "br"])
def test_languages_that_are_known(language: str) -> None:
    assert vocabulary.is_language(language)


WRONG = (
    None,
    0,
    -1,
    1.5,
    True,
    [],
    [None],
    [[1]],
    [{"a": 1}],
    {},
    {"a": {"b": [1]}},
    "x" * 60_000,
    "<img src=x onerror=alert(1)>",
    "\u202eabc",
    "",
)


@pytest.mark.parametrize("repo_type", [RepoType.MODEL, RepoType.DATASET, RepoType.SPACE])
def test_d_yaml_every_field_with_every_wrong_type(repo_type: RepoType) -> None:
    names = {*checks._COMMON, *checks._BY_TYPE[repo_type], "widget", "train-eval-index"}
    for name in names:
        for value in WRONG:
            card = {name: value, "license": "mit"} if name != "license" else {name: value}
            found = derivation.derive(repo_type, Observed(card, Readme()))
            msgspec.json.encode(found)
            assert 0 <= found.completeness <= 100
            assert all(len(tag) <= 256 for tag in found.tags)
            assert all(len(warning) < 500 for warning in found.warnings)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
FIELDS = st.sampled_from(sorted({*checks._COMMON, *(name for known in checks._BY_TYPE.values() for name in known)}))


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # which a busy machine is
@given(st.dictionaries(FIELDS, JSON, max_size=6), st.sampled_from([RepoType.MODEL, RepoType.DATASET, RepoType.SPACE]))
def test_d_yaml_any_card_has_facts(card: dict[str, Any], repo_type: RepoType) -> None:
    json.loads(msgspec.json.encode(derivation.derive(repo_type, Observed(card, Readme()), sdk="static")))


# --- results, domains, completeness ---------------------------------------------------------------------------------


def test_results_of_both_kinds() -> None:
    block = """model-index:
- name: m
  results:
  - task: {type: text-generation}
    dataset: {type: org/mmlu, name: MMLU, config: all}
    metrics: [{type: acc, value: 0.5, verifyToken: x}, {type: bad, value: [1]}]
    source: {url: https://x, name: Board}
  - {task: 1, dataset: [], metrics: {}}
"""
    assert model(block).details["results"] == [
        {
            "task": "text-generation", "dataset": "MMLU", "dataset_id": "org/mmlu", "config": "all", "split": "",
            "source": "https://x", "source_name": "Board", "metric": "acc", "name": "", "value": 0.5, "verified": True,
        }
    ]  # fmt: skip
    text = b"- dataset: {id: a/b, task_id: c}\n  value: 0.4\n- dataset: {id: a/b}\n  value: 1\n"
    assert evaluation.read(".eval_results/x.yaml", text) == [
        {"filename": "x.yaml", "data": {"dataset": {"id": "a/b", "task_id": "c"}, "value": 0.4}},
        {"filename": "x.yaml", "error": '"dataset" must have the texts "id" and "task_id"'},
    ]
    assert not evaluation.is_result("a/.eval_results/x.yaml")


def test_domains_come_from_tags() -> None:
    assert domains.of(["Legal", "x", "clinical", "medical", "customer-support"]) == ["legal", "medical", "support"]


def test_completeness_counts_what_applies() -> None:
    empty, full = model(), model(
        "license: mit\npipeline_tag: image-classification\nlibrary_name: timm\ndatasets: a/b\nmodel-index: [{results: []}]",
        "# M\n" + "word " * 300 + "\n## Limitations\n## Training\n```\ncode\n```\n",
        {"safetensors": 1},
    )  # fmt: skip
    assert (empty.completeness, full.completeness) == (0, 100)
    assert empty.details["missing"][0].id == "description"
    assert "missing" not in full.details
    text = model("license: mit\npipeline_tag: text-generation")
    assert "language" in {one.id for one in text.details["missing"]}
    assert sum(one.points for one in text.details["missing"]) + text.completeness in range(97, 104)


def test_the_same_parameters_are_not_counted_twice() -> None:
    assert models.parameters(Observed()) is None
