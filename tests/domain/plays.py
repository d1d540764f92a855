"""Whole executions played against a made-up market, a venue with faults and a user: what must hold is checked
after every event.

The player does what the actor does: decisions are journaled, and orders are released only once that is durable.
"""

from __future__ import annotations

import heapq
import random
from bisect import bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any

from genesis_actors.domain.admission import Market as Known
from genesis_actors.domain.admission import Rejection, accept, admit
from genesis_actors.domain.children import cancels
from genesis_actors.domain.decide import DecidableMessage, begun, decide, recovered, release
from genesis_actors.domain.decision import (
    AskMarket,
    Decision,
    Effect,
    SetTrigger,
    TryAgain,
    WakeAt,
)
from genesis_actors.domain.early_completion import early_completion_price
from genesis_actors.domain.evolve import fold
from genesis_actors.domain.execution import Execution, Slice, restore, snapshot
from genesis_actors.domain.participation import minimum_quantity
from genesis_actors.domain.policy import TwapDefaults
from genesis_actors.domain.projection import all_rows, rows
from genesis_actors.domain.proof import NO_DELAYS, ProofRules
from genesis_actors.domain.state import Derived
from genesis_actors.domain.status import updated
from genesis_actors.domain.surroundings import Surroundings, TriedInVain
from genesis_actors.domain.volume_profile import VolumeProfile
from genesis_actors.domain.waking import next_wake, unknown_since
from genesis_actors.messages.control import ExecutionNews, ExecutionStatus
from genesis_actors.messages.events import (
    ChildClosed,
    ChildFilled,
    ChildIntended,
    ChildSettled,
    JournalEvent,
    TwapAccelerated,
    TwapAmended,
    TwapCompleted,
    TwapEnded,
    TwapSlowed,
    TwapStarted,
)
from genesis_actors.messages.market_data import MarketView, PriceCrossed
from genesis_actors.messages.slicer import Wake
from genesis_actors.messages.supervisor import (
    AmendExecution,
    CancelExecution,
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
    OrderOutcome,
    OrderOutcomeUnknown,
    OrderRefused,
    PlaceOrder,
    SettleOrder,
)
from genesis_actors.values import (
    BPS,
    ONE,
    ZERO,
    ClientOrderId,
    ExecutionId,
    ExecutionState,
    Liquidity,
    MarketRules,
    MarketSummary,
    OnDeadline,
    OnSlippage,
    OrderStatus,
    ParentOrder,
    Quote,
    Reason,
    ResumeMode,
    Side,
    Style,
    Symbol,
    TradeId,
    VenueOrderId,
    exact,
    floor_to_step,
    is_multiple,
)
from tests.domain.executions import Nobody

SYMBOL = Symbol("BTC/USDT")
EXECUTION_ID = ExecutionId("3vq0mzt41r8ab")
TICK = Decimal("0.01")
MICROSECOND = timedelta(microseconds=1)
HORIZON = timedelta(hours=12)
MOST_STEPS_AT_ONE_INSTANT = 60
MOST_UNASKED = timedelta(seconds=10)


class PricePath(StrEnum):
    CONSTANT = "constant"
    WALK = "walk"
    JUMPS = "jumps"
    CROSSING = "crossing"  # back and forth over the early completion's threshold


class VolumePath(StrEnum):
    STEADY = "steady"
    ZERO = "zero"
    SINGLE = "single"
    GAPS = "gaps"
    SPIKES = "spikes"


class Fault(StrEnum):
    REJECT = "reject"
    REFUSE = "refuse"
    UNKNOWN = "unknown"
    LATE_FILL = "late fill"
    REPEAT = "repeat"
    DISORDER = "disorder"
    CRASH = "crash"
    SLOW_JOURNAL = "slow journal"
    THIN_BOOK = "thin book"
    USER = "user"
    AMEND = "amend"
    LOST = "lost"  # any message of the venue or of risk may never come
    NO_PROOF = "no proof"  # requests arrive late, reads lag, and "not found" says only that
    HALT = "halt"
    OUTAGE = "outage"  # of the journal


@dataclass(frozen=True)
class Scenario:
    """What is played; `seed` draws what is left open."""

    seed: int = 0
    side: Side = Side.BUY
    style: Style = Style.TAKER
    on_deadline: OnDeadline = OnDeadline.LEAVE
    on_slippage: OnSlippage = OnSlippage.PAUSE
    quantity_lots: int = 1000
    lot: Decimal = Decimal("0.01")
    min_notional: Decimal = Decimal(5)
    max_quantity_lots: int | None = None
    minutes: int = 5
    slices: int = 8
    jitter: Decimal = ZERO
    price: PricePath = PricePath.WALK
    volume: VolumePath = VolumePath.STEADY
    near_midnight: bool = False
    has_profile: bool = False
    has_late_quote: bool = False
    limit_bps: int | None = None  # worse than 100 by so much; better where negative
    threshold: Decimal = ZERO
    target_bps: int | None = None
    max_slippage_bps: int | None = None
    faults: frozenset[Fault] = frozenset()
    proof: ProofRules = NO_DELAYS


@dataclass(frozen=True)
class Row:
    at: datetime
    quote: Quote
    volume: Decimal


class Market:
    """The market of one play: rows at irregular times, and sums over them, reckoned the plain way."""

    def __init__(self, scenario: Scenario, start: datetime, dice: random.Random) -> None:
        self.rows = tuple(_rows(scenario, start, dice))
        self._times = [row.at for row in self.rows]
        self._side = scenario.side
        self._touches = [row.quote.touch(scenario.side) for row in self.rows]

    def row_at(self, at: datetime) -> Row | None:
        index = bisect_right(self._times, at)
        return self.rows[index - 1] if index else None

    def row_after(self, at: datetime) -> Row | None:
        index = bisect_right(self._times, at)
        return self.rows[index] if index < len(self.rows) else None

    def crossing(self, level: Decimal, now: datetime, *, worse: bool) -> Row | None:
        """Return the first row from `now` on, the one in force included, at which a trigger fires."""
        is_buy = self._side is Side.BUY
        for index in range(max(bisect_right(self._times, now) - 1, 0), len(self.rows)):
            touch = self._touches[index]
            if (touch > level if is_buy else touch < level) is worse:
                return self.rows[index]
        return None

    @exact
    def volume(self, start: datetime, end: datetime) -> Decimal:
        """Return V(start, end]."""
        between = self.rows[bisect_right(self._times, start) : bisect_right(self._times, end)]
        return sum((row.volume for row in between), ZERO)

    @exact
    def view(self, x: Execution, now: datetime) -> MarketView:
        row = self.row_at(now)
        start = x.started_at or x.created_at
        volume = self.volume(start, now)
        return MarketView(
            execution_id=x.execution_id,
            symbol=SYMBOL,
            at=now,
            quote=None if row is None else row.quote,
            quote_age=None if row is None else now - row.at,
            summary=MarketSummary(
                start=start,
                end=now,
                volume=volume,
                notional=volume * 100,
                mid_integral=Decimal(100) * ((now - start) // MICROSECOND),
                mid_microseconds=(now - start) // MICROSECOND,
                last_mid=None if row is None else row.quote.mid,
            ),
            window_volume=self.volume(now - x.window, now),
        )


def _rows(scenario: Scenario, start: datetime, dice: random.Random) -> Iterator[Row]:
    at = start + (
        timedelta(seconds=dice.randint(1, 90)) if scenario.has_late_quote else -timedelta(minutes=3)
    )
    end = start + timedelta(minutes=2 * scenario.minutes + 5)
    mean = Decimal(scenario.quantity_lots) * scenario.lot / scenario.minutes / 6  # a row
    single = dice.uniform(0, 60 * scenario.minutes)
    ticks, favourable = 10_000, False
    while at < end:
        gap = dice.choice((1, 2, 3, 5, 8))
        if scenario.volume is VolumePath.GAPS and dice.random() < 0.1:
            gap = dice.randint(15, 90)
        before, at = at, at + timedelta(seconds=gap, microseconds=dice.choice((0, 1, 500_000)))
        match scenario.price:
            case PricePath.CONSTANT:
                pass
            case PricePath.WALK:
                ticks += dice.randint(-3, 3)
            case PricePath.JUMPS:
                ticks += dice.choice((0, 0, 0, 1, -1, 60, -60))
            case PricePath.CROSSING:
                favourable = favourable is not (dice.random() < 0.4)
                ticks = 10_000 + (-scenario.side.sign * 25 if favourable else dice.randint(-5, 5))
        ticks = max(ticks, 5000)
        depth = 1 / Decimal(dice.choice((2, 5, 20))) if Fault.THIN_BOOK in scenario.faults else 10
        size = None if dice.random() < 0.1 else floor_to_step(mean * depth, scenario.lot)
        volume = mean * 10 * Decimal(dice.choice(("0", "0.5", "1", "1.5", "2.345678")))
        match scenario.volume:
            case VolumePath.ZERO:
                volume = ZERO
            case VolumePath.SINGLE:
                elapsed = (at - start).total_seconds()
                passed = (before - start).total_seconds() < single <= elapsed
                volume = mean * 600 if passed else ZERO
            case VolumePath.SPIKES:
                volume *= dice.choice((0, 0, 1, 1, 30))
            case VolumePath.STEADY | VolumePath.GAPS:
                pass
        touch = Quote(at, (ticks - 1) * TICK, (ticks + 1) * TICK, size, size)
        yield Row(at, touch, volume)


@dataclass
class VenueOrder:
    """What the venue really did with an order, and what it has told of it."""

    order: PlaceOrder
    fills: list[OrderFilled] = field(default_factory=list[OrderFilled])
    hidden: list[OrderFilled] = field(default_factory=list[OrderFilled])
    closed: OrderStatus | None = None
    changed_at: datetime | None = None

    @property
    def filled(self) -> Decimal:
        """Return what the venue would say was filled."""
        return sum((fill.quantity for fill in self.fills), ZERO)

    @property
    def left(self) -> Decimal:
        done = sum((fill.quantity for fill in (*self.fills, *self.hidden)), ZERO)
        return self.order.quantity - done


class Play:
    """One execution from its acceptance to its end."""

    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario
        self.dice = random.Random(scenario.seed)
        hour, minute = (23, 57) if scenario.near_midnight else (12, 0)
        self.start = datetime(2024, 8, 8, hour, minute, tzinfo=UTC)
        self.now = self.start
        self.market = Market(scenario, self.start, self.dice)
        self.profile = self._make_profile() if scenario.has_profile else None
        self.surroundings = Surroundings(self.profile, proof=scenario.proof)
        self.events: list[JournalEvent] = []
        self.sent: list[PlaceOrder] = []
        self.rejection: Rejection | None = None
        self._queue: list[tuple[datetime, int, Callable[[], None]]] = []
        self._count = 0
        self._steps = 0
        # The shell.
        self._epoch = 0
        self._is_down = False
        self._asked = False
        self._timer_at: datetime | None = None
        self._trigger = 0
        self._durable_version = 0
        self._journal_free_at = self.start
        self._batches: list[int] = []
        self._undurable: list[tuple[int, tuple[Effect, ...]]] = []
        self._known: ExecutionStatus | None = None
        self._snapshot: tuple[str, int] | None = None
        # The venue.
        self._orders: dict[ClientOrderId, VenueOrder] = {}
        self._denied: set[ClientOrderId] = set()
        self._on_their_way: set[ClientOrderId] = set()
        self._settled: set[ClientOrderId] = set()
        self._trades = 0
        self._told_at: dict[ClientOrderId, datetime] = {}
        # What the checks remember.
        self._intended: set[ClientOrderId] = set()
        self._asked_at: dict[ClientOrderId, datetime] = {}
        self._budgets: dict[ClientOrderId, tuple[Decimal, Decimal]] = {}
        self._late_slices: set[int] = set()
        self._pace_changed_at: datetime | None = None
        self._resumptions = 0
        self._most_participation = ZERO
        self._amendments_at: dict[ClientOrderId, int] = {}
        self._gate_quantity: Decimal | None = None
        self._commands = 3

    # --- The stage ---------------------------------------------------------------------------------

    def run(self) -> Play:
        self._admit()
        if self.rejection is None:
            self._schedule_user()
            self._run_queue()
            self._check_end()
        return self

    def _run_queue(self) -> None:
        while self._queue:
            at, _, call = heapq.heappop(self._queue)
            assert at >= self.now
            assert at < self.start + HORIZON, "the play does not end"
            if at > self.now:
                self.now, self._steps = at, 0
            call()

    def _at(self, at: datetime, call: Callable[[], None]) -> None:
        self._count += 1
        heapq.heappush(self._queue, (max(at, self.now), self._count, call))

    def _after(self, seconds: float, call: Callable[[], None]) -> None:
        self._at(self.now + timedelta(seconds=round(seconds, 3)), call)

    def _mine(self, call: Callable[[], None]) -> Callable[[], None]:
        """Return what does nothing once this life of the shell is over."""
        epoch = self._epoch

        def guarded() -> None:
            if epoch == self._epoch and not self._is_down:
                call()

        return guarded

    def _has(self, fault: Fault, probability: float = 0.2) -> bool:
        return fault in self.scenario.faults and self.dice.random() < probability

    def _make_profile(self) -> VolumeProfile:
        hourly = [Decimal(self.dice.randint(0, 9)) for _ in range(24)]
        daily = Decimal(self.scenario.quantity_lots) * self.scenario.lot / self.scenario.minutes
        return VolumeProfile.from_hourly(
            hourly, daily * 24 * 60 * self.dice.choice((1, 8, 20, 100))
        )

    def _admit(self) -> None:
        s = self.scenario
        lot = s.lot
        sign = s.side.sign
        order = ParentOrder(
            symbol=SYMBOL,
            side=s.side,
            quantity=s.quantity_lots * lot,
            duration=timedelta(minutes=s.minutes),
            slices=s.slices,
            jitter=s.jitter,
            limit_price=None
            if s.limit_bps is None
            else Decimal(100) * (1 + sign * Decimal(s.limit_bps) / BPS),
            target_price=None
            if s.target_bps is None
            else Decimal(100) * (1 + sign * Decimal(s.target_bps) / BPS),
            early_completion=s.threshold,
            max_slippage_bps=None if s.max_slippage_bps is None else Decimal(s.max_slippage_bps),
            on_deadline=s.on_deadline,
            style=s.style,
        )
        rules = MarketRules(
            symbol=SYMBOL,
            base="BTC",
            quote="USDT",
            lot=lot,
            tick=TICK,
            min_notional=s.min_notional,
            taker_fee=Decimal("0.001"),
            maker_fee=ZERO,
            max_quantity=None if s.max_quantity_lots is None else s.max_quantity_lots * lot,
        )
        row = self.market.row_at(self.now)
        known = Known(
            rules=rules,
            known_symbols=(SYMBOL,),
            balances={"BTC": Decimal(10**9), "USDT": Decimal(10**12)},
            quote=None if row is None else row.quote,
            profile=self.profile,
        )
        defaults = TwapDefaults(on_slippage=s.on_slippage)
        admission = admit(order, known, defaults, now=self.now, seed=s.seed)
        if isinstance(admission, Rejection):
            self.rejection = admission
            return
        self.execution, first = accept(admission, EXECUTION_ID, "g7k2pd")
        assert isinstance(first[1], TwapStarted)
        assert sum(part.quantity for part in first[1].slices) == order.quantity
        self._apply(begun(self.execution, first), first=True)
        self._attend()

    # --- The shell ---------------------------------------------------------------------------------

    def _handle(self, message: DecidableMessage) -> None:
        if self._is_down:
            return
        self._steps += 1
        assert self._steps < MOST_STEPS_AT_ONE_INSTANT, "busy at one instant"
        before = self.execution
        if isinstance(message, MarketView):
            self._asked = False
        decision = decide(self.execution, message, self.now, self.surroundings)
        assert decision.refusal is None or not decision.events
        self._apply(decision)
        self._check_untouched(before, message)
        if isinstance(message, MarketView):
            self._check_rest()
        self._check_unknown(message)
        self._attend()

    def _apply(self, decision: Decision, *, first: bool = False) -> None:
        was = before = None if first else self.execution
        assert fold(before, decision.events) == decision.execution
        for event in decision.events:
            self._check_event(before, event)
            before = fold(before, (event,))
            assert before is not None
            self._check_state(before)
            self.events.append(event)
        self.execution = decision.execution
        if decision.events:
            self._journal(was, decision.events)
        behind = tuple(e for e in decision.effects if not isinstance(e, _MAY_GO_FIRST))
        if behind:
            self._undurable.append((self.execution.version, behind))
        for effect in decision.effects:
            if isinstance(effect, _MAY_GO_FIRST):
                self._perform(effect)
        self._perform_durable()

    def _journal(self, before: Execution | None, events: tuple[JournalEvent, ...]) -> None:
        x, version = self.execution, self.execution.version
        changed = rows(before, x, events, "paper")
        self._known = updated(
            self._known,
            ExecutionNews(
                self.now,
                x.execution_id,
                events,
                changed.execution,
                changed.slices,
                changed.orders,
                changed.fills,
            ),
        )
        if self.dice.random() < 0.05:
            self._snapshot = (snapshot(x), version)
        self._batches.append(version)
        delay = self.dice.choice((0, 0, 0.001))
        if Fault.SLOW_JOURNAL in self.scenario.faults:
            delay = self.dice.choice((0, 0.01, 0.5, 3, 12))
        if any(isinstance(event, ChildIntended) for event in events):
            self._meddle()
        at = max(self._journal_free_at, self.now + timedelta(seconds=delay))
        self._journal_free_at = at
        self._at(at, self._mine(lambda: self._on_journaled(version)))

    def _meddle(self) -> None:
        """Have the world move on while an order waits to become durable."""
        if self._commands and self._has(Fault.USER, 0.1):
            self._commands -= 1
            self._after(0.001, self._command)
        if self._commands and self._has(Fault.AMEND, 0.2):
            self._commands -= 1
            self._after(0.001, self._amend)
        if self._has(Fault.HALT, 0.1):
            self._after(0.001, self._halt)
        hidden = [(known, fill) for known in self._orders.values() for fill in known.hidden]
        if hidden and self.dice.random() < 0.3:
            known, fill = hidden[0]
            self._after(0.001, lambda: self._reveal(known, fill))

    def _on_journaled(self, version: int) -> None:
        self._durable_version = max(self._durable_version, version)
        self._perform_durable()
        self._attend()

    def _perform_durable(self) -> None:
        while self._undurable and self._undurable[0][0] <= self._durable_version:
            for effect in self._undurable.pop(0)[1]:
                self._perform(effect)

    def _perform(self, effect: Effect) -> None:
        match effect:
            case PlaceOrder():
                decision = release(self.execution, effect, self.now, self.surroundings)
                for released in decision.effects:
                    if isinstance(released, PlaceOrder):
                        self._send(released)
                rest = tuple(e for e in decision.effects if not isinstance(e, PlaceOrder))
                self._apply(Decision(decision.execution, decision.events, rest))
            case CancelOrder():
                self._after(self._latency(), lambda: self._venue_cancels(effect))
            case LookUpOrder():
                self._asked_at[effect.client_order_id] = self.now
                self._after(self._latency(), lambda: self._venue_looks_up(effect))
            case SettleOrder():
                child = self.execution.children[effect.client_order_id]
                assert not child.status.is_open
                assert effect.client_order_id in self._durably_closed()
            case AmendParent():
                durable = self.events[: self._durable_version]
                assert effect.quantity in {
                    e.after.quantity for e in durable if isinstance(e, TwapAmended)
                }
                self._gate_quantity = effect.quantity
            case AskMarket():
                self._ask_market()
            case SetTrigger():
                self._set_trigger(effect)
            case WakeAt():
                self._wake_at(effect.at)
            case TryAgain():
                assert effect.at > self.now
                tried = TriedInVain(self.execution.version, effect.at)
                self.surroundings = replace(self.surroundings, tried_in_vain=tried)

    def _ask_market(self) -> None:
        if not self._asked:
            self._asked = True
            self._at(
                self.now,
                self._mine(lambda: self._handle(self.market.view(self.execution, self.now))),
            )

    def _set_trigger(self, trigger: SetTrigger) -> None:
        self._trigger += 1
        number = self._trigger
        self.surroundings = replace(self.surroundings, trigger=trigger)
        row = self.market.crossing(trigger.level, self.now, worse=trigger.worse)
        if row is None:
            return
        touch = row.quote.touch(self.scenario.side)

        def fire() -> None:
            if self._trigger == number:
                self.surroundings = replace(self.surroundings, trigger=None)
                self._handle(PriceCrossed(EXECUTION_ID, self.now, touch))

        self._at(row.at, self._mine(fire))

    def _attend(self) -> None:
        wake = next_wake(self.execution, self.now, self.surroundings)
        if wake is None:
            return
        if wake <= self.now:
            if not self.execution.open_children:
                self._ask_market()
            wake = self.now + timedelta(seconds=1)
        self._wake_at(wake)

    def _wake_at(self, at: datetime) -> None:
        if self._timer_at is not None and self._timer_at <= at:
            return
        self._timer_at = at

        def fire() -> None:
            if self._timer_at == at:
                self._timer_at = None
                self._handle(Wake())

        self._at(at, self._mine(fire))

    def _durably_closed(self) -> set[ClientOrderId]:
        return {
            event.client_order_id
            for event in self.events[: self._durable_version]
            if isinstance(event, ChildClosed | ChildSettled)
        }

    def _crash(self) -> None:
        if self.execution.state.is_final:
            return
        # What was handed to the journal may have become durable, or not; never a later part without an earlier one.
        self._fall_back(self.dice.choice([v for v in self._batches if v >= self._durable_version]))

    def _lose_journal(self) -> None:
        """Have nothing become durable any more: what is at the venue is taken back until the journal is there again."""
        if self._is_down or self.execution.state.is_final or not self._durable_version:
            return
        for cancel in cancels(self.execution):
            self._perform(cancel)
        self._fall_back(self._durable_version)

    def _fall_back(self, durable: int) -> None:
        """End this life of the shell; the next one knows what is durable."""
        self._epoch += 1
        self._is_down = True
        self.events = self.events[:durable]
        rebuilt = fold(None, self.events)
        assert rebuilt is not None
        if self._snapshot is not None and self._snapshot[1] <= durable:
            state, version = self._snapshot
            assert fold(restore(state), self.events[version:]) == rebuilt
        else:
            self._snapshot = None
        self.execution = rebuilt
        self._after(self.dice.choice((0, 1, 40, 300)), self._restart)

    def _restart(self) -> None:
        self._is_down = False
        self.surroundings = replace(self.surroundings, trigger=None)
        self._asked, self._timer_at, self._undurable = False, None, []
        self._durable_version = self.execution.version
        self._batches = [self.execution.version]
        self._journal_free_at = self.now
        everything = all_rows(self.execution, self.events, "paper")
        self._known = ExecutionStatus(
            everything.execution, everything.slices, everything.orders, everything.fills
        )
        self._intended = set(self.execution.children)
        paces = [e.at for e in self.events if isinstance(e, TwapAccelerated | TwapSlowed)]
        self._pace_changed_at = paces[-1] if paces else None
        self._retell_forgotten()
        first = recovered(self.execution, self.now)
        assert recovered(first.execution, self.now).events == ()
        self._apply(first)
        self._ask_market()
        self._attend()
        self._nudge()

    def _retell_forgotten(self) -> None:
        """Tell of late fills that were heard and lost: nobody asks about closed orders, but the venue lists trades."""
        counted = {
            fill.trade_id for child in self.execution.children.values() for fill in child.fills
        }
        for child in tuple(self.execution.children.values()):
            known = self._orders.get(child.client_order_id)
            if known is not None and not child.status.is_open:
                for fill in [f for f in known.fills if f.trade_id not in counted]:
                    known.fills.remove(fill)
                    known.hidden.append(fill)
                    self._reveal(known, fill)

    # --- The user ----------------------------------------------------------------------------------

    def _schedule_user(self) -> None:
        span = 60 * self.scenario.minutes
        if Fault.USER in self.scenario.faults:
            for _ in range(self.dice.randint(1, 4)):
                self._after(self.dice.uniform(0, span * 1.1), self._command)
        if Fault.AMEND in self.scenario.faults:
            for _ in range(self.dice.randint(1, 5)):
                self._after(self.dice.uniform(0, span * 1.1), self._amend)
        if Fault.CRASH in self.scenario.faults:
            for _ in range(self.dice.randint(1, 3)):
                self._after(self.dice.uniform(0, span * 1.1), self._crash)
        if Fault.OUTAGE in self.scenario.faults:
            for _ in range(self.dice.randint(1, 2)):
                self._after(self.dice.uniform(0, span * 1.1), self._lose_journal)
        if Fault.HALT in self.scenario.faults:
            for _ in range(self.dice.randint(1, 3)):
                self._after(self.dice.uniform(0, span), self._halt)
        self._nudge()

    def _halt(self) -> None:
        self.surroundings = replace(self.surroundings, is_halted=True)
        self._after(self.dice.choice((0.5, 20, 100)), self._unhalt)

    def _unhalt(self) -> None:
        self.surroundings = replace(self.surroundings, is_halted=False)
        if not self._is_down:
            self._ask_market()

    def _settle(self) -> None:
        """Say of what is UNKNOWN what the venue has of it, or too much - and have its trades come after all."""
        for child in self.execution.unknown_children:
            name = child.client_order_id
            if name in self._on_their_way or self.dice.random() < 0.5:
                continue
            known = self._orders.get(name)
            filled = ZERO
            if known is not None:
                if known.closed is None:
                    known.closed = OrderStatus.CANCELLED
                filled = max(known.filled, child.filled_quantity)
                self._after(self.dice.choice((3, 50)), lambda k=known: self._retell(k))
            if self.dice.random() < 0.2:
                filled = child.quantity
            self._denied.add(name)
            self._settled.add(name)
            self._handle(
                SettleChild(
                    execution_id=EXECUTION_ID,
                    reply_to=Nobody(),
                    client_order_id=name,
                    filled_quantity=filled,
                )
            )

    def _retell(self, known: VenueOrder) -> None:
        if self._is_down:
            self._after(7, lambda: self._retell(known))
            return
        for fill in known.fills:
            self._handle(fill)

    def _command(self) -> None:
        match self.dice.choice(("pause", "pause", "resume", "catch up", "cancel")):
            case "pause":
                self._handle(PauseExecution(execution_id=EXECUTION_ID, reply_to=Nobody()))
            case "resume":
                self._resume(ResumeMode.SHIFT)
            case "catch up":
                self._resume(ResumeMode.CATCH_UP)
            case _:
                self._cancel()

    def _amend(self) -> None:
        """Amend one or several things; what comes of it is what was asked for, or a refusal that changes nothing."""
        x, dice, sign = self.execution, self.dice, self.scenario.side.sign
        changes: dict[str, Any] = {}
        if dice.random() < 0.4:
            bps = Decimal(dice.choice((-50, -5, 0, 5, 50, 500)))
            changes["limit_price"] = Decimal(100) * (1 + sign * bps / BPS)
        elif dice.random() < 0.3:
            changes["removes_limit"] = True
        if dice.random() < 0.4 and x.ends_at is not None:
            changes["ends_at"] = dice.choice((self.now, x.ends_at)) + timedelta(
                seconds=dice.choice((-30, 0, 1, 45, 90.5, 600))
            )
        elif dice.random() < 0.2:
            changes["duration"] = timedelta(minutes=dice.choice((1, 5, 7.5, 10, 31)))
        if dice.random() < 0.5:
            committed = x.filled_quantity + x.reserved_quantity
            lots = dice.choice((-1, 0, 0, 1, 30, self.scenario.quantity_lots))
            quantity = dice.choice((committed, x.quantity)) + lots * self.scenario.lot
            if quantity > ZERO:
                changes["quantity"] = quantity
        if dice.random() < 0.3:
            changes["max_participation"] = Decimal(dice.choice(("0.01", "0.05", "0.1", "0.11")))
        before = x
        command = AmendExecution(execution_id=EXECUTION_ID, reply_to=Nobody(), **changes)
        if self._is_down:
            return
        self._handle(command)
        self._check_amended(before, command)

    def _check_amended(self, before: Execution, command: AmendExecution) -> None:
        x, event = self.execution, self.events[-1]
        if x.amendments == before.amendments:
            assert x == before
            return
        amended = [e for e in self.events if isinstance(e, TwapAmended)][-1]
        assert amended.at == self.now
        assert amended.before.quantity == before.quantity
        assert amended.before.limit_price == before.policy.limit_price
        assert command.quantity in {None, x.quantity}
        assert command.ends_at in {None, x.ends_at}
        assert command.max_participation in {None, x.policy.max_participation}
        assert not command.removes_limit or x.policy.limit_price is None
        assert x.policy.max_participation <= self.surroundings.bounds.max_participation
        assert x.window == before.window
        assert before.state in {ExecutionState.RUNNING, ExecutionState.PAUSED}
        is_over = x.filled_quantity == x.quantity
        assert x.state is (ExecutionState.FINISHING if is_over else before.state)
        if amended.slices is not None:
            assert x.remaining_quantity >= ZERO
            assert x.ends_at is not None
            for part in amended.slices:
                assert self.now <= part.due_at <= x.ends_at
                assert is_multiple(part.quantity, self.scenario.lot)
                assert part.quantity > ZERO
        assert event is amended or is_over

    def _resume(self, mode: ResumeMode) -> None:
        self._handle(ResumeExecution(execution_id=EXECUTION_ID, reply_to=Nobody(), mode=mode))

    def _cancel(self) -> None:
        self._handle(CancelExecution(execution_id=EXECUTION_ID, reply_to=Nobody()))

    def _nudge(self) -> None:
        """Resume what is paused, after a while, and cancel it when that does not help: every play is to end."""
        if self.execution.state.is_final:
            return
        self._settle_the_old()
        if self.execution.state is ExecutionState.PAUSED:
            self._resumptions += 1
            if self._resumptions > 6:
                self._cancel()
            else:
                self._resume(self.dice.choice(list(ResumeMode)))
        self._after(self.dice.choice((1, 20, 61.5)), self._mine(self._nudge))

    def _settle_the_old(self) -> None:
        unknown = self.execution.unknown_children
        if unknown and unknown_since(unknown[0]) + self.scenario.proof.patience < self.now:
            self._settle()

    # --- Risk and the venue ------------------------------------------------------------------------

    def _latency(self) -> float:
        return self.dice.choice((0, 0, 0.05, 0.3))

    def _send(self, order: PlaceOrder) -> None:
        x = self.execution
        assert x.state is ExecutionState.RUNNING
        assert not self.surroundings.is_halted
        assert not x.unknown_children
        assert order.client_order_id not in {known.client_order_id for known in self.sent}
        durable = {
            e.client_order_id
            for e in self.events[: self._durable_version]
            if isinstance(e, ChildIntended)
        }
        assert order.client_order_id in durable, "sent before its intent was durable"
        child = x.children[order.client_order_id]
        assert (child.quantity, child.price) == (order.quantity, order.price)
        # What it goes out by is what holds now, and all of that is durable; the gate knows it.
        durably = fold(None, self.events[: self._durable_version])
        assert durably is not None
        assert (durably.policy, durably.quantity) == (x.policy, x.quantity)
        assert self._amendments_at[order.client_order_id] == x.amendments
        assert order.parent_quantity == x.quantity
        assert self._gate_quantity in {None, x.quantity}
        assert order.rate <= x.policy.max_participation
        limit = x.policy.limit_price
        assert limit is None or not order.side.is_worse(order.price, limit)
        assert x.remaining_quantity >= ZERO
        filled_before, budget = self._budgets[order.client_order_id]
        assert x.filled_quantity - filled_before + order.quantity <= budget
        self.sent.append(order)
        self._on_their_way.add(order.client_order_id)
        if self._has(Fault.REFUSE):
            self._on_their_way.discard(order.client_order_id)
            self._refuse(order)
        else:
            self._after(self._latency(), lambda: self._venue_gets(order))

    def _refuse(self, order: PlaceOrder) -> None:
        reason = self.dice.choice(
            (
                Reason.SYMBOL_PARTICIPATION_CAP,
                Reason.MAX_ORDER_NOTIONAL,
                Reason.HALTED,
                Reason.PRICE_COLLAR,
                Reason.INSUFFICIENT_BALANCE,
            )
        )
        available = None
        if reason in {Reason.SYMBOL_PARTICIPATION_CAP, Reason.MAX_ORDER_NOTIONAL}:
            share = Decimal(self.dice.choice(("0", "0.01", "0.5", "0.99")))
            available = floor_to_step(order.quantity * share, self.scenario.lot)
        self._tell(
            OrderRefused(
                at=self.now,
                execution_id=EXECUTION_ID,
                client_order_id=order.client_order_id,
                reason=reason,
                available_quantity=available,
            )
        )

    def _tell(self, outcome: OrderOutcome, delay: float | None = None) -> None:
        """Let an outcome arrive, behind the earlier ones of its order unless there is disorder, or be lost."""
        if self._has(Fault.LOST):
            return
        at = self.now + timedelta(seconds=self._latency() if delay is None else delay)
        if not self._has(Fault.DISORDER, 0.3):
            at = max(at, self._told_at.get(outcome.client_order_id, at))
            self._told_at[outcome.client_order_id] = at
        self._at(at, lambda: self._handle(outcome))
        if self._has(Fault.REPEAT, 0.3):
            self._at(
                at + timedelta(seconds=self.dice.choice((0, 1, 100))), lambda: self._handle(outcome)
            )

    def _fill(self, known: VenueOrder, quantity: Decimal, price: Decimal) -> OrderFilled:
        self._trades += 1
        order = known.order
        return OrderFilled(
            at=self.now,
            execution_id=EXECUTION_ID,
            client_order_id=order.client_order_id,
            trade_id=TradeId(f"t{self._trades}"),
            quantity=quantity,
            price=price,
            fee=quantity * price / 1000,
            fee_currency=self.dice.choice(("USDT", "USDT", "BTC")),
            liquidity=Liquidity.MAKER if order.resting else Liquidity.TAKER,
            traded_at=self.now,
        )

    def _venue_gets(self, order: PlaceOrder) -> None:
        name = order.client_order_id
        if Fault.NO_PROOF in self.scenario.faults and self._is_late(order):
            return
        self._on_their_way.discard(name)
        known = VenueOrder(order, changed_at=self.now)
        if name in self._denied or self._has(Fault.REJECT):
            known.closed = OrderStatus.REJECTED
            self._orders[name] = known
            self._tell(self._closed(known, Reason.VENUE_REJECTED))
            return
        is_lost = self._has(Fault.UNKNOWN)
        if is_lost and self.dice.random() < 0.5:
            self._tell_unknown(name)  # It never arrived.
            return
        self._orders[name] = known
        if not order.resting:
            self._take(known)
        if is_lost:
            self._tell_unknown(name)
            return
        self._tell_story(known)
        if known.closed is None:
            self._rest(known)

    def _is_late(self, order: PlaceOrder) -> bool:
        """Tell whether the request is held up on its way, for as long as the rules of proof have it."""
        longest = self.scenario.proof.request_expiry
        if longest == timedelta(0) or self.dice.random() < 0.8:
            return False
        late = self.dice.uniform(0, 200 if longest is None else longest.total_seconds())
        self._tell_unknown(order.client_order_id)
        self._after(late, lambda: self._arrives_late(order))
        return True

    def _arrives_late(self, order: PlaceOrder) -> None:
        name = order.client_order_id
        self._on_their_way.discard(name)
        known = VenueOrder(order, changed_at=self.now)
        self._orders[name] = known
        if not order.resting:
            self._take(known)
        else:
            self._rest(known)

    def _tell_unknown(self, name: ClientOrderId) -> None:
        self._tell(
            OrderOutcomeUnknown(
                at=self.now, execution_id=EXECUTION_ID, client_order_id=name, detail="timed out"
            ),
            delay=self.dice.choice((0, 1, 10)),
        )

    def _take(self, known: VenueOrder) -> None:
        """Fill an IOC order from the touch; its rest expires."""
        order, row = known.order, self.market.row_at(self.now)
        assert row is not None
        price = row.quote.touch(order.side)
        size = row.quote.ask_size if order.side is Side.BUY else row.quote.bid_size
        left = min(order.quantity, order.quantity if size is None else size)
        if order.side.is_worse(price, order.price):
            left = ZERO
        while left > 0:
            part = left
            if self.dice.random() < 0.4 and len(known.fills) + len(known.hidden) < 3:
                part = max(floor_to_step(left / 2, self.scenario.lot), self.scenario.lot)
            fill = self._fill(known, part, price)
            left -= part
            if self._has(Fault.LATE_FILL):
                known.hidden.append(fill)
                self._after(
                    self.dice.choice((0.5, 5, 100, 400)), lambda f=fill: self._reveal(known, f)
                )
            else:
                known.fills.append(fill)
        is_full = not known.left and not known.hidden
        known.closed = OrderStatus.FILLED if is_full else OrderStatus.EXPIRED

    def _reveal(self, known: VenueOrder, fill: OrderFilled) -> None:
        """Tell of a fill that came after its order's close. Only where it cannot overfill the parent: no rule could
        take back what another child already has at the venue."""
        x = self.execution
        is_sent = any(child.status is not OrderStatus.PENDING for child in x.open_children)
        if self._is_down or (not x.state.is_final and is_sent):
            self._after(7, lambda: self._reveal(known, fill))
            return
        if fill not in known.hidden:
            return
        known.hidden.remove(fill)
        pending = x.reserved_quantity
        if fill.quantity > x.remaining_quantity + pending:
            return
        known.fills.append(fill)
        self._late_slices.add(known.order.slice_number)
        self._handle(fill)

    def _rest(self, known: VenueOrder) -> None:
        row = self.market.row_after(self.now)
        if row is not None:
            self._at(row.at, lambda: self._market_moves(known, row))

    def _market_moves(self, known: VenueOrder, row: Row) -> None:
        if known.closed is not None:
            return
        if row.volume and self.dice.random() < 0.5:
            share = Decimal(self.dice.choice(("0.1", "0.5", "1")))
            part = max(floor_to_step(known.left * share, self.scenario.lot), self.scenario.lot)
            fill = self._fill(known, min(part, known.left), known.order.price)
            known.fills.append(fill)
            self._tell(fill)
            if not known.left:
                known.closed = OrderStatus.FILLED
                self._tell(self._closed(known))
                return
        self._rest(known)

    def _closed(self, known: VenueOrder, reason: Reason | None = None) -> OrderClosed:
        assert known.closed is not None
        return OrderClosed(
            at=self.now,
            execution_id=EXECUTION_ID,
            client_order_id=known.order.client_order_id,
            status=known.closed,
            reason=reason,
            filled_quantity=known.filled if Fault.LOST in self.scenario.faults else None,
        )

    def _tell_story(self, known: VenueOrder) -> None:
        if known.closed is not OrderStatus.REJECTED:
            self._tell(
                OrderAccepted(
                    at=self.now,
                    execution_id=EXECUTION_ID,
                    client_order_id=known.order.client_order_id,
                    venue_order_id=VenueOrderId(f"v-{known.order.client_order_id}"),
                )
            )
        for fill in known.fills:
            self._tell(fill)
        if known.closed is not None:
            # The close comes last: what it leaves open is nobody's any more.
            at = self._told_at.get(known.order.client_order_id, self.now)
            late = (at - self.now).total_seconds() + 0.31
            if known.closed is OrderStatus.FILLED:
                late = self._latency()
            self._tell(self._closed(known), delay=max(late, 0))

    def _venue_cancels(self, request: CancelOrder) -> None:
        known = self._orders.get(request.client_order_id)
        if known is None:
            self._deny(request.client_order_id)
            return
        if known.closed is None:
            known.closed = OrderStatus.CANCELLED
        self._tell_story(known)

    def _venue_looks_up(self, request: LookUpOrder) -> None:
        known = self._orders.get(request.client_order_id)
        if known is None or self._reads_old(known):
            self._deny(request.client_order_id)
        else:
            self._tell_story(known)

    def _reads_old(self, known: VenueOrder) -> bool:
        """Tell whether a read does not see the order yet."""
        assert known.changed_at is not None
        is_new = self.now < known.changed_at + self.scenario.proof.read_lag
        return Fault.NO_PROOF in self.scenario.faults and is_new and self.dice.random() < 0.7

    def _deny(self, name: ClientOrderId) -> None:
        """Say that there is no such order: first without proof, perhaps, and at last with it."""
        if Fault.NO_PROOF in self.scenario.faults:
            self._tell(self._not_found(name, is_proof=False))
            return
        self._denied.add(name)
        delay = 0.0
        for _ in range(self.dice.randint(0, 2) if Fault.UNKNOWN in self.scenario.faults else 0):
            self._tell(self._not_found(name, is_proof=False), delay=delay)
            delay += 5
        self._tell(self._not_found(name, is_proof=True), delay=delay)

    def _not_found(self, name: ClientOrderId, *, is_proof: bool) -> OrderNotFound:
        return OrderNotFound(
            at=self.now,
            execution_id=EXECUTION_ID,
            client_order_id=name,
            asked_at=self.now,
            is_proof=is_proof,
        )

    # --- What must hold ----------------------------------------------------------------------------

    @exact
    def _check_state(self, x: Execution) -> None:
        parts = (x.filled_quantity, x.working_quantity, x.unknown_quantity)
        assert sum(parts) + x.remaining_quantity == x.quantity
        assert min(parts) >= ZERO
        is_pending = any(c.status is OrderStatus.PENDING for c in x.open_children)
        assert x.remaining_quantity >= ZERO or is_pending
        assert x.filled_quantity <= x.quantity
        assert len(x.open_children) <= 1
        assert [part.number for part in x.slices] == list(range(1, len(x.slices) + 1))
        if x.started_at is not None and x.ends_at is not None:
            for part in x.unsent_slices:
                assert x.started_at <= part.due_at <= x.ends_at
            assert sum((part.planned_quantity for part in x.slices), ZERO) == x.quantity
        assert sum((part.filled_quantity for part in x.slices), ZERO) == x.filled_quantity
        children = x.children.values()
        assert sum((child.filled_quantity for child in children), ZERO) == x.filled_quantity
        self._most_participation = max(self._most_participation, x.policy.max_participation)
        for part in x.slices:
            if part.filled_quantity:
                assert part.market_volume is not None
                cap = self._most_participation * part.market_volume
                assert part.filled_quantity <= cap or part.number in self._late_slices
        check_derived(x, self.now - x.window)

    def _check_event(self, x: Execution | None, event: JournalEvent) -> None:
        match event:
            case ChildIntended():
                assert x is not None
                self._check_intent(x, event)
            case TwapAccelerated() | TwapSlowed():
                if self._pace_changed_at is not None:
                    assert event.at - self._pace_changed_at >= timedelta(seconds=1)
                self._pace_changed_at = event.at
            case TwapCompleted():
                assert x is not None
                assert not x.open_children
                assert x.filled_quantity == x.quantity
            case TwapEnded():
                assert x is not None
                assert not x.open_children
            case ChildFilled():
                assert event.quantity > ZERO
            case _:
                pass

    @exact
    def _check_intent(self, x: Execution, event: ChildIntended) -> None:
        order, rules, part = x.order, x.rules, x.slice(event.slice_number)
        quantity = event.quantity
        assert x.state is ExecutionState.RUNNING
        assert not x.open_children
        assert event.client_order_id not in self._intended
        self._intended.add(event.client_order_id)
        # What the venue and the user allow.
        assert is_multiple(quantity, rules.lot)
        assert is_multiple(event.price, rules.tick)
        least = minimum_quantity(rules, event.price)
        assert quantity >= least
        assert rules.max_quantity is None or quantity <= rules.max_quantity
        assert quantity <= x.remaining_quantity
        if x.policy.limit_price is not None:
            assert not order.side.is_worse(event.price, x.policy.limit_price)
        self._amendments_at[event.client_order_id] = x.amendments
        row = self.market.row_at(self.now)
        assert row is not None
        assert self.now - row.at <= x.policy.max_quote_age
        # Participation, reckoned afresh. Nothing else is open, so that this child is all that is reserved.
        assert x.started_at is not None
        rate, window = x.policy.max_participation, self.market.volume(self.now - x.window, self.now)
        if self.profile is not None:
            expected = self.profile.expected_volume(self.now - x.window, self.now)
            assert expected is not None
            if not expected / 2 <= window <= expected * 4:
                rate /= 2
        since_start = self.market.volume(x.started_at, self.now)
        assert x.filled_quantity + quantity <= rate * since_start
        recent = sum(
            (
                fill.quantity
                for child in x.children.values()
                for fill in child.fills
                if fill.traded_at > self.now - x.window
            ),
            ZERO,
        )
        recent += sum(
            (
                child.settled_quantity
                for child in x.children.values()
                if child.settled_at is not None and child.settled_at > self.now - x.window
            ),
            ZERO,
        )
        assert recent + quantity <= rate * window
        budget = min(rate * since_start - x.filled_quantity, rate * window - recent)
        self._budgets[event.client_order_id] = (x.filled_quantity, budget)
        if event.attempt == 1:
            assert part.market_volume == window
        assert part.market_volume is not None
        assert part.filled_quantity + quantity <= rate * part.market_volume
        if x.accelerated:
            target = x.policy.target_price or x.arrival_price
            assert target is not None
            level = early_completion_price(target, order.side, self.scenario.threshold)
            assert not order.side.is_worse(event.price, level)
        else:
            self._check_pace(x, part, quantity, least)

    def _check_pace(self, x: Execution, part: Slice, quantity: Decimal, least: Decimal) -> None:
        """The schedule is kept: nothing early, nothing ahead, no more than three times a slice."""
        assert part.due_at <= self.now
        dust = least  # A rest that could never be traded goes along.
        most = x.policy.catch_up_limit * part.planned_quantity
        assert part.filled_quantity + quantity <= most + dust
        later = sum((s.planned_quantity for s in x.unsent_slices if s.number > part.number), ZERO)
        assert quantity <= x.remaining_quantity - later + dust

    def _check_untouched(self, before: Execution, message: DecidableMessage) -> None:
        """After the end only fills change anything, and never the state or the time."""
        x = self.execution
        if before.state.is_final:
            assert (x.state, x.finished_at) == (before.state, before.finished_at)
            if not isinstance(message, OrderFilled | OrderAccepted):
                assert x == before

    def _check_unknown(self, message: DecidableMessage) -> None:
        """What does not answer becomes unknown, is asked about every 10 s at least, and pauses what it is of."""
        x, proof = self.execution, self.scenario.proof
        for child in x.open_children:
            if child.status in {OrderStatus.SENT, OrderStatus.PARTIAL} and not child.resting:
                assert child.heard_at is not None
                assert self.now < child.heard_at + proof.answer_timeout + timedelta(seconds=1)
        for child in x.unknown_children:
            since = unknown_since(child)
            assert self.now <= max(self._asked_at[child.client_order_id], since) + MOST_UNASKED
            is_running = x.state is ExecutionState.RUNNING
            assert not (isinstance(message, Wake) and is_running) or self.now < (
                since + proof.patience
            )

    def _check_rest(self) -> None:
        """Having seen the market, with nothing open, it waits for a later time."""
        x = self.execution
        if not x.open_children and not x.state.is_final:
            wake = next_wake(x, self.now, self.surroundings)
            assert wake is None or wake > self.now, "it would look again at the same instant"

    @exact
    def _check_end(self) -> None:
        x = self.execution
        assert x.state.is_final, f"still {x.state}"
        assert not x.open_children
        assert all(part.status.is_done for part in x.slices)
        assert fold(None, self.events) == x
        assert restore(snapshot(x)) == x
        assert (x.state is ExecutionState.COMPLETED) <= (x.filled_quantity == x.quantity)
        told = {fill.trade_id for known in self._orders.values() for fill in known.fills}
        counted = [fill.trade_id for child in x.children.values() for fill in child.fills]
        assert sorted(counted) == sorted(told)
        self._check_rows()

    def _check_rows(self) -> None:
        known, x = self._known, self.execution
        assert known is not None
        everything = all_rows(x, self.events, "paper")
        assert known.execution == everything.execution
        assert known.slices == everything.slices
        assert known.orders == everything.orders
        assert known.fills == everything.fills
        row = known.execution
        settled = sum((child.settled_quantity for child in x.children.values()), ZERO)
        assert row.filled_quantity == settled + sum((fill.quantity for fill in known.fills), ZERO)
        assert row.filled_quantity == sum((part.filled_quantity for part in known.slices), ZERO)
        assert row.filled_quantity == sum((order.filled_quantity for order in known.orders), ZERO)
        assert row.slices_done == min(len(known.slices), row.slices_total)
        assert row.state == x.state
        if row.filled_quantity and row.average_price is not None:
            notional = sum(
                (child.settled_quantity * child.price for child in x.children.values()), ZERO
            )
            notional += sum((fill.quantity * fill.price for fill in known.fills), ZERO)
            off = abs(row.average_price * row.filled_quantity - notional)
            assert off <= Decimal("1e-10") * row.filled_quantity * ONE


def check_derived(x: Execution, since: datetime) -> None:
    """What follows from what it was is what is worked out from everything."""
    anew = replace(x)
    for name in _DERIVED:
        assert getattr(x, name) == getattr(anew, name), name
    assert x.filled_since(since) == anew.filled_since(since)


_DERIVED = [
    name
    for name, member in vars(Execution).items()
    if isinstance(member, Derived) and name != "traded_lately"  # It is seen in what was filled.
]
_MAY_GO_FIRST = (CancelOrder, LookUpOrder, AskMarket, SetTrigger, WakeAt, TryAgain)
