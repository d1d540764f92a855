"""One actor per venue that keeps trades and quotes once per symbol, and answers from exact running sums.

What it keeps of a symbol that is worked is written down, too, for the reports.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final, assert_never

from genesis_actors.domain.market_recorder import MarketRecorder, Recorded
from genesis_actors.domain.portfolio import MidSampler
from genesis_actors.domain.tape import MarketTape
from genesis_actors.messages.market_data import (
    AskQuoteAges,
    ClearPriceTrigger,
    CutRecord,
    MarketDataMessage,
    MarketPast,
    MarketQuery,
    MarketRows,
    MarketView,
    PriceCrossed,
    QuoteAges,
    SetPriceTrigger,
    UnwatchSymbol,
    WatchSymbol,
)
from genesis_actors.messages.persistence import AwaitWritten, StoreMarket
from genesis_actors.messages.risk import MidSampled
from genesis_actors.runtime.actor import ActorFailed, Address, MessageActor
from genesis_actors.runtime.system import Runtime
from genesis_actors.values import ExecutionId, Quote, Symbol

RECORDS_KEPT: Final = timedelta(days=30)
"""So long after it was recorded a market is in the database; not in virtual time, which tells nothing of age."""


class MarketDataActor(MessageActor[MarketDataMessage]):
    """Keeps the tapes. Nobody is sent every tick: executions ask when a slice is due, or hear of a crossing."""

    dispatcher_kind = "shared"
    stop_stage = 1  # The reports that are being made still ask for their market.

    def __init__(
        self,
        runtime: Runtime,
        *,
        failures: Address[ActorFailed],
        journal: Address[StoreMarket | AwaitWritten],
        samples: Address[MidSampled],
        sampling_interval: timedelta,
    ) -> None:
        super().__init__(runtime, name="market-data", supervisor=failures)
        self._journal = journal
        self._samples = samples
        self._samplers: defaultdict[Symbol, MidSampler] = defaultdict(
            lambda: MidSampler(sampling_interval)
        )
        self._recorders: dict[Symbol, MarketRecorder] = {}
        self._pasts: dict[Symbol, tuple[MarketRows, ...]] = {}
        self._tapes: defaultdict[Symbol, MarketTape] = defaultdict(MarketTape)
        self._triggers: defaultdict[Symbol, dict[ExecutionId, SetPriceTrigger]] = defaultdict(dict)

    def handle(self, message: MarketDataMessage) -> None:
        match message:
            case MarketRows():
                self._on_rows(message)
            case MarketPast():
                for rows in message.rows:
                    self._on_rows(rows)
                self._pasts[message.symbol] = message.rows
            case MarketQuery():
                self._on_query(message)
            case SetPriceTrigger():
                self._on_trigger(message)
            case ClearPriceTrigger():
                self._triggers[message.symbol].pop(message.execution_id, None)
            case WatchSymbol():
                self._tapes[message.symbol].watch(
                    message.execution_id, message.since, message.window
                )
                self._record(message)
            case UnwatchSymbol():
                self._tapes[message.symbol].unwatch(message.execution_id)
                self._triggers[message.symbol].pop(message.execution_id, None)
                if message.symbol in self._recorders:
                    self._recorders[message.symbol].unwatch(message.execution_id, self.clock.now())
            case CutRecord():
                self._on_cut_record(message)
            case AskQuoteAges():
                self.send(message.reply_to, self._quote_ages())
            case _:
                assert_never(message)

    def end(self) -> None:
        """Write down what is recorded so far: the journal ends after us."""
        for symbol, recorder in self._recorders.items():
            self._store(symbol, (recorder.cut(self.clock.now()),))

    def _record(self, watch: WatchSymbol) -> None:
        """Record the symbol from the beginning of the execution, or from as far back as we have heard of its market."""
        recorder = self._recorders.get(watch.symbol)
        if recorder is None:
            past = self._pasts.pop(watch.symbol, None)
            since = self.clock.now() if past is None else watch.since
            quote = self._tapes[watch.symbol].quote
            if past is not None:
                quotes = [rows.quote for rows in past if rows.at < since and rows.quote is not None]
                quote = quotes[-1] if quotes else None
            recorder = self._recorders[watch.symbol] = MarketRecorder(since, quote)
            for rows in past or ():
                if rows.at >= since:
                    self._store(watch.symbol, recorder.record(rows))
        recorder.watch(watch.execution_id)

    def _on_cut_record(self, message: CutRecord) -> None:
        recorder = self._recorders.get(message.symbol)
        if recorder is not None:
            self._store(message.symbol, (recorder.cut(self.clock.now()),))
        self.send(self._journal, AwaitWritten(message.symbol, message.reply_to))

    def _quote_ages(self) -> QuoteAges:
        now = self.clock.now()
        ages = ((symbol, self._tapes[symbol].quote_age(now)) for symbol in self._recorders)
        return QuoteAges(tuple((symbol, age) for symbol, age in ages if age is not None))

    def _store(self, symbol: Symbol, segments: Iterable[Recorded | None]) -> None:
        for segment in segments:
            if segment is not None:
                began_at, ended_at, text = segment
                self.send(
                    self._journal,
                    StoreMarket(symbol, began_at, ended_at, text, self._horizon(began_at)),
                )

    def _horizon(self, now: datetime) -> datetime | None:
        """Return until when records are forgotten; seldom, for there is little to forget each time."""
        is_time = now.minute == 0 and not self.runtime.is_deterministic
        return now - RECORDS_KEPT if is_time else None

    def _on_rows(self, rows: MarketRows) -> None:
        recorder = self._recorders.get(rows.symbol)
        if recorder is not None:
            if recorder.is_over(rows.at):
                self._store(rows.symbol, (recorder.last(),))
                del self._recorders[rows.symbol]
            else:
                self._store(rows.symbol, recorder.record(rows))
        elif self._pasts:
            self._pasts.pop(rows.symbol, None)  # What comes from now on is not in it.
        tape = self._tapes[rows.symbol]
        if rows.quote is not None:
            tape.record_quote(rows.at, rows.quote)
        for trade in rows.trades:
            tape.record_trade(trade)
        if rows.confirms_quote:
            tape.confirm(rows.at)
        if rows.quote is not None or rows.confirms_quote:
            self._sample(rows)
        if rows.quote is not None and self._triggers[rows.symbol]:
            self._fire(rows.symbol, rows.quote)

    def _sample(self, rows: MarketRows) -> None:
        mid = None if rows.quote is None else rows.quote.mid
        due = self._samplers[rows.symbol].record(rows.at, mid)
        if due is not None:
            self.send(self._samples, MidSampled(rows.symbol, due.number, due.mid))

    def _fire(self, symbol: Symbol, quote: Quote) -> None:
        triggers = self._triggers[symbol]
        for trigger in [t for t in triggers.values() if _holds(t, quote)]:
            del triggers[trigger.execution_id]
            self._tell_crossed(trigger, quote)

    def _on_trigger(self, trigger: SetPriceTrigger) -> None:
        quote = self._tapes[trigger.symbol].quote
        if quote is not None and _holds(trigger, quote):
            self._triggers[trigger.symbol].pop(trigger.execution_id, None)
            self._tell_crossed(trigger, quote)
        else:
            self._triggers[trigger.symbol][trigger.execution_id] = trigger

    def _tell_crossed(self, trigger: SetPriceTrigger, quote: Quote) -> None:
        self.send(
            trigger.reply_to,
            PriceCrossed(trigger.execution_id, self.clock.now(), quote.touch(trigger.side)),
        )

    def _on_query(self, query: MarketQuery) -> None:
        tape, now = self._tapes[query.symbol], self.clock.now()
        try:
            summary = tape.summary(query.execution_id, now)
        except KeyError:
            summary = tape.summary(query.since, now)
        self.send(
            query.reply_to,
            MarketView(
                execution_id=query.execution_id,
                symbol=query.symbol,
                at=now,
                quote=tape.quote,
                quote_age=tape.quote_age(now),
                summary=summary,
                window_volume=tape.window_volume(now, query.window),
            ),
        )


def _holds(trigger: SetPriceTrigger, quote: Quote) -> bool:
    touch = quote.touch(trigger.side)
    is_worse = trigger.side.is_worse(touch, trigger.level)
    return is_worse if trigger.worse else not is_worse
