"""What vLLM's API calls what `engines/language` says, and its chunks in the form that this knows: llama.cpp's."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from pioche.errors import InvalidInput
from pioche.serving.engines.language import Json

_NAMES = {"repeat_penalty": "repetition_penalty"}
_TOKEN = "token_id:"  # noqa: S105 - how vLLM writes the number of a token where it is asked to
_CHOICE = ("index", "finish_reason", "delta", "text")
_REFUSED = {"typical_p": "parameters.typical_p"}


def chat(body: Json) -> Json:
    """Raises InvalidInput for what vLLM has no word for."""
    return _passed_on(body)


def text(body: Json) -> Json:
    """As `chat`. Usage comes last, and tokens come as numbers."""
    asked = {**_passed_on(body), "stream_options": {"include_usage": True}}
    return {**asked, "return_tokens_as_token_ids": True} if "logprobs" in body else asked


def talk(chunk: Json, repo: str, fingerprint: str) -> Json:
    """A chunk of a chat."""
    choices = [_choice(choice) | _likely(choice) for choice in chunk.get("choices", ())]
    return _headed(chunk, repo, fingerprint, choices)


def message(said: Mapping[str, Any]) -> str:
    """Why something was refused, in its words."""
    error = said.get("error", said)
    return str(error.get("message", error) if isinstance(error, dict) else error)[:500]


class Telling:
    """The chunks of a text. The last one waits for the numbers of tokens, which vLLM tells after it."""

    def __init__(self, body: Json, repo: str, fingerprint: str, word: Callable[[int], str]) -> None:
        self._repo, self._fingerprint, self._word = repo, fingerprint, word
        self._says_why = bool(body.get("verbose"))
        self._held: Json | None = None

    def add(self, chunk: Json) -> Iterator[Json]:
        """What can be told now."""
        choices = [self._choice(choice) for choice in chunk.get("choices", ())]
        told = _headed(chunk, self._repo, self._fingerprint, choices)
        if self._says_why and (ended := [one for one in chunk.get("choices", ()) if one.get("finish_reason")]):
            told["__verbose"] = {"stop_type": "word" if isinstance(ended[-1].get("stop_reason"), str) else "eos"}
        if not choices and self._held is not None:
            yield {**self._held, "usage": told.get("usage") or {}}
            self._held = None
            return
        if self._held is not None:  # of another text of the same request
            yield self._held
            self._held = None
        if any(choice["finish_reason"] for choice in choices):
            self._held = told
        else:
            yield told

    def _choice(self, choice: Json) -> Json:
        found = choice.get("logprobs")
        content = list(self._tokens(found)) if found else []
        return {**_choice(choice), "logprobs": {"content": content} if content else None}

    def _tokens(self, found: Json) -> Iterator[Json]:
        tops = found.get("top_logprobs") or [{}] * len(found["tokens"])
        for name, logprob, likely in zip(found["tokens"], found["token_logprobs"], tops, strict=True):
            best = sorted((likely or {}).items(), key=lambda one: -one[1])
            yield {**self._token(name, logprob), "top_logprobs": [self._token(*one) for one in best]}

    def _token(self, name: str, logprob: float) -> Json:
        number = int(name.removeprefix(_TOKEN))
        said = self._word(number)
        return {"id": number, "token": said, "bytes": list(said.encode()), "logprob": logprob}


def _passed_on(body: Json) -> Json:
    for name, field in _REFUSED.items():
        if name in body:
            raise InvalidInput(field, "vLLM has no such choice of tokens")
    held = {name: body[name] for name in ("grammar", "json_schema") if name in body}
    asked = {_NAMES.get(name, name): value for name, value in body.items() if name not in (*held, "verbose")}
    if "json_schema" in held:
        asked["structured_outputs"] = {"json": held["json_schema"]}
    elif "grammar" in held:
        asked["structured_outputs"] = {"grammar": held["grammar"]}
    return asked


def _headed(chunk: Json, repo: str, fingerprint: str, choices: list[Json]) -> Json:
    head = {"id": chunk.get("id", ""), "created": chunk.get("created", 0), "object": chunk.get("object", "")}
    told = {**head, "model": repo, "system_fingerprint": fingerprint, "choices": choices}
    return {**told, "usage": chunk["usage"]} if chunk.get("usage") else told


def _choice(choice: Json) -> Json:
    return {name: choice[name] for name in _CHOICE if name in choice}


def _likely(choice: Json) -> Json:
    return {"logprobs": choice["logprobs"]} if choice.get("logprobs") else {}
