"""Risk under random interleavings of many executions: no limit is ever passed, and nothing is left reserved."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from genesis_actors.domain.exposure import Account
from genesis_actors.domain.limits import RiskLimits
from genesis_actors.messages.risk import PastPosition, RestoreAccount, RestoreFills
from genesis_actors.messages.venue import (
    OrderFilled,
    OrderNotFound,
    OrderRefused,
    PastOrder,
    PlaceOrder,
    RestoreOrders,
    SettleOrder,
)
from genesis_actors.runtime.simulation import DeterministicRuntime
from genesis_actors.values import ZERO, ClientOrderId, Reason, Side, Symbol
from tests.actors.test_risk import Desk
from tests.making import BTC, NOON, a_child, a_close, a_description, a_fill

ETH = Symbol("ETH/USDT")
SYMBOLS = (BTC, ETH)
LIMITS = RiskLimits(
    max_order_notional=Decimal(600),
    max_symbol_exposure=Decimal(1_000),
    max_portfolio_exposure=Decimal(1_500),
    max_deviation_bps=None,
)
BUDGET = Decimal(20)
"""What all of a symbol's executions may take together: a tenth of a volume of 200, which no fill leaves."""

draws = st.data()
quantities = st.integers(1, 8).map(Decimal)


@dataclass
class Sent:
    """An order as the venue knows it."""

    order: PlaceOrder
    fills: list[OrderFilled] = field(default_factory=list[OrderFilled])
    is_open: bool = True
    said: Decimal = ZERO

    @property
    def filled(self) -> Decimal:
        return sum((fill.quantity for fill in self.fills), ZERO)

    @property
    def left(self) -> Decimal:
        return self.order.quantity - self.filled if self.is_open else ZERO

    @property
    def counted(self) -> Decimal:
        return max(self.filled, self.said)


class Interleavings(RuleBasedStateMachine):
    """The venue's own books, kept beside those of the risk actor."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: dict[str, Sent] = {}
        self.mids = dict.fromkeys(SYMBOLS, Decimal(100))
        self.names = iter(range(1_000_000))
        self.start()

    def start(self) -> None:
        self.runtime = DeterministicRuntime(seed=1, start=NOON)
        self.desk = Desk(self.runtime, LIMITS)
        self.desk.tell(a_description(ETH))

    def teardown(self) -> None:
        self.runtime.stop()

    # --- What happens ---

    @rule(
        symbol=st.sampled_from(SYMBOLS),
        side=st.sampled_from(Side),
        quantity=quantities,
        execution=st.sampled_from(("x1", "x2", "x3")),
        is_resting=st.booleans(),
    )
    def place(
        self, symbol: Symbol, side: Side, quantity: Decimal, execution: str, *, is_resting: bool
    ) -> None:
        mid, name = self.mids[symbol], f"c{next(self.names)}"
        price = mid - side.sign if is_resting else mid + side.sign
        order = a_child(name, quantity="1", volume="200", execution_id=execution).model_copy(
            update={
                "symbol": symbol,
                "side": side,
                "quantity": quantity,
                "price": price,
                "mid": mid,
                "resting": is_resting,
                "remaining_quantity": quantity * {"x1": 1, "x2": 5, "x3": 50}[execution],
            }
        )
        told = len(self.desk.outcomes.messages)
        self.desk.tell(order)
        if order in self.desk.venue.messages:
            self.sent[name] = Sent(order)
            self.check(order)
        else:
            [refused] = self.desk.outcomes.messages[told:]
            assert isinstance(refused, OrderRefused)
            self.check_refusal(order, refused)

    @precondition(lambda self: any(sent.left for sent in self.sent.values()))
    @rule(data=draws)
    def fill(self, data: st.DataObject) -> None:
        sent = self.one(data, [sent for sent in self.sent.values() if sent.left])
        quantity = Decimal(data.draw(st.integers(1, int(sent.left))))
        trade = f"{sent.order.client_order_id}-{len(sent.fills)}"
        fill = a_fill(sent.order, quantity=str(quantity), trade_id=trade)
        sent.fills.append(fill)
        if data.draw(st.booleans()):
            self.desk.tell(fill)
        self.desk.tell(fill)  # Told twice, now and then.
        if not sent.left:
            sent.is_open = False

    @precondition(lambda self: any(sent.is_open for sent in self.sent.values()))
    @rule(data=draws)
    def close(self, data: st.DataObject) -> None:
        sent = self.one(data, [sent for sent in self.sent.values() if sent.is_open])
        is_untouched = not sent.fills
        sent.is_open = False
        order = sent.order
        ways = [a_close(order), a_close(order).model_copy(update={"filled_quantity": sent.filled})]
        if is_untouched:
            refused = OrderRefused(
                at=NOON,
                execution_id=order.execution_id,
                client_order_id=order.client_order_id,
                reason=Reason.HALTED,
            )
            gone = OrderNotFound(
                at=NOON,
                execution_id=order.execution_id,
                client_order_id=order.client_order_id,
                asked_at=NOON,
                is_proof=True,
            )
            ways += [refused, gone]
        end = data.draw(st.sampled_from(ways))
        self.desk.tell(end, end)

    @precondition(lambda self: any(sent.is_open for sent in self.sent.values()))
    @rule(data=draws)
    def settle(self, data: st.DataObject) -> None:
        """The operator says of an order what its trades, that are yet to come, will say."""
        sent = self.one(data, [sent for sent in self.sent.values() if sent.is_open])
        sent.said = sent.filled + Decimal(data.draw(st.integers(0, int(sent.left))))
        sent.is_open = False
        order = sent.order
        self.desk.tell(
            SettleOrder(
                execution_id=order.execution_id,
                client_order_id=order.client_order_id,
                symbol=order.symbol,
                filled_quantity=sent.said,
            )
        )

    @precondition(lambda self: any(sent.said > sent.filled for sent in self.sent.values()))
    @rule(data=draws)
    def tell_what_was_said(self, data: st.DataObject) -> None:
        sent = self.one(data, [each for each in self.sent.values() if each.said > each.filled])
        quantity = str(sent.said - sent.filled)
        fill = a_fill(sent.order, quantity=quantity, trade_id=f"{sent.order.client_order_id}-late")
        sent.fills.append(fill)
        self.desk.tell(fill)

    @rule(symbol=st.sampled_from(SYMBOLS), mid=st.integers(90, 110))
    def move(self, symbol: Symbol, mid: int) -> None:
        self.mids[symbol] = Decimal(mid)

    @rule()
    def restart(self) -> None:
        """Another process begins with what the tables have."""
        self.runtime.stop()
        self.start()
        positions = tuple(PastPosition(s, self.position(s), self.mids[s]) for s in SYMBOLS)
        self.desk.tell(RestoreAccount(positions))
        for symbol in SYMBOLS:
            ours = [sent for sent in self.sent.values() if sent.order.symbol == symbol]
            fills = tuple(
                (sent.order.client_order_id, fill.trade_id, fill.traded_at, fill.quantity)
                for sent in ours
                for fill in sent.fills
            )
            ended = tuple(
                (sent.order.client_order_id, sent.order.side, sent.counted)
                for sent in ours
                if not sent.is_open and (sent.said or not sent.filled)
            )
            self.desk.tell(RestoreFills(symbol, NOON, fills, ended))
            for side in Side:
                mine = [s for s in ours if (s.is_open or s.said) and s.order.side is side]
                orders = tuple(map(as_past, mine))
                execution = a_child().execution_id
                self.desk.tell(RestoreOrders(execution, symbol, side, Decimal(1_000_000), orders))

    # --- What holds ---

    def position(self, symbol: Symbol) -> Decimal:
        ours = (sent for sent in self.sent.values() if sent.order.symbol == symbol)
        return sum((sent.order.side.sign * sent.counted for sent in ours), ZERO)

    def reserved(self, symbol: Symbol, side: Side) -> Decimal:
        ours = (s for s in self.sent.values() if s.order.symbol == symbol and s.order.side is side)
        return sum((sent.left for sent in ours), ZERO)

    def exposure(self, symbol: Symbol) -> Decimal:
        position = self.position(symbol)
        long = position + self.reserved(symbol, Side.BUY)
        return max(long, self.reserved(symbol, Side.SELL) - position) * self.marks[symbol]

    @property
    def marks(self) -> dict[Symbol, Decimal]:
        return {symbol: self.account.position(symbol).mark or ZERO for symbol in SYMBOLS}

    @property
    def account(self) -> Account:
        actor: Any = self.desk.risk._actor_weakref()
        return actor._account

    def check(self, order: PlaceOrder) -> None:
        """An order has passed: with it no limit is exceeded, unless it makes a position smaller."""
        symbol, side = order.symbol, order.side
        assert order.quantity * order.price <= 600
        mine = (s for s in self.sent.values() if s.order.symbol == symbol)
        assert sum(sent.counted + sent.left for sent in mine) <= BUDGET
        after = side.sign * self.position(symbol) + self.reserved(symbol, side)
        if after > ZERO:
            assert after * order.mid <= 1_000
            others = sum((self.exposure(s) for s in SYMBOLS if s != symbol), ZERO)
            assert after * order.mid + others <= 1_500
        for sent in self.sent.values():
            other = sent.order
            if sent.is_open and other.symbol == symbol and other.side is not side and other.resting:
                assert side.is_worse(other.price, order.price), "they would trade with each other"

    def check_refusal(self, order: PlaceOrder, refused: OrderRefused) -> None:
        """One is refused only for a number that is as it says."""
        if refused.available_quantity is not None:
            assert refused.available_quantity < order.quantity
        else:
            assert refused.reason is Reason.SELF_TRADE
        if refused.reason is Reason.MAX_SYMBOL_EXPOSURE:
            side = order.side
            held = side.sign * self.position(order.symbol) + self.reserved(order.symbol, side)
            assert refused.actual == (held + order.quantity) * order.mid > 1_000

    @invariant()
    def nothing_is_reserved_but_what_is_open(self) -> None:
        assert self.account.reserved_orders == {
            ClientOrderId(name) for name, sent in self.sent.items() if sent.left
        }
        for symbol in SYMBOLS:
            held = self.account.position(symbol)
            assert held.quantity == self.position(symbol)
            assert held.bought == self.reserved(symbol, Side.BUY)
            assert held.sold == self.reserved(symbol, Side.SELL)

    @staticmethod
    def one(data: st.DataObject, some: list[Sent]) -> Sent:
        return data.draw(st.sampled_from(some))


def as_past(sent: Sent) -> PastOrder:
    return PastOrder(
        client_order_id=sent.order.client_order_id,
        fills=tuple((fill.trade_id, fill.traded_at, fill.quantity) for fill in sent.fills),
        settled_quantity=sent.counted - sent.filled,
        reserved_quantity=sent.left,
        price=sent.order.price,
        resting=sent.order.resting,
        settled_at=NOON if sent.said else None,
    )


TestInterleavings = Interleavings.TestCase
TestInterleavings.settings = settings(
    max_examples=60,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],  # The machine may be busy.
)
