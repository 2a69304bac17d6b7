"""What becomes of an export that a stranger's files had their hands in, and of one that fails; exporting itself needs torch."""

import asyncio
import os
from pathlib import Path

import pytest

from pioche.errors import EngineFailed, Unavailable
from pioche.serving.controller import exports
from pioche.serving.controller.exports import Exports
from pioche.serving.controller.fleet import Fleet, Limits
from pioche.serving.messages import Wanted
from pioche.serving.spec import EngineName, Spec
from tests.unit.serving.controller.test_fleet import FakeStarter

SPEC = Spec(
    repo="ada/mood", commit="0" * 40, engine=EngineName.TRANSFORMERS, task="fill-mask",
    files=("model.safetensors", "config.json", "tokenizer.json", "1_Pooling/config.json"),
)  # fmt: skip
WANTED = Wanted(SPEC, 1, 2**20, 60)


def test_the_exported_model_has_what_stood_beside_the_weights() -> None:
    found = exports.exported(SPEC)
    assert found.engine is EngineName.ONNX
    assert found.files == ("model.onnx", "config.json", "tokenizer.json", "1_Pooling/config.json")


def test_what_is_no_file_of_its_own_is_not_taken(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("of the hub")
    (tmp_path / "link").symlink_to(tmp_path / "secret")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    for name in ("link", "pipe", "folder", "absent"):
        with pytest.raises(EngineFailed, match="left no model"):
            exports._take(tmp_path / name, tmp_path / "taken")
        assert not (tmp_path / "taken").exists()
    exports._take(tmp_path / "secret", tmp_path / "taken")
    assert (tmp_path / "taken").stat().st_mode & 0o777 == 0o444


class Told(Exports):
    """Exports nothing, and ends as it is told."""

    def __init__(self, folder: Path, *endings: Exception | None) -> None:
        super().__init__(None, None, folder, is_on=True)  # type: ignore[arg-type]  # none of them is asked
        self._is_on = True
        self.endings = list(endings)
        self.times = 0

    def _export(self, wanted: Wanted, memory_bytes: int) -> None:
        self.times += 1
        ending = self.endings.pop(0)
        if ending is not None:
            raise ending


async def kept(told: Told, until: str) -> str:
    fleet = Fleet(FakeStarter(), Limits(2**34, 60))
    keeping = asyncio.create_task(told.keep(fleet))
    deadline = asyncio.get_running_loop().time() + 20
    while told.state(SPEC) != until and asyncio.get_running_loop().time() < deadline:
        await asyncio.sleep(0.005)
    keeping.cancel()
    return told.state(SPEC)


def test_a_failure_is_remembered_with_its_reason_and_not_tried_again(tmp_path: Path) -> None:
    async def story() -> None:
        told = Told(tmp_path, EngineFailed("it has no end"))
        told.started(WANTED, EngineName.TRANSFORMERS)
        assert told.state(SPEC) == "waiting"
        assert await kept(told, "it has no end") == "it has no end"
        told.started(WANTED, EngineName.TRANSFORMERS)
        assert (told.state(SPEC), told.times) == ("it has no end", 1)

    asyncio.run(story())


def test_what_gave_its_memory_back_is_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exports, "_AGAIN_SECONDS", 0.01)

    async def story() -> None:
        told = Told(tmp_path, Unavailable("later"), None)
        told.started(WANTED, EngineName.TRANSFORMERS)
        assert await kept(told, "done") == "done"
        assert told.times == 2

    asyncio.run(story())


def test_where_it_is_off_nothing_stands_in_line(tmp_path: Path) -> None:
    async def story() -> None:
        told = Exports(None, None, tmp_path, is_on=False)  # type: ignore[arg-type]
        told.started(WANTED, EngineName.TRANSFORMERS)
        assert told.state(SPEC) == ""
        told.started(WANTED, EngineName.ONNX)  # of an export that was made before it was switched off
        assert told.state(SPEC) == "done"

    asyncio.run(story())
