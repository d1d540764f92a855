"""One actor per venue that records trades and quotes once per symbol, and answers from exact running sums."""

from __future__ import annotations

from collections import defaultdict
from typing import assert_never

from genesis_actors.domain.tape import MarketTape
from genesis_actors.messages.market_data import (
    ClearPriceTrigger,
    MarketDataMessage,
    MarketPast,
    MarketQuery,
    MarketRows,
    MarketView,
    PriceCrossed,
    SetPriceTrigger,
    UnwatchSymbol,
    WatchSymbol,
)
from genesis_actors.runtime.actor import ActorFailed, Address, MessageActor
from genesis_actors.runtime.system import Runtime
from genesis_actors.values import ExecutionId, Quote, Symbol


class MarketDataActor(MessageActor[MarketDataMessage]):
    """Keeps the tapes. Nobody is sent every tick: executions ask when a slice is due, or hear of a crossing."""

    dispatcher_kind = "shared"

    def __init__(self, runtime: Runtime, *, failures: Address[ActorFailed]) -> None:
        super().__init__(runtime, name="market-data", supervisor=failures)
        self._tapes: defaultdict[Symbol, MarketTape] = defaultdict(MarketTape)
        self._triggers: defaultdict[Symbol, dict[ExecutionId, SetPriceTrigger]] = defaultdict(dict)

    def handle(self, message: MarketDataMessage) -> None:
        match message:
            case MarketRows():
                self._on_rows(message)
            case MarketPast():
                for rows in message.rows:
                    self._on_rows(rows)
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
            case UnwatchSymbol():
                self._tapes[message.symbol].unwatch(message.execution_id)
                self._triggers[message.symbol].pop(message.execution_id, None)
            case _:
                assert_never(message)

    def _on_rows(self, rows: MarketRows) -> None:
        tape = self._tapes[rows.symbol]
        if rows.quote is not None:
            tape.record_quote(rows.at, rows.quote)
        for trade in rows.trades:
            tape.record_trade(trade)
        if rows.confirms_quote:
            tape.confirm(rows.at)
        if rows.quote is not None and self._triggers[rows.symbol]:
            self._fire(rows.symbol, rows.quote)

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
