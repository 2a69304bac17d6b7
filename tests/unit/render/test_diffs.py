"""Which words of changed lines are marked (ui.md F6)."""

from pioche.render import diffs
from pioche.render.results import LineKind


def marked(old: str, new: str) -> tuple[list[str], list[str]]:
    lines = [
        line
        for hunk in diffs.diff(old.encode(), new.encode(), context=3, ignores_space=False).hunks
        for line in hunk.lines
    ]
    removed = [line.html for line in lines if line.kind is LineKind.REMOVED]
    return removed, [line.html for line in lines if line.kind is LineKind.ADDED]


def test_f6_several_stretches_of_a_line_are_marked() -> None:
    removed, added = marked("one two three four five\n", "one TWO three four FIVE\n")
    assert removed == ["one <del>two</del> three four <del>five</del>"]
    assert added == ["one <ins>TWO</ins> three four <ins>FIVE</ins>"]


def test_f6_a_line_is_compared_to_what_became_of_it_where_others_went() -> None:
    removed, added = marked("gone for good\nrate: 0.1\nepochs: 3, batch: 4\n", "rate: 0.2\nepochs: 5, batch: 8\n")
    assert removed[0] == "gone for good"
    assert removed[1:] == ["rate: 0.<del>1</del>", "epochs: <del>3</del>, batch: <del>4</del>"]
    assert added == ["rate: 0.<ins>2</ins>", "epochs: <ins>5</ins>, batch: <ins>8</ins>"]


def test_f6_lines_that_have_little_in_common_are_not_marked() -> None:
    removed, added = marked("alpha beta\nx\n", "nothing <b> alike\n")
    assert removed == ["alpha beta", "x"]
    assert added == ["nothing &lt;b&gt; alike"]


def test_f6_many_lines_are_not_compared_with_each_other() -> None:
    removed, added = marked("".join(f"a {n}\n" for n in range(300)), "".join(f"b {n}\n" for n in range(299)))
    assert (len(removed), len(added)) == (300, 299)
