"""An execution for people to read: what was done, what it cost, and slice by slice why."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from genesis_actors.cli import text
from genesis_actors.domain.figures import progress, progress_of_schedule
from genesis_actors.domain.report import ExecutionReport
from genesis_actors.messages.control import ExecutionStatus
from genesis_actors.messages.persistence import ExecutionRow, FillRow, SliceRow
from genesis_actors.values import SliceStatus


def execution_text(status: ExecutionStatus, now: datetime | None) -> str:
    """Return the summary and the slices."""
    summary = summary_text(status.execution, status.slices, now)
    return f"{summary}\n\n{slices_text(status.slices)}"


def summary_text(row: ExecutionRow, slices: Sequence[SliceRow], now: datetime | None) -> str:
    base, _, quote = row.symbol.partition("/")
    until = row.finished_at or row.paused_at or now
    due = None if until is None else progress_of_schedule(row, slices, until)
    state = str(row.state) if row.reason is None else f"{row.state} ({text.words(row.reason)})"
    if row.early_completion:
        state += " early"
    filled = (
        f"{text.quantity(row.filled_quantity)} of {text.quantity(row.quantity)} {base} "
        f"({text.percent(progress(row), 1)}; {text.percent(due, 1)} was due)"
    )
    lines = [
        ("execution", row.execution_id + (f"  ({row.client_id})" if row.client_id else "")),
        ("order", f"{row.side} {text.quantity(row.quantity)} {row.symbol}, {row.algo}"),
        ("state", state),
        ("filled", filled),
    ]
    still = row.working_quantity + row.unknown_quantity
    if still:
        lines.append(("at the venue", f"{text.quantity(still)} {base} working or unknown"))
    lines += [
        (
            "time",
            f"{text.moment(row.started_at)} to {text.moment(row.finished_at or row.ends_at)} UTC",
        ),
        ("average price", f"{text.price(row.average_price)} {quote}"),
        ("arrival price", _against(row, text.price(row.arrival_price), "slippage_vs_arrival_bps")),
        ("market TWAP", _against(row, text.price(row.twap_benchmark), "slippage_vs_twap_bps")),
        ("market VWAP", f"{text.price(row.vwap_benchmark)}"),
        (
            "shortfall",
            (
                f"{text.bps(row.implementation_shortfall_bps)} bps, with "
                f"{text.money(row.fees_quote)} {quote} of fees (positive is a cost)"
            ),
        ),
        (
            "participation",
            (
                f"{text.percent(row.participation_rate)} of the market's volume, "
                f"{text.percent(row.max_slice_participation)} at most in a slice"
            ),
        ),
        ("slices", f"{row.slices_done} of {row.slices_total} done"),
    ]
    return text.pairs(lines)


def _against(row: ExecutionRow, price: str, figure: str) -> str:
    return f"{price}  ({text.bps(getattr(row, figure))} bps against it)"


def slices_text(slices: Sequence[SliceRow]) -> str:
    return text.table(
        ("#", "due", "planned", "filled", "price", "bps", "share", "outcome"),
        [
            (
                str(part.slice_number),
                text.clock(part.due_at),
                text.quantity(part.planned_quantity),
                text.quantity(part.filled_quantity),
                text.price(part.average_price),
                text.bps(part.slippage_bps),
                text.percent(part.participation_rate),
                _outcome(part),
            )
            for part in slices
        ],
        left=(7,),
    )


def _outcome(part: SliceRow) -> str:
    """Return the reason where there is one: how much was filled shows the rest."""
    if part.reason is None or not SliceStatus(part.status).is_done:
        return str(part.status).lower()
    return text.words(part.reason)


def fills_text(fills: Sequence[FillRow]) -> str:
    return text.table(
        ("at", "order", "quantity", "price", "fee", "", "liquidity"),
        [
            (
                text.clock(fill.traded_at),
                fill.client_order_id,
                text.quantity(fill.quantity),
                text.quantity(fill.price),
                text.price(fill.fee),
                fill.fee_currency,
                str(fill.liquidity),
            )
            for fill in fills
        ],
        left=(1, 5, 6),
    )


def executions_text(rows: Sequence[ExecutionRow]) -> str:
    if not rows:
        return "no executions"
    return text.table(
        ("id", "symbol", "side", "quantity", "filled", "state", "reason", "created"),
        [
            (
                row.execution_id,
                row.symbol,
                str(row.side),
                text.quantity(row.quantity),
                text.percent(progress(row), 1),
                str(row.state),
                "" if row.reason is None else text.words(row.reason),
                text.moment(row.created_at),
            )
            for row in rows
        ],
        left=(0, 1, 2, 5, 6),
    )


def report_text(report: ExecutionReport, status: ExecutionStatus) -> str:
    """Return the execution with the count of what happened to its slices."""
    counts = [
        ("slices filled", str(report.slices_filled)),
        ("slices partial", str(report.slices_partial)),
        ("slices skipped", str(report.slices_skipped)),
        ("child orders", f"{report.child_orders} with {len(report.fills)} fills"),
        *((f"  {text.words(each.reason)}", f"{each.slices} slices") for each in report.reasons),
    ]
    summary = summary_text(status.execution, status.slices, None)
    return f"{summary}\n\n{text.pairs(counts)}\n\n{slices_text(status.slices)}"
