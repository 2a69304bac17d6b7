"""A hub in this process for the stories that need no server: nothing of it survives the test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.databases import SqliteTemplate
from tests.inside import Inside


@pytest.fixture
def inside(sqlite_template: SqliteTemplate, tmp_path: Path) -> Iterator[Inside]:
    with Inside(sqlite_template.config(tmp_path / "data")) as inside:
        yield inside
        assert inside.log.getvalue() == "", "something went wrong on the server's side"
