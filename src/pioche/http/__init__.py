"""What every protocol shares: the route table and its router, requests and responses, callers, ranges, limits.

`kernel.Kernel` is the ASGI application; `routes.Route` is one line of a protocol's table; handlers are
`async (request) -> Response` and find the caller, the opened repo and the path's parameters on the request.
"""
