"""People who submit orders, steer, amend, halt and settle at random, and hold the engine to its answers.

Nobody waits: commands are messages, and what is answered is checked when the answer comes.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import count
from typing import Any, Final

from genesis_actors.messages.base import Address
from genesis_actors.messages.control import ControlMessage
from genesis_actors.messages.supervisor import (
    AmendExecution,
    CancelExecution,
    CommandDone,
    ExecutionStarted,
    Halt,
    HaltDone,
    OrderRejected,
    PauseExecution,
    ResumeExecution,
    SettleChild,
    StartExecution,
    Unhalt,
)
from genesis_actors.simulation.exchange import Exchange
from genesis_actors.simulation.invariants import Invariants
from genesis_actors.simulation.market import LISTINGS, STEP, Listing
from genesis_actors.simulation.network import Network
from genesis_actors.values import (
    Algo,
    ClientId,
    ClientOrderId,
    ExecutionId,
    ExecutionState,
    OnDeadline,
    OnSlippage,
    ParentOrder,
    Reason,
    ResumeMode,
    Side,
    Style,
    Symbol,
    floor_to_step,
)

_SHORTEST_WINDOW: Final = timedelta(minutes=2)
_CROWDED: Final = 0.25  # of the seeds
_ASKS_AGAIN: Final = timedelta(seconds=20)


@dataclass(slots=True)
class _Wish:
    """One parent order that somebody wants worked, asked for until it is known to have started or been refused."""

    order: ParentOrder
    at: datetime
    is_answered: bool = False


class _Answer:
    """Where an answer comes in; one of a process that has died never does."""

    def __init__(self, take: Callable[[object], None]) -> None:
        self._take = take

    def tell(self, message: object) -> None:
        self._take(message)


class Users:
    """Everybody outside of the engine, of one simulation."""

    def __init__(
        self,
        seed: int,
        *,
        executions: int,
        start: datetime,
        minutes: Decimal,
        invariants: Invariants,
        exchange: Exchange,
        network: Network,
    ) -> None:
        self._random = random.Random(f"users:{seed}")
        self._invariants = invariants
        self._exchange = exchange
        self._network = network
        horizon = timedelta(minutes=float(minutes))
        # Where all of them want much of the same, they share its volume.
        self._listings = LISTINGS
        if self._random.random() < _CROWDED:
            self._listings = (self._random.choice(LISTINGS),)
        self._algos = random.Random(f"algos:{seed}")
        self._wishes = [self._wish(number, start, horizon) for number in range(executions)]
        self._may_be_halted = False
        self._halts = 0
        self._resuming = Counter[ExecutionId]()
        self._now: Callable[[], datetime] = lambda: start
        self._send: Callable[[ControlMessage], None] = lambda _message: None
        self._life = 0
        self._next_number = count().__next__
        self._unanswered: dict[int, str] = {}

    def connect(self, control: Address[ControlMessage], now: Callable[[], datetime]) -> None:
        """Talk to the engine that has just started."""
        self._life += 1
        self._resuming.clear()  # What an earlier one was asked has gone with it.
        self._unanswered.clear()
        self._now = now
        self._send = control.tell

    @property
    def next_wish_at(self) -> datetime | None:
        return min((wish.at for wish in self._wishes if not wish.is_answered), default=None)

    def submit_due(self) -> None:
        """Submit what is wanted by now; what is not answered is asked for again."""
        now = self._now()
        for wish in self._wishes:
            if not wish.is_answered and wish.at <= now:
                wish.at = now + _ASKS_AGAIN
                self._send(StartExecution(order=wish.order, reply_to=self._answer_to_start(wish)))

    def do_something(self) -> None:
        """Give one random command."""
        if self._may_be_halted:
            self._unhalt()
            return
        rows = self._invariants.rows
        open_ones = [x for x, row in rows.items() if not ExecutionState(row.state).is_final]
        paused = [x for x in open_ones if rows[x].state == ExecutionState.PAUSED]
        unknown = [x for x in open_ones if rows[x].unknown_quantity]
        # What stands still is soon noticed; who cancels, pauses and halts too often learns nothing of the rest.
        commands: list[tuple[list[ExecutionId], int, Callable[[ExecutionId], None]]] = [
            (paused, 6, self._resume),
            (unknown, 3, self._settle),
            (open_ones, 4, self._pause),
            (open_ones, 4, self._amend),
            (open_ones, 1, self._resume),
            (open_ones, 1, self._cancel),
            (open_ones, 1, lambda _x: self._halt()),
        ]
        possible = [(some, weight, act) for some, weight, act in commands if some]
        if possible:
            weights = [weight for _, weight, _ in possible]
            ((some, _, act),) = self._random.choices(possible, weights)
            act(self._random.choice(some))

    def leave(self, *, resume: bool) -> None:
        """Give the last commands: lift a halt, resume what is paused or leave it, amend some of the others."""
        if self._may_be_halted:
            self._unhalt()
        for x, row in self._invariants.rows.items():
            if resume and row.state == ExecutionState.PAUSED:
                self._resume(x)
            elif not ExecutionState(row.state).is_final:
                self._random.choice((self._amend, self._amend, self._pause))(x)

    @property
    def are_answered(self) -> bool:
        """Whether all commands are: what is asked for may come about until then."""
        return not self._unanswered

    def check_answered(self, at: datetime) -> None:
        """Check that nobody waits for an answer any more, now that nothing goes wrong."""
        for what in self._unanswered.values():
            self._invariants.broken("answer", at, f"nobody has answered: {what}")
        for wish in self._wishes:
            if not wish.is_answered:
                what = f"the order {wish.order.client_id} was neither started nor refused"
                self._invariants.broken("answer", at, what)

    def cancel_what_runs(self) -> None:
        for x, row in self._invariants.rows.items():
            if row.state in {ExecutionState.RUNNING, ExecutionState.QUEUED}:
                self._cancel(x)

    # --- Commands ---

    def _pause(self, x: ExecutionId) -> None:
        def take(answer: object) -> None:
            if isinstance(answer, CommandDone):
                if answer.state.is_final:
                    self._invariants.on_ended(x, self._now())
                elif not self._resuming[x]:  # Else it may be running again by now.
                    self._invariants.on_paused(x, self._now())

        self._send(PauseExecution(execution_id=x, reply_to=self._address(take, f"a pause of {x}")))

    def _resume(self, x: ExecutionId) -> None:
        self._invariants.on_resuming(x)
        self._resuming[x] += 1
        mode = self._random.choice(tuple(ResumeMode))

        def take(_answer: object) -> None:
            self._resuming[x] -= 1

        address = self._address(take, f"a resume of {x}")
        self._send(ResumeExecution(execution_id=x, mode=mode, reply_to=address))

    def _cancel(self, x: ExecutionId) -> None:
        def take(answer: object) -> None:
            if isinstance(answer, CommandDone):
                self._invariants.on_ended(x, self._now())

        address = self._address(take, f"a cancel of {x}")
        self._send(CancelExecution(execution_id=x, reply_to=address))

    def _amend(self, x: ExecutionId) -> None:
        """Amend one thing or several, also beyond what is allowed."""
        command: AmendExecution

        def take(answer: object) -> None:
            if isinstance(answer, CommandDone):
                already = answer.was_already
                self._invariants.on_amended(command, self._now(), was_already=already)

        changes: dict[str, Any] = {}
        for draw in self._random.sample(
            (self._another_limit, self._another_end, self._another_quantity, self._another_rate),
            self._random.choice((1, 1, 1, 2, 4)),
        ):
            changes |= draw(x)
        address = self._address(take, f"an amendment of {x}: {changes}")
        command = AmendExecution(execution_id=x, reply_to=address, **changes)
        self._send(command)

    def _another_limit(self, x: ExecutionId) -> dict[str, Any]:
        market = self._exchange.markets[Symbol(self._invariants.rows[x].symbol)]
        bps = self._random.choice((None, None, -20, 0, 5, 20, 100))
        if bps is None or market.quote is None:
            return {"removes_limit": True}
        side = Side(self._invariants.rows[x].side)
        price = market.quote.touch(side) * (1 + side.sign * bps / Decimal(10_000))
        return {"limit_price": floor_to_step(price, market.rules.tick)}

    def _another_end(self, x: ExecutionId) -> dict[str, Any]:
        row = self._invariants.rows[x]
        if self._random.random() < 0.3:  # noqa: PLR2004
            return {"duration": timedelta(seconds=self._random.randint(30, 600))}
        start = self._random.choice((self._now(), row.ends_at or self._now()))
        return {"ends_at": start + timedelta(seconds=self._random.randint(-20, 300))}

    def _another_quantity(self, x: ExecutionId) -> dict[str, Any]:
        row = self._invariants.rows[x]
        lot = self._exchange.markets[Symbol(row.symbol)].rules.lot
        committed = row.filled_quantity + row.working_quantity + row.unknown_quantity
        share = Decimal(self._random.choice(("0.5", "0.8", "1.1", "1.5")))
        wished = floor_to_step(row.quantity * share, lot)
        quantity = self._random.choice((committed, committed - lot, wished, wished, wished))
        return {"quantity": quantity} if quantity > 0 else {"quantity": wished or lot}

    def _another_rate(self, _x: ExecutionId) -> dict[str, Any]:
        rates = ("0.02", "0.05", "0.08", "0.10", "0.12")
        return {"max_participation": Decimal(self._random.choice(rates))}

    def _settle(self, x: ExecutionId) -> None:
        """Tell of an order what the exchange says of it, once that cannot change any more."""
        settled = self._settled_order(x)
        if settled is None:
            return
        child, filled = settled
        self._send(
            SettleChild(
                execution_id=x,
                client_order_id=child,
                filled_quantity=filled,
                reply_to=self._address(_ignore, f"what became of {child}"),
            )
        )

    def _settled_order(self, x: ExecutionId) -> tuple[ClientOrderId, Decimal] | None:
        for child in self._invariants.unknown_children(x):
            orders = self._exchange.orders_of(child)
            if self._network.is_travelling(child) or any(order.is_open for order in orders):
                continue
            return child, sum((order.filled_quantity for order in orders), Decimal(0))
        return None

    def _halt(self) -> None:
        self._may_be_halted = True
        self._halts += 1
        number = self._halts

        def take(answer: object) -> None:
            # Where it was to be lifted meanwhile, it may be over by now.
            if isinstance(answer, HaltDone) and number == self._halts:
                self._invariants.on_halted(self._now())

        self._invariants.on_halting()
        self._send(Halt(reason="a drill", reply_to=self._address(take, "a halt")))

    def _unhalt(self) -> None:
        def take(answer: object) -> None:
            if isinstance(answer, HaltDone):
                self._may_be_halted = False
                if number == self._halts:
                    self._invariants.on_unhalted(self._now())

        self._halts += 1
        number = self._halts
        self._invariants.on_unhalting()
        self._send(Unhalt(reply_to=self._address(take, "the end of a halt")))

    def _answer_to_start(self, wish: _Wish) -> Address[ExecutionStarted | OrderRejected]:
        def take(answer: object) -> None:
            if isinstance(answer, ExecutionStarted):
                self._invariants.on_started(answer.execution_id, self._now())
            # While everything is halted nothing begins: it is asked for again.
            wish.is_answered = not (
                isinstance(answer, OrderRejected) and answer.reason is Reason.HALTED
            )

        return self._address(take, f"the order {wish.order.client_id}")

    def _address(self, take: Callable[[object], None], what: str) -> _Answer:
        life, number = self._life, self._next_number()
        self._unanswered[number] = what

        def take_in_time(answer: object) -> None:
            if life == self._life:
                self._unanswered.pop(number, None)
                take(answer)

        return _Answer(take_in_time)

    # --- What is wanted ---

    def _wish(self, number: int, start: datetime, horizon: timedelta) -> _Wish:
        draw = self._random
        listing = draw.choice(self._listings)
        longest = max(_SHORTEST_WINDOW, horizon)
        duration = _SHORTEST_WINDOW + (longest - _SHORTEST_WINDOW) * draw.randint(0, 100) / 100
        side = draw.choice(tuple(Side))
        order = ParentOrder(
            symbol=listing.rules.symbol,
            side=side,
            quantity=_quantity(listing, duration, draw, is_crowded=len(self._listings) == 1),
            duration=timedelta(seconds=int(duration.total_seconds())),
            client_id=ClientId(f"wish-{number}"),
            slice_interval=timedelta(seconds=draw.choice((10, 15, 20, 30))),
            style=draw.choice((Style.TAKER, Style.TAKER, Style.MAKER, Style.AUTO)),
            on_deadline=draw.choice(tuple(OnDeadline)),
            jitter=draw.choice((None, Decimal("0.2"))),
            early_completion=draw.choice((None, Decimal(0), Decimal("0.001"))),
        )
        if draw.random() < 0.2:  # noqa: PLR2004 - one in five
            away = Decimal("1.01") if side is Side.BUY else Decimal("0.99")
            limit = listing.rules.tick * int(listing.price_ticks * away)
            order = replace(order, limit_price=limit)
        if draw.random() < 0.2:  # noqa: PLR2004
            order = replace(order, max_slippage_bps=Decimal(draw.choice((5, 20, 100))))
        begins = horizon * draw.randint(0, 40) / 100 if number else timedelta(0)
        return _Wish(self._worked_somehow(order, listing), start + begins)

    def _worked_somehow(self, order: ParentOrder, listing: Listing) -> ParentOrder:
        """Return the order as it is, a TWAP, or in a quarter of all cases as an iceberg, now and then as a sweep."""
        draw = self._algos
        algo = draw.choices(tuple(Algo), (65, 25, 10))[0]
        if algo is Algo.TWAP:
            return order
        order = replace(
            order,
            algo=algo,
            slice_interval=None,
            jitter=None,
            early_completion=None,
            on_slippage=draw.choice((None, *OnSlippage)),
        )
        if algo is Algo.MARKET:
            return replace(order, duration=None, style=None, on_deadline=None)
        duration = draw.choice((None, order.duration, timedelta(seconds=draw.randint(30, 120))))
        if draw.random() < 0.5:  # noqa: PLR2004 - half of them count their clips
            return replace(order, duration=duration, clips=draw.choice((None, 1, 3, 8)))
        size = order.quantity / draw.randint(1, 6)
        clip = max(floor_to_step(size, listing.rules.lot), listing.rules.lot)
        return replace(order, duration=duration, clip_quantity=clip)


def _quantity(
    listing: Listing, duration: timedelta, draw: random.Random, *, is_crowded: bool
) -> Decimal:
    """Return at most two hundredths of what the market trades in that time; now and then up to a tenth."""
    market_lots = listing.lots_per_step * (duration // STEP)
    least, most = (40, 100) if is_crowded else (2, draw.choice((20, 20, 100)))
    return listing.rules.lot * (market_lots * draw.randint(least, most) // 1000)


def _ignore(_answer: object) -> None:
    """Nothing is promised beyond what the invariants see anyway."""
