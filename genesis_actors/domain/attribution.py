"""Many executions together: what each kind of them cost, which part of it came from where, and what to change next.

Everything is weighted by value: a group's bps are its cost over what its orders were worth at their arrival prices.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Final

from genesis_actors.values import BPS, ZERO, exact, quotient

PARTS: Final = ("delay", "spread", "drift", "schedule", "impact", "opportunity", "fees")


class By(StrEnum):
    """What executions are put together by."""

    SYMBOL = "symbol"
    STYLE = "style"
    SIDE = "side"
    VENUE = "venue"
    HOUR = "hour"


@dataclass(frozen=True, slots=True)
class ExecutionCost:
    """One execution's report in short. Quote units, positive = cost; None where it was not measurable.

    `value_quote` is the whole order at its arrival price; at the same price, `filled_value_quote` is what of it was
    filled, and `sweep_value_quote` what of it the depth at arrival would have filled.
    """

    execution_id: str
    symbol: str
    side: str
    style: str
    venue: str
    started_at: datetime | None
    value_quote: Decimal | None
    filled_value_quote: Decimal | None
    shortfall_quote: Decimal | None
    parts: Mapping[str, Decimal | None]
    twap_cost_quote: Decimal | None
    vwap_cost_quote: Decimal | None
    saved_to_plain_twap_quote: Decimal | None
    saved_to_sweep_quote: Decimal | None
    sweep_value_quote: Decimal | None
    recommendations: tuple[tuple[str, str], ...]

    @property
    def quote_currency(self) -> str:
        return self.symbol.partition("/")[2]

    def key(self, by: By) -> str:
        if by is By.HOUR:
            return "-" if self.started_at is None else f"{self.started_at:%H}:00"
        return str(getattr(self, by.value))


@dataclass(frozen=True, slots=True)
class GroupCost:
    """Executions of one kind and one quote currency. Bps of value; each over those executions that have the figure.

    `not_measured` counts those without a shortfall.
    """

    key: str
    quote_currency: str
    executions: int
    not_measured: int
    value_quote: Decimal
    filled_share: Decimal | None
    shortfall_quote: Decimal
    shortfall_bps: Decimal | None
    worst_bps: Decimal | None
    worst_execution: str | None
    parts_bps: tuple[tuple[str, Decimal | None], ...]
    twap_bps: Decimal | None
    vwap_bps: Decimal | None
    saved_to_plain_twap_bps: Decimal | None
    saved_to_sweep_bps: Decimal | None


@dataclass(frozen=True, slots=True)
class NextChange:
    """A recommendation that several executions have in common; `text` is that of `execution`, the costliest of them."""

    code: str
    executions: int
    of: int
    symbols: tuple[tuple[str, int], ...]
    execution: str
    text: str


@exact
def grouped(costs: Iterable[ExecutionCost], by: By) -> tuple[GroupCost, ...]:
    """Return a row for each kind and quote currency, the most valuable first."""
    groups: defaultdict[tuple[str, str], list[ExecutionCost]] = defaultdict(list)
    for cost in costs:
        groups[cost.key(by), cost.quote_currency].append(cost)
    rows = [_group(key, currency, found) for (key, currency), found in groups.items()]
    if by is By.HOUR:
        return tuple(sorted(rows, key=lambda row: (row.key, row.quote_currency)))
    return tuple(sorted(rows, key=lambda row: (-row.value_quote, row.key)))


@exact
def next_changes(costs: Sequence[ExecutionCost]) -> tuple[NextChange, ...]:
    """Return what was recommended, the most frequent first; that nothing is to be changed is no change."""
    found: defaultdict[str, list[tuple[ExecutionCost, str]]] = defaultdict(list)
    for cost in costs:
        for code, text in cost.recommendations:
            if code != "nothing_to_change":
                found[code].append((cost, text))

    def costliest(each: list[tuple[ExecutionCost, str]]) -> tuple[ExecutionCost, str]:
        return max(each, key=lambda pair: _bps(pair[0], pair[0].shortfall_quote) or ZERO)

    changes = [
        NextChange(
            code=code,
            executions=len(each),
            of=len(costs),
            symbols=tuple(Counter(cost.symbol for cost, _ in each).most_common()),
            execution=costliest(each)[0].execution_id,
            text=costliest(each)[1],
        )
        for code, each in found.items()
    ]
    return tuple(sorted(changes, key=lambda change: (-change.executions, change.code)))


def _group(key: str, currency: str, costs: Sequence[ExecutionCost]) -> GroupCost:
    measured = [cost for cost in costs if cost.shortfall_quote is not None]
    worst = max(measured, key=lambda c: _bps(c, c.shortfall_quote) or ZERO, default=None)
    return GroupCost(
        key=key,
        quote_currency=currency,
        executions=len(costs),
        not_measured=len(costs) - len(measured),
        value_quote=_sum(cost.value_quote for cost in costs),
        filled_share=quotient(
            _sum(c.filled_value_quote for c in costs), _sum(c.value_quote for c in costs)
        ),
        shortfall_quote=_sum(cost.shortfall_quote for cost in costs),
        shortfall_bps=_weighted((c.shortfall_quote, c.value_quote) for c in costs),
        worst_bps=None if worst is None else _bps(worst, worst.shortfall_quote),
        worst_execution=None if worst is None else worst.execution_id,
        parts_bps=tuple(
            (part, _weighted((c.parts.get(part), c.value_quote) for c in costs)) for part in PARTS
        ),
        twap_bps=_weighted((c.twap_cost_quote, c.filled_value_quote) for c in costs),
        vwap_bps=_weighted((c.vwap_cost_quote, c.filled_value_quote) for c in costs),
        saved_to_plain_twap_bps=_weighted(
            (c.saved_to_plain_twap_quote, c.filled_value_quote) for c in costs
        ),
        saved_to_sweep_bps=_weighted((c.saved_to_sweep_quote, c.sweep_value_quote) for c in costs),
    )


def _bps(cost: ExecutionCost, amount: Decimal | None) -> Decimal | None:
    return _weighted([(amount, cost.value_quote)])


def _weighted(pairs: Iterable[tuple[Decimal | None, Decimal | None]]) -> Decimal | None:
    """Return 10^4 x sum of costs / sum of values, over the pairs that are known."""
    known = [(cost, value) for cost, value in pairs if cost is not None and value is not None]
    return quotient(BPS * _sum(cost for cost, _ in known), _sum(value for _, value in known))


def _sum(values: Iterable[Decimal | None]) -> Decimal:
    return sum((value for value in values if value is not None), ZERO)
