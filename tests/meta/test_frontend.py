"""The code of other projects: pinned, named without addresses, with its licences, and not in git."""

import json
import re
import subprocess
from pathlib import Path

from pioche.web import assets

ROOT = Path(__file__).parents[2]
FRONTEND = ROOT / "frontend"


def test_every_version_is_exact_and_locked_by_hash_and_no_address() -> None:
    package = json.loads((FRONTEND / "package.json").read_text())
    text = (FRONTEND / "package-lock.json").read_text()
    lock = json.loads(text)["packages"]
    for name, version in {**package["dependencies"], **package["devDependencies"]}.items():
        assert re.fullmatch(r"\d+\.\d+\.\d+(-[\w.-]+)?", version), name
        assert lock[f"node_modules/{name}"]["version"] == version
    assert all("integrity" in entry for path, entry in lock.items() if path)
    assert "resolved" not in text
    assert not re.search(r'": "https?://(?!.*(?:sponsors|opencollective|github\.com|paypal))', text)


def test_nothing_of_it_is_in_git() -> None:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert "static/vendor" not in listed
    assert "node_modules" not in listed


def test_every_bundled_package_comes_with_its_licence() -> None:
    found = assets.load()
    if not found.are_complete:
        return  # a checkout without `make assets`
    text = found.by_name["vendor/THIRD_PARTY.txt"].content.decode()
    for name in (
        "htmx.org",
        "@codemirror/view",
        "@huggingface/hub",
        "@huggingface/jinja",
        "@huggingface/tasks",
        "@lezer/lr",
        "mermaid",
        "pdfjs-dist",
    ):
        assert re.search(rf"^{re.escape(name)} \d+\.\d+\.\d+ \(\w[^)]*\)$", text, re.MULTILINE), name
    for name in ("htmx.js", "codemirror.js", "hub.js", "jinja.js", "mermaid.js", "pdf.js", "pdf-worker.js", "tasks.js"):
        assert f"vendor/{name}" in found.by_name
