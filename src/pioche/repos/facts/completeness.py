"""How much a card tells of what people need before they use something: 0 to 100, with what is missing.

The formula is docs/reference/ranking.md: points of what is there by points of what could be. What does not apply counts
nowhere: nobody expects the language of an image model.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from pioche.names import RepoType
from pioche.repos.cards import texts
from pioche.repos.facts import datasets, models
from pioche.repos.facts.observation import Observed
from pioche.repos.facts.told import Missing

Test = Callable[[Observed], bool]

DESCRIPTION_WORDS = 60
DETAILED_WORDS = 250


class Criterion(NamedTuple):
    """`met` says whether it is there, `applies` whether it could be."""

    id: str
    points: int
    field: str
    met: Test
    applies: Test = lambda seen: True
    suggest: Callable[[Observed], Any] = lambda seen: None


def score(seen: Observed, repo_type: RepoType) -> tuple[int, list[Missing]]:
    """From 0 to 100, and what is missing, what counts most first."""
    expected = [one for one in CRITERIA[repo_type] if one.applies(seen)]
    missing = [one for one in expected if not one.met(seen)]
    total = sum(one.points for one in expected)
    got = total - sum(one.points for one in missing)
    found = [Missing(one.id, _share(one.points, total), one.field, one.suggest(seen)) for one in missing]
    return _share(got, total), sorted(found, key=lambda one: -one.points)


def _share(points: int, total: int) -> int:
    return round(100 * points / total) if total else 0


# --- tests ----------------------------------------------------------------------------------------------------------


def _has(field: str) -> Test:
    return lambda seen: bool(texts(seen.card, field))


def _words(least: int) -> Test:
    return lambda seen: seen.readme is not None and seen.readme.words >= least


def _code(seen: Observed) -> bool:
    return seen.readme is not None and seen.readme.has_code


def _heading(*words: str) -> Test:
    def test(seen: Observed) -> bool:
        headings = seen.readme.headings if seen.readme is not None else []
        return any(word in heading.lower() for heading in headings for word in words)

    return test


def _licensed(seen: Observed) -> bool:
    found = texts(seen.card, "license")
    return bool(found) and (
        "other" not in found or bool(seen.card.get("license_name") or seen.card.get("license_link"))
    )


def _task(seen: Observed) -> bool:
    return models.task(seen, models.library(seen)) is not None


def _speaks(seen: Observed) -> bool:
    """Whether it works on language: where nothing is known, it is not asked for."""
    task = models.task(seen, models.library(seen)) or ""
    return any(
        part in task
        for part in ("text", "translation", "summar", "question", "fill-mask", "token-", "speech", "sentence")
    )


def _reads_text(seen: Observed) -> bool:
    return bool({"text", "audio", "document"} & set(datasets.modalities(seen)))


def _derived(seen: Observed) -> bool:
    """An adapter or a quantisation was made from something."""
    return bool({"gguf"} & seen.files.keys() or "adapter_config.json" in seen.documents or models.quantization(seen))


def _has_weights(seen: Observed) -> bool:
    return bool((models.SAFE | models.UNSAFE) & seen.files.keys())


def _data(seen: Observed) -> bool:
    return bool(datasets.formats(seen))


def _counted(seen: Observed) -> list[str] | None:
    count = datasets.rows(seen)
    return datasets.size_categories(seen) if count is not None else None


_LIMITS = _heading("limitation", "bias", "risk", "out-of-scope", "limite", "biais", "risque")
_TRAINING = _heading("training", "fine-tun", "entraînement", "entrainement", "how it was made", "procedure")
_ORIGIN = _heading("source", "collection", "creation", "curation", "annotation", "origin", "provenance", "collecte")

CRITERIA: dict[RepoType, tuple[Criterion, ...]] = {
    RepoType.MODEL: (
        Criterion("description", 15, "", _words(DESCRIPTION_WORDS)),
        Criterion("details", 5, "", _words(DETAILED_WORDS)),
        Criterion("license", 15, "license", _licensed),
        Criterion("task", 10, "pipeline_tag", _task),
        Criterion(
            "library",
            10,
            "library_name",
            lambda seen: models.library(seen) is not None,
            suggest=models.suggested_library,
        ),
        Criterion("language", 5, "language", _has("language"), _speaks),
        Criterion("usage", 10, "", _code),
        Criterion("datasets", 5, "datasets", _has("datasets")),
        Criterion(
            "base-model", 5, "base_model", _has("base_model"), _derived, lambda seen: models.base_models(seen) or None
        ),
        Criterion("evaluation", 10, "model-index", lambda seen: bool(seen.card.get("model-index") or seen.evaluations)),
        Criterion("limitations", 5, "", _LIMITS),
        Criterion("training", 5, "", _TRAINING),
        Criterion("safe-weights", 10, "", lambda seen: bool(models.SAFE & seen.files.keys()), _has_weights),
    ),
    RepoType.DATASET: (
        Criterion("description", 15, "", _words(DESCRIPTION_WORDS)),
        Criterion("details", 5, "", _words(DETAILED_WORDS)),
        Criterion("license", 15, "license", _licensed),
        Criterion("task", 10, "task_categories", _has("task_categories")),
        Criterion("language", 10, "language", _has("language"), _reads_text),
        Criterion("title", 5, "pretty_name", _has("pretty_name")),
        Criterion("size", 5, "size_categories", _has("size_categories"), suggest=_counted),
        Criterion("usage", 5, "", _code),
        Criterion("data", 10, "", _data),
        Criterion("structure", 5, "configs", lambda seen: bool(datasets.configs(seen) or datasets.infos(seen))),
        Criterion("origin", 10, "", _ORIGIN),
        Criterion("limitations", 5, "", _LIMITS),
    ),
    RepoType.SPACE: (
        Criterion("title", 15, "title", _has("title")),
        Criterion("summary", 20, "short_description", _has("short_description")),
        Criterion("description", 15, "", _words(DESCRIPTION_WORDS)),
        Criterion("license", 20, "license", _licensed),
        Criterion(
            "app",
            15,
            "app_file",
            lambda seen: bool({"app", "dockerfile", "page"} & seen.files.keys() or seen.card.get("app_file")),
        ),
        Criterion(
            "models", 10, "models", lambda seen: bool(texts(seen.card, "models") or texts(seen.card, "datasets"))
        ),
        Criterion(
            "colours", 5, "colorFrom", lambda seen: bool(seen.card.get("colorFrom") and seen.card.get("colorTo"))
        ),
    ),
    RepoType.KERNEL: (),
    RepoType.BUCKET: (),
}
