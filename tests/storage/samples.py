"""Made-up executions, and the writes that a slicer would send for them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from genesis_actors.messages.base import Address
from genesis_actors.messages.events import ChildFilled, ChildSent, ExecutionEvent, TwapAccepted
from genesis_actors.messages.persistence import (
    ExecutionRow,
    FillRow,
    Journaled,
    JournalFailed,
    OrderRow,
    SliceRow,
    WriteJournal,
)
from genesis_actors.values import (
    ClientId,
    ClientOrderId,
    ExecutionId,
    Liquidity,
    MarketRules,
    OnDeadline,
    OnSlippage,
    ParentOrder,
    Policy,
    Side,
    Style,
    Symbol,
    TradeId,
)

NOON = datetime(2024, 8, 8, 12, tzinfo=UTC)


@dataclass
class Probe:
    """Keeps what it is told."""

    heard: list[Journaled | JournalFailed] = field(default_factory=list)

    def tell(self, message: Journaled | JournalFailed) -> None:
        self.heard.append(message)


def sent(execution_id: str, order: str = "c1") -> ChildSent:
    return ChildSent(
        at=NOON, execution_id=ExecutionId(execution_id), client_order_id=ClientOrderId(order)
    )


def filled(execution_id: str, trade_id: str) -> ChildFilled:
    return ChildFilled(
        at=NOON,
        execution_id=ExecutionId(execution_id),
        client_order_id=ClientOrderId(f"{execution_id}-1"),
        trade_id=TradeId(trade_id),
        quantity=Decimal("0.1"),
        price=Decimal("57123.45"),
        fee=Decimal("5.712345"),
        fee_currency="USDT",
        liquidity=Liquidity.TAKER,
        traded_at=NOON,
    )


def accepted(execution_id: str, client_id: str | None = None) -> TwapAccepted:
    symbol, minute = Symbol("BTC/USDT"), timedelta(minutes=1)
    return TwapAccepted(
        at=NOON,
        execution_id=ExecutionId(execution_id),
        order=ParentOrder(
            symbol,
            Side.BUY,
            Decimal(10),
            10 * minute,
            client_id=None if client_id is None else ClientId(client_id),
        ),
        rules=MarketRules(
            symbol=symbol,
            base="BTC",
            quote="USDT",
            lot=Decimal("0.00001"),
            tick=Decimal("0.01"),
            min_notional=Decimal(5),
            taker_fee=Decimal("0.001"),
            maker_fee=Decimal("0.001"),
        ),
        policy=Policy(
            slice_interval=minute / 2,
            slices=None,
            min_slice_interval=minute / 6,
            max_participation=Decimal("0.1"),
            early_completion_threshold=Decimal("0.002"),
            target_price=None,
            limit_price=None,
            max_slippage_bps=None,
            on_slippage=OnSlippage.PAUSE,
            volume_adaptivity=Decimal("0.5"),
            jitter=Decimal("0.2"),
            catch_up_limit=Decimal(3),
            price_collar_bps=Decimal(10),
            on_deadline=OnDeadline.LEAVE,
            style=Style.TAKER,
            max_quote_age=minute / 12,
            quiet_share=Decimal("0.5"),
            anomaly_multiple=Decimal(4),
            seed=7,
        ),
        client_order_id_prefix="ab12",
        quantity=Decimal(10),
        arrival_price=Decimal("57100.005"),
        arrival_at=NOON,
    )


def execution_row(
    execution_id: str,
    *,
    state: str = "RUNNING",
    filled: Decimal = Decimal(0),
    quantity: Decimal = Decimal(10),
    client_id: str | None = None,
    slices_total: int = 20,
    created_at: datetime = NOON,
) -> ExecutionRow:
    return ExecutionRow(
        execution_id=execution_id,
        client_id=client_id,
        algo="twap",
        symbol="BTC/USDT",
        side="buy",
        quantity=quantity,
        duration_seconds=Decimal(600),
        state=state,
        reason=None,
        filled_quantity=filled,
        working_quantity=Decimal(0),
        unknown_quantity=Decimal(0),
        remaining_quantity=quantity - filled,
        average_price=Decimal("57123.4512345678"),
        arrival_price=Decimal("57100.005"),
        arrival_at=created_at,
        twap_benchmark=Decimal("57111.1234567891"),
        vwap_benchmark=None,
        implementation_shortfall_bps=Decimal("1.2345678901"),
        slippage_vs_arrival_bps=Decimal("1.2345678901"),
        slippage_vs_twap_bps=Decimal("-0.2345678901"),
        participation_rate=Decimal("0.0345678901"),
        max_slice_participation=Decimal("0.0845678901"),
        fees_quote=Decimal("571.2345"),
        early_completion=False,
        early_completion_reason=None,
        slices_total=slices_total,
        slices_done=3,
        seed=7,
        created_at=created_at,
        started_at=created_at,
        ends_at=created_at + timedelta(minutes=10),
        paused_at=None,
        finished_at=None,
    )


def slice_row(execution_id: str, number: int = 1, status: str = "WORKING") -> SliceRow:
    return SliceRow(
        execution_id=execution_id,
        slice_number=number,
        due_at=NOON + timedelta(seconds=30 * number),
        planned_quantity=Decimal("0.5"),
        filled_quantity=Decimal("0.1"),
        average_price=Decimal("57123.45"),
        market_price=Decimal("57120.005"),
        slippage_bps=Decimal("0.6031161937"),
        market_volume=Decimal("123.45678"),
        participation_rate=Decimal("0.0008100000"),
        status=status,
        reason=None,
        sent_at=NOON,
        done_at=None,
    )


def order_row(execution_id: str, order: str | None = None) -> OrderRow:
    return OrderRow(
        client_order_id=order or f"{execution_id}-1",
        venue_order_id="v-1",
        execution_id=execution_id,
        slice_number=1,
        total_slices=20,
        symbol="BTC/USDT",
        side="buy",
        order_type="limit_ioc",
        quantity=Decimal("0.5"),
        price=Decimal("57130.00"),
        filled_quantity=Decimal("0.1"),
        average_price=Decimal("57123.45"),
        status="PARTIAL",
        reason=None,
        mid_price=Decimal("57120.005"),
        touch_price=Decimal("57120.01"),
        slippage_percent=Decimal("0.0060311619"),
        created_at=NOON,
        sent_at=NOON,
        executed_at=NOON,
    )


def fill_row(execution_id: str, trade_id: str) -> FillRow:
    return FillRow(
        venue="paper",
        symbol="BTC/USDT",
        trade_id=trade_id,
        client_order_id=f"{execution_id}-1",
        execution_id=execution_id,
        quantity=Decimal("0.1"),
        price=Decimal("57123.45"),
        fee=Decimal("5.712345"),
        fee_currency="USDT",
        liquidity="taker",
        traded_at=NOON,
    )


def write(
    execution_id: str,
    first_version: int = 1,
    events: Sequence[ExecutionEvent] | None = None,
    *,
    execution: ExecutionRow | None = None,
    slices: Sequence[SliceRow] = (),
    orders: Sequence[OrderRow] = (),
    fills: Sequence[FillRow] = (),
    snapshot: str | None = None,
    reply_to: Address[Journaled | JournalFailed] | None = None,
    is_urgent: bool = True,
) -> WriteJournal:
    return WriteJournal(
        execution_id=ExecutionId(execution_id),
        first_version=first_version,
        events=(sent(execution_id),) if events is None else tuple(events),
        execution=execution,
        slices=tuple(slices),
        orders=tuple(orders),
        fills=tuple(fills),
        snapshot=snapshot,
        reply_to=Probe() if reply_to is None else reply_to,
        is_urgent=is_urgent,
    )


def whole_write(
    execution_id: str,
    version: int,
    reply_to: Address[Journaled | JournalFailed] | None = None,
) -> WriteJournal:
    """Return one fill with every row that changes by it, and the snapshot."""
    trade_id = f"{execution_id}-t{version}"
    return write(
        execution_id,
        version,
        [filled(execution_id, trade_id)],
        execution=execution_row(execution_id, filled=Decimal(version) / 10),
        slices=[slice_row(execution_id)],
        orders=[order_row(execution_id)],
        fills=[fill_row(execution_id, trade_id)],
        snapshot=f'{{"version":{version},"padding":"{"x" * 1500}"}}',
        reply_to=reply_to,
    )
