"""A short run of the whole torture: `make torture` runs it for minutes."""

from pathlib import Path

import pytest

from tests.objectstore import ObjectStore
from tests.torture.run import Run, run


@pytest.mark.parametrize("database", ["sqlite", pytest.param("postgresql", marks=pytest.mark.long)])
def test_a10_c1_c2_c3_c4_c10_c11_nothing_acknowledged_is_lost(tmp_path: Path, database: str) -> None:
    figures = run(Run(seconds=0, seed=20261122, clients=6, pause=1.0, kills_min=2, database=database), tmp_path)
    assert figures.losses == []
    assert figures.acknowledged.total() > 0


@pytest.mark.long
def test_a10_on_postgresql_and_an_object_store(tmp_path: Path, object_store: ObjectStore) -> None:
    settings = {key.upper(): value for key, value in object_store.settings().items()}
    wanted = Run(seconds=0, seed=20261122, clients=6, pause=1.0, kills_min=2, database="postgresql", settings=settings)
    figures = run(wanted, tmp_path)
    assert figures.losses == []
    assert figures.acknowledged.total() > 0
