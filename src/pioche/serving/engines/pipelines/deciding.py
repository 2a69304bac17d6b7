"""Typed questions about a text, with how likely each answer is: `decision`, in the shapes of the library's `DecisionPipeline`."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import structs

from pioche.errors import InvalidInput
from pioche.serving.engines import Listener, inputs
from pioche.serving.engines.pipelines import opening
from pioche.serving.spec import Ask

Job = Callable[[Listener], object]
_Text = Annotated[str, msgspec.Meta(min_length=1, max_length=20_000)]
TASK = "decision"


class _Nothing(inputs.Parameters, frozen=True):
    pass


class _Question(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """`criteria` describe the options of a choice, the levels of a score, or what is meant by true and false."""

    type: Literal["choice", "score", "noul"]
    instructions: _Text
    criteria: dict[str, str] | list[str] | None = None


class _Asked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    state: _Text
    questions: Annotated[dict[str, _Question], msgspec.Meta(min_length=1, max_length=50)]


def open_tasks(task: str, folder: Path) -> Mapping[str, Callable[[Ask], Job]]:
    """Raises EngineFailed."""
    pipe = opening.pipeline(task, folder, "AutoModelForCausalLM", tokenizer="AutoTokenizer")
    return {task: lambda ask: _decide(pipe, ask)}


def _decide(pipe: Any, ask: Ask) -> Job:
    inputs.read_parameters(ask.parameters, _Nothing)
    asked = inputs.read(ask.inputs, _Asked, "inputs")
    questions = {name: _given(question) for name, question in asked.questions.items()}
    try:
        prompts = pipe.preprocess({"state": asked.state, "questions": questions})
    except ValueError as error:
        raise InvalidInput("inputs.questions", " ".join(str(error).split())) from None
    return lambda _listener: pipe.postprocess(pipe.forward(prompts))


def _given(question: _Question) -> dict[str, object]:
    return {name: value for name, value in structs.asdict(question).items() if value is not None}
