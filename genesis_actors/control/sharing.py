"""Work that is the same for everybody who asks, done once for all who wait."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Shared(Generic[T]):
    """Never does the work more than once at a time, and answers nobody with what was begun before he asked."""

    def __init__(self, work: Callable[[], Awaitable[T]]) -> None:
        self._work = work
        self._current: asyncio.Future[T] | None = None
        self._next: asyncio.Future[T] | None = None

    @property
    def is_idle(self) -> bool:
        return self._current is None and self._next is None

    async def get(self) -> T:
        if self._next is None:
            self._next = asyncio.ensure_future(self._after(self._current))
        # Whoever gives up takes it from nobody else.
        return await asyncio.shield(self._next)

    async def _after(self, earlier: asyncio.Future[T] | None) -> T:
        if earlier is not None:
            await asyncio.wait([earlier])
        self._current, self._next = self._next, None
        try:
            return await self._work()
        finally:
            self._current = None
