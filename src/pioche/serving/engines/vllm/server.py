"""vLLM's server, as a process beside the engine: started, asked over its socket, ended with it."""

import http.client
import json
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

from tokenizers import Tokenizer

from pioche.errors import EngineFailed, InvalidInput
from pioche.serving.engines.language import Event, Json
from pioche.serving.engines.vllm import words
from pioche.serving.spec import Spec

_PROGRAM = "vllm.entrypoints.openai.api_server"
_LANES = 64
"""It makes its own batches: so many requests it is given at once."""
_LOAD_SECONDS = 900.0
_POLL_SECONDS = 0.2
_ANSWER_SECONDS = 600.0
_END_SECONDS = 10.0
_REFUSED = (400, 404, 422)


class Server:
    """A `Writer` (`pioche.serving.engines.language`)."""

    lanes = _LANES
    sees = False

    def __init__(self, spec: Spec, folder: Path) -> None:
        if find_spec("vllm") is None:  # it is imported where it runs: that takes long
            raise ModuleNotFoundError(name="vllm")
        self._fingerprint = "vllm"
        self.repo = spec.repo
        self._tokenizer = _tokenizer(folder)
        told = _read(folder / "tokenizer_config.json")
        self.has_chat_template = bool(told.get("chat_template")) or (folder / "chat_template.jinja").exists()
        self.end_token = _first(_read(folder / "config.json").get("eos_token_id"))
        self._scratch = tempfile.TemporaryDirectory(prefix="vllm-")
        self._socket = Path(self._scratch.name) / "http"
        command = [sys.executable, "-m", _PROGRAM, "--model", str(folder), "--served-model-name", spec.repo]
        self._process = subprocess.Popen([*command, "--uds", str(self._socket), "--disable-uvicorn-access-log"])
        try:
            self._wait()
        except BaseException:
            self.close()
            raise

    def chat(self, body: Json, event: Event) -> None:
        """Raises InvalidInput, EngineFailed."""
        asked = words.chat(body)
        self._stream(
            "/v1/chat/completions", asked, lambda chunk: event(words.talk(chunk, self.repo, self._fingerprint))
        )

    def complete(self, body: Json, event: Event) -> None:
        """As `chat`."""
        telling = words.Telling(body, self.repo, self._fingerprint, self._word)
        self._stream("/v1/completions", words.text(body), lambda chunk: all(map(event, telling.add(chunk))))

    def close(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._scratch.cleanup()

    def _wait(self) -> None:
        """Until it answers. What it says stands in the worker's output."""
        until = time.monotonic() + _LOAD_SECONDS
        while time.monotonic() < until:
            if (code := self._process.poll()) is not None:
                raise EngineFailed(f"vLLM ended with code {code} before it had loaded the model")
            try:
                with self._asked("GET", "/health", None) as answer:
                    if answer.status == http.client.OK:
                        return
            except EngineFailed:
                pass  # it does not listen yet
            time.sleep(_POLL_SECONDS)
        raise EngineFailed(f"vLLM has not loaded the model within {_LOAD_SECONDS:.0f} seconds")

    def _stream(self, path: str, body: Json, event: Event) -> None:
        """`event` says whether somebody still waits: otherwise the connection is closed, which ends the request in vLLM."""
        asked = json.dumps({**body, "model": self.repo, "stream": True}).encode()
        with self._asked("POST", path, asked) as answer:
            if answer.status != http.client.OK:
                raise _refusal(answer.status, answer.read())
            for data in _events(answer):
                if "error" in data:
                    raise EngineFailed(f"The model failed: {words.message(data)}")
                if not event(data):
                    return

    @contextmanager
    def _asked(self, method: str, path: str, body: bytes | None) -> Iterator[http.client.HTTPResponse]:
        """Raises EngineFailed."""
        connection = http.client.HTTPConnection("vllm", timeout=_ANSWER_SECONDS)
        connection.sock = socket.socket(socket.AF_UNIX)
        try:
            connection.sock.settimeout(_ANSWER_SECONDS)
            connection.sock.connect(str(self._socket))
            connection.request(method, path, body, {"Content-Type": "application/json"})
            with connection.getresponse() as answer:
                yield answer
        except (OSError, http.client.HTTPException) as error:
            raise EngineFailed(f"vLLM gave no answer: {error}") from None
        finally:
            connection.close()

    def _word(self, token: int) -> str:
        return str(self._tokenizer.decode([token], skip_special_tokens=False))


def _events(answer: http.client.HTTPResponse) -> Iterator[Json]:
    """Raises EngineFailed where it breaks off, or is none."""
    for line in answer:
        data = line.removeprefix(b"data:").strip()
        if data == b"[DONE]":
            return
        if data and line.startswith(b"data:"):
            try:
                found = json.loads(data)
            except ValueError:
                raise EngineFailed("vLLM gave no answer of its API") from None
            yield found
    raise EngineFailed("vLLM ended in the middle of its answer")


def _refusal(status: int, said: bytes) -> InvalidInput | EngineFailed:
    try:
        message = words.message(json.loads(said))
    except ValueError:
        message = f"vLLM answered {status}"
    return InvalidInput("inputs", message) if status in _REFUSED else EngineFailed(f"The model failed: {message}")


def _tokenizer(folder: Path) -> Tokenizer:
    try:
        return Tokenizer.from_file(str(folder / "tokenizer.json"))
    except Exception as error:  # noqa: BLE001  # what its Rust code raises has no other type
        raise EngineFailed(f"tokenizer.json cannot be read: {error}") from None


def _read(path: Path) -> Json:
    try:
        found = json.loads(path.read_bytes())
    except FileNotFoundError:
        return {}
    except (ValueError, RecursionError) as error:
        raise EngineFailed(f"{path.name} cannot be read: {error}") from None
    return found if isinstance(found, dict) else {}


def _first(value: object) -> int:
    if isinstance(value, list):
        value = value[0] if value else 0
    return value if isinstance(value, int) else 0
