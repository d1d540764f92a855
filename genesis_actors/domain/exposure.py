"""What the engine's own trading has made of the account: positions, what they may yet become, and the day's result.

A position is the net of all that this database's executions have traded in a symbol. Its exposure is the worst it may
become with what is reserved, in either direction, at the newest mid that is known.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal

from genesis_actors.messages.risk import DayTraded, Traded
from genesis_actors.values import ZERO, ClientOrderId, Side, Symbol, exact


@dataclass(frozen=True, slots=True)
class Standing:
    """How the account stands as one order meets it; reservations are those of all orders but this one.

    Of its symbol, in base and counted in the direction of the order's side: `position`, and `committed`, which has what
    is reserved on that side in it. Of all others together, in quote: `other_positions`, and `other_exposure`, the same
    with what is reserved. `loss_today` is in quote, negative for a gain. `crosses_at` is the best price of a resting
    order of ours that this one would trade with, None where there is none.
    """

    position: Decimal = ZERO
    committed: Decimal = ZERO
    other_positions: Decimal = ZERO
    other_exposure: Decimal = ZERO
    loss_today: Decimal = ZERO
    orders_in_last_second: int = 0
    crosses_at: Decimal | None = None


NOTHING_HELD = Standing()


@dataclass(frozen=True, slots=True)
class _Resting:
    side: Side
    price: Decimal


@dataclass(frozen=True, slots=True)
class Worth:
    """A position's value in quote, the worst that it may become, and the loss on its day's trades."""

    value: Decimal
    exposure: Decimal
    loss: Decimal


@dataclass(slots=True)
class Position:
    """One symbol's position and reservations in base, with the cash flow of one UTC day's trades in quote."""

    currency: str
    quantity: Decimal = ZERO
    mark: Decimal | None = None
    bought: Decimal = ZERO  # Reserved to be bought; likewise sold.
    sold: Decimal = ZERO
    day: date = date.min
    day_quantity: Decimal = ZERO
    day_cash: Decimal = ZERO
    counted: Worth | None = None
    """What of it is in the sums of all positions, None while it changes."""

    @property
    def worth(self) -> Worth:
        mark = self.mark or ZERO
        return Worth(
            value=abs(self.quantity) * mark,
            exposure=max(self.quantity + self.bought, self.sold - self.quantity) * mark,
            loss=-(self.day_cash + self.day_quantity * mark),
        )

    @property
    def middle(self) -> Decimal:
        """Return the middle of all values that what is reserved may bring it to, in quote, negative for a short one."""
        return (self.quantity + (self.bought - self.sold) / 2) * (self.mark or ZERO)

    @property
    def spread(self) -> Decimal:
        """Return how far from there the ends are."""
        return (self.bought + self.sold) / 2 * (self.mark or ZERO)

    def reserved_against(self, side: Side) -> Decimal:
        """Return what is reserved on the other side, in base."""
        return self.sold if side is Side.BUY else self.bought

    def reserve(self, side: Side, more: Decimal) -> None:
        if side is Side.BUY:
            self.bought += more
        else:
            self.sold += more

    def count(self, day: date, quantity: Decimal, cash: Decimal) -> None:
        """Count what was traded on a day: net quantity, and cash that it has brought."""
        if day < self.day:
            return  # Told late, of a day that is over.
        if day > self.day:
            self.day, self.day_quantity, self.day_cash = day, ZERO, ZERO
        self.day_quantity += quantity
        self.day_cash += cash

    def loss_on(self, day: date) -> Decimal:
        return self.worth.loss if self.day == day else ZERO


@dataclass(slots=True)
class _Reservation:
    symbol: Symbol
    side: Side
    quantity: Decimal


@dataclass(slots=True)
class _Together:
    """What the positions of one currency come to, in quote: every order asks for it, and most have not changed.

    All sums are exact, so that what is taken out of them again leaves what the others come to.
    """

    value: Decimal = ZERO
    exposure: Decimal = ZERO
    losses: dict[date, Decimal] = field(default_factory=dict[date, Decimal])
    changing: dict[Symbol, Position] = field(default_factory=dict[Symbol, Position])
    """Those that are not in the sums."""

    def take_out(self, symbol: Symbol, position: Position) -> None:
        self.changing[symbol] = position
        worth, position.counted = position.counted, None
        if worth is not None:
            self.value -= worth.value
            self.exposure -= worth.exposure
            self.losses[position.day] -= worth.loss

    def count_all_but(self, symbol: Symbol) -> None:
        for each in [each for each in self.changing if each != symbol]:
            position = self.changing.pop(each)
            worth = position.counted = position.worth
            self.value += worth.value
            self.exposure += worth.exposure
            self.losses[position.day] = self.losses.get(position.day, ZERO) + worth.loss


@dataclass(slots=True)
class Account:
    """Every position of the account. Reservations are keyed by client order id, and released once."""

    positions: dict[Symbol, Position] = field(default_factory=dict[Symbol, Position])
    _reserved: dict[ClientOrderId, _Reservation] = field(
        default_factory=dict[ClientOrderId, _Reservation]
    )
    _resting: dict[Symbol, dict[ClientOrderId, _Resting]] = field(
        default_factory=dict[Symbol, dict[ClientOrderId, _Resting]]
    )
    _together: dict[str, _Together] = field(default_factory=dict[str, _Together])

    def position(self, symbol: Symbol) -> Position:
        found = self.positions.get(symbol)
        if found is None:
            found = self.positions[symbol] = Position(symbol.rpartition("/")[2])
            self._together.setdefault(found.currency, _Together()).take_out(symbol, found)
        return found

    def _to_change(self, symbol: Symbol) -> Position:
        """Return a position for somebody who changes it: what the sums have of it holds no more."""
        position = self.position(symbol)
        self._together[position.currency].take_out(symbol, position)
        return position

    @exact
    def hold(self, symbol: Symbol, quantity: Decimal, mark: Decimal | None) -> None:
        """Take over a position (base, negative for a short one) of earlier runs, and the last price known of it."""
        position = self._to_change(symbol)
        position.quantity += quantity
        position.mark = position.mark or mark

    @exact
    def reserve(
        self,
        client_order_id: ClientOrderId,
        symbol: Symbol,
        side: Side,
        quantity: Decimal,
        *,
        rests_at: Decimal | None = None,
    ) -> None:
        """Reserve what an order may trade, and remember that it rests, if it does."""
        self.release(client_order_id)
        if quantity:
            self._reserved[client_order_id] = _Reservation(symbol, side, quantity)
            self._to_change(symbol).reserve(side, quantity)
        if quantity and rests_at is not None:
            resting = self._resting.setdefault(symbol, {})
            resting[client_order_id] = _Resting(side, rests_at)

    @exact
    def use(self, client_order_id: ClientOrderId, quantity: Decimal) -> None:
        """Turn so much of a reservation into what was traded: the trade itself is told by `trade`."""
        reserved = self._reserved.get(client_order_id)
        if reserved is None:
            return
        used = min(quantity, reserved.quantity)
        if used == reserved.quantity:
            self.release(client_order_id)
            return
        reserved.quantity -= used
        self._to_change(reserved.symbol).reserve(reserved.side, -used)

    @exact
    def release(self, client_order_id: ClientOrderId, but: Decimal = ZERO) -> None:
        """Reserve `but` that much at most for an order from now on, which rests no longer."""
        reserved = self._reserved.get(client_order_id)
        if reserved is None:
            return
        resting = self._resting.get(reserved.symbol)
        if resting is not None:
            resting.pop(client_order_id, None)
        left = min(but, reserved.quantity)
        self._to_change(reserved.symbol).reserve(reserved.side, left - reserved.quantity)
        reserved.quantity = left
        if not left:
            del self._reserved[client_order_id]

    @exact
    def trade(self, traded: Traded) -> None:
        position, day = self._to_change(traded.symbol), traded.at.astimezone(UTC).date()
        quantity = traded.side.sign * traded.quantity
        position.quantity += quantity
        if position.mark is None:
            position.mark = traded.price
        position.count(day, quantity, -(quantity * traded.price + traded.fee))

    @exact
    def traded_before(self, past: DayTraded) -> None:
        """Count what earlier runs have traded in its day's result alone: its position is known as a whole."""
        self._to_change(past.symbol).count(past.day, past.quantity, past.cash)

    @exact
    def standing(
        self,
        symbol: Symbol,
        side: Side,
        price: Decimal,
        *,
        mark: Decimal | None,
        now: datetime,
        orders_in_last_second: int = 0,
    ) -> Standing:
        """Return how the account stands as an order comes in; `mark` is its symbol's mid."""
        position = self._to_change(symbol)
        position.mark = mark or position.mark
        others = self._together[position.currency]
        others.count_all_but(symbol)
        today = now.astimezone(UTC).date()
        own = side.sign * position.quantity
        return Standing(
            position=own,
            committed=own + (position.bought if side is Side.BUY else position.sold),
            other_positions=others.value,
            other_exposure=others.exposure,
            loss_today=others.losses.get(today, ZERO) + position.loss_on(today),
            orders_in_last_second=orders_in_last_second,
            crosses_at=self._crossed_by(symbol, side, price),
        )

    def resting_against(
        self, symbol: Symbol, side: Side, price: Decimal
    ) -> Iterable[ClientOrderId]:
        """Return our resting orders that an order of `side` at `price` would trade with."""
        for client_order_id, other in self._resting.get(symbol, {}).items():
            if other.side is not side and not side.is_worse(other.price, price):
                yield client_order_id

    def _crossed_by(self, symbol: Symbol, side: Side, price: Decimal) -> Decimal | None:
        resting = self._resting.get(symbol)
        if not resting:
            return None
        crossed = [resting[other].price for other in self.resting_against(symbol, side, price)]
        return (min if side is Side.BUY else max)(crossed) if crossed else None

    def has_reserved(self, client_order_id: ClientOrderId) -> bool:
        return client_order_id in self._reserved

    @property
    def reserved_orders(self) -> frozenset[ClientOrderId]:
        return frozenset(self._reserved)
