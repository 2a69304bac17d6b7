"""The tables of inference. Bodies are limited by the setting `inference_body_bytes_max`, which `asking.body` enforces."""

from pioche.http.limits import Bucket
from pioche.http.routes import Handler, Needs, Protocol, Route
from pioche.protocols.inference import errors, images, oip, openai, rerank, speech, tasks, tei, tgi
from pioche.repos.access import Action


def _served(method: str, rest: str, handler: Handler) -> tuple[Route, Route]:
    """Below the address of a model and below that of an endpoint, which clients take for one. What an endpoint needs, its
    audience says (`serving.endpoints.traffic`)."""
    return (
        Route(method, f"/models/{{repo:web}}{rest}", Action.CONTENT, handler),
        Route(method, f"/endpoints/{{owner}}/{{endpoint}}{rest}", Needs.ANYONE, handler),
    )


TASKS = Protocol(
    "inference",
    (
        *_served("POST", "", tasks.ask),
        *_served("POST", "/pipeline/{task}", tasks.ask),
        *_served("GET", "/info", tasks.describe),
        *_served("GET", "/health", tasks.health),
        Route("POST", "/pipeline/{task}/{repo:web}", Action.CONTENT, tasks.ask),
        Route("POST", "/hf-inference/models/{repo:web}", Action.CONTENT, tasks.ask),
        Route("POST", "/hf-inference/models/{repo:web}/pipeline/{task}", Action.CONTENT, tasks.ask),
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
        Route("POST", "/v1/images/generations", Needs.ANYONE, images.generate),
        Route("POST", "/v1/audio/transcriptions", Needs.ANYONE, speech.transcribe),
        Route("POST", "/v1/audio/translations", Needs.ANYONE, speech.translate),
        *_served("GET", "/v1/models", openai.models_of),
        *_served("POST", "/v1/embeddings", openai.embeddings),
        *_served("POST", "/v1/chat/completions", openai.chat),
        *_served("POST", "/v1/completions", openai.completions),
        *_served("POST", "/v1/rerank", rerank.rerank),
        *_served("POST", "/v1/images/generations", images.generate),
        *_served("POST", "/v1/audio/transcriptions", speech.transcribe),
        *_served("POST", "/v1/audio/translations", speech.translate),
        Route("POST", "/hf-inference/models/{repo:web}/v1/chat/completions", Action.CONTENT, openai.chat),
    ),
    errors.render_openai,
    Bucket.API,
)
TEI = Protocol(
    "embeddings",
    (
        *_served("POST", "/embed", tei.embed),
        *_served("POST", "/rerank", tei.rerank),
        *_served("POST", "/predict", tei.predict),
        *_served("POST", "/similarity", tei.similarity),
        *_served("POST", "/tokenize", tei.tokenize),
        *_served("POST", "/decode", tei.decode),
    ),
    errors.render_tei,
    Bucket.API,
)
TGI = Protocol(
    "text-generation",
    (
        *_served("POST", "/generate", tgi.generate),
        *_served("POST", "/generate_stream", tgi.generate_stream),
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
