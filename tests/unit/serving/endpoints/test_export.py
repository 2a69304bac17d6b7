"""Endpoints written for other systems, checked against what those take."""

from typing import Annotated, Any, Literal

import msgspec
import pytest
import yaml

from pioche.errors import Unprocessable
from pioche.serving.endpoints import export
from pioche.serving.endpoints.endpoint import Audience, Deployment, Endpoint, Scaling, Wanted
from pioche.serving.endpoints.export import Format

HUB = "https://hub.example.org"


class Strict(msgspec.Struct, forbid_unknown_fields=True):
    """Fields of InferenceService in serving.kserve.io/v1beta1, as KServe's definition names them, of those there is a use for."""


class KeyRef(Strict):
    name: str
    key: str


class ValueFrom(Strict):
    secretKeyRef: KeyRef


class Variable(Strict):
    name: str
    value: str = ""
    valueFrom: ValueFrom | None = None


class ModelFormat(Strict):
    name: Literal["huggingface"]


class Model(Strict):
    modelFormat: ModelFormat
    args: list[str]
    env: list[Variable]


class Named(Model):
    name: str


class Predictor(Strict):
    minReplicas: int
    maxReplicas: int
    model: Model
    scaleMetric: Literal["cpu", "memory", "concurrency", "rps"] | None = None
    scaleTarget: int | None = None


class Candidate(Strict):
    """KServe refuses replicas and scaling here."""

    name: str
    model: Named


class Canary(Strict):
    predictor: Candidate
    trafficPercent: Annotated[int, msgspec.Meta(ge=0, le=100)]


class Specification(Strict):
    predictor: Predictor
    canary: list[Canary] = []


class Metadata(Strict):
    name: str
    labels: dict[str, str]
    annotations: dict[str, str] = {}


class InferenceService(Strict):
    apiVersion: Literal["serving.kserve.io/v1beta1"]
    kind: Literal["InferenceService"]
    metadata: Metadata
    spec: Specification


def deployment(row: int, weight: float) -> Deployment:
    return Deployment(
        id=row, name=f"v{row}", repo_id=1, repo="ada/sentiment", revision="main", commit=str(row) * 40,
        task="text-classification", weight=weight, mirror=0, creator_id=1, created_at=0,
    )  # fmt: skip


def endpoint(*weights: float, load: float | None = None) -> Endpoint:
    more: dict[str, Any] = {
        "id": 1, "owner_id": 1, "owner": "ada", "name": "mood", "audience": Audience.PRIVATE, "wanted": Wanted.RUNNING,
        "scaling": Scaling(min_replicas=1, max_replicas=3, load=load), "described": {}, "rollout": None, "outcome": "",
    }  # fmt: skip
    for name in set(Endpoint.__dataclass_fields__) - set(more) - {"deployments"}:
        more[name] = 0
    return Endpoint(**more, deployments=tuple(deployment(row, weight) for row, weight in enumerate(weights, 1)))


def service(found: Endpoint) -> InferenceService:
    (document,) = yaml.safe_load_all(export.rendered(found, Format.KSERVE, HUB))
    return msgspec.convert(document, InferenceService)


def test_an_endpoint_is_a_service_of_kserve_that_downloads_from_here() -> None:
    found = service(endpoint(100, 0, load=4))
    predictor = found.spec.predictor
    assert (found.metadata.name, found.metadata.annotations) == ("mood", {})
    assert (predictor.minReplicas, predictor.maxReplicas, predictor.scaleTarget) == (1, 3, 4)
    assert predictor.model.args == ["--model_id=ada/sentiment", f"--model_revision={'1' * 40}", "--model_name=mood"]
    assert [(one.name, one.value) for one in predictor.model.env] == [("HF_ENDPOINT", HUB), ("HF_TOKEN", "")]
    assert found.spec.canary == []


def test_the_deployments_with_less_traffic_are_canaries() -> None:
    found = service(endpoint(10, 85, 5, load=4))
    assert found.spec.predictor.model.args[1] == f"--model_revision={'2' * 40}"
    assert found.spec.predictor.scaleTarget is None  # the mode that canaries need has none
    assert found.metadata.annotations == {"serving.kserve.io/deploymentMode": "Standard"}
    assert [(one.predictor.name, one.trafficPercent) for one in found.spec.canary] == [("v1", 10), ("v3", 5)]


def test_without_traffic_there_is_nothing_to_take_away() -> None:
    with pytest.raises(Unprocessable, match="has traffic"):
        service(endpoint(0, 0))


def test_an_application_of_ray_serve_for_each_deployment_with_traffic() -> None:
    """Ray's own schema takes it, where Ray is installed."""
    (config,) = yaml.safe_load_all(export.rendered(endpoint(90, 10, 0), Format.RAY, HUB))
    first, second = config["applications"]
    assert (first["name"], first["route_prefix"]) == ("mood", "/mood")
    assert (second["name"], second["args"]["revision"]) == ("mood-v2", "2" * 40)
    assert first["args"] == {"repo": "ada/sentiment", "revision": "1" * 40, "task": "text-classification"}
    assert first["runtime_env"] == {"env_vars": {"HF_ENDPOINT": HUB}}
    assert first["deployments"][0]["autoscaling_config"]["max_replicas"] == 3
    schema = pytest.importorskip("ray.serve.schema")
    taken = schema.ServeDeploySchema(**config)
    assert [one.import_path for one in taken.applications] == ["pioche.serving.cluster.standalone:build"] * 2
