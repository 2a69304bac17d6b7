"""A language model on torch: its network writes a token of each request in turn. A `Writer` (`engines/language`).

The library makes the loop (`generate`), for every architecture that it has; a token is chosen by us, so that each request has its
own seed, its likelihoods, and an end as soon as its client leaves.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jinja2
import torch
import transformers

from pioche.errors import EngineFailed, InvalidInput
from pioche.serving.engines import pictures
from pioche.serving.engines.language import Event, Json, room
from pioche.serving.engines.pipelines import opening
from pioche.serving.engines.transformers import calls
from pioche.serving.engines.transformers.answers import Chunks
from pioche.serving.engines.transformers.choosing import Chooser, Chosen
from pioche.serving.engines.transformers.telling import Telling
from pioche.serving.engines.transformers.turns import Turns
from pioche.serving.spec import Spec

SEEING = ("image-text-to-text", "any-to-any")
"""Of what else the latter read and give, this hub reads pictures and gives text."""
_CONTEXT = 4096
_KEPT = 2
"""Keys and values."""
_PICTURES_MAX = 16
_SIDE_MAX = 2048
_TEMPLATE_NAMES = frozenset(
    ("conversation", "messages", "tools", "documents", "chat_template", "add_generation_prompt")
)
_TEMPLATE_OPTIONS = frozenset(
    ("continue_final_message", "tokenize", "sanitize_control_tokens", "padding", "truncation", "max_length",
     "return_tensors", "return_dict", "return_assistant_tokens_mask", "tokenizer_kwargs", "processor_kwargs",
     "load_audio_from_video", "images", "videos", "audio")
)  # fmt: skip
"""What the library calls its own: the rest is the template's."""


class TorchWriter:
    """Its methods may be called by as many threads at once as there are lanes."""

    def __init__(self, spec: Spec, folder: Path) -> None:
        self.repo = spec.repo
        self.sees = spec.task in SEEING
        kind = "AutoModelForImageTextToText" if self.sees else "AutoModelForCausalLM"
        self._model = opening.model(folder, kind, dtype="auto")
        if not self._model.can_generate():
            raise EngineFailed("The model writes no texts: is the task of the model the right one?")
        self._reader = opening.beside("AutoProcessor" if self.sees else "AutoTokenizer", folder)
        self._tokenizer = self._reader.tokenizer if self.sees else self._reader
        self._config = self._model.config.get_text_config()
        self._turns = Turns()
        weights = sum(tensor.nbytes for tensor in self._model.parameters())
        self.lanes, self.tokens_max = room.sizes(weights, self._token_bytes(), self._trained())

    @property
    def has_chat_template(self) -> bool:
        return bool(self._template())

    @property
    def end_token(self) -> int:
        return next(iter(self._ends()), 0)

    def chat(self, body: Json, event: Event) -> None:
        """Raises InvalidInput, EngineFailed."""
        _refuse(body, "response_format", "grammar")
        chunks = Chunks(self.repo, "chat.completion.chunk", event)
        tools = self._tools(body)
        given = self._read_chat(body, tools)
        chunks.begin()
        self._write(given, body, chunks, calls.HOLDS if tools else ())
        chunks.end_chat(wants_usage=bool((body.get("stream_options") or {}).get("include_usage")))

    def complete(self, body: Json, event: Event) -> None:
        _refuse(body, "json_schema", "grammar")
        chunks = Chunks(self.repo, "text_completion", event)
        for number, prompt in enumerate(self._prompts(body["prompt"])):
            chunks.next(number)
            self._write(prompt, body, chunks, ())
            chunks.end_text(says_why=bool(body.get("verbose")))

    def close(self) -> None:
        del self._model

    def _write(self, given: Mapping[str, Any], body: Json, chunks: Chunks, holds: Sequence[str]) -> None:
        """One text, after what was read."""
        ids = given["input_ids"]
        room_left = self.tokens_max - ids.shape[-1]
        if room_left < 1:
            raise InvalidInput("inputs", f"{ids.shape[-1]} tokens are more than the {self.tokens_max} read")
        chooser = Chooser(body, self._model.generation_config, ids.shape[-1], self._config.vocab_size)
        stops = body.get("stop") or ()
        telling = Telling(self._decode, [stops] if isinstance(stops, str) else stops, holds)
        step = _Step(self._turns, chooser, self._ends(), telling, chunks)
        chunks.read = ids.shape[-1]
        count = min(body.get("max_tokens") or room_left, room_left)
        try:
            with self._turns, torch.inference_mode():
                self._model.generate(
                    **given,
                    generation_config=self._generation(count),
                    logits_processor=transformers.LogitsProcessorList([step]),
                    stopping_criteria=transformers.StoppingCriteriaList([step.has_ended]),
                )
        except opening.RAISED as error:
            raise EngineFailed(f"The model failed: {' '.join(str(error).split())[:500]}") from None
        if not step.is_over:
            chunks.reason = "length"
        chunks.rest(telling.rest(), may_call=bool(holds))

    def _generation(self, count: int) -> Any:
        """The likeliest: all others have been made impossible by who chose."""
        told = self._model.generation_config
        end = self.end_token
        make: Any = transformers.GenerationConfig
        return make(
            do_sample=False, num_beams=1, num_return_sequences=1, max_new_tokens=count, max_length=None, use_cache=True,
            eos_token_id=sorted(self._ends()) or None, pad_token_id=end, bos_token_id=told.bos_token_id,
        )  # fmt: skip

    def _read_chat(self, body: Json, tools: list[Json]) -> Mapping[str, Any]:
        options = body.get("chat_template_kwargs") or {}
        if own := sorted((_TEMPLATE_NAMES | _TEMPLATE_OPTIONS) & set(options)):
            raise InvalidInput(f"inputs.chat_template_kwargs.{own[0]}", "this is not for a request to say")
        images: list[Any] = []
        messages = [self._message(message, images) for message in body["messages"]]
        try:
            text = self._reader.apply_chat_template(
                messages, tools=tools or None, add_generation_prompt=True, tokenize=False, **options
            )
        except (jinja2.TemplateError, *opening.RAISED) as error:
            raise InvalidInput("inputs.messages", f"the model's template refuses them: {str(error)[:200]}") from None
        return self._read(text, images)

    def _message(self, message: Json, images: list[Any]) -> Json:
        """As templates want it. What is only text is one text: many know no parts."""
        content = message.get("content")
        if not isinstance(content, list):
            return {**message, "content": [{"type": "text", "text": content or ""}]} if self.sees else message
        if not self.sees:
            return {**message, "content": "".join(part["text"] for part in content)}
        parts: list[Json] = []
        for part in content:
            if part["type"] == "image_url" and len(images) == _PICTURES_MAX:
                raise InvalidInput("inputs.messages", f"at most {_PICTURES_MAX} pictures")
            if part["type"] == "image_url":
                images.append(_small(pictures.decoded(part["image_url"]["url"], "inputs.messages")))
                parts.append({"type": "image"})
            else:
                parts.append(part)
        return {**message, "content": parts}

    def _read(self, text: str, images: list[Any]) -> Mapping[str, Any]:
        """A template writes what begins a text itself."""
        with self._turns:
            try:
                if self.sees:
                    options = {"images": images} if images else {}
                    found = self._reader(text=[text], add_special_tokens=False, return_tensors="pt", **options)
                else:
                    found = self._reader(text, add_special_tokens=False, return_tensors="pt")
            except opening.RAISED as error:
                raise InvalidInput("inputs.messages", f"the model cannot read them: {str(error)[:200]}") from None
        found.pop("token_type_ids", None)
        return _not_empty(found)

    def _prompts(self, prompt: str | list[Any]) -> list[Mapping[str, Any]]:
        """Texts, or the numbers of the tokens of one."""
        if isinstance(prompt, list) and all(isinstance(one, int) for one in prompt):
            if not all(0 <= one < self._config.vocab_size for one in prompt):
                raise InvalidInput("inputs.prompt", f"tokens are numbers from 0 to {self._config.vocab_size - 1}")
            return [_tokens(prompt)]
        texts = prompt if isinstance(prompt, list) else [prompt]
        if not all(isinstance(one, str) for one in texts):
            raise InvalidInput("inputs.prompt", "either texts or the numbers of tokens are needed")
        with self._turns:
            return [_tokens(self._tokenizer(text)["input_ids"]) for text in texts]

    def _tools(self, body: Json) -> list[Json]:
        """Those that may be called. Raises InvalidInput where they cannot be, or where one has to be."""
        tools, choice = body.get("tools") or [], body.get("tool_choice")
        if not tools or choice == "none":
            return []
        if choice not in (None, "auto"):
            raise InvalidInput("inputs.tool_choice", "this engine cannot make a model call a tool: auto or none")
        if "tools" not in self._template():
            raise InvalidInput("inputs.tools", "the chat template of this model knows no tools")
        return list(tools)

    def _template(self) -> str:
        found = getattr(self._reader, "chat_template", None) or getattr(self._tokenizer, "chat_template", None) or ""
        return found if isinstance(found, str) else str(found.get("tool_use") or found.get("default") or "")

    def _decode(self, tokens: list[int]) -> str:
        return str(self._tokenizer.decode(tokens, skip_special_tokens=True, clean_up_tokenization_spaces=False))

    def _ends(self) -> frozenset[int]:
        for told in (self._model.generation_config.eos_token_id, self._tokenizer.eos_token_id):
            if told is not None:
                return frozenset(told if isinstance(told, list) else [told])
        return frozenset()

    def _trained(self) -> int:
        found = getattr(self._config, "max_position_embeddings", None)
        return found if isinstance(found, int) and found > 0 else _CONTEXT

    def _token_bytes(self) -> int:
        """What is kept of a token that was read."""
        config = self._config
        heads = getattr(config, "num_attention_heads", None) or 1
        width = getattr(config, "head_dim", None) or config.hidden_size // heads
        kept = getattr(config, "num_key_value_heads", None) or heads
        return int(config.num_hidden_layers * kept * width * _KEPT * self._model.dtype.itemsize)


def _small(picture: Any) -> Any:
    """Models look at a few hundred points a side; many large pictures would fill the memory that this one has."""
    picture.thumbnail((_SIDE_MAX, _SIDE_MAX))
    return picture


def _refuse(body: Json, *names: str) -> None:
    """What this engine cannot hold a model to is refused, never ignored."""
    for name in names:
        form = body.get(name)
        if form is None or (isinstance(form, dict) and form.get("type") == "text"):
            continue
        field = "parameters.grammar" if name == "json_schema" else f"inputs.{name}"
        raise InvalidInput(field, "this engine cannot hold a model to a form: a GGUF file of it can be")


def _tokens(ids: list[int]) -> Mapping[str, Any]:
    found = torch.tensor([ids], dtype=torch.long)
    return _not_empty({"input_ids": found, "attention_mask": torch.ones_like(found)})


def _not_empty(found: Mapping[str, Any]) -> Mapping[str, Any]:
    if not found["input_ids"].numel():
        raise InvalidInput("inputs", "there is nothing to go on from")
    return found


class _Step:
    """What happens after each pass of the network."""

    def __init__(self, turns: Turns, chooser: Chooser, ends: frozenset[int], telling: Telling, chunks: Chunks) -> None:
        self._turns, self._chooser, self._ends, self._telling, self._chunks = turns, chooser, ends, telling, chunks
        self.is_over = False

    def __call__(self, written: Any, scores: Any) -> Any:
        """Chooses the next token. The library looks at the signature of this each time: of a method by another name it takes
        half a millisecond to find it."""
        chosen = self._chooser.choose(written, scores)
        self._tell(chosen)
        self._turns.pass_on()
        only = torch.full_like(scores, -torch.inf)
        only[0, chosen.token] = 0
        return only

    def has_ended(self, written: Any, _scores: Any) -> Any:
        return torch.full((written.shape[0],), self.is_over, dtype=torch.bool)

    def _tell(self, chosen: Chosen) -> None:
        is_end = chosen.token in self._ends
        piece = "" if is_end else self._telling.add(chosen.token)
        self._chunks.add(piece, chosen, self._word, wants_likelihoods=self._chooser.tells_likelihoods)
        if is_end or self._telling.has_ended:
            self._chunks.reason, self._chunks.stop_type = "stop", "eos" if is_end else "word"
        self.is_over = is_end or self._telling.has_ended or self._chunks.has_left

    def _word(self, token: int) -> str:
        return "" if token in self._ends else self._telling.word(token)
