import base64
from urllib.parse import quote

from pioche.spaces.builds.redaction import STARS, Redaction

_SECRET = "s3cr3t/value+1"


def _told(*lines: str, secrets: list[str]) -> list[str]:
    redaction = Redaction([].append, secrets)
    return [redaction.redacted(line) for line in lines]


def test_values_are_stars_in_each_of_their_forms() -> None:
    forms = [_SECRET, quote(_SECRET, safe=""), base64.b64encode(_SECRET.encode()).decode()]
    for text in _told(*(f"a {form} b" for form in forms), secrets=[_SECRET]):
        assert text.startswith(f"a {STARS}")
        assert "cr3t" not in text


def test_a_value_of_several_lines_is_found_in_each() -> None:
    key = "-----BEGIN KEY-----\nMIIEpAIBAAKCAQEA\n-----END KEY-----\n"
    assert _told(*key.splitlines(), secrets=[key]) == [STARS] * 3


def test_a_value_that_is_cut_is_found_in_both_parts() -> None:
    first, second = _told("x" * 4090 + _SECRET[:6] + " ...", _SECRET[6:] + " and on", secrets=[_SECRET])
    assert first == "x" * 4090 + STARS
    assert second == f"{STARS} and on"


def test_short_values_and_none_change_nothing() -> None:
    assert _told("a 1 b", secrets=["1", ""]) == ["a 1 b"]


def test_a_log_has_an_end() -> None:
    lines = list[str]()
    redaction = Redaction(lines.append)
    for number in range(30_000):
        redaction(str(number))
    assert len(lines) == 20_001
    assert lines[-1].startswith("...")
