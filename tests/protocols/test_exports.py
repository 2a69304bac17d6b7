"""On a live hub: an encoder in safetensors answers by torch first and by ONNX Runtime soon after (decision 0049)."""

import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")
pytest.importorskip("onnx")

from tests.hub import Hub  # after what may be absent
from tests.protocols.test_inference import publish
from tests.unit.serving.engines.test_transformers import made


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    with Hub(tmp_path_factory.mktemp("exports"), {"INFERENCE_MEMORY_BYTES": str(4 * 2**30)}) as hub:
        yield hub


def test_an_encoder_becomes_onnx_after_its_first_request(hub: Hub, tmp_path: Path) -> None:
    made(tmp_path, "BertModel")
    files = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    name = publish(hub, hub.user("olga"), "export", "feature-extraction", files)
    address = f"{hub.endpoint}/models/{name}"

    def ask() -> list[list[float]]:
        answer = httpx.post(address, json={"inputs": "ada saw paris"}, timeout=90)
        assert answer.status_code == 200, answer.text
        return answer.json()[0]

    first = ask()
    deadline = time.monotonic() + 120
    while (told := httpx.get(f"{address}/info").json())["export"] in ("waiting", "running"):
        assert time.monotonic() < deadline
        ask()
        time.sleep(0.2)
    assert told["export"] == "done", hub.output()[-2000:]
    before = hub.output().count("model started")
    for row, other in zip(ask(), first, strict=True):
        assert row == pytest.approx(other, abs=1e-3)
    assert hub.output().count("model started") <= before + 1
    figures = httpx.get(f"{hub.endpoint}/metrics").text
    assert 'pioche_inference_exports_total{outcome="done"} 1.0' in figures
    kept = list((hub.data_dir / "cache" / "inference" / "files").glob("*-onnx-feature-extraction/model.onnx"))
    assert len(kept) == 1
    assert not list((hub.data_dir / "cache" / "inference" / "exports").glob("*/*"))
