"""The project describes itself: what is written is what is there."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted(path for path in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")] if path.is_file())


@pytest.mark.parametrize("script", ["reference.py", "compatibility.py"])
def test_generated_pages_are_current(script: str) -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "scripts" / script), "--check"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_the_import_contract_holds() -> None:
    linter = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([str(linter)], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("readme", ["README.md", "README.fr.md"])
def test_the_readme_names_only_commands_that_make_has(readme: str) -> None:
    targets = set(re.findall(r"^([a-z]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"`?(?:^|[\s`=])make ([a-z]+)", (ROOT / readme).read_text(), re.MULTILINE))
    assert {"run"} <= named <= targets


def test_both_readmes_show_the_same_commands() -> None:
    english, french = ((ROOT / name).read_text() for name in ("README.md", "README.fr.md"))
    assert [translated(block) for block in code_blocks(english)] == [translated(block) for block in code_blocks(french)]


def code_blocks(text: str) -> list[str]:
    return re.findall(r"^```.*?\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def translated(block: str) -> str:
    """A block without what a translation may change: comments, messages, the placeholder of an address."""
    return re.sub(r'#.*|"[^"]* [^"]*"|URL-\S+', "", block)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_between_documents_lead_somewhere(document: Path) -> None:
    links = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", document.read_text())
    local = [link for link in links if "://" not in link]
    assert [link for link in local if not (document.parent / link).exists()] == []


def test_the_places_that_the_architecture_names_exist() -> None:
    named = re.findall(r"`((?:src/pioche|tests)/[\w./]*)", (ROOT / "ARCHITECTURE.md").read_text())
    assert [place for place in named if not (ROOT / place.rstrip("/")).exists()] == []
