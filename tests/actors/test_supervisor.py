from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from pykka import ActorRef, ActorRegistry

from genesis_actors.actors.past import Past, VenueTraits
from genesis_actors.actors.slicer import SlicerActor
from genesis_actors.actors.supervisor import SupervisorActor, SupervisorPorts
from genesis_actors.domain.known_trades import MARGIN
from genesis_actors.domain.policy import TwapDefaults
from genesis_actors.messages.control import News
from genesis_actors.messages.events import TwapPaused, TwapResumed
from genesis_actors.messages.market_data import (
    MarketDataMessage,
    MarketQuery,
    MarketView,
    UnwatchSymbol,
)
from genesis_actors.messages.persistence import (
    ExecutionLoaded,
    Journaled,
    LoadExecution,
    NoteTrades,
    WriteHalt,
    WriteJournal,
)
from genesis_actors.messages.risk import JudgeParent, ParentJudged, RiskMessage
from genesis_actors.messages.supervisor import (
    AmendExecution,
    CancelExecution,
    CommandDone,
    CommandRefused,
    ExecutionStarted,
    OrderRejected,
    PauseExecution,
    StartExecution,
)
from genesis_actors.messages.venue import (
    DescribeSymbol,
    LookUpOrder,
    LookUpTrades,
    TradesTold,
    VenueAvailability,
    VenueMessage,
)
from genesis_actors.runtime.actor import ActorFailed
from genesis_actors.runtime.simulation import DeterministicRuntime
from genesis_actors.values import (
    ZERO,
    ClientId,
    ClientOrderId,
    ExecutionId,
    MarketSummary,
    ParentOrder,
    Reason,
    Symbol,
)
from tests.helpers import Probe
from tests.making import (
    BTC,
    NOON,
    QUOTE,
    a_child,
    a_close,
    a_description,
    a_fill,
    a_parent_order,
    an_execution,
)

Started = Probe[ExecutionStarted | OrderRejected]


class House:
    """A supervisor whose venue, market data and journal are played by the test."""

    def __init__(
        self,
        simulation: DeterministicRuntime,
        *,
        client_ids: Mapping[ClientId, ExecutionId] | None = None,
        past: Past | None = None,
        trades_every: timedelta | None = None,
    ) -> None:
        self.simulation = simulation
        self.journal = Probe[WriteJournal | LoadExecution | WriteHalt | NoteTrades]()
        self.market = Probe[MarketDataMessage]()
        self.venue = Probe[VenueMessage]()
        self.risk = Probe[RiskMessage]()
        self.news = Probe[News]()
        self.judged: Callable[[JudgeParent], ParentJudged] = lambda asked: ParentJudged(
            execution_id=asked.execution_id
        )
        self.ref: ActorRef[SupervisorActor] = SupervisorActor.start(
            simulation,
            defaults=TwapDefaults(),
            venue=VenueTraits("test", trades_every=trades_every),
            client_order_id_prefix="g7k2pd",
            ports=SupervisorPorts(
                journal=self.journal,
                market_data=self.market,
                venue=self.venue,
                gate=Probe(),
                risk=self.risk,
                news=self.news,
            ),
            seed=5,
            client_ids=client_ids or {},
            executions_before=0,
            past=past or Past(),
            failures=Probe(),
        )
        simulation.run_until_quiet()

    def tell(self, *messages: object) -> None:
        for message in messages:
            self.ref.tell(message)
        self.simulation.run_until_quiet()

    def start(self, order: ParentOrder) -> Started:
        answers = Started()
        self.tell(StartExecution(order=order, reply_to=answers))
        return answers

    def has_nothing_of(self, execution_id: str, error: str | None = None) -> None:
        """Play the journal that was asked for an execution."""
        (asked,) = (m for m in self.journal.messages if isinstance(m, LoadExecution))
        assert asked.execution_id == execution_id
        self.journal.messages.remove(asked)
        self.tell(ExecutionLoaded(asked.execution_id, None, (), error))

    def noted(self) -> list[datetime]:
        return [m.recorded_until for m in self.journal.messages if isinstance(m, NoteTrades)]

    def answer(self, *, writes: bool = True) -> None:
        """Play the venue, the market data and the journal for everything asked so far."""
        questions, self.venue.messages = self.venue.messages, []
        for question in questions:
            if isinstance(question, DescribeSymbol):
                question.reply_to.tell(a_description(question.symbol))
            elif isinstance(question, LookUpTrades):
                self.ref.tell(TradesTold(at=NOON, symbol=question.symbol, is_complete=True))
        self.simulation.run_until_quiet()
        for message in self.market.messages:
            if isinstance(message, MarketQuery):
                message.reply_to.tell(_view(message))
        self.market.messages.clear()
        self.simulation.run_until_quiet()
        asked = [m for m in self.risk.messages if isinstance(m, JudgeParent)]
        self.risk.messages = [m for m in self.risk.messages if not isinstance(m, JudgeParent)]
        for question in asked:
            question.reply_to.tell(self.judged(question))
        self.simulation.run_until_quiet()
        for write in self.journal.messages if writes else ():
            if isinstance(write, NoteTrades):
                continue
            assert isinstance(write, WriteJournal)
            version = write.first_version + len(write.events) - 1
            write.reply_to.tell(Journaled(write.execution_id, version))
        self.simulation.run_until_quiet()


def _view(query: MarketQuery) -> MarketView:
    summary = MarketSummary(NOON, NOON, ZERO, ZERO, ZERO, 0, QUOTE.mid)
    return MarketView(
        query.execution_id, query.symbol, NOON, QUOTE, NOON - NOON, summary, Decimal(100)
    )


@pytest.fixture
def house(simulation: DeterministicRuntime) -> House:
    return House(simulation)


def test_an_order_becomes_an_execution_that_is_acknowledged_when_durable(house: House) -> None:
    answers = house.start(a_parent_order())
    assert answers.messages == []

    house.answer()

    (started,) = answers.messages
    assert isinstance(started, ExecutionStarted)
    assert started.is_new
    assert [type(m).__name__ for m in house.risk.messages] == ["SymbolDescribed"]


def test_the_venue_is_asked_once_for_orders_that_come_before_its_answer_and_again_later(
    house: House,
) -> None:
    def asked() -> list[DescribeSymbol]:
        return [m for m in house.venue.messages if isinstance(m, DescribeSymbol)]

    together = [house.start(a_parent_order()) for _ in range(3)]
    assert len(asked()) == 1
    house.answer()
    assert [type(m) for answers in together for m in answers.messages] == [ExecutionStarted] * 3
    assert asked() == []

    later = house.start(a_parent_order())
    assert len(asked()) == 1
    house.answer()
    assert [type(m) for m in later.messages] == [ExecutionStarted]


def test_the_market_of_an_execution_that_failed_before_it_was_durable_is_watched_no_more(
    house: House,
) -> None:
    answers = house.start(a_parent_order())
    house.answer(writes=False)
    (slicer,) = ActorRegistry.get_by_class(SlicerActor)
    house.tell(ActorFailed("slicer", slicer.actor_urn, "broken"))
    asked = next(m for m in house.journal.messages if isinstance(m, LoadExecution))

    house.has_nothing_of(asked.execution_id)

    assert [type(m) for m in house.market.messages][-1] is UnwatchSymbol
    (rejected,) = answers.messages
    assert isinstance(rejected, OrderRejected)
    assert rejected.reason is Reason.REPEATED_FAILURE


def test_an_unknown_symbol_is_rejected_with_what_is_known(house: House) -> None:
    answers = house.start(a_parent_order(symbol=Symbol("BTC/USD")))
    for question in house.venue.messages:
        assert isinstance(question, DescribeSymbol)
        question.reply_to.tell(a_description(question.symbol, rules=None))
    house.simulation.run_until_quiet()

    (rejected,) = answers.messages
    assert isinstance(rejected, OrderRejected)
    assert rejected.reason is Reason.UNKNOWN_SYMBOL
    assert "BTC/USDT" in rejected.hint
    assert house.journal.messages == []


def test_two_starts_with_one_client_id_that_meet_make_one_execution(house: House) -> None:
    order = a_parent_order(client_id="rebalance")
    first, second = house.start(order), house.start(order)

    house.answer()

    (one,), (other,) = first.messages, second.messages
    assert isinstance(one, ExecutionStarted)
    assert isinstance(other, ExecutionStarted)
    assert one.execution_id == other.execution_id
    assert len({w.execution_id for w in house.journal.messages if isinstance(w, WriteJournal)}) == 1


def test_a_start_repeated_later_finds_the_first_execution(house: House) -> None:
    order = a_parent_order(client_id="rebalance")
    first = house.start(order)
    house.answer()

    again = house.start(order)

    (one,), (other,) = first.messages, again.messages
    assert isinstance(one, ExecutionStarted)
    assert isinstance(other, ExecutionStarted)
    assert (other.execution_id, other.is_new) == (one.execution_id, False)


def test_what_an_earlier_run_used_a_client_id_for_is_read_once_when_it_comes_again(
    simulation: DeterministicRuntime,
) -> None:
    order = a_parent_order(client_id="rebalance")
    execution, events = an_execution(order)
    house = House(simulation, client_ids={ClientId("rebalance"): execution.execution_id})
    other = house.start(a_parent_order(client_id="rebalance", quantity="9"))
    same = house.start(order)
    assert (other.messages, same.messages) == ([], [])

    (asked,) = house.journal.messages
    assert isinstance(asked, LoadExecution)
    asked.reply_to.tell(ExecutionLoaded(asked.execution_id, None, events))
    simulation.run_until_quiet()
    again = house.start(order)

    (rejected,) = other.messages
    assert isinstance(rejected, OrderRejected)
    assert rejected.reason is Reason.CLIENT_ID_CONFLICT
    assert execution.execution_id in rejected.message
    found = ExecutionStarted(execution_id=execution.execution_id, is_new=False)
    assert (same.messages, again.messages) == ([found], [found])
    assert house.journal.messages == [asked]


def test_an_order_is_refused_while_its_client_ids_past_cannot_be_read(
    simulation: DeterministicRuntime,
) -> None:
    house = House(simulation, client_ids={ClientId("rebalance"): ExecutionId("x1")})
    order = a_parent_order(client_id="rebalance")
    answers = house.start(order)
    (asked,) = house.journal.messages
    assert isinstance(asked, LoadExecution)
    asked.reply_to.tell(ExecutionLoaded(asked.execution_id, None, (), "no disk"))
    simulation.run_until_quiet()

    (rejected,) = answers.messages
    assert isinstance(rejected, OrderRejected)
    assert rejected.reason is Reason.JOURNAL_DOWN
    assert "no disk" in rejected.message

    house.start(order)

    assert len(house.journal.messages) == 2, "it is asked again"


def test_a_command_for_an_unknown_execution_is_refused(house: House) -> None:
    answers = Probe[CommandDone | CommandRefused]()

    house.tell(PauseExecution(execution_id=ExecutionId("nobody"), reply_to=answers))
    house.has_nothing_of("nobody")

    (refused,) = answers.messages
    assert isinstance(refused, CommandRefused)
    assert refused.reason is Reason.UNKNOWN_ID


def test_a_command_is_refused_when_nobody_can_read_whether_there_is_its_execution(
    house: House,
) -> None:
    answers = Probe[CommandDone | CommandRefused]()

    house.tell(PauseExecution(execution_id=ExecutionId("nobody"), reply_to=answers))
    house.has_nothing_of("nobody", error="disk I/O error")

    (refused,) = answers.messages
    assert isinstance(refused, CommandRefused)
    assert refused.reason is Reason.JOURNAL_DOWN
    assert house.ref.is_alive()


def test_commands_and_outcomes_reach_their_slicer(house: House) -> None:
    answers = house.start(a_parent_order())
    house.answer()
    (started,) = answers.messages
    assert isinstance(started, ExecutionStarted)
    cancelled = Probe[CommandDone | CommandRefused]()

    house.tell(
        a_close(a_child(execution_id=started.execution_id)),
        CancelExecution(execution_id=started.execution_id, reply_to=cancelled),
    )
    house.answer()
    house.answer()
    house.answer()

    (done,) = cancelled.messages
    assert isinstance(done, CommandDone)


def test_only_a_larger_quantity_is_held_against_what_the_account_has_now(house: House) -> None:
    answers = house.start(a_parent_order())
    house.answer()
    (started,) = answers.messages
    assert isinstance(started, ExecutionStarted)
    amended = Probe[CommandDone | CommandRefused]()

    def amend(quantity: str) -> None:
        house.tell(
            AmendExecution(
                execution_id=started.execution_id, quantity=Decimal(quantity), reply_to=amended
            )
        )

    amend("8")
    assert not any(isinstance(m, DescribeSymbol) for m in house.venue.messages)
    house.answer()
    amend("9")
    (question,) = (m for m in house.venue.messages if isinstance(m, DescribeSymbol))
    house.venue.messages.clear()
    poor = a_description(question.symbol).model_copy(update={"balances": ()})
    question.reply_to.tell(poor)
    house.answer()
    done, refused = amended.messages

    assert isinstance(done, CommandDone)
    assert isinstance(refused, CommandRefused)
    assert refused.reason is Reason.INSUFFICIENT_BALANCE
    amend("9")
    house.answer()
    assert isinstance(amended.messages[-1], CommandDone)


def test_a_larger_quantity_is_judged_as_a_new_order_is(house: House) -> None:
    answers = house.start(a_parent_order())
    house.answer()
    (started,) = answers.messages
    assert isinstance(started, ExecutionStarted)
    amended = Probe[CommandDone | CommandRefused]()
    asked: list[JudgeParent] = []

    def judged(question: JudgeParent) -> ParentJudged:
        asked.append(question)
        reason = Reason.MAX_SYMBOL_EXPOSURE
        return ParentJudged(
            execution_id=question.execution_id, reason=reason, limit=Decimal(900), actual=Decimal(2)
        )

    house.judged = judged
    for quantity in ("20", "9", "9.5"):  # The last is more than what comes before it.
        house.tell(
            AmendExecution(
                execution_id=started.execution_id, quantity=Decimal(quantity), reply_to=amended
            )
        )
    for _ in range(2):
        house.answer()

    assert [(m.quantity, m.is_amendment) for m in asked] == [
        (Decimal(20), True),
        (Decimal("9.5"), True),
    ]
    assert sorted(type(m).__name__ for m in amended.messages) == [
        "CommandDone",
        "CommandRefused",
        "CommandRefused",
    ]
    refused = amended.messages[-1]
    assert isinstance(refused, CommandRefused)
    assert (refused.reason, refused.limit) == (Reason.MAX_SYMBOL_EXPOSURE, Decimal(900))
    assert "exposure" in refused.message


def test_an_amendment_that_waits_for_an_execution_that_has_gone_is_refused(house: House) -> None:
    amended = Probe[CommandDone | CommandRefused]()

    house.tell(
        AmendExecution(execution_id=ExecutionId("nobody"), quantity=Decimal(1), reply_to=amended)
    )
    house.has_nothing_of("nobody")

    assert [type(answer) for answer in amended.messages] == [CommandRefused]


def test_an_outcome_of_an_execution_that_is_not_here_and_a_failure_are_survived(
    house: House,
) -> None:
    house.tell(a_close(a_child(execution_id="nobody")), ActorFailed("venue", "urn", "broken"))

    assert house.ref.is_alive()


def test_a_recovered_execution_asks_its_venue_before_it_goes_on(
    simulation: DeterministicRuntime,
) -> None:
    execution, _ = an_execution()
    house = House(simulation, past=Past(executions=(execution,)))

    house.answer()

    assert not any(isinstance(message, LookUpOrder) for message in house.risk.messages)
    cancelled = Probe[CommandDone | CommandRefused]()
    house.tell(CancelExecution(execution_id=execution.execution_id, reply_to=cancelled))
    house.answer()
    house.answer()
    assert [type(answer) for answer in cancelled.messages] == [CommandDone]


def test_that_the_venue_takes_no_orders_is_told_to_each_execution_also_to_those_that_start_then(
    simulation: DeterministicRuntime,
) -> None:
    house = House(simulation)
    first = house.start(a_parent_order())
    house.answer()
    house.tell(VenueAvailability(at=NOON, is_available=False, detail="maintenance"))
    house.start(a_parent_order(quantity="5"))
    house.answer()

    def paused() -> list[object]:
        return [
            event.reason
            for write in house.journal.messages
            if isinstance(write, WriteJournal)
            for event in write.events
            if isinstance(event, TwapPaused)
        ]

    assert first.messages
    assert paused() == [Reason.VENUE_UNAVAILABLE] * 2
    house.tell(VenueAvailability(at=NOON, is_available=True, detail="back"))
    resumed = [
        event
        for write in house.journal.messages
        if isinstance(write, WriteJournal)
        for event in write.events
        if isinstance(event, TwapResumed)
    ]
    assert len(resumed) == 2


# --- Trades that were never told ---------------------------------------------------------------------

EVERY = timedelta(seconds=45)


class Polled(House):
    """A house whose venue may lose trades, with one execution in it."""

    def __init__(self, simulation: DeterministicRuntime, past: Past | None = None) -> None:
        super().__init__(simulation, past=past, trades_every=EVERY)
        self.started_at = simulation.clock.now()
        self.start(a_parent_order())
        self.answer()
        self.answer()

    def pass_time(self, *, is_complete: bool = True) -> LookUpTrades:
        """Let the next question come, and answer it."""
        self.venue.messages.clear()
        while not self.venue.messages:
            self.simulation.advance_to(self.simulation.clock.now() + timedelta(seconds=1))
        (question,) = self.venue.messages
        assert isinstance(question, LookUpTrades)
        now = self.simulation.clock.now()
        self.tell(TradesTold(at=now, symbol=question.symbol, is_complete=is_complete))
        return question


def test_trades_are_asked_for_from_where_all_are_recorded(
    simulation: DeterministicRuntime,
) -> None:
    house = Polled(simulation)

    asked = [house.pass_time().since for _ in range(4)]

    began = house.started_at
    assert asked == [began - MARGIN, began - MARGIN, began - MARGIN + EVERY, asked[2] + EVERY]
    assert house.noted() == [began, began + EVERY, began + 2 * EVERY, began + 3 * EVERY]


def test_no_outage_is_so_long_that_a_trade_is_not_asked_for(
    simulation: DeterministicRuntime,
) -> None:
    house = Polled(simulation)
    house.pass_time()
    house.pass_time()

    asked = {house.pass_time(is_complete=False).since for _ in range(200)}

    assert asked == {house.started_at + EVERY - MARGIN}
    assert simulation.clock.now() - house.started_at > timedelta(minutes=6)
    assert house.pass_time().since in asked


@pytest.mark.parametrize(
    ("noted", "since"),
    [
        (NOON - timedelta(days=1), NOON - timedelta(days=1) - MARGIN),
        # Our clock was ahead then: by how much is not known.
        (NOON + timedelta(days=2), None),
    ],
)
def test_what_an_earlier_run_has_noted_is_where_the_next_one_begins(
    simulation: DeterministicRuntime, noted: datetime, since: datetime | None
) -> None:
    house = House(simulation, past=Past(known_trades={BTC: noted}), trades_every=EVERY)
    (described,) = house.venue.messages
    assert isinstance(described, DescribeSymbol)

    described.reply_to.tell(a_description(BTC))
    house.simulation.run_until_quiet()

    question = house.venue.messages[-1]
    assert isinstance(question, LookUpTrades)
    assert question.since == (since or simulation.clock.now() - timedelta(days=1))


def test_trades_told_to_a_slicer_that_failed_are_asked_for_again(
    simulation: DeterministicRuntime,
) -> None:
    house = Polled(simulation)
    house.pass_time()
    (slicer,) = ActorRegistry.get_by_class(SlicerActor)
    house.tell(ActorFailed("slicer", slicer.actor_urn, "broken"))

    asked = [house.pass_time().since for _ in range(3)]

    assert asked == [house.started_at - MARGIN] * 2 + [house.started_at + 2 * EVERY - MARGIN]


def test_a_recovered_symbol_is_polled_once_at_a_time(simulation: DeterministicRuntime) -> None:
    execution, _ = an_execution()
    past = Past(executions=(execution,), known_trades={BTC: NOON})
    house = House(simulation, past=past, trades_every=EVERY)
    house.answer()
    house.answer()
    house.venue.messages.clear()

    for _ in range(3):
        simulation.advance_to(simulation.clock.now() + EVERY)

        (question,) = house.venue.messages
        assert isinstance(question, LookUpTrades)
        house.venue.messages.clear()
        house.tell(TradesTold(at=simulation.clock.now(), symbol=BTC, is_complete=True))


def test_nothing_is_noted_for_who_will_carry_on_what_is_left_alone_here(
    simulation: DeterministicRuntime,
) -> None:
    house = Polled(simulation, Past(left_alone=frozenset({BTC})))

    for _ in range(4):
        house.pass_time()

    assert house.noted() == [house.started_at]


def test_a_trade_is_known_by_its_order_too(simulation: DeterministicRuntime) -> None:
    del simulation
    fill = a_fill(a_child("c1"), quantity="1")
    past = Past(recorded=frozenset({(ClientOrderId("c2"), fill.trade_id)}))

    assert not past.has_recorded(fill)
    assert Past(recorded=frozenset({(fill.client_order_id, fill.trade_id)})).has_recorded(fill)


def test_orders_that_come_while_trades_are_asked_for_do_not_ask_again(
    simulation: DeterministicRuntime,
) -> None:
    """Two answers that come together say of each other that what they told is written, which it is not."""
    execution, _ = an_execution()
    past = Past(executions=(execution,), known_trades={BTC: NOON - MARGIN})
    house = House(simulation, past=past, trades_every=EVERY)

    def asked() -> list[LookUpTrades]:
        return [m for m in house.venue.messages if isinstance(m, LookUpTrades)]

    def answer(*, is_complete: bool) -> None:
        now = simulation.clock.now()
        house.tell(TradesTold(at=now, symbol=BTC, is_complete=is_complete))

    def pass_seconds(seconds: int) -> None:
        simulation.advance_to(simulation.clock.now() + timedelta(seconds=seconds))

    for _ in range(3):
        house.start(a_parent_order())
        house.tell(a_description(BTC))
    assert len(asked()) == 1
    answer(is_complete=False)
    pass_seconds(2)
    assert len(asked()) == 2
    pass_seconds(61)
    assert len(asked()) == 3, "nobody answered"

    answer(is_complete=True)
    answer(is_complete=True)

    assert house.noted() == []
    pass_seconds(44)
    assert len(asked()) == 3
    pass_seconds(2)
    assert len(asked()) == 4


def test_a_trade_of_ours_that_no_journal_knows_halts_everything_once(
    simulation: DeterministicRuntime,
) -> None:
    house = House(simulation)
    strange = a_fill(a_child("g7k2pd000000000000x001001"), quantity="1")
    for _ in range(2):
        house.tell(strange)
        loads = [m for m in house.journal.messages if isinstance(m, LoadExecution)]
        loads[-1].reply_to.tell(ExecutionLoaded(strange.execution_id, None, ()))
        simulation.run_until_quiet()

    (halt,) = [m for m in house.journal.messages if isinstance(m, WriteHalt)]
    assert halt.is_halted
    assert halt.reason is not None
    assert halt.reason.startswith("journal_behind: the venue has our order g7k2pd")


def test_what_an_older_copy_has_is_paused_for_that_until_its_journal_says_so(
    simulation: DeterministicRuntime,
) -> None:
    execution, _ = an_execution()
    past = Past(executions=(execution,), older=frozenset({execution.execution_id}))
    house = House(simulation, past=past)
    for _ in range(2):
        house.answer(writes=False)

    (write,) = [m for m in house.journal.messages if isinstance(m, WriteJournal)]
    paused = write.events[-1]
    assert isinstance(paused, TwapPaused)
    assert paused.reason is Reason.JOURNAL_BEHIND
