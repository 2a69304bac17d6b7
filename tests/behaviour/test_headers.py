"""Parameters from the headers of weights, which a job reads after the commit."""

from typing import Any

import pytest
import sqlalchemy as sa

from pioche.accounts.callers import Caller
from pioche.db import schema
from pioche.errors import Unavailable
from pioche.repos.access import Repo
from pioche.repos.facts import records, telling
from pioche.upkeep import deriving
from pioche.upkeep.deriving import DeriveAll, read_headers
from tests.behaviour.test_facts import is_right, tags
from tests.core import Core
from tests.weights import Gguf, llama, safetensors

LAYERS = safetensors({"a": ("F32", [2, 3]), "b": ("BF16", [4])})


def jobs(repo: Repo, kind: str = records.READ_HEADERS) -> list[str]:
    """The keys of the jobs that wait."""
    with repo.database.read() as connection:
        found = sa.select(schema.jobs.c.key).where(schema.jobs.c.kind == kind)
        return list(connection.execute(found).scalars())


def read(core: Core, repo: Repo) -> dict[str, Any]:
    """Runs the job that the commits put in; what is told then."""
    assert jobs(repo) == [str(repo.id)]
    with repo.database.write() as connection:
        connection.execute(schema.jobs.delete())
    read_headers(core.hub.access).run(str(repo.id), {})
    return telling.get_sync(repo).read()


def test_parameters_of_one_file(core: Core, ada: Caller, repo: Repo) -> None:
    core.commit(repo, ada, {"model.safetensors": core.upload(repo, ada, LAYERS)})
    assert telling.get_sync(repo).parameters is None
    assert read(core, repo)["safetensors"] == {"parameters": {"F32": 6, "BF16": 4}, "total": 10}
    assert telling.get_sync(repo).parameters == 10
    assert is_right(repo)
    with repo.database.read() as connection:
        kinds = (
            connection.execute(sa.select(schema.events.c.kind).order_by(schema.events.c.id.desc())).scalars().first()
        )
    assert kinds == "repo.facts.update"


def test_a_model_in_parts_is_counted_whole_and_once(core: Core, ada: Caller, repo: Repo) -> None:
    parts = {f"model-0000{n}-of-00002.safetensors": safetensors({f"t{n}": ("F16", [n, 5])}) for n in (1, 2)}
    other = {"model.fp16.safetensors": LAYERS, "onnx/model.safetensors": LAYERS}
    core.commit(repo, ada, parts | other | {"model.safetensors.index.json": b"{}"})
    assert read(core, repo)["safetensors"] == {"parameters": {"F16": 15}, "total": 15}


def test_a_part_that_changes_is_read_again_and_the_others_are_not(core: Core, ada: Caller, repo: Repo) -> None:
    core.commit(repo, ada, {"model.safetensors": LAYERS})
    read(core, repo)
    core.commit(repo, ada, {"README.md": b"# text"})
    assert jobs(repo) == []
    assert telling.get_sync(repo).parameters == 10
    core.commit(repo, ada, {"model.safetensors": safetensors({"a": ("I8", [3])})})
    assert telling.get_sync(repo).parameters is None
    assert read(core, repo)["safetensors"]["total"] == 3
    core.commit(repo, ada, delete=["model.safetensors"])
    assert telling.get_sync(repo).parameters is None
    assert is_right(repo)


def test_a_pipeline_of_parts(core: Core, ada: Caller, repo: Repo) -> None:
    index = b'{"_class_name": "StableDiffusionPipeline", "_diffusers_version": "0.30"}'
    parts = {f"{name}/model.safetensors": safetensors({"a": ("F16", [7])}) for name in ("unet", "vae")}
    core.commit(
        repo, ada, {"model_index.json": index, "unet/model.fp16.safetensors": LAYERS, "all.safetensors": LAYERS} | parts
    )
    assert read(core, repo)["safetensors"]["total"] == 14
    told = telling.get_sync(repo)
    assert (told.library_name, told.pipeline_tag) == ("diffusers", "text-to-image")


def test_gguf_tells_what_it_is(core: Core, ada: Caller, repo: Repo) -> None:
    card = b"---\nbase_model: org/base\n---\n"
    files = {"m-Q4.gguf": llama().bytes(), "m-Q8.gguf": b"GGUF", "mmproj.gguf": b"GGUF"}
    core.commit(repo, ada, {"README.md": card} | files)
    assert read(core, repo)["gguf"] == {
        "total": 48, "architecture": "llama", "context_length": 4096, "chat_template": "{{ messages }}", "bos_token": "<s>",
        "eos_token": "</s>", "quantize_imatrix_file": "i.dat",
    }  # fmt: skip
    assert tags(repo) == [
        "gguf", "base_model:org/base", "base_model:quantized:org/base", "imatrix", "conversational",
    ]  # fmt: skip
    assert telling.get_sync(repo).warned() == []


def test_d_fmt_lies_are_warnings(core: Core, ada: Caller, repo: Repo) -> None:
    bomb = Gguf().pair("a", 9, Gguf().array(8, 2**62)).bytes()
    core.commit(repo, ada, {"a.safetensors": b"\xff" * 100, "b.gguf": bomb, "c.safetensors": LAYERS})
    assert read(core, repo)["safetensors"]["total"] == 10
    assert telling.get_sync(repo).warned() == [
        "a.safetensors cannot be read: its header says it has 18446744073709551615 bytes: more than 26214400 are not read",
        "b.gguf cannot be read: its header says that a list has 4611686018427387904 items",
    ]
    assert is_right(repo)
    read_headers(core.hub.access).run(str(repo.id), {})
    assert jobs(repo) == []


def test_bytes_that_are_gone_are_asked_for_again(core: Core, ada: Caller, repo: Repo) -> None:
    sha256 = core.upload(repo, ada, LAYERS)
    core.commit(repo, ada, {"model.safetensors": sha256})
    path = core.hub.contents.path(core.hub.contents.get(repo.id, sha256))
    assert path is not None
    path.rename(path.with_suffix(".away"))
    try:
        read_headers(core.hub.access).run(str(repo.id), {})
    except Unavailable:
        path.with_suffix(".away").rename(path)
    else:
        raise AssertionError
    assert read(core, repo)["safetensors"]["total"] == 10


def test_all_repos_are_looked_at_after_an_upgrade(core: Core, ada: Caller, repo: Repo) -> None:
    others = [core.repo(ada, f"ada/m{number}") for number in range(3)]
    for one in (repo, *others):
        core.commit(one, ada, {"README.md": b"---\nlicense: mit\n---\n"})
    with repo.database.write() as connection:
        connection.execute(schema.facts.delete())
        connection.execute(schema.repos.update().values(tags="[]"))
        connection.execute(schema.instance.insert().values(key="facts.place", value=str(repo.id)))
    job = DeriveAll(repo.database, core.hub.access)
    job.run("", {})
    assert [tags(one) for one in (repo, *others)] == [[], *[["license:mit"]] * 3]
    with repo.database.read() as connection:
        left = connection.execute(sa.select(schema.instance).where(schema.instance.c.key == "facts.place")).first()
    assert left is None
    job.run("", {})
    assert tags(repo) == []


def test_an_upgrade_goes_on_where_it_was_and_rests_between(
    core: Core, ada: Caller, repo: Repo, monkeypatch: pytest.MonkeyPatch
) -> None:
    others = [core.repo(ada, f"ada/m{number}") for number in range(3)]
    for one in (repo, *others):
        core.commit(one, ada, {"README.md": b"---\nlicense: mit\n---\n"})
    with repo.database.write() as connection:
        connection.execute(schema.facts.delete())
        connection.execute(schema.jobs.delete())
        connection.execute(schema.instance.insert().values(key=deriving.PLACE, value="0"))
    monkeypatch.setattr(deriving, "_BATCH", 2)
    monkeypatch.setattr(deriving, "_SLICE_SECONDS", -1.0)
    job = DeriveAll(repo.database, core.hub.access)
    job.run("", {})
    assert deriving.place_of(repo.database) == others[0].id
    assert deriving.share_done(repo.database, others[0].id) == others[0].id / others[2].id
    with repo.database.read() as connection:
        (waiting,) = connection.execute(sa.select(schema.jobs).where(schema.jobs.c.kind == job.kind)).all()
    assert waiting.run_at >= waiting.created_at
    job.run("", {})
    job.run("", {})
    assert deriving.place_of(repo.database) is None
    assert all(is_right(one) for one in (repo, *others))
