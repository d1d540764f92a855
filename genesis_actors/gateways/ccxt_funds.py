"""Whether the account can pay for an order: asked of the venue before each slice, and counted on until it says so."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from genesis_actors.messages.venue import PlaceOrder
from genesis_actors.values import ZERO, ClientOrderId, MarketRules, Side, exact

FRESH_SECONDS: Final = 5.0
"""A reading that is older is taken anew before an order relies on it."""


@dataclass(frozen=True, slots=True)
class Shortage:
    """An order costs `needed` of a currency, and there is only `free`."""

    currency: str
    needed: Decimal
    free: Decimal


@dataclass(frozen=True, slots=True)
class _Spent:
    currency: str
    amount: Decimal
    at: float


class Funds:
    """The free balances as last read, less what was sent since."""

    def __init__(
        self,
        read: Callable[[], Awaitable[Mapping[str, Decimal]]],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._read = read
        self._monotonic = monotonic
        self._free: Mapping[str, Decimal] = {}
        self._read_at: float | None = None
        self._spent: dict[ClientOrderId, _Spent] = {}
        self._reading: asyncio.Task[None] | None = None

    async def refresh(self, patience_seconds: float) -> None:
        """Have the balances read, once for all who wait, and wait so long for it. Raises what the reading raises."""
        if self._reading is None or self._reading.done():
            self._reading = asyncio.create_task(self._refresh())
            self._reading.add_done_callback(_look_at_failure)
        await asyncio.wait_for(asyncio.shield(self._reading), patience_seconds)

    async def _refresh(self) -> None:
        # Whatever was sent before counts as seen in what is read.
        began = self._monotonic()
        self._free = await self._read()
        self._read_at = began
        self._spent = {name: each for name, each in self._spent.items() if each.at >= began}

    @property
    def are_fresh(self) -> bool:
        return self._read_at is not None and self._monotonic() - self._read_at <= FRESH_SECONDS

    @exact
    def shortage(self, order: PlaceOrder, rules: MarketRules) -> Shortage | None:
        """Return what is missing for `order`, as far as is known; None where nothing was ever read."""
        if self._read_at is None:
            return None
        currency, needed = _cost(order, rules)
        spent = sum((s.amount for s in self._spent.values() if s.currency == currency), ZERO)
        free = self._free.get(currency, ZERO) - spent
        return Shortage(currency, needed, max(free, ZERO)) if needed > free else None

    def spend(self, order: PlaceOrder, rules: MarketRules) -> None:
        currency, amount = _cost(order, rules)
        self._spent[order.client_order_id] = _Spent(currency, amount, self._monotonic())

    def keep(self, name: ClientOrderId) -> None:
        """It has not been sent after all."""
        self._spent.pop(name, None)


def _look_at_failure(reading: asyncio.Task[None]) -> None:
    """Nobody may be waiting any more, and a failure that nobody looks at is told on stderr."""
    if not reading.cancelled():
        reading.exception()


def _cost(order: PlaceOrder, rules: MarketRules) -> tuple[str, Decimal]:
    if order.side is Side.SELL:
        return rules.base, order.quantity
    return rules.quote, order.quantity * order.price
