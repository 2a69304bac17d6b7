"""From what was observed to what is told. A pure function; nothing here reads or writes."""

from typing import Any

from pioche.names import RepoType
from pioche.repos.cards import EMPTY_WARNING, texts
from pioche.repos.facts import checks, completeness, datasets, domains, evaluation, models, spaces, tags
from pioche.repos.facts.documents import ERROR
from pioche.repos.facts.observation import Observed
from pioche.repos.facts.told import Facts

Json = dict[str, Any]


def derive(repo_type: RepoType, seen: Observed, *, sdk: str | None = None) -> Facts:
    """The facts of a repo. Never raises for what stands in its files."""
    facts = _OF[repo_type](seen, sdk)
    facts.completeness, missing = completeness.score(seen, repo_type)
    if seen.readme is not None:
        facts.summary = seen.readme.summary
    facts.details |= {
        "languages": texts(seen.card, "language"),
        "licences": texts(seen.card, "license"),
        "domains": domains.of(texts(seen.card, "tags")),
        "missing": missing,
        "unsafe": [{"path": path, "imports": scan.dangerous} for path, scan in seen.scans.items() if scan.dangerous],
    }
    facts.details = {name: value for name, value in facts.details.items() if value not in (None, [], {}, "")}
    facts.warnings = _warnings(seen, repo_type)
    return facts


def _model(seen: Observed, _sdk: str | None) -> Facts:
    library = models.library(seen)
    task = models.task(seen, library)
    bases, relation = models.base_models(seen), models.relation(seen)
    details: Json = {
        "config": models.config(seen),
        "transformersInfo": models.transformers_info(seen, library),
        "safetensors": models.safetensors(seen),
        "gguf": models.gguf(seen),
        "mask_token": models.mask_token(seen),
        "widgetData": _widget(seen),
        "evalResults": [row for results in seen.evaluations.values() for row in results],
        "results": evaluation.of_card(seen.card),
        "baseModels": {"relation": relation, "ids": bases} if bases else None,
        "datasets": texts(seen.card, "datasets"),
        "arxiv": seen.readme.arxiv if seen.readme is not None else [],
        "formats": [kind for kind in models.FRAMEWORKS if kind in seen.files],
        "quantization": models.quantization(seen),
        "context": _context(seen),
        "suggestedLibrary": models.suggested_library(seen) if library is None else None,
    }
    found = tags.of_model(seen, library, task)
    return Facts(found, task, library, models.parameters(seen), details=details)


def _widget(seen: Observed) -> list[Json]:
    value = seen.card.get("widget")
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _context(seen: Observed) -> int | None:
    """How many tokens it reads at most."""
    config = seen.documents.get("config.json", {})
    found = config.get("max_position_embeddings") or (models.gguf(seen) or {}).get("context_length")
    return found if type(found) is int else None


def _dataset(seen: Observed, _sdk: str | None) -> Facts:
    readme = seen.readme
    details: Json = {
        "formats": datasets.formats(seen),
        "modalities": datasets.modalities(seen),
        "libraries": datasets.libraries(seen),
        "sizeCategories": datasets.size_categories(seen),
        "rows": datasets.rows(seen),
        "configs": datasets.configs(seen),
        "description": readme.summary if readme is not None else "",
        "citation": readme.citation if readme is not None else "",
        "arxiv": readme.arxiv if readme is not None else [],
    }
    return Facts(tags.of_dataset(seen), rows=datasets.rows(seen), details=details)


def _space(seen: Observed, sdk: str | None) -> Facts:
    config = spaces.config(seen, sdk)
    details: Json = {"space": config, "models": texts(seen.card, "models"), "datasets": texts(seen.card, "datasets")}
    return Facts(tags.of_space(seen), details=details)


def _without(_seen: Observed, _sdk: str | None) -> Facts:
    return Facts([])


_OF = {
    RepoType.MODEL: _model,
    RepoType.DATASET: _dataset,
    RepoType.SPACE: _space,
    RepoType.KERNEL: _without,
    RepoType.BUCKET: _without,
}


def _warnings(seen: Observed, repo_type: RepoType) -> list[str]:
    readme = seen.readme
    found = [text for text in readme.warnings if text != EMPTY_WARNING] if readme is not None else []
    found += checks.warnings(seen.card, repo_type, readme.lines if readme is not None else {})
    found += [document[ERROR] for document in seen.documents.values() if ERROR in document]
    found += [f"{row['filename']}: {row[ERROR]}" for rows in seen.evaluations.values() for row in rows if ERROR in row]
    found += [f"{path} cannot be read: {header.error}" for path, header in seen.headers.items() if header.error]
    return found
