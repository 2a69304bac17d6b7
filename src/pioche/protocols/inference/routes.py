"""The tables of inference. Bodies are limited by the setting `inference_body_bytes_max`, which `asking.body` enforces."""

from pioche.http.limits import Bucket
from pioche.http.routes import Needs, Protocol, Route
from pioche.protocols.inference import errors, oip, openai, speech, tasks, tei
from pioche.repos.access import Action

_ENDPOINT = "/endpoints/{owner}/{endpoint}"
"""What serves as an endpoint's `url` for clients: they put the same words behind it as behind a model's address."""

TASKS = Protocol(
    "inference",
    (
        Route("POST", "/models/{repo:web}", Action.CONTENT, tasks.ask),
        Route("POST", "/models/{repo:web}/pipeline/{task}", Action.CONTENT, tasks.ask),
        Route("POST", "/pipeline/{task}/{repo:web}", Action.CONTENT, tasks.ask),
        Route("POST", "/hf-inference/models/{repo:web}", Action.CONTENT, tasks.ask),
        Route("POST", "/hf-inference/models/{repo:web}/pipeline/{task}", Action.CONTENT, tasks.ask),
        Route("GET", "/models/{repo:web}/info", Action.CONTENT, tasks.describe),
        Route("GET", "/models/{repo:web}/health", Action.CONTENT, tasks.health),
        Route("POST", _ENDPOINT, Needs.ANYONE, tasks.ask),
        Route("POST", f"{_ENDPOINT}/pipeline/{{task}}", Needs.ANYONE, tasks.ask),
        Route("GET", f"{_ENDPOINT}/info", Needs.ANYONE, tasks.describe),
        Route("GET", f"{_ENDPOINT}/health", Needs.ANYONE, tasks.health),
    ),
    errors.render_task,
    Bucket.API,
)
OPENAI = Protocol(
    "openai",
    (
        Route("GET", "/v1/models", Needs.ANYONE, openai.models),
        Route("GET", "/v1/models/{model*}", Needs.ANYONE, openai.model),
        Route("POST", "/v1/embeddings", Needs.ANYONE, openai.embeddings),
        Route("POST", "/v1/chat/completions", Needs.ANYONE, openai.chat),
        Route("POST", "/v1/completions", Needs.ANYONE, openai.completions),
        Route("POST", "/v1/audio/transcriptions", Needs.ANYONE, speech.transcribe),
        Route("POST", "/v1/audio/translations", Needs.ANYONE, speech.translate),
        Route("GET", "/models/{repo:web}/v1/models", Action.CONTENT, openai.models_of),
        Route("POST", "/models/{repo:web}/v1/embeddings", Action.CONTENT, openai.embeddings),
        Route("POST", "/models/{repo:web}/v1/chat/completions", Action.CONTENT, openai.chat),
        Route("POST", "/models/{repo:web}/v1/completions", Action.CONTENT, openai.completions),
        Route("POST", "/models/{repo:web}/v1/audio/transcriptions", Action.CONTENT, speech.transcribe),
        Route("POST", "/models/{repo:web}/v1/audio/translations", Action.CONTENT, speech.translate),
        Route("POST", "/hf-inference/models/{repo:web}/v1/chat/completions", Action.CONTENT, openai.chat),
        Route("GET", f"{_ENDPOINT}/v1/models", Needs.ANYONE, openai.models_of),
        Route("POST", f"{_ENDPOINT}/v1/embeddings", Needs.ANYONE, openai.embeddings),
        Route("POST", f"{_ENDPOINT}/v1/chat/completions", Needs.ANYONE, openai.chat),
        Route("POST", f"{_ENDPOINT}/v1/completions", Needs.ANYONE, openai.completions),
        Route("POST", f"{_ENDPOINT}/v1/audio/transcriptions", Needs.ANYONE, speech.transcribe),
        Route("POST", f"{_ENDPOINT}/v1/audio/translations", Needs.ANYONE, speech.translate),
    ),
    errors.render_openai,
    Bucket.API,
)
TEI = Protocol(
    "embeddings",
    (
        Route("POST", "/models/{repo:web}/embed", Action.CONTENT, tei.embed),
        Route("POST", "/models/{repo:web}/rerank", Action.CONTENT, tei.rerank),
        Route("POST", f"{_ENDPOINT}/embed", Needs.ANYONE, tei.embed),
        Route("POST", f"{_ENDPOINT}/rerank", Needs.ANYONE, tei.rerank),
    ),
    errors.render_tei,
    Bucket.API,
)
OIP = Protocol(
    "open-inference",
    (
        Route("GET", "/v2", Needs.ANYONE, oip.server),
        Route("GET", "/v2/health/live", Needs.ANYONE, oip.live),
        Route("GET", "/v2/health/ready", Needs.ANYONE, oip.ready),
        Route("GET", "/v2/models/{repo:web}", Action.CONTENT, oip.model),
        Route("GET", "/v2/models/{repo:web}/ready", Action.CONTENT, oip.model_ready),
        Route("POST", "/v2/models/{repo:web}/infer", Action.CONTENT, oip.infer),
        Route("GET", "/v2/models/{repo:web}/versions/{version}", Action.CONTENT, oip.model),
        Route("GET", "/v2/models/{repo:web}/versions/{version}/ready", Action.CONTENT, oip.model_ready),
        Route("POST", "/v2/models/{repo:web}/versions/{version}/infer", Action.CONTENT, oip.infer),
    ),
    errors.render_oip,
    Bucket.API,
)
