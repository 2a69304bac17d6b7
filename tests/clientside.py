"""The client's end of a story: runs in the interpreter of one client version, with nothing else of this project.

tests/clients.py hands a story over as a file of JSON: the source of a function, where it stands, and its arguments.
The function gets a `Client` first; what it returns goes back as JSON, and so does the exception that ended it.
"""

import __future__

import hashlib
import json
import os
import sys
import traceback
from pathlib import Path
from typing import Any


class Client:
    """What a story works with. `api` is the client's HfApi, with the endpoint and token of its environment."""

    def __init__(self, folder: Path) -> None:
        import huggingface_hub

        self.hub = huggingface_hub
        self.api = huggingface_hub.HfApi()
        self.folder = folder

    def write(self, name: str, content: bytes) -> Path:
        """A file of the story's folder."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return path

    def noise(self, size: int, seed: str) -> bytes:
        """Bytes that no compression shortens, the same for the same seed."""
        return hashlib.shake_256(seed.encode()).digest(size)

    def sha256(self, source: Any) -> str:
        """Of bytes, or of the file at a path."""
        return hashlib.sha256(source if isinstance(source, bytes) else Path(source).read_bytes()).hexdigest()

    def text(self, path: Any) -> str:
        return Path(path).read_text()

    def digests(self, folder: Any) -> dict[str, str]:
        """Path and sha256 of every file under `folder`, its hidden cache left out."""
        files = [path for path in Path(folder).rglob("*") if path.is_file()]
        named = {path.relative_to(folder).as_posix(): path for path in files}
        return {name: self.sha256(path) for name, path in sorted(named.items()) if not name.startswith(".cache/")}

    def refusal(self, call: Any, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """Calls what has to fail; tells how: the names of the exception's classes, the status, the server's words."""
        try:
            value = call(*args, **kwargs)
        except Exception as error:  # noqa: BLE001 - which one it is, the test wants to know
            response = getattr(error, "response", None)
            classes = [kind.__name__ for kind in type(error).__mro__]
            status = None if response is None else response.status_code
            said = getattr(error, "server_message", None)
            return {"classes": classes, "status": status, "said": said, "message": str(error)}
        raise AssertionError(f"refused it should have been, and was answered {value!r}")


def main(story_path: str, out_path: str) -> int:
    story = json.loads(Path(story_path).read_text())
    try:
        told = {"value": _function(story)(Client(Path.cwd()), **story["args"])}
        text = json.dumps(told)
    except Exception as error:  # noqa: BLE001 - it is told to the test
        traceback.print_exc()
        names = [kind.__name__ for kind in type(error).__mro__]
        text = json.dumps({"error": names, "message": str(error)})
    Path(out_path).write_text(text)
    sys.stdout.flush()
    os._exit(0)  # threads that a library left behind are not waited for


def _function(story: dict[str, Any]) -> Any:
    """The function, compiled as if it stood in its own file, so that a traceback shows the right lines."""
    source = "\n" * (story["line"] - 1) + story["source"]
    names: dict[str, Any] = {}
    exec(compile(source, story["file"], "exec", flags=__future__.annotations.compiler_flag), names)
    return names[story["name"]]


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
