"""What web processes and the index process say to each other: msgpack in `frames`, over a Unix socket in a folder of this
user's own."""

from typing import Any

import msgspec

from pioche import frames
from pioche.search.plain import Scope
from pioche.search.query import Query

MESSAGE_BYTES_MAX = 64 * 2**20


class Ask(msgspec.Struct, array_like=True):
    """`what`: find | facets | snippets. What the caller may see was looked up by who asks.

    `each` is of facets, `ids` (rows) are of snippets. `repos` are private ones that a fine-grained token names.
    """

    what: str
    query: Query
    everything: bool = False
    audiences: tuple[int, ...] = ()
    each: int = 0
    ids: tuple[int, ...] = ()
    repos: tuple[int, ...] = ()

    @property
    def scope(self) -> Scope:
        return Scope(frozenset(self.audiences), self.everything, frozenset(self.repos))


class Reply(msgspec.Struct, array_like=True):
    """`kind`: found | facets | snippets; or a refusal: bad (the caller's fault, `value` says why), failed (ours), busy (the
    index is being built, `value` says how far it is, in percent)."""

    kind: str
    value: Any = None


_encoder = msgspec.msgpack.Encoder()
ask_decoder = msgspec.msgpack.Decoder(Ask)
reply_decoder = msgspec.msgpack.Decoder(Reply)


def framed(message: Ask | Reply) -> bytes:
    return frames.framed(_encoder.encode(message))
