"""The tables of a report's page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from genesis_actors.report import words

View: TypeAlias = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Table:
    """Cells as they are shown; columns named in `left` hold words, the others figures."""

    title: str
    headings: Sequence[str]
    rows: Sequence[Sequence[str]]
    left: Sequence[int] = (0,)


def tables(view: View) -> Iterator[Table]:
    quote = view["execution"]["symbol"].partition("/")[2]
    yield _parts(view, quote)
    yield _benchmarks(view, quote)
    yield _comparisons(view, quote)
    yield _markouts(view, quote)
    yield _latency(view)
    yield _incidents(view)
    yield _slices(view)
    yield _fills(view)


def _parts(view: View, quote: str) -> Table:
    parts = {**view["shortfall_parts"], "together": view["shortfall"]}
    return Table(
        "Implementation shortfall",
        ("part", quote, "bps"),
        [(name, words.money(p["quote"]), words.bps(p["bps"])) for name, p in parts.items()],
    )


def _benchmarks(view: View, quote: str) -> Table:
    return Table(
        "Against each benchmark",
        ("benchmark", "price", "bps", "bps with fees", quote, f"{quote} with fees", "remark"),
        [
            (
                words.code(name),
                words.price(each["price"]),
                words.bps(each["slippage_bps"]),
                words.bps(each["slippage_bps_with_fees"]),
                words.money(each["cost_quote"]),
                words.money(each["cost_quote_with_fees"]),
                "over a gap" if each["is_over_gap"] else "",
            )
            for name, each in view["benchmarks"].items()
        ],
        left=(0, 6),
    )


def _comparisons(view: View, quote: str) -> Table:
    return Table(
        "Other ways",
        ("way", "quantity", "price", "saved bps", "with fees", f"saved {quote}", "with fees "),
        [
            (
                words.code(name),
                words.text(each["quantity"]),
                words.price(each["price"]),
                words.bps(each["saved_bps"]),
                words.bps(each["saved_bps_with_fees"]),
                words.money(each["saved_quote"]),
                words.money(each["saved_quote_with_fees"]),
            )
            for name, each in view["comparisons"].items()
        ],
    )


def _markouts(view: View, quote: str) -> Table:
    return Table(
        "Mark-outs",
        ("after", "fills", "not observed", "cost bps", "95 % low", "95 % high", quote, "reverted"),
        [
            (
                f"{mark['seconds']} s",
                str(mark["fills"]),
                str(mark["fills_not_observed"]),
                words.bps(mark["cost_bps"]),
                "too few" if mark["has_too_few"] else words.bps(mark["low_bps"]),
                "too few" if mark["has_too_few"] else words.bps(mark["high_bps"]),
                words.money(mark["cost_quote"]),
                words.bps(mark["reversion_bps"]),
            )
            for mark in view["markouts"]
        ],
    )


def _latency(view: View) -> Table:
    return Table(
        "Latency",
        ("from - to", "count", "half, ms", "95 %, ms", "longest, ms"),
        [
            (
                words.code(name),
                str(each["count"]),
                *(words.text(each[figure]) for figure in ("p50_ms", "p95_ms", "max_ms")),
            )
            for name, each in view["latency"].items()
        ],
    )


def _incidents(view: View) -> Table:
    return Table(
        "Incidents",
        ("at", "until", "what", "slice", "order", "detail"),
        [
            (
                words.clock(each["at"]),
                words.clock(each["until"]),
                words.code(each["kind"]),
                "" if each["slice_number"] is None else str(each["slice_number"]),
                each["client_order_id"] or "",
                each["detail"],
            )
            for each in view["incidents"]
        ],
        left=(0, 1, 2, 4, 5),
    )


def _slices(view: View) -> Table:
    shows_impact = any(part["impact_bps"] is not None for part in view["slices"])
    return Table(
        "Slices",
        (
            "slice",
            "due",
            "sent",
            "planned",
            "filled",
            "price",
            "mid",
            "bps",
            *(("impact",) if shows_impact else ()),
            "share",
            "orders",
            "status",
            "reason",
        ),
        [
            (
                str(part["number"]),
                words.clock(part["due_at"]),
                words.clock(part["sent_at"]),
                part["planned_quantity"],
                part["filled_quantity"],
                words.price(part["average_price"]),
                words.price(part["market_price"]),
                words.bps(part["slippage_bps"]),
                *((words.bps(part["impact_bps"]),) if shows_impact else ()),
                words.percent(part["participation_rate"]),
                str(part["child_orders"]),
                part["status"].lower(),
                words.code(part["reason"]),
            )
            for part in view["slices"]
        ],
        left=(1, 2, 11, 12) if shows_impact else (1, 2, 10, 11),
    )


def _fills(view: View) -> Table:
    return Table(
        "Fills",
        ("at", "quantity", "price", "fee", "currency", "liquidity", "order", "trade"),
        [
            (
                words.clock(fill["at"]),
                fill["quantity"],
                fill["price"],
                fill["fee"],
                fill["fee_currency"],
                fill["liquidity"],
                fill["client_order_id"],
                fill["trade_id"],
            )
            for fill in view["fills"]
        ],
        left=(0, 4, 5, 6, 7),
    )
