"""The library that Spaces import to run models in the visitor's browser."""

import gzip
from importlib.resources import files

import pytest

from tests.local import LocalHub

pytestmark = pytest.mark.skipif(not (files("pioche.web") / "browser").is_dir(), reason="make assets has not run")


def test_it_is_handed_out_to_pages_of_any_origin(local: LocalHub) -> None:
    """With the engine's own file, as browsers take it and plain, and with a tag by which it is not sent twice."""
    for name, kind in (
        ("transformers.js", "text/javascript"),
        ("ort-wasm-simd-threaded.mjs", "text/javascript"),
        ("ort-wasm-simd-threaded.wasm", "application/wasm"),
    ):
        address = f"/download/transformers/{name}"
        headers = {"origin": "http://spaces.localhost:9000"}
        plain = local.client.get(address, headers=headers)
        assert plain.status == 200
        assert plain.headers["content-type"].startswith(kind)
        assert plain.headers["access-control-allow-origin"] in ("*", headers["origin"])
        assert plain.headers["cross-origin-resource-policy"] == "cross-origin"
        zipped = local.client.get(address, headers={**headers, "accept-encoding": "gzip"})
        assert zipped.headers["content-encoding"] == "gzip"
        assert gzip.decompress(zipped.body) == plain.body
        again = local.client.get(address, headers={**headers, "if-none-match": plain.headers["etag"]})
        assert again.status == 304


@pytest.mark.parametrize("name", ["absent.js", "..%2F__init__.py", "transformers.js.gz"])
def test_nothing_else_is(local: LocalHub, name: str) -> None:
    assert local.client.get(f"/download/transformers/{name}").status == 404
