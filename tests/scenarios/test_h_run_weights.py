"""H-RUN-3 on a live hub with torch: `auto_map` code runs only once its owner allowed it, and reaches nothing where it does."""

import json
from collections.abc import Iterator

import httpx
import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

from pioche.errors import SandboxTooWeak  # after what may be absent
from pioche.runner.sandbox import Sandbox
from tests import encoders
from tests.hub import Hub
from tests.protocols.test_inference import publish

CODE = """
import os, socket
import torch
from transformers import PretrainedConfig, PreTrainedModel
from transformers.modeling_outputs import BaseModelOutput

def refused(work):
    try:
        work()
    except OSError:
        return True
    return False

def connect():
    with socket.socket() as wire:
        wire.settimeout(2)
        wire.connect(("127.0.0.1", PORT))

class OwnConfig(PretrainedConfig):
    model_type = "own"

class OwnModel(PreTrainedModel):
    config_class = OwnConfig

    def __init__(self, config):
        super().__init__(config)
        self.scale = torch.nn.Parameter(torch.ones(1))
        self.post_init()

    def forward(self, input_ids, attention_mask=None):
        tried = [
            refused(connect),
            refused(lambda: open("DATA/pioche.db")),
            refused(lambda: open("/model/config.json", "a")),
            refused(lambda: open("/payload", "w")),
            not any(name.startswith("PIOCHE") for name in os.environ),
        ]
        rows = torch.tensor([float(one) for one in tried]) * self.scale
        return BaseModelOutput(last_hidden_state=rows.expand(*input_ids.shape, len(tried)))
"""
CONFIG = {
    "model_type": "own",
    "architectures": ["OwnModel"],
    "auto_map": {"AutoConfig": "modeling_own.OwnConfig", "AutoModel": "modeling_own.OwnModel"},
    "max_position_embeddings": 64,
}


@pytest.fixture
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    folder = tmp_path_factory.mktemp("weights")
    try:
        Sandbox(folder / "runs").demand(remote_code=True)
    except SandboxTooWeak as error:
        pytest.skip(error.message)
    with Hub(folder, {"INFERENCE_CODE": "on", "INFERENCE_MEMORY_BYTES": str(4 * 2**30)}) as hub:
        yield hub


def test_h_run_3_auto_map_runs_where_it_is_allowed_and_reaches_nothing(hub: Hub) -> None:
    import torch
    from safetensors.torch import save

    olga = hub.user("olga")
    code = CODE.replace("PORT", str(hub.port)).replace("DATA", str(hub.data_dir))
    files = {
        "config.json": json.dumps(CONFIG).encode(),
        "modeling_own.py": code.encode(),
        "model.safetensors": save({"scale": torch.ones(1)}, {"format": "pt"}),
        **{name: data for name, data in encoders.embedder({"good": [0.0]}).items() if name.startswith("tokenizer")},
    }
    name = publish(hub, olga, "own", "feature-extraction", files)
    address = f"{hub.endpoint}/models/{name}"
    refused = httpx.post(address, json={"inputs": "good"}, timeout=90)
    assert refused.status_code == 500
    assert "runs only where an owner of the repo allowed it" in refused.json()["error"]
    settings = f"{hub.endpoint}/api/models/{name}/settings"
    httpx.put(settings, json={"codeAllowed": True}, headers=olga.bearer).raise_for_status()
    answer = httpx.post(address, json={"inputs": "good"}, timeout=90)
    assert answer.status_code == 200, answer.text
    assert {tuple(row) for row in answer.json()[0]} == {(1.0,) * 5}
    assert httpx.get(f"{address}/info").json()["export"] is None  # code of a stranger is never exported
