"""Tensors as a tree of the parts of their names (ui.md M2)."""

from pioche.web.repo import tensor_tree
from pioche.web.repo.tensor_tree import Folder, Leaf, Row, Shown
from pioche.web.repo.tensors import Tensor, Tensors


def _show(names: list[str], prefix: str = "", search: str = "") -> Shown:
    found = sorted(Tensor(name, "F32", "2 × 3", 6, 24, "model.safetensors") for name in names)
    return tensor_tree.show(Tensors("model.safetensors", found, []), whole_file="", prefix=prefix, search=search)


def _outline(rows: list[Row]) -> list[object]:
    return [
        row.name if isinstance(row, Leaf) else (row.name, None if row.rows is None else _outline(row.rows))
        for row in rows
    ]


def test_m2_folders_are_the_parts_of_names_and_layers_are_in_their_order() -> None:
    names = [f"model.layers.{n}.{end}" for n in (0, 2, 10) for end in ("mlp.weight", "norm.weight")]
    shown = _show([*names, "lm_head.weight"])
    inside = ["mlp.weight", "norm.weight"]
    assert _outline(shown.rows) == ["lm_head.weight", ("model.layers", [("0", inside), ("2", inside), ("10", inside)])]
    folder = shown.rows[1]
    assert isinstance(folder, Folder)
    assert (folder.count, folder.parameters, folder.size, folder.prefix) == (6, 36, 144, "model.layers.")
    assert shown.whole.count == 7
    assert _outline(_show(names, prefix="model.layers.2.").rows) == inside


def test_m2_a_large_folder_comes_when_it_is_asked_for() -> None:
    names = [f"model.{n}.{m}.weight" for n in range(4) for m in range(tensor_tree.ROWS_MAX // 2)]
    shown = _show(names)
    assert _outline(shown.rows) == [("model", None)]
    inside = _show(names, prefix="model.").rows
    assert [row.rows is None for row in inside if isinstance(row, Folder)] == [False, False, True, True]


def test_m2_what_is_found_is_a_list_of_whole_names() -> None:
    names = [f"a.{n}.norm.weight" for n in range(tensor_tree.FOUND_MAX + 1)]
    found = _show([*names, "b.bias"], search="NORM")
    assert (len(found.rows), found.is_cut) == (tensor_tree.FOUND_MAX, True)
    found = _show([*names, "b.bias"], search="bias")
    assert (_outline(found.rows), found.is_cut) == (["b.bias"], False)


def test_f_xss_odd_names_make_no_endless_tree() -> None:
    names = [".", "..", "...", ".a", "a..b", "a..c", "." * 5000, "." * 5000 + "x", "", "²", "9" * 20 + ".x"]
    shown = _show(names)
    assert shown.whole.count == len(names)
    assert _outline(shown.rows)
