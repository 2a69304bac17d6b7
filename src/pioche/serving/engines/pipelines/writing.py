"""Texts out of texts: translations, summaries and whatever else such a model was taught. The library has no pipelines for them any
more (serving.md 2.2)."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any

import msgspec

from pioche.errors import InvalidInput
from pioche.serving.engines import Listener, inputs
from pioche.serving.engines.pipelines import opening
from pioche.serving.spec import Ask

Job = Callable[[Listener], object]
TASKS = {"translation": "translation_text", "summarization": "summary_text", "text2text-generation": "generated_text"}
"""What each calls its answer."""
_TEXTS_MAX = 32
_Tokens = Annotated[int, msgspec.Meta(ge=1, le=1024)]


class _Generation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    max_new_tokens: _Tokens | None = None
    max_length: _Tokens | None = None
    min_length: Annotated[int, msgspec.Meta(ge=0, le=1024)] | None = None
    num_beams: Annotated[int, msgspec.Meta(ge=1, le=10)] | None = None
    do_sample: bool | None = None
    temperature: Annotated[float, msgspec.Meta(gt=0, le=10)] | None = None
    top_k: Annotated[int, msgspec.Meta(ge=1)] | None = None
    top_p: Annotated[float, msgspec.Meta(gt=0, le=1)] | None = None
    repetition_penalty: Annotated[float, msgspec.Meta(gt=0, le=10)] | None = None


class _Write(_Generation, frozen=True, forbid_unknown_fields=True):
    """Clients put what is for generating on its own, or beside the rest."""

    clean_up_tokenization_spaces: bool = True
    truncation: str | bool | None = None
    generate_parameters: _Generation | None = None
    generation_parameters: _Generation | None = None
    src_lang: str | None = None
    tgt_lang: str | None = None


def open_tasks(task: str, folder: Path) -> Mapping[str, Callable[[Ask], Job]]:
    """Raises EngineFailed."""
    return {task: _Writer(task, folder).understand}


class _Writer:
    def __init__(self, task: str, folder: Path) -> None:
        self._called = TASKS[task]
        self._model = opening.model(folder, "AutoModelForSeq2SeqLM")
        self._tokenizer = opening.beside("AutoTokenizer", folder)
        told = getattr(self._model.config, "task_specific_params", None) or {}
        self._prefix = str(told.get(task, {}).get("prefix", "")) if isinstance(told.get(task, {}), dict) else ""

    def understand(self, ask: Ask) -> Job:
        wanted, texts = inputs.read_parameters(ask.parameters, _Write), inputs.texts(ask.inputs)
        if len(texts) > _TEXTS_MAX:
            raise InvalidInput("inputs", f"at most {_TEXTS_MAX} texts")
        options = self._options(wanted)
        given = [self._prefix + text for text in texts]

        def run(_listener: Listener) -> object:
            tokens = self._tokenizer(given, return_tensors="pt", padding=True, truncation=True)
            tokens.pop("token_type_ids", None)
            written = self._model.generate(**tokens, **options)
            found = self._tokenizer.batch_decode(
                written, skip_special_tokens=True, clean_up_tokenization_spaces=wanted.clean_up_tokenization_spaces
            )
            return [{self._called: text} for text in found]

        return run

    def _options(self, wanted: _Write) -> dict[str, Any]:
        options: dict[str, Any] = {}
        for part in (wanted, wanted.generate_parameters, wanted.generation_parameters):
            if part is not None:
                told = {name: getattr(part, name) for name in _Generation.__struct_fields__}
                options |= {name: value for name, value in told.items() if value is not None}
        for name in ("src_lang", "tgt_lang"):
            if (language := getattr(wanted, name)) is not None:
                self._choose(name, language, options)
        return options

    def _choose(self, name: str, language: str, options: dict[str, Any]) -> None:
        """Of a model of many languages."""
        known = getattr(self._tokenizer, "lang_code_to_id", None) or {}
        token = known.get(language) if known else self._tokenizer.convert_tokens_to_ids(language)
        if not hasattr(self._tokenizer, name) or token in (None, self._tokenizer.unk_token_id):
            raise InvalidInput(f"parameters.{name}", "the model knows no such language")
        setattr(self._tokenizer, name, language)
        if name == "tgt_lang":
            options["forced_bos_token_id"] = token
