"""What an endpoint is, written for other systems that serve models: to take away, and to run without this hub.

Only its repos stay here: whoever runs it elsewhere downloads them with the hub's address as `HF_ENDPOINT` and a token.
"""

from collections.abc import Sequence
from enum import StrEnum
from typing import Any

import yaml

from pioche.errors import BadRequest, Unprocessable
from pioche.serving.endpoints.endpoint import Deployment, Endpoint

_SECRET = "pioche"  # noqa: S105 - the name of a Kubernetes secret, which the operator makes
_LABEL = "pioche.endpoint"
_NAMED = {"name": "kserve-container"}
"""What KServe calls the container of a model: of canaries its definition wants it said."""
_MODE = "serving.kserve.io/deploymentMode"


_APPLICATION = "pioche.serving.cluster.standalone:build"
_MODEL = "Model"
_LOAD = 2.0
"""Requests at once that a replica is for, where the endpoint says nothing."""


class Format(StrEnum):
    KSERVE = "kserve"
    RAY = "ray"

    @classmethod
    def parse(cls, text: str) -> "Format":
        """Raises BadRequest."""
        try:
            return cls(text)
        except ValueError:
            raise BadRequest(f'"format" {text[:40]!r} must be one of [{", ".join(cls)}]') from None


def rendered(endpoint: Endpoint, form: Format, hub: str) -> str:
    """`hub` is its address. Raises Unprocessable for what the other system cannot do."""
    documents = {Format.KSERVE: kserve, Format.RAY: ray_serve}[form](endpoint, hub)
    head = f"# Endpoint {endpoint.owner}/{endpoint.name} of {hub}, for {form}.\n"
    return head + yaml.safe_dump_all(documents, sort_keys=False, explicit_start=True)


def kserve(endpoint: Endpoint, hub: str) -> list[dict[str, Any]]:
    """One InferenceService: the deployment with the most traffic is its predictor, the others are its canaries.

    Source: KServe's own definitions (`serving.kserve.io_inferenceservices`), which let canaries be in the mode Standard only, with
    fixed replicas; that mode scales by load of processors and not to zero.
    """
    first, *others = _with_traffic(endpoint)
    metadata: dict[str, Any] = {"name": endpoint.name, "labels": {_LABEL: f"{endpoint.owner}.{endpoint.name}"}}
    predictor = {**_scaled(endpoint, divides=bool(others)), **_predictor(endpoint, first, hub)}
    spec: dict[str, Any] = {"predictor": predictor}
    if others:
        metadata["annotations"] = {_MODE: "Standard"}
        percents = _whole_percents([one.weight for one in others])
        spec["canary"] = [
            {"predictor": {"name": one.name, **_predictor(endpoint, one, hub, **_NAMED)}, "trafficPercent": percent}
            for one, percent in zip(others, percents, strict=True)
        ]
    kind = {"apiVersion": "serving.kserve.io/v1beta1", "kind": "InferenceService"}
    return [{**kind, "metadata": metadata, "spec": spec}]


def ray_serve(endpoint: Endpoint, hub: str) -> list[dict[str, Any]]:
    """A config file of Ray Serve: an application for each deployment with traffic, at an address of its own, since Ray divides
    no traffic between two. The one with the most has the endpoint's name."""
    first, *others = _with_traffic(endpoint)
    found = [_application(endpoint, endpoint.name, first, hub)]
    found += [_application(endpoint, f"{endpoint.name}-{one.name}", one, hub) for one in others]
    return [{"applications": found}]


def _application(endpoint: Endpoint, name: str, one: Deployment, hub: str) -> dict[str, Any]:
    scaling = endpoint.scaling
    autoscaling = {
        "min_replicas": scaling.min_replicas,
        "max_replicas": scaling.max_replicas,
        "target_ongoing_requests": scaling.load or _LOAD,
    }
    return {
        "name": name,
        "route_prefix": f"/{name}",
        "import_path": _APPLICATION,
        "args": {"repo": one.repo, "revision": one.commit, "task": one.task},
        "runtime_env": {"env_vars": {"HF_ENDPOINT": hub}},
        "deployments": [{"name": _MODEL, "autoscaling_config": autoscaling}],
    }


def _with_traffic(endpoint: Endpoint) -> Sequence[Deployment]:
    """The one with the most first. Raises Unprocessable where there is none, or where a server outside answers."""
    found = sorted((one for one in endpoint.deployments if one.weight), key=lambda one: (-one.weight, one.id))
    if not found:
        raise Unprocessable("No deployment of this endpoint has traffic")
    if outside := [one.name for one in found if one.external is not None]:
        raise Unprocessable(f"A server outside answers for {', '.join(outside)}: there is no model to serve elsewhere")
    return found


def _scaled(endpoint: Endpoint, *, divides: bool) -> dict[str, Any]:
    scaling = endpoint.scaling
    least = max(1, scaling.min_replicas) if divides else scaling.min_replicas
    found: dict[str, Any] = {"minReplicas": least, "maxReplicas": scaling.max_replicas}
    if scaling.load is not None and not divides:
        found |= {"scaleMetric": "concurrency", "scaleTarget": max(1, round(scaling.load))}
    return found


def _predictor(endpoint: Endpoint, one: Deployment, hub: str, **more: str) -> dict[str, Any]:
    token = {"name": "HF_TOKEN", "valueFrom": {"secretKeyRef": {"name": _SECRET, "key": "token"}}}
    return {
        "model": {
            "modelFormat": {"name": "huggingface"},
            "args": [f"--model_id={one.repo}", f"--model_revision={one.commit}", f"--model_name={endpoint.name}"],
            "env": [{"name": "HF_ENDPOINT", "value": hub}, token],
            **more,
        },
    }


def _whole_percents(weights: Sequence[float]) -> list[int]:
    """As KServe has them. One that has any traffic has some, as long as all of them leave the first its own."""
    return [max(1, min(99, round(weight))) for weight in weights]
