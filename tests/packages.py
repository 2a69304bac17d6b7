"""Packages that tests make, and an index on loopback that serves them: no test needs one elsewhere."""

import base64
import hashlib
import io
import json
import tarfile
import threading
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from html import escape
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

# A back end of its own (PEP 517), so that building an sdist needs no package: what `setup.py` would do, `build` does.
_BACKEND = """
import base64, hashlib, os, zipfile
exec(open("hostile.py").read(), {"__name__": "hostile"})
NAME, VERSION = %r, %r
def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    name = f"{NAME}-{VERSION}-py3-none-any.whl"
    info = f"{NAME}-{VERSION}.dist-info"
    files = {
        f"{NAME}.py": open("module.py").read(),
        f"{info}/METADATA": f"Metadata-Version: 2.1\\nName: {NAME}\\nVersion: {VERSION}\\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\\nGenerator: tests\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n",
    }
    record = ""
    with zipfile.ZipFile(os.path.join(wheel_directory, name), "w") as wheel:
        for path, text in files.items():
            wheel.writestr(path, text)
            digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode().rstrip("=")
            record += f"{path},sha256={digest},{len(text.encode())}\\n"
        wheel.writestr(f"{info}/RECORD", record + f"{info}/RECORD,,\\n")
    return name
"""


@dataclass
class Packages:
    """A folder that is a static index (PEP 503)."""

    folder: Path
    asked: list[str] = field(default_factory=list)
    """Paths that were asked for, in order."""

    def wheel(
        self, name: str, version: str, files: Mapping[str, str | bytes] | None = None, requires: tuple[str, ...] = (),
        scripts: Mapping[str, str] | None = None,
    ) -> Path:  # fmt: skip
        """A wheel for every Python. `scripts`: names of commands -> functions."""
        info = f"{name}-{version}.dist-info"
        metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        contents: dict[str, str | bytes] = {f"{name}.py": f"version = {version!r}\n"} if files is None else dict(files)
        contents[f"{info}/METADATA"] = metadata + "".join(f"Requires-Dist: {one}\n" for one in requires)
        contents[f"{info}/WHEEL"] = "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        if scripts:
            contents[f"{info}/entry_points.txt"] = "[console_scripts]\n" + "".join(
                f"{one} = {function}\n" for one, function in scripts.items()
            )
        record = ""
        made = io.BytesIO()
        with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as wheel:
            for path, content in contents.items():
                data = content.encode() if isinstance(content, str) else content
                wheel.writestr(path, data)
                digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).decode().rstrip("=")
                record += f"{path},sha256={digest},{len(data)}\n"
            wheel.writestr(f"{info}/RECORD", f"{record}{info}/RECORD,,\n")
        return self._put(name, f"{name}-{version}-py3-none-any.whl", made.getvalue())

    def sdist(self, name: str, version: str, hostile: str = "") -> Path:
        """One that has to be built; `hostile` is Python that runs while it is."""
        files = {
            "PKG-INFO": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
            "pyproject.toml": "[build-system]\nrequires = []\nbuild-backend = 'backend'\nbackend-path = ['.']\n",
            "backend.py": _BACKEND % (name, version),
            "hostile.py": hostile,
            "module.py": f"version = {version!r}\n",
        }
        made = io.BytesIO()
        with tarfile.open(fileobj=made, mode="w:gz") as archive:
            for path, text in files.items():
                entry = tarfile.TarInfo(f"{name}-{version}/{path}")
                entry.size = len(text.encode())
                archive.addfile(entry, io.BytesIO(text.encode()))
        return self._put(name, f"{name}-{version}.tar.gz", made.getvalue())

    def of_npm(self, name: str, version: str, files: Mapping[str, str], url: str) -> None:
        """A package of npm, in the registry at `url`; nothing else in this class is about these."""
        made = io.BytesIO()
        described = {"name": name, "version": version}
        with tarfile.open(fileobj=made, mode="w:gz") as archive:
            for path, text in {"package.json": json.dumps(described), **files}.items():
                entry = tarfile.TarInfo(f"package/{path}")
                entry.size = len(text.encode())
                archive.addfile(entry, io.BytesIO(text.encode()))
        archive_name = f"{name.rpartition('/')[2]}-{version}.tgz"
        place = self.folder / "npm" / name / "-" / archive_name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(made.getvalue())
        digest = base64.b64encode(hashlib.sha512(made.getvalue()).digest()).decode()
        dist = {"tarball": f"{url}{name}/-/{archive_name}", "integrity": f"sha512-{digest}"}
        page = {"name": name, "dist-tags": {"latest": version}, "versions": {version: {**described, "dist": dist}}}
        (self.folder / "npm" / f"{name}.json").write_text(json.dumps(page))

    def _put(self, name: str, filename: str, content: bytes) -> Path:
        place = self.folder / "simple" / name.replace("_", "-").lower()
        place.mkdir(parents=True, exist_ok=True)
        (place / filename).write_bytes(content)
        links = "".join(
            f'<a href="{escape(path.name)}#sha256={hashlib.sha256(path.read_bytes()).hexdigest()}">{path.name}</a>\n'
            for path in sorted(place.iterdir())
            if path.name != "index.html"
        )
        (place / "index.html").write_text(f"<!DOCTYPE html><html><body>{links}</body></html>")
        return place / filename


class _Handler(SimpleHTTPRequestHandler):
    packages: Packages

    def __init__(self, *arguments: object, packages: Packages) -> None:
        self.packages = packages
        super().__init__(*arguments, directory=str(packages.folder))  # type: ignore[arg-type]

    def translate_path(self, path: str) -> str:
        found = super().translate_path(path)
        return f"{found}.json" if path.startswith("/npm/") and not path.endswith(".tgz") else found

    def log_message(self, format: str, *arguments: object) -> None:
        self.packages.asked.append(self.path)


@contextmanager
def serving(packages: Packages) -> Iterator[str]:
    """The address of the index, as a setting has it."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Handler, packages=packages)) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}/simple/"
        finally:
            server.shutdown()
            thread.join()
