"""llama.cpp's own server, in this process: it runs the requests of all lanes together, a token of each at a time."""

import secrets
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import xllamacpp

from pioche.errors import EngineFailed, InvalidInput
from pioche.serving.engines.language import Event, Json, room
from pioche.serving.engines.llama import templates
from pioche.serving.engines.llama.gguf import Gguf
from pioche.serving.engines.llama.gguf import read as read_gguf
from pioche.serving.spec import Spec

Call = Callable[[Json, Callable[[Json], bool]], Any]

RERANK = "text-ranking"
EMBEDDING = frozenset(("feature-extraction", "sentence-similarity"))

_LANE_TOKENS = 4096
_EMBEDDED_TOKENS_MAX = 2048
_PROMPT_STEP = 512
_HALF = 2
"""Bytes of a number in the memory of what was read."""
_RANKS = frozenset(("cls.weight", "cls.output.weight"))
_TOO_LONG = "exceed_context_size_error"
_TOO_LARGE = "is too large to process"


class Server:
    """Its methods may be called by as many threads at once as there are lanes. A `Writer`."""

    sees = False

    def __init__(self, spec: Spec, folder: Path) -> None:
        path = folder / spec.files[0]
        self.repo = spec.repo
        self.file = read_gguf(path)
        embedding = spec.task in EMBEDDING or spec.task == RERANK
        if embedding:
            _must_embed(self.file, spec.task)
        self.lanes, self.tokens_max = _sizes(self.file, path.stat().st_size, embedding=embedding)
        if isinstance(template := self.file.metadata.get("tokenizer.chat_template"), str):
            templates.check(template)
        self._server = _open(_parameters(spec, path, self.lanes, self.tokens_max, embedding=embedding))

    @property
    def has_chat_template(self) -> bool:
        return bool(self.file.metadata.get("tokenizer.chat_template"))

    @property
    def end_token(self) -> int:
        return int(self.file.metadata.get("tokenizer.ggml.eos_token_id", 0))

    def chat(self, body: Json, event: Event) -> None:
        """Raises InvalidInput, EngineFailed."""
        self._stream(self._server.handle_chat_completions, body, event)

    def complete(self, body: Json, event: Event) -> None:
        self._stream(self._server.handle_completions, body, event)

    def embed(self, body: Json) -> Json:
        return self._whole(self._server.handle_embeddings, body)

    def rank(self, body: Json) -> Json:
        return self._whole(self._server.handle_rerank, body)

    def close(self) -> None:
        del self._server

    def _stream(self, call: Call, body: Json, event: Event) -> None:
        """Progress with the prompt is asked for so that who leaves meanwhile is noticed, and told nobody."""
        failures: list[Json] = []

        def arrived(chunk: Json) -> bool:
            """True stops it: this is what llama.cpp asks."""
            if "error" in chunk:
                failures.append(chunk["error"])
                return True
            return not event({} if "prompt_progress" in chunk else {**chunk, "model": self.repo})

        try:
            call({**body, "stream": True, "return_progress": True}, arrived)
        except (ValueError, RuntimeError) as error:
            raise InvalidInput("inputs", str(error)) from None
        if failures:
            raise self._refusal(failures[0])

    def _whole(self, call: Callable[[Json], Json], body: Json) -> Json:
        try:
            found = call(body)
        except (ValueError, RuntimeError) as error:
            raise InvalidInput("inputs", str(error)) from None
        if "error" in found:
            raise self._refusal(found["error"])
        return {**found, "model": self.repo}

    def _refusal(self, error: Json) -> InvalidInput | EngineFailed:
        message = str(error.get("message", error))
        if error.get("type") == _TOO_LONG:
            return InvalidInput("inputs", f"{error['n_prompt_tokens']} tokens are more than the {self.tokens_max} read")
        if _TOO_LARGE in message:
            return InvalidInput("inputs", f"longer than the {self.tokens_max} tokens that are read")
        if error.get("code") == 400:
            return InvalidInput("inputs", message)
        return EngineFailed(f"The model failed: {message}")


def _must_embed(file: Gguf, task: str) -> None:
    """Numbers that mean nothing look like any others: so the file has to say how they are made."""
    if task == RERANK and not file.tensors & _RANKS:
        raise EngineFailed("The weights have no head that ranks texts: is the task of the model the right one?")
    if task != RERANK and not file.number("pooling_type"):
        raise EngineFailed("The weights do not say how tokens are pooled to one row: is the task the right one?")


def _sizes(file: Gguf, size: int, *, embedding: bool) -> tuple[int, int]:
    """How many requests at a time, and how many tokens each may have."""
    trained = file.number("context_length") or _LANE_TOKENS
    if embedding:
        # Texts side by side that begin alike get wrong rows: https://github.com/ggml-org/llama.cpp/issues/26282
        return 1, min(trained, _EMBEDDED_TOKENS_MAX)
    return room.sizes(size, _bytes_of_token(file), trained)


def _bytes_of_token(file: Gguf) -> int:
    heads = file.number("attention.head_count", 1)
    width = file.number("attention.key_length") or file.number("embedding_length", 1) // max(heads, 1)
    kept = file.number("attention.head_count_kv") or heads
    return max(1, file.number("block_count", 1) * kept * width * 2 * _HALF)


def _parameters(spec: Spec, path: Path, lanes: int, tokens: int, *, embedding: bool) -> xllamacpp.CommonParams:
    parameters = xllamacpp.CommonParams()
    parameters.model.path = str(path)
    parameters.n_gpu_layers = 0
    parameters.n_parallel, parameters.n_ctx = lanes, lanes * tokens
    parameters.n_batch = parameters.n_ubatch = tokens if embedding else _PROMPT_STEP
    parameters.cpuparams.n_threads = parameters.cpuparams_batch.n_threads = spec.threads
    parameters.n_threads_http = 1
    # Memory beyond what is accounted for: conversations of before, up to 8 GiB.
    parameters.cache_ram_mib = 0
    parameters.n_ctx_checkpoints = 0
    parameters.fit_params = False
    parameters.warmup = False
    parameters.verbosity = 0
    if embedding:
        parameters.embedding = True
        parameters.cache_prompt = False
    if spec.task == RERANK:
        parameters.pooling_type = xllamacpp.llama_pooling_type.LLAMA_POOLING_TYPE_RANK
    return parameters


def _open(parameters: xllamacpp.CommonParams) -> xllamacpp.Server:
    """It would listen on a port for everybody on this machine: it gets a socket instead, which is gone before it can be found."""
    parameters.api_keys = [secrets.token_hex()]
    with tempfile.TemporaryDirectory(prefix="llama-") as folder:
        parameters.hostnames = [str(Path(folder) / "unused.sock")]
        try:
            return xllamacpp.Server(parameters)
        except RuntimeError as error:
            raise EngineFailed(f"The weights cannot be loaded: {error}") from None
