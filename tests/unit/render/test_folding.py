import pytest

from pioche.render.folding import tree


def test_parts_fold_and_everything_is_escaped() -> None:
    html = tree(b'{"<b>": [1, {"x": "<script>"}], "none": null, "empty": []}').html
    assert html.count("<details open>") == 2
    assert html.count("<details>") == 1
    assert "&lt;script&gt;" in html
    assert "&lt;b&gt;" in html
    assert "<script" not in html


@pytest.mark.parametrize(
    "source", [b"", b"{", b"[" * 100_000, b"[" * 100 + b"]" * 100, b"[" + b"1," * 10_000 + b"1]", b"\xff"]
)
def test_what_cannot_be_folded_says_so(source: bytes) -> None:
    folded = tree(source)
    assert folded.problem is not None
    assert folded.html == ""
