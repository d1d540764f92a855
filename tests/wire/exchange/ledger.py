"""What the exchange knows of one account: balances, orders with their past, trades. Exact.

Every version of an order is kept with its time, so that a read may show what was true a while ago.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from dataclasses import dataclass, field, replace
from decimal import ROUND_DOWN, Decimal

from tests.wire.exchange.market import Side
from tests.wire.exchange.symbols import EIGHT, Symbol

ZERO = Decimal(0)
OPEN = frozenset({"NEW", "PARTIALLY_FILLED"})


@dataclass(frozen=True, slots=True)
class Order:
    symbol: Symbol
    order_id: int
    client_order_id: str
    side: Side
    type: str
    time_in_force: str
    price: Decimal  # Zero for a market order.
    quantity: Decimal
    quote_quantity: Decimal  # Of a market order by quote amount, or zero.
    at: int
    updated: int
    status: str = "NEW"
    executed: Decimal = ZERO
    executed_quote: Decimal = ZERO
    locked: Decimal = ZERO  # Of the quote asset for a buy, of the base asset for a sell.

    @property
    def is_open(self) -> bool:
        return self.status in OPEN

    @property
    def remaining(self) -> Decimal:
        return self.quantity - self.executed

    @property
    def paid_asset(self) -> str:
        return self.symbol.quote if self.side == "BUY" else self.symbol.base


@dataclass(frozen=True, slots=True)
class Fill:
    trade_id: int
    order_id: int
    client_order_id: str
    symbol: Symbol
    side: Side
    price: Decimal
    quantity: Decimal
    fee: Decimal
    fee_asset: str
    at: int
    is_maker: bool

    @property
    def quote_quantity(self) -> Decimal:
        return self.price * self.quantity


@dataclass(frozen=True, slots=True)
class Fees:
    """`taken_from` is "received" (the usual), "quote", or "third": a third asset while there is some."""

    maker: Decimal = Decimal("0.001")
    taker: Decimal = Decimal("0.001")
    taken_from: str = "received"
    third_asset: str = "BNB"
    third_discount: Decimal = Decimal("0.75")


@dataclass(slots=True)
class Balance:
    free: Decimal = ZERO
    locked: Decimal = ZERO

    @property
    def total(self) -> Decimal:
        return self.free + self.locked


@dataclass
class Account:
    uid: int
    fees: Fees = field(default_factory=Fees)
    balances: dict[str, Balance] = field(default_factory=dict[str, Balance])
    deposited: dict[str, Decimal] = field(default_factory=lambda: defaultdict(Decimal))
    versions: dict[int, list[Order]] = field(default_factory=dict[int, list[Order]])
    fills: list[Fill] = field(default_factory=list[Fill])
    log: list[tuple[Order, Fill | None]] = field(default_factory=list[tuple[Order, "Fill | None"]])
    open_ids: set[int] = field(default_factory=set[int])
    updated: int = 0

    def balance(self, asset: str) -> Balance:
        return self.balances.setdefault(asset, Balance())

    def deposit(self, asset: str, amount: Decimal) -> None:
        self.deposited[asset] += amount
        self.balance(asset).free += amount

    # --- Reading --------------------------------------------------------------------------------

    def orders(self, as_of: int | None = None) -> list[Order]:
        """Every order in its newest version, or as it was at a time."""
        shown = (self.order(order_id, as_of) for order_id in self.versions)
        return [order for order in shown if order is not None]

    def order(self, order_id: int, as_of: int | None = None) -> Order | None:
        versions = self.versions.get(order_id, [])
        count = len(versions)
        if as_of is not None:
            count = bisect_right(versions, as_of, key=lambda version: version.updated)
        return versions[count - 1] if count else None

    def named(self, client_order_id: str, as_of: int | None = None) -> Order | None:
        """The newest order of this name: names may be used again once their order is closed."""
        found = [o for o in self.orders(as_of) if o.client_order_id == client_order_id]
        return found[-1] if found else None

    def open_orders(self) -> list[Order]:
        return [self.versions[order_id][-1] for order_id in sorted(self.open_ids)]

    def has_open(self, client_order_id: str) -> bool:
        return any(order.client_order_id == client_order_id for order in self.open_orders())

    # --- Writing --------------------------------------------------------------------------------

    def write(self, order: Order, at: int, fill: Fill | None = None) -> Order:
        """Put down a new version; what is locked for it is moved between free and locked."""
        versions = self.versions.setdefault(order.order_id, [])
        before = versions[-1].locked if versions else ZERO
        if not order.is_open:
            order = replace(order, locked=ZERO)
        order = replace(order, updated=max(at, versions[-1].updated) if versions else at)
        balance = self.balance(order.paid_asset)
        balance.free -= order.locked - before
        balance.locked += order.locked - before
        assert balance.free >= 0, f"{order.paid_asset} is overdrawn"
        versions.append(order)
        self.log.append((order, fill))
        (self.open_ids.add if order.is_open else self.open_ids.discard)(order.order_id)
        self.updated = at
        return order

    def trade(self, order: Order, fill: Fill, status: str) -> Order:
        """Put down a fill: both assets, the fee, and the order's next version."""
        symbol, buys = order.symbol, order.side == "BUY"
        cost = fill.quote_quantity
        released = ZERO
        if order.locked:
            released = self.lock(order.side, order.price, fill.quantity)
        order = self.write(
            replace(
                order,
                executed=order.executed + fill.quantity,
                executed_quote=order.executed_quote + cost,
                locked=order.locked - released,
                status=status,
            ),
            fill.at,
            fill,
        )
        self.balance(symbol.base).free += fill.quantity if buys else -fill.quantity
        self.balance(symbol.quote).free -= cost if buys else -cost
        self.balance(fill.fee_asset).free -= fill.fee
        self.fills.append(fill)
        return order

    def lock(self, side: Side, price: Decimal, quantity: Decimal) -> Decimal:
        """What an order needs, or has locked: with its fee, where that is taken from the quote."""
        if side == "SELL":
            return quantity
        in_quote = self.fees.taken_from == "quote"
        return price * quantity * (1 + max(self.fees.maker, self.fees.taker) * in_quote)

    def fee(
        self,
        symbol: Symbol,
        side: Side,
        cost: Decimal,
        quantity: Decimal,
        *,
        maker: bool,
        third_price: Decimal | None,
    ) -> tuple[Decimal, str]:
        rate = self.fees.maker if maker else self.fees.taker
        if self.fees.taken_from == "third" and third_price:
            due = cost * rate * self.fees.third_discount / third_price
            due = due.quantize(EIGHT, ROUND_DOWN)
            if self.balance(self.fees.third_asset).free >= due:
                return due, self.fees.third_asset
        if side == "SELL" or self.fees.taken_from == "quote":
            return (cost * rate).quantize(EIGHT, ROUND_DOWN), symbol.quote
        return (quantity * rate).quantize(EIGHT, ROUND_DOWN), symbol.base

    def discrepancies(self) -> dict[str, Decimal]:
        """By asset, what the balances hold beyond deposits and trades; empty when all is well."""
        expected: dict[str, Decimal] = defaultdict(Decimal, self.deposited)
        for fill in self.fills:
            sign = 1 if fill.side == "BUY" else -1
            expected[fill.symbol.base] += sign * fill.quantity
            expected[fill.symbol.quote] -= sign * fill.quote_quantity
            expected[fill.fee_asset] -= fill.fee
        locked: dict[str, Decimal] = defaultdict(Decimal)
        for order in self.open_orders():
            locked[order.paid_asset] += order.locked
        assets = expected.keys() | self.balances.keys()
        totals = {a: self.balance(a).total - expected[a] for a in assets}
        locks = {f"{a} locked": self.balance(a).locked - locked[a] for a in assets}
        return {what: off for what, off in (totals | locks).items() if off}
