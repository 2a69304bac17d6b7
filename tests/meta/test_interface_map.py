"""docs/reference/ui/ says of every item of the web interface which tests prove it: they exist, and no item is left out."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MAPS = sorted((ROOT / "docs" / "reference" / "ui").glob("*.md"))
_ITEM = re.compile(r"([A-Z]+)(\d+)")


def rows(text: str) -> list[tuple[str, str, str]]:
    """The rows of a page's tables: item, what proves it, what is not there."""
    cells = [[cell.strip() for cell in line.strip().strip("|").split("|")] for line in text.splitlines() if "|" in line]
    return [(row[0], row[1], row[2]) for row in cells if len(row) == 3 and _ITEM.fullmatch(row[0])]


def listed(text: str) -> list[str]:
    """The items that a page says it has: `Items: G1-G3, H1`."""
    found = list[str]()
    for line in re.findall(r"^Items: (.+)$", text, re.MULTILINE):
        for given in line.split(", "):
            ends = [_ITEM.fullmatch(end) for end in given.split("-")]
            numbers = [int(end[2]) for end in ends if end]
            letters = ends[0][1] if ends[0] else ""
            found += [f"{letters}{number}" for number in range(numbers[0], numbers[-1] + 1)]
    return found


@pytest.fixture(scope="module")
def tests() -> frozenset[str]:
    sources = (path.read_text() for path in (ROOT / "tests").rglob("test_*.py"))
    return frozenset(name for source in sources for name in re.findall(r"^def (test_\w+)", source, re.MULTILINE))


@pytest.mark.parametrize("page", MAPS, ids=lambda page: page.name)
def test_every_item_has_its_tests_or_a_reason(page: Path, tests: frozenset[str]) -> None:
    found = rows(page.read_text())
    assert found
    named = {name for _, proved, _ in found for name in re.findall(r"\btest_\w+", proved)}
    assert sorted(named - tests) == []
    assert [item for item, proved, missing in found if "test_" not in proved and not missing] == []


@pytest.mark.parametrize("page", MAPS, ids=lambda page: page.name)
def test_no_item_is_left_out_and_none_is_there_twice(page: Path) -> None:
    text = page.read_text()
    items = [item for item, _, _ in rows(text)]
    assert len(items) == len(set(items))
    assert [item for item in listed(text) if item not in items] == []


def test_no_number_is_left_out() -> None:
    numbers = dict[str, list[int]]()
    for page in MAPS:
        for item, _, _ in rows(page.read_text()):
            parts = _ITEM.fullmatch(item)
            assert parts
            numbers.setdefault(parts[1], []).append(int(parts[2]))
    for letters, found in numbers.items():
        ordered = sorted(found)
        assert ordered == list(range(ordered[0], ordered[-1] + 1)), letters
