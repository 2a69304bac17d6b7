"""What an examination finds, first as a problem that may be mended, then as a finding that is reported."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from pioche.upkeep.fsck.kinds import Kind


class CannotMend(Exception):
    """A repair that is not possible; the message says why. The kind's manual step remains."""


Mend = Callable[[], str]
"""Mends one problem and says what it did. Raises CannotMend."""


@dataclass(frozen=True, slots=True)
class Problem:
    """`subject` is what is wrong, as an operator finds it (`ann/m refs/heads/main`, `blobs/ab/cd/...`).

    `places` fills the kind's manual step. Two looks found the same problem when kind and subject are the same.
    """

    kind: Kind
    subject: str
    detail: str = ""
    mend: Mend | None = None
    places: Mapping[str, Callable[[], str]] = field(default_factory=dict)

    @property
    def key(self) -> tuple[str, str]:
        return self.kind.code, self.subject

    def manual(self) -> str:
        """The step that a person takes; empty where none is needed."""
        return self.kind.manual.format_map(_Filled({"subject": lambda: self.subject, **self.places}))


class _Filled(dict[str, Callable[[], str]]):
    """Computes a place only when the sentence has it: who uses a file is a long look-up."""

    def __getitem__(self, key: str) -> str:  # type: ignore[override]  # `format_map` takes any mapping
        return super().__getitem__(key)()


@dataclass(frozen=True, slots=True)
class Finding:
    """`done` says what the repair did, `advice` what is left to do; both may be empty."""

    kind: str
    damage: bool
    subject: str
    meaning: str
    detail: str
    repaired: bool
    done: str
    advice: str

    @property
    def is_open_damage(self) -> bool:
        return self.damage and not self.repaired


@dataclass(frozen=True, slots=True)
class Report:
    """What one examination found."""

    findings: tuple[Finding, ...]
    looked_at: Mapping[str, int]
    """How many of each thing were looked at."""

    @property
    def is_whole(self) -> bool:
        """No damage remains."""
        return not any(finding.is_open_damage for finding in self.findings)
