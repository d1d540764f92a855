from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest
from pykka import ActorRef

from genesis_actors.actors.slicer import (
    SNAPSHOT_EVERY,
    UNWRITTEN_AT_MOST,
    SlicerActor,
    SlicerPorts,
)
from genesis_actors.domain.evolve import fold
from genesis_actors.domain.execution import Execution, restore
from genesis_actors.domain.surroundings import Surroundings
from genesis_actors.messages.control import ExecutionNews
from genesis_actors.messages.events import (
    ChildAccepted,
    ChildClosed,
    ChildFilled,
    ChildIntended,
    ChildSent,
    JournalEvent,
    TwapPaused,
    TwapSliceDelayed,
)
from genesis_actors.messages.market_data import (
    MarketDataMessage,
    MarketQuery,
    MarketView,
    PriceCrossed,
    SetPriceTrigger,
    UnwatchSymbol,
    WatchSymbol,
)
from genesis_actors.messages.persistence import Journaled, JournalFailed, WriteJournal
from genesis_actors.messages.slicer import HaltChanged, Wake
from genesis_actors.messages.supervisor import (
    AmendExecution,
    CancelExecution,
    CommandDone,
    CommandRefused,
    ExecutionFinished,
    ExecutionStarted,
    PauseExecution,
    ResumeExecution,
    SettleChild,
    SupervisorMessage,
)
from genesis_actors.messages.venue import (
    AmendParent,
    CancelOrder,
    LookUpOrder,
    OrderAccepted,
    OrderMessage,
    OrderOutcomeUnknown,
    OrderStory,
    PlaceOrder,
    SettleOrder,
    VenueAvailability,
)
from genesis_actors.runtime.actor import ActorFailed
from genesis_actors.runtime.clock import VirtualClock
from genesis_actors.runtime.simulation import DeterministicRuntime
from genesis_actors.runtime.system import Runtime
from genesis_actors.runtime.timers import Timer
from genesis_actors.values import (
    ExecutionState,
    MarketSummary,
    OrderStatus,
    ParentOrder,
    Quote,
    Reason,
    ResumeMode,
    VenueOrderId,
)
from tests.helpers import Probe
from tests.making import NOON, a_close, a_fill, a_parent_order, an_execution

Answers = Probe[CommandDone | CommandRefused]


class Bench:
    """A slicer whose journal, market and venue are played by the test."""

    def __init__(self, simulation: DeterministicRuntime, order: ParentOrder | None = None) -> None:
        self.simulation = simulation
        self.orders = Probe[OrderMessage]()
        self.journal = Probe[WriteJournal]()
        self.market = Probe[MarketDataMessage]()
        self.news = Probe[ExecutionNews]()
        self.supervisor = Probe[SupervisorMessage]()
        self.failures = Probe[ActorFailed]()
        self.execution, events = an_execution(order)
        self.slicer = self.start(self.execution, events)
        self.answered = 0
        self.price = Decimal(100)
        self.volume = Decimal(1000)

    def start(
        self,
        execution: Execution,
        events: tuple[JournalEvent, ...],
        *,
        paused_by: Reason | None = None,
    ) -> ActorRef[SlicerActor]:
        slicer = SlicerActor.start(
            self.simulation,
            execution=execution,
            first_events=events,
            surroundings=Surroundings(),
            ports=SlicerPorts(
                orders=self.orders,
                journal=self.journal,
                market_data=self.market,
                news=self.news,
                supervisor=self.supervisor,
            ),
            venue="test",
            failures=self.failures,
            paused_by=paused_by,
        )
        self.simulation.run_until_quiet()
        return slicer

    def tell(self, *messages: object) -> None:
        for message in messages:
            self.slicer.tell(message)
        self.simulation.run_until_quiet()

    def make_durable(self) -> None:
        """Answer every write that is not answered yet, and what follows from that, until there is none."""
        while self.answered < len(self.journal.messages):
            write = self.journal.messages[self.answered]
            self.answered += 1
            version = write.first_version + len(write.events) - 1
            self.tell(Journaled(write.execution_id, version))

    def until(self, at: datetime) -> None:
        self.simulation.advance_to(at)

    def show_market(self) -> None:
        """Answer the newest question about the market."""
        self.tell(self.market_view())

    def market_view(self) -> MarketView:
        now = self.simulation.clock.now()
        quote = Quote(now, self.price - 1, self.price, Decimal(50), Decimal(50))
        summary = MarketSummary(
            start=NOON,
            end=now,
            volume=self.volume,
            notional=self.volume * 100,
            mid_integral=quote.mid * 1_000_000,
            mid_microseconds=1_000_000,
            last_mid=quote.mid,
        )
        x = self.execution
        return MarketView(
            execution_id=x.execution_id,
            symbol=x.order.symbol,
            at=now,
            quote=quote,
            quote_age=timedelta(0),
            summary=summary,
            window_volume=self.volume,
        )

    def send_first_child(self) -> PlaceOrder:
        self.make_durable()
        self.show_market()
        self.make_durable()
        self.until(NOON + timedelta(seconds=30))
        self.show_market()
        self.make_durable()
        order = self.orders.messages[-1]
        assert isinstance(order, PlaceOrder)
        self.until(NOON + timedelta(seconds=31))  # The mark that it was sent.
        self.make_durable()
        return order

    @property
    def events(self) -> list[JournalEvent]:
        return [event for write in self.journal.messages for event in write.events]  # pyright: ignore[reportReturnType]


@pytest.fixture
def bench(simulation: DeterministicRuntime) -> Bench:
    return Bench(simulation)


def an_availability(*, is_available: bool) -> VenueAvailability:
    return VenueAvailability(at=NOON, is_available=is_available, detail="maintenance")


def a_doubt(order: PlaceOrder) -> OrderOutcomeUnknown:
    return OrderOutcomeUnknown(
        at=NOON,
        execution_id=order.execution_id,
        client_order_id=order.client_order_id,
        detail="timed out",
    )


def pause(bench: Bench) -> Answers:
    answers = Answers()
    bench.tell(PauseExecution(execution_id=bench.execution.execution_id, reply_to=answers))
    return answers


def test_an_execution_is_acknowledged_when_its_first_events_are_durable(bench: Bench) -> None:
    assert bench.supervisor.messages == []

    bench.make_durable()

    assert bench.supervisor.messages == [
        ExecutionStarted(execution_id=bench.execution.execution_id)
    ]
    assert isinstance(bench.market.messages[0], WatchSymbol)


def test_a_child_is_sent_only_after_its_intent_is_durable(bench: Bench) -> None:
    bench.make_durable()
    bench.show_market()
    bench.until(NOON + timedelta(seconds=30))
    bench.show_market()

    assert bench.orders.messages == []

    bench.make_durable()

    (order,) = bench.orders.messages
    assert isinstance(order, PlaceOrder)
    assert order.quantity == Decimal(2)
    assert isinstance(bench.events[-1], ChildIntended)

    bench.until(NOON + timedelta(seconds=31))
    assert isinstance(bench.events[-1], ChildSent)


def test_the_mark_that_a_child_was_sent_is_written_with_what_comes_of_it(bench: Bench) -> None:
    bench.make_durable()
    bench.show_market()
    bench.until(NOON + timedelta(seconds=30))
    bench.show_market()
    bench.make_durable()
    order = bench.orders.messages[-1]
    assert isinstance(order, PlaceOrder)

    bench.tell(a_fill(order, quantity="1"))

    assert [type(event) for event in bench.journal.messages[-1].events] == [ChildSent, ChildFilled]


def test_a_command_does_not_wait_for_the_mark_of_a_child(bench: Bench) -> None:
    bench.make_durable()
    bench.show_market()
    bench.until(NOON + timedelta(seconds=30))
    bench.show_market()
    bench.make_durable()
    answers = Answers()

    bench.tell(ResumeExecution(execution_id=bench.execution.execution_id, reply_to=answers))
    bench.make_durable()

    (done,) = answers.messages
    assert isinstance(done, CommandDone)
    assert done.was_already


def test_only_what_comes_of_a_child_may_wait_to_be_written_and_not_while_a_command_waits(
    bench: Bench,
) -> None:
    order = bench.send_first_child()
    bench.tell(a_fill(order, quantity="1"))
    pause(bench)
    bench.tell(a_fill(order, quantity="0.5", trade_id="t2"))
    bench.make_durable()

    told = [
        ({type(event).__name__ for event in w.events}, w.is_urgent) for w in bench.journal.messages
    ]
    assert told == [
        ({"TwapAccepted", "TwapStarted"}, True),
        ({"TwapSliceStarted", "ChildIntended"}, True),
        ({"ChildSent"}, False),
        ({"ChildFilled"}, False),
        ({"TwapPaused"}, True),
        ({"ChildFilled"}, True),
    ]


def test_doubt_and_the_fill_of_an_ended_execution_do_not_wait(bench: Bench) -> None:
    order = bench.send_first_child()
    unknown = OrderOutcomeUnknown(
        at=NOON, execution_id=order.execution_id, client_order_id=order.client_order_id, detail="?"
    )
    bench.tell(unknown)
    assert bench.journal.messages[-1].is_urgent
    bench.tell(CancelExecution(execution_id=bench.execution.execution_id, reply_to=Answers()))
    bench.tell(a_close(order, OrderStatus.CANCELLED))
    bench.make_durable()
    bench.show_market()
    bench.make_durable()
    bench.tell(a_fill(order, quantity="1"))

    assert bench.journal.messages[-1].is_urgent


def test_an_intent_that_became_durable_only_after_a_pause_is_never_sent(bench: Bench) -> None:
    bench.make_durable()
    bench.show_market()
    bench.until(NOON + timedelta(seconds=30))
    bench.show_market()

    answers = pause(bench)
    bench.make_durable()

    assert bench.orders.messages == []
    assert bench.journal.messages[-1].orders[0].status is OrderStatus.NEVER_ACCEPTED
    assert [type(a) for a in answers.messages] == [CommandDone]


def test_a_pause_is_acknowledged_when_it_is_durable_and_nothing_is_working(bench: Bench) -> None:
    order = bench.send_first_child()

    answers = pause(bench)

    cancel = bench.orders.messages[-1]
    assert isinstance(cancel, CancelOrder), "a cancel need not wait for the journal"
    bench.make_durable()
    assert answers.messages == [], "the child is still working"
    bench.tell(a_close(order, OrderStatus.CANCELLED))
    assert answers.messages == [], "its end is not durable yet"
    bench.make_durable()
    (done,) = answers.messages
    assert isinstance(done, CommandDone)
    assert (done.state, done.was_already) == (ExecutionState.PAUSED, False)


def test_a_pause_has_the_newest_figures_that_were_seen(bench: Bench) -> None:
    bench.make_durable()
    bench.until(NOON + timedelta(seconds=10))
    bench.show_market()
    bench.until(NOON + timedelta(seconds=20))

    pause(bench)

    (paused,) = (event for event in bench.events if isinstance(event, TwapPaused))
    assert paused.market is not None
    assert paused.market.end == NOON + timedelta(seconds=10)


def test_a_pause_of_a_paused_execution_succeeds_and_says_so(bench: Bench) -> None:
    bench.make_durable()
    pause(bench)
    bench.make_durable()

    (done,) = pause(bench).messages

    assert isinstance(done, CommandDone)
    assert done.was_already


def test_a_command_that_the_state_forbids_is_refused(bench: Bench) -> None:
    bench.make_durable()
    cancelled = Answers()
    bench.tell(CancelExecution(execution_id=bench.execution.execution_id, reply_to=cancelled))
    bench.make_durable()
    bench.show_market()
    bench.make_durable()
    refused = Answers()

    bench.tell(ResumeExecution(execution_id=bench.execution.execution_id, reply_to=refused))

    assert [type(a) for a in cancelled.messages] == [CommandDone]
    (answer,) = refused.messages
    assert isinstance(answer, CommandRefused)
    assert answer.reason is Reason.WRONG_STATE


def test_an_amendment_is_answered_and_told_to_the_gate_when_it_is_durable(bench: Bench) -> None:
    bench.make_durable()
    answers, repeated = Answers(), Answers()
    x = bench.execution.execution_id
    bench.orders.messages.clear()

    bench.tell(AmendExecution(execution_id=x, quantity=Decimal(20), reply_to=answers))

    assert (answers.messages, bench.orders.messages) == ([], [])
    bench.make_durable()
    (done,) = answers.messages
    assert isinstance(done, CommandDone)
    assert not done.was_already
    assert bench.orders.messages == [AmendParent(execution_id=x, quantity=Decimal(20))]
    bench.tell(AmendExecution(execution_id=x, quantity=Decimal(20), reply_to=repeated))
    assert [answer.was_already for answer in repeated.messages] == [True]  # pyright: ignore[reportAttributeAccessIssue]


def test_a_refused_amendment_names_what_was_compared(bench: Bench) -> None:
    bench.make_durable()
    answers = Answers()

    bench.tell(
        AmendExecution(
            execution_id=bench.execution.execution_id,
            max_participation=Decimal("0.2"),
            reply_to=answers,
        )
    )

    (refused,) = answers.messages
    assert isinstance(refused, CommandRefused)
    assert refused.reason is Reason.PARTICIPATION_ABOVE_LIMIT
    assert (refused.limit, refused.actual) == (Decimal("0.10"), Decimal("0.2"))


def test_a_cancelled_execution_ends_and_lets_go_of_its_market_data(bench: Bench) -> None:
    bench.make_durable()
    bench.tell(CancelExecution(execution_id=bench.execution.execution_id, reply_to=Answers()))
    bench.make_durable()
    bench.show_market()
    bench.make_durable()

    assert isinstance(bench.market.messages[-1], UnwatchSymbol)
    assert isinstance(bench.supervisor.messages[-1], ExecutionFinished)
    assert bench.news.messages[-1].execution.state is ExecutionState.CANCELLED


def test_news_is_told_only_of_what_is_durable(bench: Bench) -> None:
    assert bench.news.messages == []

    bench.make_durable()

    (news,) = bench.news.messages
    assert [type(event).__name__ for event in news.events] == ["TwapAccepted", "TwapStarted"]
    assert len(news.slices) == 5


def test_a_fill_after_the_end_is_recorded_and_changes_neither_state_nor_time(bench: Bench) -> None:
    order = bench.send_first_child()
    bench.tell(CancelExecution(execution_id=bench.execution.execution_id, reply_to=Answers()))
    bench.tell(a_close(order, OrderStatus.CANCELLED))
    bench.make_durable()
    bench.show_market()
    bench.make_durable()
    ended = bench.news.messages[-1].execution

    bench.tell(a_fill(order, quantity="1.5"))
    bench.make_durable()

    late = bench.news.messages[-1].execution
    assert ended.state is ExecutionState.CANCELLED
    assert (late.state, late.finished_at) == (ended.state, ended.finished_at)
    assert late.filled_quantity == Decimal("1.5")
    assert sum(isinstance(m, ExecutionFinished) for m in bench.supervisor.messages) == 1


def test_what_a_venue_tells_in_one_breath_is_as_good_as_told_singly_and_written_at_once() -> None:
    def told(*, as_story: bool) -> Bench:
        runtime = Runtime.deterministic(seed=1, start=NOON)
        bench = Bench(runtime)
        order = bench.send_first_child()
        accepted = OrderAccepted(
            at=NOON,
            execution_id=order.execution_id,
            client_order_id=order.client_order_id,
            venue_order_id=VenueOrderId("v1"),
        )
        outcomes = (accepted, a_fill(order, quantity="1"), a_close(order))
        if as_story:
            bench.tell(OrderStory(order.execution_id, outcomes))
        else:
            for outcome in outcomes:
                bench.tell(outcome)
        bench.make_durable()
        runtime.stop()
        return bench

    one, other = told(as_story=True), told(as_story=False)

    assert one.events == other.events
    assert [type(event) for event in one.journal.messages[-1].events] == [
        ChildAccepted,
        ChildFilled,
        ChildClosed,
    ]
    assert len(other.journal.messages) == len(one.journal.messages) + 2
    assert one.news.messages[-1].execution == other.news.messages[-1].execution


def test_what_was_decided_before_a_message_that_ends_the_slicer_is_written(bench: Bench) -> None:
    order = bench.send_first_child()
    before = len(bench.events)

    bench.tell(a_fill(order, quantity="1"), "not a message")

    assert bench.failures.messages
    assert [type(event) for event in bench.events[before:]] == [ChildFilled]


def test_a_flood_of_messages_does_not_keep_what_they_cause_from_being_written(
    bench: Bench,
) -> None:
    order = bench.send_first_child()
    before = len(bench.journal.messages)
    fills = [a_fill(order, quantity="0.01", trade_id=f"t{n}") for n in range(100)]

    bench.tell(*fills)

    sizes = [len(write.events) for write in bench.journal.messages[before:]]
    assert sizes == [UNWRITTEN_AT_MOST] * 3 + [100 - 3 * UNWRITTEN_AT_MOST]


def test_a_lost_write_ends_the_slicer_because_it_believed_what_is_not_durable(
    bench: Bench,
) -> None:
    write = bench.journal.messages[0]

    bench.tell(JournalFailed(write.execution_id, write.first_version, "the disk is full"))

    (failed,) = bench.failures.messages
    assert "the disk is full" in failed.error
    assert not bench.slicer.is_alive()


def fail_journal(bench: Bench) -> None:
    write = bench.journal.messages[-1]
    bench.tell(
        JournalFailed(write.execution_id, write.first_version, "the disk is full", is_outage=True)
    )


def cancel_of(order: PlaceOrder) -> CancelOrder:
    return CancelOrder(
        execution_id=order.execution_id,
        client_order_id=order.client_order_id,
        symbol=order.symbol,
    )


def test_while_the_journal_is_down_what_is_at_the_venue_is_taken_back_and_nothing_else_done(
    bench: Bench,
) -> None:
    order = bench.send_first_child()
    written = len(bench.journal.messages)
    bench.orders.messages.clear()

    fail_journal(bench)
    bench.tell(a_fill(order, quantity="1"), Wake(), Journaled(order.execution_id, 100))
    bench.until(NOON + timedelta(seconds=200))

    assert bench.orders.messages == [cancel_of(order)]
    assert len(bench.journal.messages) == written
    assert bench.failures.messages == []


def test_while_the_journal_is_down_commands_are_refused_and_repeat_the_cancels(
    bench: Bench,
) -> None:
    order = bench.send_first_child()
    waiting = pause(bench)
    bench.orders.messages.clear()
    fail_journal(bench)

    refused = pause(bench)

    for answers in (waiting, refused):
        (answer,) = answers.messages
        assert isinstance(answer, CommandRefused)
        assert answer.reason is Reason.JOURNAL_DOWN
    assert bench.orders.messages == [cancel_of(order), cancel_of(order)]


def test_an_intent_whose_write_failed_is_never_sent(bench: Bench) -> None:
    bench.make_durable()
    bench.show_market()
    bench.until(NOON + timedelta(seconds=30))
    bench.show_market()

    fail_journal(bench)
    bench.make_durable()

    assert bench.orders.messages == []


def test_while_halted_nothing_is_sent_and_the_market_is_looked_at_when_that_ends(
    bench: Bench,
) -> None:
    bench.make_durable()
    bench.show_market()
    bench.until(NOON + timedelta(seconds=30))
    bench.tell(HaltChanged(is_halted=True))
    bench.show_market()
    bench.make_durable()
    bench.until(NOON + timedelta(seconds=30.5))
    delayed = bench.events[-1]
    bench.market.messages.clear()

    bench.tell(HaltChanged(is_halted=False))

    assert isinstance(delayed, TwapSliceDelayed)
    assert delayed.reason is Reason.HALTED
    assert bench.orders.messages == []
    assert [type(m) for m in bench.market.messages] == [MarketQuery]
    bench.show_market()
    bench.until(NOON + timedelta(seconds=40))
    bench.show_market()
    bench.make_durable()
    assert isinstance(bench.orders.messages[-1], PlaceOrder)


def test_only_with_nothing_at_the_venue_it_may_be_woken_later_than_asked_for(
    simulation: DeterministicRuntime, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits = list[bool]()
    call_at = VirtualClock.call_at

    def noted(clock: VirtualClock, *args: Any, begins_work: bool = False, **more: Any) -> Timer:
        waits.append(begins_work)
        return call_at(clock, *args, begins_work=begins_work, **more)

    monkeypatch.setattr(VirtualClock, "call_at", noted)
    bench = Bench(simulation)
    bench.make_durable()
    assert waits[-1]

    order = bench.send_first_child()
    assert not waits[-1]

    bench.tell(a_fill(order, quantity="2"), a_close(order, OrderStatus.FILLED))
    assert waits[-1]


@pytest.mark.parametrize("held_by", ["its user", "a halt", "the venue"])
def test_what_is_overdue_when_nothing_holds_it_any_more_begins_when_the_clock_lets_it_in(
    bench: Bench, held_by: str
) -> None:
    key, simulation = bench.execution.execution_id, bench.simulation
    hold, let_go = {
        "its user": (
            PauseExecution(execution_id=key, reply_to=Answers()),
            ResumeExecution(execution_id=key, mode=ResumeMode.CATCH_UP, reply_to=Answers()),
        ),
        "a halt": (HaltChanged(is_halted=True), HaltChanged(is_halted=False)),
        "the venue": (an_availability(is_available=False), an_availability(is_available=True)),
    }[held_by]
    bench.make_durable()
    bench.show_market()
    bench.tell(hold)
    bench.make_durable()
    bench.until(NOON + timedelta(seconds=40))
    bench.show_market()
    bench.make_durable()
    bench.market.messages.clear()

    bench.slicer.tell(let_go)
    now = simulation.clock.now()
    simulation.run_until(lambda: simulation.clock.next_due() == now, deadline=now)

    assert bench.market.messages == []
    simulation.run_until_quiet()
    assert [type(m) for m in bench.market.messages] == [MarketQuery]


def test_a_quote_grows_old_and_its_window_stays_where_it_was_while_the_answer_waits_for_its_turn(
    bench: Bench,
) -> None:
    bench.make_durable()
    bench.show_market()
    bench.until(NOON + timedelta(seconds=30))
    view = bench.market_view()

    bench.simulation.clock.move_to(view.at + timedelta(seconds=11))
    bench.tell(view)
    bench.make_durable()
    delayed = bench.events[-1]

    assert isinstance(delayed, TwapSliceDelayed)
    assert delayed.reason is Reason.STALE_QUOTE
    assert bench.orders.messages == []

    bench.until(NOON + timedelta(seconds=45))
    view = bench.market_view()
    bench.simulation.clock.move_to(view.at + timedelta(seconds=2))
    bench.tell(view)
    intended = bench.journal.messages[-1].events[-1]
    bench.make_durable()
    order = bench.orders.messages[-1]

    assert isinstance(intended, ChildIntended)
    assert intended.quoted_at == view.at
    assert isinstance(order, PlaceOrder)
    assert order.window_start == view.at - bench.execution.window


def test_the_end_of_a_halt_asks_about_no_order_in_doubt_out_of_its_turn(bench: Bench) -> None:
    order = bench.send_first_child()
    bench.tell(a_doubt(order))
    bench.make_durable()
    bench.orders.messages.clear()

    for is_halted in (True, False) * 3:
        bench.tell(HaltChanged(is_halted=is_halted))
    for is_available in (False, True) * 3:
        bench.tell(an_availability(is_available=is_available))
        bench.make_durable()

    assert not [m for m in bench.orders.messages if isinstance(m, LookUpOrder)]


def test_a_halt_stops_an_order_that_still_waits_for_the_journal(bench: Bench) -> None:
    bench.make_durable()
    bench.show_market()
    bench.until(NOON + timedelta(seconds=30))
    bench.show_market()

    bench.tell(HaltChanged(is_halted=True))
    bench.make_durable()

    assert bench.orders.messages == []
    assert bench.journal.messages[-1].orders[0].reason is Reason.HALTED


def test_an_unknown_child_is_asked_about_again_and_settled_durably_before_it_is_let_go(
    bench: Bench,
) -> None:
    order = bench.send_first_child()
    bench.orders.messages.clear()
    bench.tell(a_doubt(order))
    bench.until(NOON + timedelta(seconds=34))
    question = LookUpOrder(
        execution_id=order.execution_id,
        client_order_id=order.client_order_id,
        symbol=order.symbol,
    )
    assert bench.orders.messages == [question] * 3
    answers = Answers()

    bench.tell(
        SettleChild(
            execution_id=order.execution_id,
            reply_to=answers,
            client_order_id=order.client_order_id,
            filled_quantity=Decimal(1),
        )
    )

    assert answers.messages == []
    assert bench.orders.messages == [question] * 3
    bench.make_durable()
    (done,) = answers.messages
    assert isinstance(done, CommandDone)
    assert bench.orders.messages[3:] == [
        SettleOrder(
            execution_id=order.execution_id,
            client_order_id=order.client_order_id,
            symbol=order.symbol,
            filled_quantity=Decimal(1),
        )
    ]


def test_a_settlement_that_was_lost_with_its_slicer_is_told_by_the_next_one(bench: Bench) -> None:
    order = bench.send_first_child()
    name = order.client_order_id
    x = bench.execution.execution_id
    bench.tell(OrderOutcomeUnknown(at=NOON, execution_id=x, client_order_id=name, detail="?"))
    settle = SettleChild(
        execution_id=x, reply_to=Answers(), client_order_id=name, filled_quantity=Decimal(1)
    )
    bench.tell(settle)
    bench.tell(CancelExecution(execution_id=x, reply_to=Answers()))
    bench.show_market()
    ended = fold(None, bench.events)
    assert ended is not None
    assert ended.state.is_final
    bench.orders.messages.clear()
    bench.slicer.stop()

    bench.slicer = bench.start(ended, ())

    told = SettleOrder(
        execution_id=x, client_order_id=name, symbol=order.symbol, filled_quantity=Decimal(1)
    )
    assert bench.orders.messages == [told]
    assert isinstance(bench.supervisor.messages[-1], ExecutionFinished)


def test_what_failed_too_often_is_rebuilt_as_paused(bench: Bench) -> None:
    order = bench.send_first_child()
    rebuilt = fold(None, bench.events)
    assert rebuilt is not None
    bench.orders.messages.clear()

    bench.slicer.stop()
    bench.slicer = bench.start(rebuilt, (), paused_by=Reason.REPEATED_FAILURE)

    assert [type(m) for m in bench.orders.messages] == [LookUpOrder, CancelOrder]
    row = bench.journal.messages[-1].execution
    assert row is not None
    assert (row.state, row.reason) == (ExecutionState.PAUSED, Reason.REPEATED_FAILURE)
    assert row.unknown_quantity == order.quantity


def test_what_has_ended_is_rebuilt_for_a_late_fill_without_watching_the_market(
    bench: Bench,
) -> None:
    order = bench.send_first_child()
    bench.tell(CancelExecution(execution_id=bench.execution.execution_id, reply_to=Answers()))
    bench.tell(a_close(order, OrderStatus.CANCELLED))
    bench.make_durable()
    bench.show_market()
    bench.make_durable()
    ended = fold(None, bench.events)
    assert ended is not None
    bench.slicer.stop()
    bench.market.messages.clear()

    bench.slicer = bench.start(ended, ())
    bench.tell(a_fill(order, quantity="1"))
    bench.make_durable()

    assert bench.news.messages[-1].execution.filled_quantity == Decimal(1)
    assert [type(m) for m in bench.market.messages] == [UnwatchSymbol]
    assert isinstance(bench.supervisor.messages[-1], ExecutionFinished)


def test_the_market_is_asked_once_until_it_answers_or_has_not_for_a_while(bench: Bench) -> None:
    def asked() -> int:
        return sum(isinstance(m, MarketQuery) for m in bench.market.messages)

    bench.make_durable()
    bench.show_market()
    bench.until(NOON + timedelta(seconds=30))
    assert asked() == 2
    bench.until(NOON + timedelta(seconds=34))
    assert asked() == 2, "the question still stands"
    bench.until(NOON + timedelta(seconds=35))
    assert asked() == 3
    bench.show_market()
    bench.make_durable()

    assert isinstance(bench.orders.messages[-1], PlaceOrder)


def test_a_favourable_price_is_watched_for_from_the_first_look_at_the_market(bench: Bench) -> None:
    bench.make_durable()
    bench.show_market()

    (trigger,) = [m for m in bench.market.messages if isinstance(m, SetPriceTrigger)]
    assert (trigger.level, trigger.worse) == (Decimal("99.800"), False)


def test_a_crossing_that_comes_while_a_child_is_open_is_acted_upon_after_it(bench: Bench) -> None:
    order = bench.send_first_child()
    bench.price = Decimal(99)
    bench.tell(PriceCrossed(bench.execution.execution_id, NOON, Decimal(99)))
    bench.show_market()
    bench.tell(a_fill(order, quantity=str(order.quantity)))
    bench.make_durable()
    bench.show_market()
    bench.make_durable()

    following = bench.orders.messages[-1]
    assert isinstance(following, PlaceOrder)
    assert following.slice_number == order.slice_number + 1
    triggers = [m for m in bench.market.messages if isinstance(m, SetPriceTrigger)]
    assert [t.worse for t in triggers] == [False, True]


def test_a_recovered_execution_asks_for_the_children_without_an_outcome_before_it_sends(
    bench: Bench,
) -> None:
    order = bench.send_first_child()
    recovered = fold(None, bench.events)
    assert recovered is not None
    bench.orders.messages.clear()

    bench.slicer.stop()
    bench.slicer = bench.start(recovered, ())

    assert bench.orders.messages == [
        LookUpOrder(
            execution_id=order.execution_id,
            client_order_id=order.client_order_id,
            symbol=order.symbol,
        )
    ]


def test_a_snapshot_is_taken_every_so_many_events_and_equals_the_fold(
    simulation: DeterministicRuntime,
) -> None:
    bench = Bench(simulation, a_parent_order(quantity="50", slices=50, minutes=30))
    bench.make_durable()
    while len(bench.events) < SNAPSHOT_EVERY + 5:
        bench.until(simulation.clock.now() + timedelta(seconds=6))
        bench.show_market()
        bench.make_durable()
        order = bench.orders.messages[-1] if bench.orders.messages else None
        if isinstance(order, PlaceOrder):
            trade = f"{order.client_order_id}-1"
            bench.tell(a_fill(order, quantity=str(order.quantity), trade_id=trade))
        bench.make_durable()

    written = [write for write in bench.journal.messages if write.snapshot is not None]
    assert written
    at = written[0].first_version + len(written[0].events) - 1
    assert written[0].snapshot is not None
    assert restore(written[0].snapshot) == fold(None, bench.events[:at])


def test_the_longer_a_journal_is_the_more_seldom_is_a_snapshot_taken(
    simulation: DeterministicRuntime,
) -> None:
    bench = Bench(simulation, a_parent_order(quantity="50", slices=50, minutes=30))
    bench.make_durable()
    while len(bench.events) < 10 * SNAPSHOT_EVERY:
        for tell in (PauseExecution, ResumeExecution):
            bench.tell(tell(execution_id=bench.execution.execution_id, reply_to=Answers()))
            bench.make_durable()

    ends = [w.first_version + len(w.events) - 1 for w in bench.journal.messages if w.snapshot]
    assert ends[:4] == [50, 100, 150, 200]
    assert all(after - before >= after // 4 for before, after in pairwise(ends))
    assert ends[-1] * 4 >= len(bench.events) * 3
