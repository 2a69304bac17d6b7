"""How many calls one address may hold, and how long without asking anything: for every service of the port.

The library takes any number of calls whose request never comes, and gives them no time. So what takes one request is given to it as
if it took several: then the waiting is ours, and can end.
"""

import asyncio
import inspect
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from urllib.parse import unquote

import grpc

from pioche.http.addresses import Addresses

Context = Any
Handler = Any
"""grpc.aio.ServicerContext and grpc.RpcMethodHandler, of which the library says no types."""


class Guard(grpc.aio.ServerInterceptor):  # type: ignore[misc]  # the library has no types
    """For one event loop."""

    def __init__(self, addresses: Addresses, idle_seconds: float, calls_each_max: int) -> None:
        self._addresses = addresses
        self._idle_seconds = idle_seconds
        self._calls_each_max = calls_each_max
        self._open = Counter[str]()

    async def intercept_service(
        self, continuation: Callable[[Any], Awaitable[Handler | None]], details: Any
    ) -> Handler:
        handler = await continuation(details)
        return None if handler is None else self._guarded(handler)

    def _guarded(self, handler: Handler) -> Handler:
        kinds = (handler.unary_unary, handler.unary_stream, handler.stream_unary, handler.stream_stream)
        behaviour = next(one for one in kinds if one is not None)

        async def begun(requests: AsyncIterator[Any], context: Context) -> Any:
            await self._enter(context)
            asked = self._asked(requests, context)
            return behaviour(asked if handler.request_streaming else await _only(asked, context), context)

        async def one(requests: AsyncIterator[Any], context: Context) -> Any:
            return await (await begun(requests, context))

        async def several(requests: AsyncIterator[Any], context: Context) -> AsyncIterator[Any]:
            answered = await begun(requests, context)
            if inspect.isawaitable(answered):  # it writes its answers by itself
                await answered
                return
            async for part in answered:
                yield part

        forms = handler.request_deserializer, handler.response_serializer
        if handler.response_streaming:
            return grpc.stream_stream_rpc_method_handler(several, *forms)
        return grpc.stream_unary_rpc_method_handler(one, *forms)

    async def _enter(self, context: Context) -> None:
        address = address_of(self._addresses, context)
        if self._open[address] >= self._calls_each_max:
            said = f"This address has {self._calls_each_max} calls open: end one of them first"
            await context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, said)
        self._open[address] += 1
        context.add_done_callback(lambda _context: self._leave(address))

    def _leave(self, address: str) -> None:
        self._open[address] -= 1
        if not self._open[address]:
            del self._open[address]

    async def _asked(self, requests: AsyncIterator[Any], context: Context) -> AsyncIterator[Any]:
        """What comes, as long as it does: while an answer is made, nobody waits for more."""
        coming = aiter(requests)
        while True:
            try:
                async with asyncio.timeout(self._idle_seconds):
                    request = await anext(coming)
            except StopAsyncIteration:
                return
            except TimeoutError:
                said = f"Nothing was asked for {self._idle_seconds:g} seconds"
                await context.abort(grpc.StatusCode.DEADLINE_EXCEEDED, said)
            yield request


def address_of(addresses: Addresses, context: Context) -> str:
    """Of the client, through proxies that are trusted."""
    headers = {key: value for key, value in context.invocation_metadata() or () if isinstance(value, str)}
    return addresses.client({"client": (_peer(context.peer()), 0)}, headers)


async def _only(asked: AsyncIterator[Any], context: Context) -> Any:
    async for request in asked:
        return request
    return await context.abort(grpc.StatusCode.INVALID_ARGUMENT, "The call came without a request")


def _peer(text: str) -> str:
    """The address in `ipv4:127.0.0.1:5000` or `ipv6:[::1]:5000`."""
    return unquote(text).partition(":")[2].rpartition(":")[0].strip("[]")
