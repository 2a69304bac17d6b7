"""The score of a card, and that docs/reference/ranking.md has its formula."""

import re
from pathlib import Path

import pytest

from pioche.names import RepoType
from pioche.repos import cards
from pioche.repos.facts import completeness, readme
from pioche.repos.facts.observation import Observed, Readme

RANKING = Path(__file__).parents[4] / "docs/reference/ranking.md"
NAMES = {RepoType.MODEL: "model", RepoType.DATASET: "dataset", RepoType.SPACE: "Space"}


def score(repo_type: RepoType, text: str, **files: int) -> tuple[int, list[str]]:
    card = cards.read(text.encode())
    seen = Observed(card.data, Readme(card.warnings, card.lines, *readme.read(text.encode())), files)
    points, missing = completeness.score(seen, repo_type)
    return points, [one.id for one in missing]


@pytest.mark.parametrize("repo_type", NAMES)
def test_the_documented_formula_is_the_one_in_use(repo_type: RepoType) -> None:
    text = RANKING.read_text()
    table = text[text.index(f"| {NAMES[repo_type]} | points |") :].partition("\n\n")[0]
    documented = [(name, int(points)) for name, points in re.findall(r"\| `([a-z-]+)` \| (\d+) \|", table)]
    assert documented == [(one.id, one.points) for one in completeness.CRITERIA[repo_type]]


@pytest.mark.parametrize("repo_type", NAMES)
def test_an_empty_card_has_nothing(repo_type: RepoType) -> None:
    points, missing = score(repo_type, "")
    assert points == 0
    assert missing == sorted(missing, key=lambda name: -_points(repo_type)[name])


def _points(repo_type: RepoType) -> dict[str, int]:
    return {one.id: one.points for one in completeness.CRITERIA[repo_type]}


def test_a_dataset_is_complete() -> None:
    text = f"""---
license: other
license_name: ours
pretty_name: Words
language: fr
task_categories: [text-generation]
size_categories: n<1K
configs: [{{config_name: default}}]
---
# Words
{"word " * 300}
## Source data
## Biais et limites
```
code
```
"""
    assert score(RepoType.DATASET, text, csv=1) == (100, [])


def test_a_space_is_complete() -> None:
    fields = "title: A\nshort_description: B\nlicense: mit\nmodels: [a/b]\ncolorFrom: red\ncolorTo: blue\n"
    assert score(RepoType.SPACE, f"---\n{fields}---\n{'word ' * 60}", page=1) == (100, [])


def test_what_does_not_apply_is_not_missing() -> None:
    image = "---\npipeline_tag: image-classification\n---\n"
    assert "language" not in score(RepoType.MODEL, image)[1]
    assert "base-model" in score(RepoType.MODEL, image, gguf=1)[1]
    assert "safe-weights" not in score(RepoType.MODEL, image)[1]
    assert "safe-weights" in score(RepoType.MODEL, image, pytorch=1)[1]
    assert "safe-weights" not in score(RepoType.MODEL, image, pytorch=1, safetensors=1)[1]
    assert "language" not in score(RepoType.DATASET, "---\ntags: [image]\n---\n")[1]
