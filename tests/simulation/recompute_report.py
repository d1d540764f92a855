"""Recomputes a report's numbers from a recording and the tables, by their definitions and with none of our code.

Sums are compared to the last digit, quotients to 10 places. What differs is returned as sentences.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from decimal import ROUND_FLOOR, Decimal, localcontext
from typing import Any

from tests.simulation.recompute import FEE, Market, Run, micros, rounded

Figures = dict[str, Decimal | None]

HORIZONS = (1, 5, 30, 60, 300)
AFTER = 300_000_000


def report_differences(
    report: Mapping[str, Any], run: Run, market: Market, cap: Decimal
) -> list[str]:
    """Return every figure of the report that recording and tables do not bear out."""
    with localcontext() as context:
        context.prec = 80
        expected = {
            **_parts(run, market),
            **_benchmarks(run, market),
            **_comparisons(run, market, cap),
            **_markouts(run, market),
            **_quality(run, market, cap),
        }
        found = dict(_flat("", report))
        return [
            f"{name} is {found.get(name)}, not {value}"
            for name, value in expected.items()
            if _known(found.get(name)) != value
        ]


def _flat(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for key, each in value.items():
            yield from _flat(f"{name}.{key}" if name else key, each)
    elif isinstance(value, list) and name == "markouts":
        for each in value:
            yield from _flat(f"{name}.{each['seconds']}", each)
    else:
        yield name, value


def _known(value: Any) -> Decimal | None:
    return None if value is None else Decimal(str(value))


class _Totals:
    def __init__(self, run: Run, market: Market) -> None:
        x = run.execution
        self.sign = 1 if x["side"] == "buy" else -1
        self.side = x["side"]
        self.wanted = Decimal(x["quantity"])
        self.fills = [
            (
                micros(f["traded_at"]),
                Decimal(f["quantity"]),
                Decimal(f["price"]),
                f["client_order_id"],
            )
            for f in run.fills
        ]
        self.filled = sum((q for _, q, _, _ in self.fills), Decimal(0))
        self.notional = sum((q * p for _, q, p, _ in self.fills), Decimal(0))
        self.fees = sum((Decimal(f["fee"]) for f in run.fills), Decimal(0))
        self.start, self.end = micros(x["started_at"]), micros(x["finished_at"])
        self.arrival = market.mid(micros(x["created_at"]))
        self.twap = rounded(market.twap(self.start, self.end))
        self.last = market.mid(self.end)
        # What was in force when each order was sent, from the recording itself.
        sent = {o["client_order_id"]: micros(o["sent_at"]) for o in run.orders if o["sent_at"]}
        self.mids = [market.mid(sent[name]) for _, _, _, name in self.fills]
        self.touches = [touch(market, self.side, sent[name]) for _, _, _, name in self.fills]


def touch(market: Market, side: str, at: int) -> Decimal:
    row = market.book[_index(market, at)]
    return Decimal(row["ask_px"] if side == "buy" else row["bid_px"])


def _index(market: Market, at: int) -> int:
    from bisect import bisect_right

    return bisect_right(market.book_times, at) - 1


def _parts(run: Run, market: Market) -> Figures:
    t = _Totals(run, market)
    at_mid = sum((f[1] * mid for f, mid in zip(t.fills, t.mids, strict=True)), Decimal(0))
    at_touch = sum((f[1] * each for f, each in zip(t.fills, t.touches, strict=True)), Decimal(0))
    started = market.mid(t.start)
    quotes = {
        "delay": t.sign * t.filled * (started - t.arrival),
        "drift": t.sign * t.filled * (t.twap - started),
        "schedule": t.sign * (at_mid - t.filled * t.twap),
        "spread": t.sign * (at_touch - at_mid),
        "impact": t.sign * (t.notional - at_touch),
        "opportunity": t.sign * (t.wanted - t.filled) * (t.last - t.arrival),
        "fees": t.fees,
    }
    base = t.wanted * t.arrival
    whole = sum(quotes.values(), Decimal(0))
    bps = {name: rounded(10_000 * quote / base) for name, quote in quotes.items()}
    bps["impact"] += rounded(10_000 * whole / base) - sum(bps.values(), Decimal(0))
    return {
        **{f"shortfall_parts.{name}.quote": quote for name, quote in quotes.items()},
        **{f"shortfall_parts.{name}.bps": value for name, value in bps.items()},
        "shortfall.quote": whole,
        "shortfall.bps": Decimal(run.execution["implementation_shortfall_bps"]),
        "shortfall_without_fees.quote": whole - t.fees,
    }


def _benchmarks(run: Run, market: Market) -> Figures:
    t = _Totals(run, market)
    volume = market.volume(t.start, t.end)
    turnover = sum((p * q for _, p, q in market.traded(t.start, t.end)), Decimal(0))
    prices = {
        "arrival": t.arrival,
        "decision": t.arrival,
        "start": market.mid(t.start),
        "twap": t.twap,
        "vwap": rounded(turnover / volume),
        "last_mid": t.last,
    }
    figures: Figures = {}
    for name, price in prices.items():
        exact = {"twap": market.twap(t.start, t.end), "vwap": turnover / volume}.get(name, price)
        cost, true_cost = (t.sign * (t.notional - t.filled * each) for each in (price, exact))
        if name == "vwap":
            cost = rounded(true_cost)
        figures |= {
            f"benchmarks.{name}.price": price,
            f"benchmarks.{name}.cost_quote": cost,
            f"benchmarks.{name}.cost_quote_with_fees": cost + t.fees,
            f"benchmarks.{name}.slippage_bps": rounded(10_000 * true_cost / (t.filled * exact)),
            f"benchmarks.{name}.slippage_bps_with_fees": rounded(
                10_000 * (true_cost + t.fees) / (t.filled * exact)
            ),
        }
    return figures


def _comparisons(run: Run, market: Market, cap: Decimal) -> Figures:
    t, x = _Totals(run, market), run.execution
    seen = [touch(market, t.side, t.start)]
    seen += [touch(market, t.side, at) for at in market.book_times if t.start <= at <= t.end]
    best = min(seen) if t.side == "buy" else max(seen)
    ends = t.start + int(Decimal(x["duration_seconds"]) * 1_000_000)
    step = Decimal(ends - t.start) / x["slices_total"]
    middles = [int(t.start + step * number + step / 2) for number in range(x["slices_total"])]
    plain = sum((touch(market, t.side, at) for at in middles), Decimal(0)) / len(middles)
    levels, _ = market.levels(t.side, micros(x["created_at"]))
    ways = {
        "theoretical_best": (t.filled, t.filled * best),
        "feasible_best": _within_cap(t, market, cap, x),
        "plain_twap": (t.filled, t.filled * plain),
        "sweep_at_arrival": _taken([(p, q) for p, q in levels], t.filled),
    }
    if x["algo"] == "market":
        del ways["plain_twap"]
    figures: Figures = {}
    for name, (quantity, notional) in ways.items():
        if name == "sweep_at_arrival" and 10 * quantity < t.filled:
            continue
        share = quantity / t.filled
        saved = t.sign * (notional - t.notional * share)
        with_fees = saved + notional * FEE - t.fees * share
        figures |= {
            f"comparisons.{name}.quantity": quantity,
            f"comparisons.{name}.price": rounded(notional / quantity),
            f"comparisons.{name}.saved_bps": rounded(10_000 * saved / (quantity * t.arrival)),
            f"comparisons.{name}.saved_bps_with_fees": rounded(
                10_000 * with_fees / (quantity * t.arrival)
            ),
        }
        if quantity == t.filled and name != "plain_twap":
            figures |= {
                f"comparisons.{name}.saved_quote": saved,
                f"comparisons.{name}.saved_quote_with_fees": with_fees,
            }
    return figures


def _within_cap(
    t: _Totals, market: Market, cap: Decimal, x: Mapping[str, Any]
) -> tuple[Decimal, Decimal]:
    window = max(int(Decimal(x["duration_seconds"]) * 1_000_000) // x["slices_total"], 60_000_000)
    lot = _lot(market)
    pieces: list[tuple[Decimal, Decimal]] = []
    start = t.start
    while start < t.end:
        until = min(start + window, t.end)
        seen = [touch(market, t.side, start)]
        seen += [touch(market, t.side, at) for at in market.book_times if start <= at <= until]
        most = cap * market.volume(start, until)
        lots = (most / lot).to_integral_value(ROUND_FLOOR) * lot
        pieces.append((min(seen) if t.side == "buy" else max(seen), lots))
        start = until
    return _taken(sorted(pieces, key=lambda piece: t.sign * piece[0]), t.filled)


def _lot(market: Market) -> Decimal:
    """Return the finest step of the recorded quantities, which the replay takes for the lot."""
    places = max(max(-int(q.normalize().as_tuple().exponent), 0) for _, _, q in market.trades)
    return Decimal(1).scaleb(-places)


def _taken(levels: list[tuple[Decimal, Decimal]], wanted: Decimal) -> tuple[Decimal, Decimal]:
    left, notional = wanted, Decimal(0)
    for price, quantity in levels:
        take = min(left, quantity)
        left, notional = left - take, notional + take * price
    return wanted - left, notional


def _markouts(run: Run, market: Market) -> Figures:
    t = _Totals(run, market)
    last = min(t.end + AFTER + 1_000_000, max(market.book_times[-1], market.trade_times[-1]))
    figures: Figures = {}
    for seconds in HORIZONS:
        seen = [fill for fill in t.fills if fill[0] + seconds * 1_000_000 <= last]
        figures[f"markouts.{seconds}.fills"] = Decimal(len(seen))
        if not seen:
            continue
        later = [market.mid(at + seconds * 1_000_000) for at, _, _, _ in seen]
        costs = [t.sign * q * (p - m) for (_, q, p, _), m in zip(seen, later, strict=True)]
        values = [q * p for _, q, p, _ in seen]
        mean = sum(costs, Decimal(0)) / sum(values, Decimal(0))
        mids = [market.mid(at) for at, _, _, _ in seen]
        moved = sum(
            (t.sign * f[1] * (a - b) for f, a, b in zip(seen, mids, later, strict=True)), Decimal(0)
        )
        worth = sum((f[1] * mid for f, mid in zip(seen, mids, strict=True)), Decimal(0))
        times = [
            at for at in range(t.start, t.end + 1, 1_000_000) if at + seconds * 1_000_000 <= last
        ]
        before = [market.mid(at) for at in times]
        after = [market.mid(at + seconds * 1_000_000) for at in times]
        drift = (sum(before, Decimal(0)) - sum(after, Decimal(0))) / sum(before, Decimal(0))
        figures |= {
            f"markouts.{seconds}.market_bps": rounded(10_000 * t.sign * drift),
            f"markouts.{seconds}.cost_quote": sum(costs, Decimal(0)),
            f"markouts.{seconds}.cost_bps": rounded(10_000 * mean),
            f"markouts.{seconds}.reversion_bps": rounded(10_000 * moved / worth),
        }
        orders: defaultdict[str, Decimal] = defaultdict(Decimal)
        for (_, _, _, name), cost, value in zip(seen, costs, values, strict=True):
            orders[name] += cost - mean * value
        if len(seen) >= 20 and len(orders) > 1:
            variance = sum((each**2 for each in orders.values()), Decimal(0))
            variance *= Decimal(len(orders)) / (len(orders) - 1)
            error = variance.sqrt() / sum(values, Decimal(0)) * 10_000 * Decimal("1.959963985")
            low = rounded(10_000 * mean) - rounded(error)
            figures[f"markouts.{seconds}.low_bps"] = low
        else:
            figures[f"markouts.{seconds}.low_bps"] = None
    return figures


def _quality(run: Run, market: Market, cap: Decimal) -> Figures:
    t = _Totals(run, market)
    paid = sum(
        (t.sign * f[1] * (f[2] - m) for f, m in zip(t.fills, t.mids, strict=True)), Decimal(0)
    )
    half = sum(
        (f[1] * abs(e - m) for f, e, m in zip(t.fills, t.touches, t.mids, strict=True)), Decimal(0)
    )
    rests = [Decimal(f["quantity"]) for f in run.fills if f["liquidity"] == "maker"]
    return {
        "participation.average": rounded(t.filled / market.volume(t.start, t.end)),
        "participation.market_volume": market.volume(t.start, t.end),
        "participation.cap": cap,
        "spread.capture": rounded(-paid / half),
        "spread.maker_share": rounded(sum(rests, Decimal(0)) / t.filled),
        "timing.schedule_error": _schedule_error(run, t),
    }


def _schedule_error(run: Run, t: _Totals) -> Decimal:
    steps = [(micros(part["due_at"]), -Decimal(part["planned_quantity"])) for part in run.slices]
    steps += [(at, quantity) for at, quantity, _, _ in t.fills]
    area, away, since = Decimal(0), Decimal(0), t.start
    for at, change in [*sorted(steps), (t.end, Decimal(0))]:
        until = min(max(at, t.start), t.end)
        area += abs(away) * (until - since)
        away, since = away + change, until
    return rounded(area / (t.wanted * (t.end - t.start)))
