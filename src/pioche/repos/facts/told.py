"""What is told about a repo: the result of derivation, and what of it stands in which column."""

from typing import Any

import msgspec

Json = dict[str, Any]


class Missing(msgspec.Struct, omit_defaults=True):
    """Something a complete card would have: `id` as docs/reference/ranking.md lists it, `points` what it would add.

    `field` is the field of the metadata that would mend it, when one would; `suggestion` a value for it that the files
    speak for.
    """

    id: str
    points: int
    field: str = ""
    suggestion: Any = None


class Facts(msgspec.Struct):
    """`details` is JSON for pages and the API, by the names that the Hub has for them where it has any."""

    tags: list[str]
    pipeline_tag: str | None = None
    library_name: str | None = None
    parameters: int | None = None
    rows: int | None = None
    completeness: int = 0
    summary: str = ""
    details: Json = {}
    warnings: list[str] = []
