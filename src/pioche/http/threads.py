"""The one place where async code hands work to plain functions: a bounded pool of threads a process."""

import asyncio
import contextvars
import functools
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

T = TypeVar("T")

_THREADS = 24
_LONG_THREADS = 4
_pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="core")
_long_pool = ThreadPoolExecutor(_LONG_THREADS, thread_name_prefix="long")
_END = object()


async def run(function: Callable[..., T], *args: Any, **kwargs: Any) -> T:
    """Awaits `function(*args, **kwargs)` run in a worker thread."""
    call = functools.partial(contextvars.copy_context().run, function, *args, **kwargs)
    return await asyncio.get_running_loop().run_in_executor(_pool, call)


async def run_long(function: Callable[..., T], *args: Any, **kwargs: Any) -> T:
    """As `run`, for work that may take minutes: a few at a time, so that short work always finds a thread."""
    call = functools.partial(contextvars.copy_context().run, function, *args, **kwargs)
    return await asyncio.get_running_loop().run_in_executor(_long_pool, call)


async def next_of(iterator: Iterator[T]) -> T | None:
    """The next item of a plain iterator, or None at its end."""
    found = await run(next, iterator, _END)
    return None if found is _END else found
