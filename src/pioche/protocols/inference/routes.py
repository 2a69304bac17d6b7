"""The tables of inference. Bodies are limited by the setting `inference_body_bytes_max`, which `asking.body` enforces."""

from pioche.http.limits import Bucket
from pioche.http.routes import Needs, Protocol, Route
from pioche.protocols.inference import errors, oip, openai, rerank, speech, tasks, tei, tgi
from pioche.repos.access import Action

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
        Route("POST", "/v1/rerank", Needs.ANYONE, rerank.rerank),
        Route("POST", "/v1/audio/transcriptions", Needs.ANYONE, speech.transcribe),
        Route("POST", "/v1/audio/translations", Needs.ANYONE, speech.translate),
        Route("GET", "/models/{repo:web}/v1/models", Action.CONTENT, openai.models_of),
        Route("POST", "/models/{repo:web}/v1/embeddings", Action.CONTENT, openai.embeddings),
        Route("POST", "/models/{repo:web}/v1/chat/completions", Action.CONTENT, openai.chat),
        Route("POST", "/models/{repo:web}/v1/completions", Action.CONTENT, openai.completions),
        Route("POST", "/models/{repo:web}/v1/rerank", Action.CONTENT, rerank.rerank),
        Route("POST", "/models/{repo:web}/v1/audio/transcriptions", Action.CONTENT, speech.transcribe),
        Route("POST", "/models/{repo:web}/v1/audio/translations", Action.CONTENT, speech.translate),
        Route("POST", "/hf-inference/models/{repo:web}/v1/chat/completions", Action.CONTENT, openai.chat),
    ),
    errors.render_openai,
    Bucket.API,
)
TEI = Protocol(
    "embeddings",
    (
        Route("POST", "/models/{repo:web}/embed", Action.CONTENT, tei.embed),
        Route("POST", "/models/{repo:web}/rerank", Action.CONTENT, tei.rerank),
        Route("POST", "/models/{repo:web}/predict", Action.CONTENT, tei.predict),
        Route("POST", "/models/{repo:web}/similarity", Action.CONTENT, tei.similarity),
        Route("POST", "/models/{repo:web}/tokenize", Action.CONTENT, tei.tokenize),
        Route("POST", "/models/{repo:web}/decode", Action.CONTENT, tei.decode),
    ),
    errors.render_tei,
    Bucket.API,
)
TGI = Protocol(
    "text-generation",
    (
        Route("POST", "/models/{repo:web}/generate", Action.CONTENT, tgi.generate),
        Route("POST", "/models/{repo:web}/generate_stream", Action.CONTENT, tgi.generate_stream),
    ),
    errors.render_tgi,
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
