import pytest

from pioche.repos import query_files


@pytest.mark.parametrize(
    ("path", "library", "does"),
    [
        ("config.json", None, True),
        ("config.json", "transformers", True),
        ("sub/config.json", None, False),
        ("model.safetensors", "transformers", False),
        ("config.json", "peft", False),
        ("adapter_config.json", "PEFT", True),
        ("model_index.json", "diffusers", True),
        ("a/b/model-Q4_K_M.gguf", "transformers", True),
        ("model.gguf", "gguf", True),
        ("config.json", "gguf", False),
        ("de_core-any-py3-none-any.whl", "spacy", True),
        ("models/default.zip", "stanza", True),
        ("line\nbreak.nemo", "nemo", True),
    ],
)
def test_files_that_count(path: str, library: str | None, does: bool) -> None:
    assert query_files.counts(path, library) is does
    if does:
        assert query_files.may_count(path)


def test_what_counts_nowhere_is_left_out_early() -> None:
    assert not query_files.may_count("model.safetensors.index.json")
    assert not query_files.may_count("sub/config.json")
