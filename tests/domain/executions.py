"""Made-up executions, and a desk that works one of them by hand: time moves when told, answers come when told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, TypeVar

from genesis_actors.domain.decide import DecidableMessage, decide, release
from genesis_actors.domain.decision import Decision, Effect, Refusal, SetTrigger, TryAgain
from genesis_actors.domain.evolve import evolve
from genesis_actors.domain.execution import Child, Execution
from genesis_actors.domain.policy import TwapDefaults, resolve
from genesis_actors.domain.proof import NO_DELAYS, ProofRules
from genesis_actors.domain.surroundings import Surroundings, TriedInVain
from genesis_actors.domain.volume_profile import VolumeProfile
from genesis_actors.domain.waking import next_wake
from genesis_actors.messages.base import Address
from genesis_actors.messages.events import (
    ExecutionEvent,
    JournalEvent,
    PlannedSlice,
    TwapAccepted,
    TwapStarted,
)
from genesis_actors.messages.market_data import MarketView, PriceCrossed
from genesis_actors.messages.slicer import Wake
from genesis_actors.messages.supervisor import (
    AmendExecution,
    CancelExecution,
    CommandDone,
    CommandRefused,
    PauseExecution,
    ResumeExecution,
    SettleChild,
)
from genesis_actors.messages.venue import (
    AmendParent,
    CancelOrder,
    LookUpOrder,
    OrderAccepted,
    OrderClosed,
    OrderFilled,
    OrderNotFound,
    OrderOutcomeUnknown,
    OrderRefused,
    PlaceOrder,
)
from genesis_actors.values import (
    ClientOrderId,
    ExecutionId,
    Liquidity,
    MarketRules,
    MarketSummary,
    OrderStatus,
    ParentOrder,
    Policy,
    Quote,
    Reason,
    ResumeMode,
    Side,
    Symbol,
    TradeId,
    VenueOrderId,
)

NOON = datetime(2024, 8, 8, 12, tzinfo=UTC)
SYMBOL = Symbol("BTC/USDT")
EXECUTION_ID = ExecutionId("x1")
RULES = MarketRules(
    symbol=SYMBOL,
    base="BTC",
    quote="USDT",
    lot=Decimal("0.01"),
    tick=Decimal("0.01"),
    min_notional=Decimal(10),  # At 100: 0.1.
    taker_fee=Decimal("0.001"),
    maker_fee=Decimal(0),
)
CALM = TwapDefaults(early_completion_threshold=Decimal(0))
"""The defaults, but for early completion, which is off."""
EAGER = TwapDefaults()

E = TypeVar("E", bound=ExecutionEvent)


def seconds(number: float) -> timedelta:
    return timedelta(seconds=number)


class Nobody(Address[CommandDone | CommandRefused]):
    """Hears no answer."""

    def tell(self, message: CommandDone | CommandRefused) -> None:
        pass


def parent_order(quantity: str = "10", **wishes: Any) -> ParentOrder:
    """Return an order for 10 in 5 minutes, but for `wishes`."""
    known: dict[str, Any] = {
        "symbol": SYMBOL,
        "side": Side.BUY,
        "duration": timedelta(minutes=5),
        "seed": 7,
    }
    return ParentOrder(quantity=Decimal(quantity), **(known | wishes))


def policy(defaults: TwapDefaults = CALM, **wishes: Any) -> Policy:
    return resolve(parent_order(**wishes), defaults, seed=7)


def accepted(
    quantity: str = "10",
    *,
    defaults: TwapDefaults = CALM,
    rules: MarketRules = RULES,
    arrival: str | None = "100",
    **wishes: Any,
) -> TwapAccepted:
    order = parent_order(quantity, **wishes)
    return TwapAccepted(
        execution_id=EXECUTION_ID,
        at=NOON,
        order=order,
        rules=rules,
        policy=resolve(order, defaults, seed=7),
        client_order_id_prefix="g",
        quantity=Decimal(quantity),
        arrival_price=None if arrival is None else Decimal(arrival),
        arrival_at=None if arrival is None else NOON,
    )


def started(parts: Sequence[str], *, duration: timedelta, window: int = 60) -> TwapStarted:
    """Return a schedule of even times: slice k of n is due at (k - 1/2)/n of `duration`."""
    step = duration / len(parts)
    return TwapStarted(
        execution_id=EXECUTION_ID,
        at=NOON,
        ends_at=NOON + duration,
        participation_window_microseconds=window * 1_000_000,
        slices=tuple(
            PlannedSlice(number=at + 1, due_at=NOON + step * at + step / 2, quantity=Decimal(part))
            for at, part in enumerate(parts)
        ),
    )


def execution(parts: Sequence[str] = ("1",) * 10, **wishes: Any) -> Execution:
    """Return a running execution of these slices, 30 s apart unless `duration` says otherwise."""
    first, second = beginning(parts, **wishes)
    return evolve(evolve(None, first), second)


def beginning(parts: Sequence[str] = ("1",) * 10, **wishes: Any) -> tuple[JournalEvent, ...]:
    """Return the first two events of the same execution's journal."""
    total = sum(map(Decimal, parts))
    first = accepted(str(total), **wishes)
    assert first.order.duration is not None
    return first, started(parts, duration=first.order.duration)


def quote(bid: str, ask: str, at: datetime = NOON) -> Quote:
    return Quote(at, Decimal(bid), Decimal(ask), Decimal(1000), Decimal(1000))


def summary(now: datetime, volume: str = "10000", mid: str = "100") -> MarketSummary:
    passed = (now - NOON) // timedelta(microseconds=1)
    return MarketSummary(
        start=NOON,
        end=now,
        volume=Decimal(volume),
        notional=Decimal(volume) * Decimal(mid),
        mid_integral=Decimal(mid) * passed,
        mid_microseconds=passed,
        last_mid=Decimal(mid),
        start_mid=Decimal(mid),
    )


@dataclass
class Desk:
    """Works one execution as its actor would, each write durable at once unless `is_slow`."""

    execution: Execution
    profile: VolumeProfile | None = None
    proof: ProofRules = NO_DELAYS
    is_halted: bool = False
    is_slow: bool = False
    bounds: TwapDefaults = CALM
    quote: Quote | None = None
    market: MarketSummary | None = None
    tried_in_vain: TriedInVain | None = None
    trigger: SetTrigger | None = None
    now: datetime = NOON
    events: list[JournalEvent] = field(default_factory=list[JournalEvent])
    effects: list[Effect] = field(default_factory=list[Effect])
    sent: list[PlaceOrder] = field(default_factory=list[PlaceOrder])
    waiting: list[PlaceOrder] = field(default_factory=list[PlaceOrder])

    def at(self, second: float) -> Desk:
        """Move time to so many seconds after noon."""
        self.now = NOON + seconds(second)
        return self

    @property
    def surroundings(self) -> Surroundings:
        return Surroundings(
            self.profile,
            is_halted=self.is_halted,
            proof=self.proof,
            bounds=self.bounds,
            quote=self.quote,
            market=self.market,
            tried_in_vain=self.tried_in_vain,
            trigger=self.trigger,
        )

    def tell(self, message: DecidableMessage) -> Decision:
        decision = decide(self.execution, message, self.now, self.surroundings)
        self._apply(decision)
        return decision

    def journaled(self) -> None:
        """Let what waits become durable."""
        while self.waiting:
            order = self.waiting.pop(0)
            released = release(self.execution, order, self.now, self.surroundings)
            self.sent += [order for order in released.effects if isinstance(order, PlaceOrder)]
            self._note(released)

    def _apply(self, decision: Decision) -> None:
        self.waiting += [order for order in decision.effects if isinstance(order, PlaceOrder)]
        self._note(decision)
        if not self.is_slow:
            self.journaled()

    def _note(self, decision: Decision) -> None:
        self.execution = decision.execution
        self.events += decision.events
        self.effects += [e for e in decision.effects if not isinstance(e, PlaceOrder)]
        for effect in decision.effects:
            if isinstance(effect, TryAgain):
                self.tried_in_vain = TriedInVain(self.execution.version, effect.at)
            if isinstance(effect, SetTrigger):
                self.trigger = effect

    def look(
        self,
        bid: str = "99.99",
        ask: str = "100.01",
        *,
        window: str = "1000",
        volume: str = "10000",
        age: float = 0,
    ) -> Decision:
        """Look at the market: its touch, the volumes of the last w and since the start, the touch's age in seconds."""
        touch = quote(bid, ask, self.now - seconds(age))
        return self.see(touch, window=window, volume=volume, age=seconds(age))

    def see(
        self,
        touch: Quote | None,
        *,
        window: str = "1000",
        volume: str = "10000",
        age: timedelta | None = None,
    ) -> Decision:
        return self.tell(
            MarketView(
                execution_id=EXECUTION_ID,
                symbol=SYMBOL,
                at=self.now,
                quote=touch,
                quote_age=age,
                summary=summary(self.now, volume),
                window_volume=Decimal(window),
            )
        )

    def wake(self) -> Decision:
        return self.tell(Wake())

    def cross(self, touch: str) -> Decision:
        self.trigger = None
        return self.tell(PriceCrossed(EXECUTION_ID, self.now, Decimal(touch)))

    # What the user says.

    def pause(self, reason: Reason = Reason.USER) -> Decision:
        return self.tell(
            PauseExecution(execution_id=EXECUTION_ID, reply_to=Nobody(), reason=reason)
        )

    def resume(self, mode: ResumeMode = ResumeMode.SHIFT) -> Decision:
        return self.tell(ResumeExecution(execution_id=EXECUTION_ID, reply_to=Nobody(), mode=mode))

    def cancel(self) -> Decision:
        return self.tell(CancelExecution(execution_id=EXECUTION_ID, reply_to=Nobody()))

    def amend(self, **changes: Any) -> Decision:
        """Amend it: numbers as text; `end` in seconds after noon."""
        fields: dict[str, Any] = {
            name: Decimal(value) if isinstance(value, str) and name != "note" else value
            for name, value in changes.items()
            if name != "end"
        }
        if "end" in changes:
            fields["ends_at"] = NOON + seconds(changes["end"])
        return self.tell(AmendExecution(execution_id=EXECUTION_ID, reply_to=Nobody(), **fields))

    # What the venue and risk say of the newest child, or of the `nth`.

    def child(self, nth: int = -1) -> Child:
        return list(self.execution.children.values())[nth]

    def accept(self, nth: int = -1) -> Decision:
        return self.tell(OrderAccepted(**self._of(nth), venue_order_id=VenueOrderId(f"v{nth}")))

    def fill(
        self, quantity: str, price: str = "100", *, trade: str = "t1", nth: int = -1, **changes: Any
    ) -> Decision:
        fields: dict[str, Any] = {
            "fee": Decimal(quantity) * Decimal(price) / 1000,
            "fee_currency": "USDT",
            "liquidity": Liquidity.TAKER,
            "traded_at": self.now,
        }
        return self.tell(
            OrderFilled(
                **self._of(nth),
                trade_id=TradeId(trade),
                quantity=Decimal(quantity),
                price=Decimal(price),
                **(fields | changes),
            )
        )

    def fill_all(self, price: str = "100", *, trade: str = "t1") -> Decision:
        """Fill what the newest child has open."""
        return self.fill(str(self.child().reserved_quantity), price, trade=trade)

    def close(
        self,
        status: OrderStatus = OrderStatus.EXPIRED,
        reason: Reason | None = None,
        *,
        nth: int = -1,
        detail: str | None = None,
        filled: str | None = None,
    ) -> Decision:
        return self.tell(
            OrderClosed(
                **self._of(nth),
                status=status,
                reason=reason,
                detail=detail,
                filled_quantity=None if filled is None else Decimal(filled),
            )
        )

    def reject(self, detail: str = "no") -> Decision:
        return self.close(OrderStatus.REJECTED, Reason.VENUE_REJECTED, detail=detail)

    def refuse(
        self,
        reason: Reason,
        available: str | None = None,
        *,
        compared: tuple[str, str] | None = None,
        for_good: bool = False,
    ) -> Decision:
        """Refuse the newest child. `compared` are the limit, and what met it."""
        limit, actual = (None, None) if compared is None else map(Decimal, compared)
        return self.tell(
            OrderRefused(
                **self._of(-1),
                reason=reason,
                limit=limit,
                actual=actual,
                available_quantity=None if available is None else Decimal(available),
                is_permanent=for_good,
            )
        )

    def lose_answer(self) -> Decision:
        return self.tell(OrderOutcomeUnknown(**self._of(-1), detail="timed out"))

    def not_found(self, *, is_proof: bool = False, asked: float | None = None) -> Decision:
        """Tell that the venue, asked now or `asked` seconds after noon, knew nothing of the child."""
        asked_at = self.now if asked is None else NOON + seconds(asked)
        return self.tell(OrderNotFound(**self._of(-1), asked_at=asked_at, is_proof=is_proof))

    def settle(self, filled: str, *, name: str | None = None) -> Decision:
        return self.tell(
            SettleChild(
                execution_id=EXECUTION_ID,
                reply_to=Nobody(),
                client_order_id=ClientOrderId(name or self.child().client_order_id),
                filled_quantity=Decimal(filled),
            )
        )

    def _of(self, nth: int) -> dict[str, Any]:
        return {
            "at": self.now,
            "execution_id": EXECUTION_ID,
            "client_order_id": self.child(nth).client_order_id,
        }

    # What came of it.

    def happened(self, kind: type[E]) -> list[E]:
        return [event for event in self.events if isinstance(event, kind)]

    def last(self, kind: type[E]) -> E:
        return self.happened(kind)[-1]

    @property
    def cancels(self) -> list[CancelOrder]:
        return [effect for effect in self.effects if isinstance(effect, CancelOrder)]

    @property
    def parents(self) -> list[Decimal]:
        """Return what the gate was told of the parent's quantity."""
        return [effect.quantity for effect in self.effects if isinstance(effect, AmendParent)]

    @property
    def questions(self) -> list[LookUpOrder]:
        return [effect for effect in self.effects if isinstance(effect, LookUpOrder)]

    @property
    def next_wake(self) -> float | None:
        """Return when it wants to be looked at, in seconds after noon."""
        wake = next_wake(self.execution, self.now, self.surroundings)
        return None if wake is None else (wake - NOON).total_seconds()


def refusal_of(decision: Decision) -> Refusal:
    assert decision.refusal is not None
    return decision.refusal


def with_rules(**changes: Any) -> MarketRules:
    return replace(RULES, **changes)
