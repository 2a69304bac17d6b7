"""What an endpoint is, written for other systems that serve models: to take away, and to run without this hub.

Only its repos stay here: whoever runs it elsewhere downloads them with the hub's address as `HF_ENDPOINT` and a token.
"""

from collections.abc import Sequence
from enum import StrEnum
from typing import Any

import yaml

from pioche.errors import Unprocessable
from pioche.serving.endpoints.endpoint import Deployment, Endpoint

_SECRET = "pioche"  # noqa: S105 - the name of a Kubernetes secret, which the operator makes
_LABEL = "pioche.endpoint"


_APPLICATION = "pioche.serving.cluster.standalone:build"
_MODEL = "Model"
_LOAD = 2.0
"""Requests at once that a replica is for, where the endpoint says nothing."""


class Format(StrEnum):
    KSERVE = "kserve"
    RAY = "ray"


def rendered(endpoint: Endpoint, form: Format, hub: str) -> str:
    """`hub` is its address. Raises Unprocessable for what the other system cannot do."""
    documents = {Format.KSERVE: kserve, Format.RAY: ray_serve}[form](endpoint, hub)
    head = f"# Endpoint {endpoint.owner}/{endpoint.name} of {hub}, for {form}.\n"
    return head + yaml.safe_dump_all(documents, sort_keys=False, explicit_start=True)


def kserve(endpoint: Endpoint, hub: str) -> list[dict[str, Any]]:
    """InferenceServices of one name, to be applied in this order: the second is a canary of the first.

    KServe divides traffic between the last two revisions of a service, no more.
    """
    deployments = _with_traffic(endpoint)
    if len(deployments) > 2:
        raise Unprocessable(
            "KServe divides traffic between two deployments, and this endpoint has more: end the rollout first"
        )
    found = [_service(endpoint, one, hub) for one in deployments]
    for service, one in zip(found[1:], deployments[1:], strict=True):
        service["spec"]["predictor"] |= {"canaryTrafficPercent": round(one.weight)}
    return found


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
    """The one with the most first. Raises Unprocessable where there is none."""
    found = sorted((one for one in endpoint.deployments if one.weight), key=lambda one: (-one.weight, one.id))
    if not found:
        raise Unprocessable("No deployment of this endpoint has traffic")
    return found


def _service(endpoint: Endpoint, one: Deployment, hub: str) -> dict[str, Any]:
    scaling = endpoint.scaling
    token = {"name": "HF_TOKEN", "valueFrom": {"secretKeyRef": {"name": _SECRET, "key": "token"}}}
    predictor: dict[str, Any] = {
        "minReplicas": scaling.min_replicas,
        "maxReplicas": scaling.max_replicas,
        "model": {
            "modelFormat": {"name": "huggingface"},
            "args": [f"--model_id={one.repo}", f"--model_revision={one.commit}", f"--model_name={endpoint.name}"],
            "env": [{"name": "HF_ENDPOINT", "value": hub}, token],
        },
    }
    if scaling.load is not None:
        predictor |= {"scaleMetric": "concurrency", "scaleTarget": max(1, round(scaling.load))}
    return {
        "apiVersion": "serving.kserve.io/v1beta1",
        "kind": "InferenceService",
        "metadata": {"name": endpoint.name, "labels": {_LABEL: f"{endpoint.owner}.{endpoint.name}"}},
        "spec": {"predictor": predictor},
    }
