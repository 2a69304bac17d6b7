"""Headers of safetensors files, read by the hub: one request instead of one for each part."""

from pioche.http.messages import Request, Response, cached_json
from pioche.names import parse_path
from pioche.repos.facts import tensors


async def safetensors_metadata(request: Request) -> Response:
    """GET /api/models/{repo}/safetensors-metadata/{path}: of the tip of main, as `get_sharded_safetensors_metadata` of the
    client reads it (hub-api.md section 3). The index's `weight_map` is left out: the headers say it again."""
    path = parse_path(request.params["path"])
    found = await request.run(tensors.read, request.repo, "main", path)
    index = {} if found.metadata is None else {"metadata": found.metadata}
    return cached_json(request, {"index": index, "headers": found.headers})
