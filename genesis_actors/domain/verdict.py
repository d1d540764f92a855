"""The result in words: what was done, what it cost and why, and how that compares."""

from __future__ import annotations

from dataclasses import fields
from decimal import Decimal
from typing import Final

from genesis_actors.domain.comparisons import PLAIN_TWAP, SWEEP
from genesis_actors.domain.execution import Execution
from genesis_actors.domain.findings import Findings
from genesis_actors.values import ZERO, Algo, decimal_text, exact, quotient

_CAUSES: Final = {
    "delay": "the move before the schedule began",
    "spread": "the spread",
    "drift": "the market's drift",
    "schedule": "the times at which we traded",
    "impact": "going through the touch",
    "opportunity": "the move on what stayed open",
    "fees": "fees",
}
_OTHERS: Final = {PLAIN_TWAP: "a plain TWAP", SWEEP: "one sweep at arrival"}


@exact
def verdict(x: Execution, found: Findings) -> tuple[str, ...]:
    """Return a few sentences, the most important first."""
    return tuple(filter(None, (_done(x), _cost(x, found), *_against_others(x, found))))


def _done(x: Execution) -> str:
    base = x.rules.base
    share = quotient(100 * x.filled_quantity, x.quantity) or ZERO
    verb = "Bought" if x.order.side.sign > 0 else "Sold"
    if not x.filled_quantity:
        return f"Nothing of {decimal_text(x.quantity)} {base} was traded; it is {x.state}."
    price = x.figures.average_price
    at = "" if price is None else f" at {_short(price)} {x.rules.quote} on average"
    return (
        f"{verb} {decimal_text(x.filled_quantity)} of {decimal_text(x.quantity)} {base} "
        f"({share:.1f} %){at}; it is {x.state}."
    )


def _cost(x: Execution, found: Findings) -> str:
    whole = found.shortfall
    if whole.quote is None or whole.bps is None:
        return "What it cost cannot be measured: a price that is needed was not seen."
    word = "cost" if whole.quote >= ZERO else "gained"
    parts = {
        part.name: getattr(found.shortfall_parts, part.name)
        for part in fields(found.shortfall_parts)
    }
    same_sign = {
        name: part.bps
        for name, part in parts.items()
        if part.bps is not None and part.bps * whole.bps > ZERO
    }
    most = sorted(same_sign, key=lambda name: -abs(same_sign[name]))[:2]
    causes = " and ".join(f"{_CAUSES[name]} ({same_sign[name]:+.2f} bps)" for name in most)
    why = f", most of it {causes}" if causes else ""
    return (
        f"Against the arrival price it {word} {abs(whole.bps):.2f} bps, "
        f"{abs(whole.quote):,.2f} {x.rules.quote} with fees{why}."
    )


def _against_others(x: Execution, found: Findings) -> list[str]:
    said: list[str] = []
    for other in found.comparisons:
        saved, amount = other.saved_bps_with_fees, other.saved_quote_with_fees
        if other.name == SWEEP and x.algo is Algo.MARKET:
            continue  # It was one itself.
        if other.name in _OTHERS and saved is not None and amount is not None:
            word = "saved" if saved >= ZERO else "lost"
            quantity = other.quantity or x.filled_quantity
            only = (
                ""
                if quantity == x.filled_quantity
                else f" of the {decimal_text(quantity)} {x.rules.base} that the depth held"
            )
            said.append(
                f"Against {_OTHERS[other.name]}{only} we {word} {abs(saved):.2f} bps "
                f"({abs(amount):,.2f} {x.rules.quote})."
            )
    return said


def _short(price: Decimal) -> str:
    return decimal_text(Decimal(f"{price:.8g}"))
