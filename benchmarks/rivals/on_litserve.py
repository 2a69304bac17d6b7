"""`on_litserve.py FOLDER PORT`: MiniLM on LitServe, with its batches."""

import sys
from typing import Any

import litserve
from minilm import MiniLM


class Embeddings(litserve.LitAPI):  # type: ignore[misc]  # its package is not in our environment
    def setup(self, device: str) -> None:
        self._model = MiniLM(sys.argv[1])

    def decode_request(self, request: dict[str, str]) -> str:
        return request["text"]

    def predict(self, texts: list[str]) -> list[list[float]]:
        rows: list[list[float]] = self._model.encode(texts)
        return rows

    def encode_response(self, output: Any) -> Any:
        return output


if __name__ == "__main__":
    api = Embeddings(max_batch_size=32, batch_timeout=0.005)
    server = litserve.LitServer(api, accelerator="cpu")
    server.run(host="127.0.0.1", port=int(sys.argv[2]), num_api_servers=1, generate_client_file=False)
