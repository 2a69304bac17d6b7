"""How gRPC says no."""

import grpc

from pioche.errors import HubError, NotServed

_CODES = {
    400: grpc.StatusCode.INVALID_ARGUMENT,
    401: grpc.StatusCode.UNAUTHENTICATED,
    403: grpc.StatusCode.PERMISSION_DENIED,
    404: grpc.StatusCode.NOT_FOUND,
    413: grpc.StatusCode.RESOURCE_EXHAUSTED,
    422: grpc.StatusCode.INVALID_ARGUMENT,
    429: grpc.StatusCode.RESOURCE_EXHAUSTED,
    501: grpc.StatusCode.UNIMPLEMENTED,
    503: grpc.StatusCode.UNAVAILABLE,
}


def of(error: HubError) -> grpc.StatusCode:
    """The code for a refusal."""
    if isinstance(error, NotServed):
        return grpc.StatusCode.FAILED_PRECONDITION
    usual = grpc.StatusCode.INTERNAL if error.status >= 500 else grpc.StatusCode.FAILED_PRECONDITION
    return _CODES.get(error.status, usual)
