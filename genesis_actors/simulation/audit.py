"""What is left when all is over, held against the exchange's own ledger: the tables, and what still works."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from genesis_actors.messages.persistence import ExecutionRow, FillRow, OrderRow, SliceRow
from genesis_actors.simulation.exchange import LedgerOrder, LedgerTrade
from genesis_actors.simulation.invariants import Invariants
from genesis_actors.values import (
    BPS,
    ZERO,
    ExecutionId,
    ExecutionState,
    OrderStatus,
    decimal_text,
    exact,
    quotient,
)

_AFTER_THE_END: Final = timedelta(minutes=1)


class Audit:
    """Looks at the end; what it finds broken, it tells the judge of the run."""

    def __init__(self, judge: Invariants) -> None:
        self._judge = judge
        self._exchange = judge.exchange

    @exact
    def check_ledger(self, fills: dict[tuple[str, str], FillRow], at: datetime) -> None:
        """Hold the ledger against the table `fills` and the executions' own figures, to the last digit."""
        ours: dict[tuple[str, str], tuple[LedgerOrder, LedgerTrade]] = {
            (order.symbol, trade.trade_id): (order, trade)
            for order in self._exchange.orders
            if order.execution_id
            for trade in order.trades
        }
        for key in sorted(ours.keys() | fills.keys()):
            if key not in fills:
                order, trade = ours[key]
                self._judge.broken(
                    "P4", at, f"the trade {trade} is not recorded", order.execution_id
                )
            elif key not in ours:
                x = ExecutionId(fills[key].execution_id)
                self._judge.broken("P4", at, f"the fill {fills[key]} is of no trade of ours", x)
            elif (told := _difference(fills[key], *ours[key])) is not None:
                self._judge.broken("P4", at, told, ours[key][0].execution_id)
        for x, row in self._judge.rows.items():
            traded = sum((o.filled_quantity for o in self._exchange.orders_by(x)), ZERO)
            if row.filled_quantity != traded:
                self._judge.broken(
                    "P4",
                    at,
                    f"{decimal_text(traded)} has traded, {decimal_text(row.filled_quantity)} is shown",
                    x,
                )
            for most in (row.quantity, *self._judge.most_quantities(x)):
                if traded > most:
                    self._judge.broken("P1", at, f"{traded} of {most} has traded", x)

    @exact
    def check_figures(self, slices: list[SliceRow], orders: list[OrderRow], at: datetime) -> None:
        """Hold what is shown of executions, slices and orders against the ledger: quantities, prices, fees."""
        trades_of: defaultdict[tuple[str, ...], list[LedgerTrade]] = defaultdict(list)
        slice_of = {order.client_order_id: order.slice_number for order in orders}
        for order in self._exchange.orders:
            x, name = order.execution_id, order.client_order_id
            for key in ((x,), (x, name), (x, f"slice {slice_of.get(name)}")):
                trades_of[key].extend(order.trades)
        shown: list[tuple[tuple[str, ...], Decimal, Decimal | None]] = [
            *(
                ((x,), row.filled_quantity, row.average_price)
                for x, row in self._judge.rows.items()
            ),
            *(
                ((o.execution_id, o.client_order_id), o.filled_quantity, o.average_price)
                for o in orders
            ),
            *(
                (
                    (s.execution_id, f"slice {s.slice_number}"),
                    s.filled_quantity,
                    s.average_price,
                )
                for s in slices
            ),
        ]
        for key, quantity, price in shown:
            traded, average = _sums(trades_of[key])
            if (quantity, price) != (traded, average):
                what = f"{key[-1]} shows {quantity} at {price}, {traded} has traded at {average}"
                self._judge.broken("figures", at, what, ExecutionId(key[0]))
        for x, row in self._judge.rows.items():
            self._check_figures_of(x, row, trades_of[(x,)], at)

    def _check_figures_of(
        self, x: ExecutionId, row: ExecutionRow, trades: list[LedgerTrade], at: datetime
    ) -> None:
        fees = sum((trade.fee for trade in trades), ZERO)
        if row.fees_quote != fees:
            self._judge.broken(
                "figures", at, f"fees of {row.fees_quote} are shown, {fees} were paid", x
            )
        quantity, average = _sums(trades)
        rest, sign = row.quantity - quantity, self._judge.order_of(x).side.sign
        if row.remaining_quantity != rest:
            what = f"{row.remaining_quantity} is shown to remain, {rest} does"
            self._judge.broken("figures", at, what, x)
        if average is not None and row.arrival_price is not None:
            notional = sum((trade.quantity * trade.price for trade in trades), ZERO)
            worse = sign * (notional - quantity * row.arrival_price) * BPS
            slippage = quotient(worse, quantity * row.arrival_price)
            if row.slippage_vs_arrival_bps != slippage:
                what = f"a slippage of {row.slippage_vs_arrival_bps} is shown, it was {slippage}"
                self._judge.broken("figures", at, what, x)

    def check_deadlines(self, at: datetime) -> None:
        """Check that nothing runs on after its end: when nothing goes wrong any more, nobody has to see to that."""
        for x, row in self._judge.rows.items():
            is_over = row.ends_at is not None and row.ends_at + _AFTER_THE_END < at
            if row.state == ExecutionState.RUNNING and is_over:
                self._judge.broken("end", at, f"it runs on after its end, {row.ends_at}", x)

    def check_settled(self, at: datetime) -> None:
        for x, row in self._judge.rows.items():
            state = ExecutionState(row.state)
            if not state.is_final and state is not ExecutionState.PAUSED:
                self._judge.broken(
                    "end", at, f"it is still {state} when all should have settled", x
                )
            elif row.working_quantity or row.unknown_quantity:
                self._judge.broken(
                    "end",
                    at,
                    f"it is {state} with {decimal_text(row.working_quantity)} working and "
                    f"{decimal_text(row.unknown_quantity)} unknown when all should have settled",
                    x,
                )

    def check_foreign_orders(self, at: datetime) -> None:
        for order in self._exchange.orders:
            if not order.execution_id and order.status is OrderStatus.CANCELLED:
                self._judge.broken("P10", at, f"the foreign order {order.client_order_id} is gone")


def _sums(trades: list[LedgerTrade]) -> tuple[Decimal, Decimal | None]:
    quantity = sum((trade.quantity for trade in trades), ZERO)
    return quantity, quotient(sum((t.quantity * t.price for t in trades), ZERO), quantity)


def _difference(fill: FillRow, order: LedgerOrder, trade: LedgerTrade) -> str | None:
    recorded = (
        fill.execution_id,
        fill.client_order_id,
        fill.quantity,
        fill.price,
        fill.fee,
        fill.fee_currency,
        fill.liquidity,
        fill.traded_at,
    )
    true = (
        order.execution_id,
        order.client_order_id,
        trade.quantity,
        trade.price,
        trade.fee,
        trade.fee_currency,
        trade.liquidity.value,
        trade.at,
    )
    return None if recorded == true else f"the trade {true} is recorded as {recorded}"
