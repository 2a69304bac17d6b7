"""D-FMT: files that lie about what is in them. The commit is quick, the reading bounded, the lie a warning."""

from pioche.accounts.callers import Caller
from pioche.repos.facts import telling
from pioche.upkeep.deriving import read_headers
from tests.inside import Inside
from tests.weights import Gguf, framed, llama, safetensors

LIES = {
    "huge length": ("m.safetensors", b"\xff" * 64),
    "length past the end": ("m.safetensors", (1000).to_bytes(8, "little") + b"{}"),
    "deep JSON": ("m.safetensors", framed(b'{"a":' * 50_000)),
    "overlap": ("m.safetensors", safetensors({"a": ("F32", [2])})[:-4]),
    "markup": ("m.safetensors", framed(b'{"<b>":{"dtype":"<img src=x>","shape":[1],"data_offsets":[0,4]}}') + bytes(4)),
    "no weights at all": ("m.gguf", b"hello"),
    "2^63 tensors": ("m.gguf", Gguf().bytes(tensors=2**63)),
    "a list of 2^62": ("m.gguf", Gguf().pair("a", 9, Gguf().array(8, 2**62)).bytes()),
    "a product that wraps around": ("m.gguf", Gguf().tensor("t", [2**63, 2]).bytes()),
    "cut": ("m.gguf", llama().bytes()[:100]),
    "index that is none": ("config.json", b"[" * 200_000),
    "numbers": ("config.json", b'{"max_position_embeddings": 1e999, "hidden_size": 99999999999999999999, "bits": -1}'),
    "texts": ("config.json", b'{"model_type": {"a": 1}, "architectures": "no list", "quantization_config": [1]}'),
}


def test_d_fmt_a_lie_is_a_warning(inside: Inside) -> None:
    ada = inside.user("ada")
    for number, (name, (path, data)) in enumerate(LIES.items()):
        repo = inside.repo(ada, f"ada/m{number}")
        content = data if path.endswith(".json") else inside.upload(repo, ada, data)
        inside.commit(repo, ada, {"README.md": b"---\nlicense: mit\n---\n# Words\n", path: content})
        read_headers(inside.hub.access).run(str(repo.id), {})
        told = telling.get_sync(repo)
        assert told.parameters is None, name
        if name not in ("numbers", "texts"):
            assert [warning.split()[0] for warning in told.warned()] == [path], name
        assert inside.client.get(f"/api/models/ada/m{number}").json()["tags"][-2:] == ["license:mit", "region:local"], (
            name
        )
        page = inside.client.get(f"/ada/m{number}")
        assert page.status in (200, 404), name  # 404: a page that there is not yet
        assert b"<img src=x>" not in page.body
        file = inside.client.get(f"/ada/m{number}/blob/main/{path}")
        assert file.status == 200, name
        assert b"<img src=x>" not in file.body
    rows = inside.client.get("/api/models?expand=safetensors&expand=gguf&expand=config&expand=tags").json()
    assert len(rows) == len(LIES)


def test_d_fmt_a_good_file_beside_a_liar_is_told(inside: Inside) -> None:
    ada: Caller = inside.user("ada")
    repo = inside.repo(ada, "ada/words")
    inside.commit(repo, ada, {"liar.safetensors": b"\xff" * 9, "model.safetensors": safetensors({"a": ("F16", [9])})})
    read_headers(inside.hub.access).run(str(repo.id), {})
    assert inside.client.get("/api/models/ada/words").json()["safetensors"]["total"] == 9


def test_d_uni_readme_in_other_letters_is_no_card(inside: Inside) -> None:
    """Names are bytes: `readme.md` and a README in another normal form are files like others."""
    ada = inside.user("ada")
    repo = inside.repo(ada, "ada/words")
    card = b"---\nlicense: mit\n---\n"
    inside.commit(
        repo, ada, {"readme.md": card, "README.MD": card, "docs/README.md": card, "mode\u0301le.safetensors": b"1"}
    )
    found = inside.client.get("/api/models/ada/words").json()
    assert (found["cardData"], found["tags"]) == (None, ["safetensors", "region:local"])
    inside.commit(
        repo, ada, {"README.md": "---\nlicense: mit\ntags: [e\u0301t\u00e9, \U0001f9ea, \u202eabc]\n---\n".encode()}
    )
    tags = inside.client.get("/api/models/ada/words").json()["tags"]
    assert tags == ["safetensors", "e\u0301t\u00e9", "\U0001f9ea", "\u202eabc", "license:mit", "region:local"]
