"""What a model is served as. Read by the hub and by the worker alike: nothing is imported here that a worker lacks."""

import enum

import msgspec


class EngineName(enum.StrEnum):
    ONNX = "onnx"
    LLAMA = "llama"
    TRANSFORMERS = "transformers"
    WHISPER = "whisper"
    PIPELINES = "pipelines"
    DIFFUSERS = "diffusers"
    HANDLER = "handler"
    VLLM = "vllm"
    EXTERNAL = "external"
    """No worker: a server outside of this hub (`serving.external`)."""


OF_WORKERS = tuple(name for name in EngineName if name is not EngineName.EXTERNAL)


class Spec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One worker serves one of these. Two that are equal are interchangeable."""

    repo: str
    commit: str
    engine: EngineName
    task: str
    files: tuple[str, ...]
    """Paths in the repo: all that the worker gets to see. The first is the one with the weights."""
    threads: int = 1
    code: bool = False
    """Strangers' code runs in it, as an owner of the repo allowed (`serving.consent`): always a process of its own, in a sandbox
    that is good enough for that."""
    whole: bool = False
    """It gets to see all files of the commit, not `files` alone."""
    place: str = ""
    """Whose worker it is: `DEPLOYMENT/REPLICA`, by the row and from 0; empty for the one that all share."""


class Ask(msgspec.Struct, frozen=True):
    """A request to a worker, the same for every API: their translators make it."""

    task: str
    inputs: object
    parameters: dict[str, object] = {}
    beside: dict[str, object] = {}
    """What else there was in the body: for handlers, which are given it whole."""
    media: str = ""
    """The content type of a body that was no JSON; `inputs` are its bytes in base64. For handlers alone."""


class Refusal(msgspec.Struct, frozen=True):
    """What a worker says instead of an answer. `field` is the part of the Ask that is wrong, if one is."""

    error: str
    field: str = ""
