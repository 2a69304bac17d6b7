"""The tables of Xet: tokens on the hub, and the CAS below `/cas/{instance epoch}/{repo uid}-{repo epoch}`."""

from pioche.http.limits import Bucket
from pioche.http.routes import Needs, Protocol, Route
from pioche.protocols.xet import downloads, errors, grants, tokens, uploads
from pioche.repos.access import Action

_CAS = "/cas/{instance}/{store}"
_STREAM = -1  # the handler limits the body itself


TOKENS = Protocol(
    "xet-tokens",
    (
        Route("GET", "/api/{repo:api}/xet-read-token/{revision}", Action.CONTENT, tokens.read_token),
        # The handler asks for WRITE, unless the upload is for a pull request.
        Route("GET", "/api/{repo:api}/xet-write-token/{revision}", Action.PROPOSE, tokens.write_token),
        Route("GET", "/api/{repo:bucket}/xet-read-token", Action.CONTENT, tokens.bucket_read_token),
        Route("GET", "/api/{repo:bucket}/xet-write-token", Action.WRITE, tokens.bucket_write_token),
    ),
    errors.render_token,
    Bucket.RESOLVERS,
)

# Every CAS route proves itself: by a Xet token that the handler verifies, or by a signature in the address.
CAS = Protocol(
    "xet-cas",
    (
        Route("GET", _CAS + "/v1/chunks/{prefix}/{hash}", Needs.SIGNATURE, uploads.query_chunk),
        Route("POST", _CAS + "/v1/xorb-grants/{prefix}/{hash}", Needs.SIGNATURE, grants.grant),
        Route("POST", _CAS + "/v1/xorb-commits/{prefix}/{hash}/grant/{id}", Needs.SIGNATURE, grants.commit),
        Route("POST", _CAS + "/v1/xorbs/{prefix}/{hash}", Needs.SIGNATURE, uploads.put_xorb, _STREAM),
        Route("POST", _CAS + "/v1/shards", Needs.SIGNATURE, uploads.put_shard, _STREAM),
        Route("POST", _CAS + "/v2/shards", Needs.SIGNATURE, uploads.put_shard_streaming, _STREAM),
        Route("GET", _CAS + "/v1/reconstructions/{hash}", Needs.SIGNATURE, downloads.reconstruct_v1),
        Route("GET", _CAS + "/v2/reconstructions/{hash}", Needs.SIGNATURE, downloads.reconstruct_v2),
        Route("GET", _CAS + "/data/{hash}", Needs.SIGNATURE, downloads.get_data),
        # hf_xet before 1.6 (xet.md section 8.9)
        Route("GET", _CAS + "/chunks/{prefix}/{hash}", Needs.SIGNATURE, uploads.query_chunk),
        Route("POST", _CAS + "/xorbs/{prefix}/{hash}", Needs.SIGNATURE, uploads.put_xorb, _STREAM),
        Route("POST", _CAS + "/shards", Needs.SIGNATURE, uploads.put_shard, _STREAM),
        Route("GET", _CAS + "/reconstructions/{hash}", Needs.SIGNATURE, downloads.reconstruct_v1),
        # at the root of the origin, whatever the casUrl
        Route("POST", "/v1/telemetry", Needs.SIGNATURE, uploads.drop_telemetry),
    ),
    errors.render_cas,
)
