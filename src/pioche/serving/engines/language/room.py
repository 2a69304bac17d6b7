"""How much a language model may remember of the texts that it is busy with, foretold from the size of its weights."""

_LANES_MAX = 4
_LANE_TOKENS_MAX = 8192
_LANE_TOKENS = 4096
_TOKENS_MIN = 512
_KEPT_BYTES_MIN = 256 * 2**20


def sizes(weights_bytes: int, token_bytes: int, trained_tokens: int) -> tuple[int, int]:
    """How many requests at a time, and how many tokens each may have.

    What was read of each is kept in memory; all of it may take a quarter of the size of the weights, and 256 MiB in any case.
    """
    trained = trained_tokens or _LANE_TOKENS
    total = max(_KEPT_BYTES_MIN, weights_bytes // 4) // max(1, token_bytes)
    lanes = max(1, min(_LANES_MAX, total // min(trained, _LANE_TOKENS)))
    return lanes, min(trained, max(_TOKENS_MIN, min(total // lanes, _LANE_TOKENS_MAX)))
