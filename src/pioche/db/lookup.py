"""One look-up of a hot path: a fixed SQL text that both engines can run."""

import re
from typing import Any

_NAMED = re.compile(r"(?<!:):([a-z_][a-z0-9_]*)")

Row = tuple[Any, ...]


class Lookup:
    """One SQL text with `:name` parameters, ready for both engines. `names` are the parameters."""

    __slots__ = ("names", "postgres", "sqlite")

    def __init__(self, sql: str) -> None:
        self.sqlite = " ".join(sql.split())
        self.names = tuple(dict.fromkeys(_NAMED.findall(self.sqlite)))
        self.postgres = _NAMED.sub(r"%(\1)s", self.sqlite.replace("%", "%%"))
