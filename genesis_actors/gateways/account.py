"""The money of a simulated account: what is free, what is held, and what fills moved."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal

from genesis_actors.values import ZERO, MarketRules, Side, exact, floor_to_step

OPENING_QUOTE = Decimal(100_000_000)
"""What an account starts with of the quote currency, and as worth of the base."""


def opening_balances(markets: Iterable[tuple[MarketRules, Decimal]]) -> dict[str, Decimal]:
    """Return what an account starts with, given each symbol's rules and first mid.

    A currency that is the base of one symbol and the quote of another is given its worth as a
    base: a hundred million bitcoin, for ETH/BTC, would leave BTC/USDT no balance to run out of.
    """
    markets = tuple(markets)
    balances: dict[str, Decimal] = {}
    for rules, mid in markets:
        balances.setdefault(rules.base, _worth_of(OPENING_QUOTE, mid, rules.lot))
    for rules, _ in markets:
        balances.setdefault(rules.quote, OPENING_QUOTE)
    return balances


@exact
def _worth_of(value: Decimal, price: Decimal, lot: Decimal) -> Decimal:
    return floor_to_step(value / price, lot)


class Account:
    """Exact balances. What a resting order may cost is held, so that nothing is spent twice."""

    def __init__(self, opening: Mapping[str, Decimal]) -> None:
        self._free = dict(opening)
        self._held: dict[str, Decimal] = {}

    def free(self, currency: str) -> Decimal:
        return self._free.get(currency, ZERO)

    def balances(self) -> dict[str, Decimal]:
        return dict(self._free)

    def held(self) -> dict[str, Decimal]:
        return dict(self._held)

    @exact
    def hold(self, currency: str, amount: Decimal) -> None:
        self._free[currency] = self.free(currency) - amount
        self._held[currency] = self._held.get(currency, ZERO) + amount

    @exact
    def release(self, currency: str, amount: Decimal) -> None:
        self._free[currency] = self.free(currency) + amount
        self._held[currency] = self._held.get(currency, ZERO) - amount

    @exact
    def settle(
        self,
        rules: MarketRules,
        side: Side,
        quantity: Decimal,
        price: Decimal,
        fee: Decimal,
        fee_currency: str,
    ) -> None:
        """Exchange base for quote, or the reverse, and pay the fee."""
        self._free[rules.base] = self.free(rules.base) + side.sign * quantity
        self._free[rules.quote] = self.free(rules.quote) - side.sign * quantity * price
        self._free[fee_currency] = self.free(fee_currency) - fee


@exact
def funds_needed(
    rules: MarketRules, side: Side, quantity: Decimal, price: Decimal, fee_rate: Decimal
) -> tuple[str, Decimal]:
    """Return the currency and the amount that an order may cost at most."""
    if side is Side.SELL:
        return rules.base, quantity
    return rules.quote, quantity * price * (1 + max(fee_rate, ZERO))
