from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from pykka import ActorRef

from genesis_actors.actors.market_data import MarketDataActor
from genesis_actors.domain.market_recorder import read_segment
from genesis_actors.messages.market_data import (
    ClearPriceTrigger,
    CutRecord,
    MarketPast,
    MarketQuery,
    MarketRows,
    MarketView,
    PriceCrossed,
    SetPriceTrigger,
    UnwatchSymbol,
    WatchSymbol,
)
from genesis_actors.messages.persistence import AllWritten, AwaitWritten, StoreMarket
from genesis_actors.messages.risk import MidSampled
from genesis_actors.runtime.simulation import DeterministicRuntime
from genesis_actors.values import ExecutionId, Quote, Side, Trade
from tests.helpers import Probe
from tests.making import BTC, NOON

X1 = ExecutionId("x1")


class Tape:
    """A market data actor that the test feeds."""

    def __init__(self, simulation: DeterministicRuntime) -> None:
        self.simulation = simulation
        self.journal = Probe[StoreMarket | AwaitWritten]()
        self.samples = Probe[MidSampled]()
        self.ref: ActorRef[MarketDataActor] = MarketDataActor.start(
            simulation,
            failures=Probe(),
            journal=self.journal,
            samples=self.samples,
            sampling_interval=timedelta(seconds=10),
        )

    def tell(self, *messages: object) -> None:
        for message in messages:
            self.ref.tell(message)
        self.simulation.run_until_quiet()

    def rows(
        self,
        second: int,
        ask: str | None = None,
        traded: str | None = None,
        *,
        confirms: bool = True,
    ) -> None:
        at = NOON + timedelta(seconds=second)
        self.simulation.advance_to(at)
        quote = None if ask is None else Quote(at, Decimal(ask) - 1, Decimal(ask))
        trades = () if traded is None else (Trade(at, Decimal(100), Decimal(traded)),)
        self.tell(MarketRows(BTC, at, quote, trades, confirms_quote=confirms))

    def view(self, *, since_second: int = 0) -> MarketView:
        answers = Probe[MarketView]()
        since = NOON + timedelta(seconds=since_second)
        self.tell(MarketQuery(X1, BTC, since, timedelta(seconds=60), answers))
        (view,) = answers.messages
        return view

    def trigger(self, level: str, *, worse: bool = False) -> Probe[PriceCrossed]:
        heard = Probe[PriceCrossed]()
        self.tell(SetPriceTrigger(X1, BTC, Side.BUY, Decimal(level), worse, heard))
        return heard


@pytest.fixture
def tape(simulation: DeterministicRuntime) -> Tape:
    return Tape(simulation)


def test_a_view_has_the_newest_quote_and_the_volumes_asked_for(tape: Tape) -> None:
    tape.rows(0, ask="101", traded="5")
    tape.tell(WatchSymbol(X1, BTC, NOON, timedelta(seconds=60)))
    tape.rows(10, ask="102", traded="2")
    tape.rows(20, traded="3")

    view = tape.view()

    assert view.quote is not None
    assert view.quote.ask == Decimal(102)
    assert (view.summary.volume, view.window_volume) == (Decimal(5), Decimal(10))
    assert view.quote_age == timedelta(0)


def test_a_quote_grows_old_when_the_source_no_longer_vouches_for_it(tape: Tape) -> None:
    tape.rows(0, ask="101")
    tape.rows(10, traded="1", confirms=False)

    assert tape.view().quote_age == timedelta(seconds=10)


def test_before_the_first_quote_there_is_none_to_show(tape: Tape) -> None:
    view = tape.view()

    assert (view.quote, view.quote_age) == (None, None)


def test_only_a_crossing_is_told_and_only_once(tape: Tape) -> None:
    tape.rows(0, ask="101")
    heard = tape.trigger("100")
    tape.rows(1, ask="100.5")
    assert heard.messages == []

    tape.rows(2, ask="99")
    tape.rows(3, ask="98")

    assert heard.messages == [PriceCrossed(X1, NOON + timedelta(seconds=2), Decimal(99))]


def test_a_trigger_that_holds_already_fires_at_once(tape: Tape) -> None:
    tape.rows(0, ask="99")

    assert len(tape.trigger("100").messages) == 1


def test_a_trigger_for_a_worse_price_fires_when_the_level_is_left(tape: Tape) -> None:
    tape.rows(0, ask="99")
    heard = tape.trigger("100", worse=True)

    tape.rows(1, ask="100")
    assert heard.messages == []
    tape.rows(2, ask="100.01")
    assert len(heard.messages) == 1


def test_a_new_trigger_replaces_the_old_one_and_a_cleared_one_is_gone(tape: Tape) -> None:
    tape.rows(0, ask="101")
    first, second = tape.trigger("100"), tape.trigger("90")
    tape.rows(1, ask="95")
    assert first.messages == []

    tape.tell(ClearPriceTrigger(X1, BTC))
    tape.rows(2, ask="80")

    assert second.messages == []


def test_who_no_longer_watches_hears_nothing_more(tape: Tape) -> None:
    tape.rows(0, ask="101")
    tape.tell(WatchSymbol(X1, BTC, NOON, timedelta(seconds=60)))
    heard = tape.trigger("100")

    tape.tell(UnwatchSymbol(X1, BTC))
    tape.rows(1, ask="90")

    assert heard.messages == []


# --- What is recorded ---


def told(tape: Tape) -> list[StoreMarket]:
    return [each for each in tape.journal.messages if isinstance(each, StoreMarket)]


def test_a_symbol_that_nobody_works_is_not_recorded(tape: Tape) -> None:
    tape.rows(0, ask="101")
    tape.rows(100, ask="102")

    assert told(tape) == []


def test_a_symbol_is_recorded_by_the_minute_until_five_minutes_after_its_last_execution(
    tape: Tape,
) -> None:
    tape.rows(0, ask="101")
    tape.tell(WatchSymbol(X1, BTC, NOON, timedelta(seconds=60)))
    tape.rows(61, ask="102")
    assert [(s.began_at, s.ended_at) for s in told(tape)] == [(NOON, NOON + timedelta(seconds=60))]

    tape.tell(UnwatchSymbol(X1, BTC))
    tape.rows(400, ask="103")
    recorded = len(told(tape))
    tape.rows(900, ask="104")

    assert told(tape)[-1].ended_at == NOON + timedelta(seconds=361)
    assert len(told(tape)) == recorded


def test_a_record_is_cut_when_it_is_wanted_and_once_it_is_written_that_is_told(tape: Tape) -> None:
    answers = Probe[AllWritten]()
    tape.rows(0, ask="101")
    tape.tell(CutRecord(BTC, answers))
    assert tape.journal.messages == [AwaitWritten(BTC, answers)]

    tape.tell(WatchSymbol(X1, BTC, NOON, timedelta(seconds=60)))
    tape.rows(5, ask="102")
    tape.tell(CutRecord(BTC, answers), CutRecord(BTC, answers))

    assert [type(each) for each in tape.journal.messages[1:]] == [
        StoreMarket,
        AwaitWritten,
        AwaitWritten,
    ]


def test_what_happened_before_an_execution_was_taken_up_again_is_recorded_again(tape: Tape) -> None:
    past = tuple(
        MarketRows(
            BTC,
            NOON + timedelta(seconds=at),
            Quote(NOON, Decimal(100), Decimal(102 + at)),
            (),
        )
        for at in (0, 20, 40)
    )
    tape.simulation.advance_to(NOON + timedelta(seconds=50))
    tape.tell(MarketPast(BTC, past))
    tape.tell(WatchSymbol(X1, BTC, NOON + timedelta(seconds=10), timedelta(seconds=60)))
    tape.tell(CutRecord(BTC, Probe()))
    (segment,) = told(tape)

    assert segment.began_at == NOON + timedelta(seconds=10)
    read = read_segment(1, segment.began_at, segment.ended_at, segment.recorded)
    assert read.asks == [102, 122, 142]


def test_a_past_that_rows_have_followed_is_not_all_of_it(tape: Tape) -> None:
    tape.tell(MarketPast(BTC, (MarketRows(BTC, NOON, None, ()),)))
    tape.rows(5, ask="101")
    tape.tell(WatchSymbol(X1, BTC, NOON, timedelta(seconds=60)))
    tape.rows(7, ask="102")
    tape.tell(CutRecord(BTC, Probe()))

    assert told(tape)[0].began_at == NOON + timedelta(seconds=5)


def test_the_end_writes_down_what_is_recorded(tape: Tape) -> None:
    tape.rows(0, ask="101")
    tape.tell(WatchSymbol(X1, BTC, NOON, timedelta(seconds=60)))
    tape.rows(5, ask="102")
    tape.ref.stop(block=False)
    tape.simulation.run_until_quiet()

    assert [segment.ended_at for segment in told(tape)] == [NOON + timedelta(seconds=5)]
