"""The tags of a repo, in the order and with the words of the public Hub: clients and people filter by them.

Those that every repo of a kind has, the region and a Space's SDK, are not stored: they are added where tags are told.
"""

from collections.abc import Iterator

from pioche.repos.cards import texts
from pioche.repos.facts import architectures, datasets, models, vocabulary
from pioche.repos.facts.observation import Observed

_CHARACTERS_MAX = 256
_OF_DATASET = (
    "task_categories",
    "task_ids",
    "annotations_creators",
    "language_creators",
    "multilinguality",
    "source_datasets",
)
_ENDPOINT_LIBRARIES = frozenset(
    "transformers diffusers sentence-transformers peft timm open_clip spacy flair setfit adapter-transformers".split()
)


def of_model(seen: Observed, library_name: str | None, task: str | None) -> list[str]:
    return _clean(_of_model(seen, library_name, task))


def _of_model(seen: Observed, library_name: str | None, task: str | None) -> Iterator[str]:
    config = seen.documents.get("config.json", {})
    yield library_name or ""
    yield from (kind for kind in models.FRAMEWORKS if kind in seen.files)
    yield config.get("model_type", "")
    yield task or ""
    yield from texts(seen.card, "tags")
    in_gguf = any(header.info for header in seen.headers.values())
    if models.chats(seen) and not in_gguf:
        yield "conversational"
    yield "custom_code" if config.get("auto_map") else ""
    yield from _declared(seen)
    yield from _served(seen, library_name, task)
    yield "imatrix" if models.has_imatrix(seen) else ""
    yield "conversational" if models.chats(seen) else ""


def _declared(seen: Observed) -> Iterator[str]:
    """What the card names: languages, data, papers, bases, licence, results."""
    card = seen.card
    yield from texts(card, "language")
    yield from (f"dataset:{text}" for text in texts(card, "datasets"))
    yield from _papers(seen)
    relation = models.relation(seen)
    for base in models.base_models(seen):
        yield f"base_model:{base}"
        yield f"base_model:{relation}:{base}"
    yield from (f"license:{text}" for text in texts(card, "license"))
    yield "model-index" if card.get("model-index") else ""
    yield "eval-results" if seen.evaluations else ""
    yield "co2_eq_emissions" if card.get("co2_eq_emissions") is not None else ""


def _served(seen: Observed, library_name: str | None, task: str | None) -> Iterator[str]:
    """What can serve it, and in which precision it comes."""
    model_type = seen.documents.get("config.json", {}).get("model_type")
    if library_name == "transformers" and model_type in architectures.TGI_TYPES:
        yield "text-generation-inference"
    if task in vocabulary.TASKS and (library_name in _ENDPOINT_LIBRARIES or "gguf" in seen.files):
        yield "endpoints_compatible"
    quantization = models.quantization(seen)
    if "bits" in quantization:
        yield f"{quantization['bits']}-bit"
    if "quant_method" in quantization:
        yield quantization["quant_method"]


def of_dataset(seen: Observed) -> list[str]:
    return _clean(_of_dataset(seen))


def _of_dataset(seen: Observed) -> Iterator[str]:
    card = seen.card
    for name in _OF_DATASET:
        yield from (f"{name}:{text}" for text in texts(card, name))
    yield from (f"language:{text}" for text in texts(card, "language"))
    yield from (f"license:{text}" for text in texts(card, "license"))
    yield from (f"size_categories:{text}" for text in datasets.size_categories(seen))
    yield from (f"format:{name}" for name in datasets.formats(seen))
    yield from (f"modality:{name}" for name in datasets.modalities(seen))
    yield from (f"library:{name}" for name in datasets.libraries(seen))
    yield from _papers(seen)
    if "benchmark" in seen.files:
        yield "benchmark:official"
    yield from texts(card, "tags")


def of_space(seen: Observed) -> list[str]:
    return _clean(iter(texts(seen.card, "tags")))


def _papers(seen: Observed) -> Iterator[str]:
    """Declared as tags, or linked from the text."""
    if seen.readme is not None:
        yield from (f"arxiv:{number}" for number in seen.readme.arxiv)


def _clean(found: Iterator[str]) -> list[str]:
    """Each once; one that is longer than any real one says nothing."""
    return [tag for tag in dict.fromkeys(found) if tag and len(tag) <= _CHARACTERS_MAX]
