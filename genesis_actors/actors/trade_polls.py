"""Our trades, asked for again and again: one that was never told, of an order that has closed, shows only there."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from genesis_actors.actors.past import Past
from genesis_actors.domain.known_trades import KnownTrades
from genesis_actors.messages.base import Address
from genesis_actors.messages.persistence import NoteTrades
from genesis_actors.messages.venue import LookUpTrades, TradesTold
from genesis_actors.runtime.actor import MessageActor
from genesis_actors.runtime.clock import TimerHandle
from genesis_actors.values import Symbol

_ASK_AGAIN = timedelta(seconds=2)
_PATIENCE = timedelta(seconds=60)
"""A question that has not been answered for so long is asked again."""


_WHERE_OUR_CLOCK_WAS_AHEAD = timedelta(days=1)
"""So far back trades are asked for where what is recorded ends in the future: by how much is not known."""


@dataclass(frozen=True, slots=True)
class AskTrades:
    """To the supervisor itself: it is time to ask for the trades of `symbol`."""

    symbol: Symbol


class TradePolls:
    """Asks for the supervisor, from where on some may not be recorded, every so often; None: never by itself.

    One question of a symbol at a time: its answer is taken for proof that what the one before has told is written by
    now, and two that come together would prove it of each other.
    """

    def __init__(
        self,
        actor: MessageActor[Any],
        *,
        every: timedelta | None,
        past: Past,
        venue: Address[LookUpTrades],
        journal: Address[NoteTrades],
    ) -> None:
        self._actor = actor
        self._every = every
        self._left_alone = past.left_alone
        self._since = past.trades_since
        self._worked_before = past.known_trades.keys()
        self._venue = venue
        self._journal = journal
        self._are_marks_held = False
        self._polled: set[Symbol] = set()
        self._asked_at: dict[Symbol, datetime] = {}
        self._timers: dict[Symbol, TimerHandle] = {}
        self._known = {
            symbol: KnownTrades(until)
            for symbol, until in past.known_trades.items()
            if until is not None
        }

    def is_polled(self, symbol: Symbol) -> bool:
        return symbol in self._polled

    def ask(self, symbol: Symbol) -> None:
        """Ask, unless a question is on its way."""
        if symbol not in self._asked_at:
            self.ask_anew(symbol)

    def ask_anew(self, symbol: Symbol) -> None:
        now, known = self._actor.clock.now(), self._known.get(symbol)
        self._asked_at.setdefault(symbol, now)
        since = (self._since or now) if known is None else known.since
        if since > now:
            since = now - _WHERE_OUR_CLOCK_WAS_AHEAD
        self._actor.send(self._venue, LookUpTrades(symbol=symbol, since=since))
        self._ask_at(symbol, now + _PATIENCE)

    def told(self, told: TradesTold, *, is_held: bool) -> bool:
        """Return whether every trade is told now; otherwise it is asked for once more.

        `is_held` says that some of what was told waits for an actor: that proves nothing to be written.
        """
        symbol = told.symbol
        asked_at = self._asked_at.pop(symbol, None)
        if asked_at is None:
            return False  # The second answer, where it was asked twice.
        self._timers.pop(symbol).cancel()
        if not told.is_complete:
            self._ask_at(symbol, self._actor.clock.now() + _ASK_AGAIN)
        elif symbol in self._known:
            known = self._known[symbol].lost() if is_held else self._known[symbol]
            self._note(symbol, known.told(asked_at))
        return told.is_complete

    def poll(self, symbol: Symbol) -> None:
        """Ask when it is time for the next question."""
        if self._every is None:
            return
        now = self._actor.clock.now()
        self._polled.add(symbol)
        if symbol not in self._known:
            since = self._since or now if symbol in self._worked_before else now
            self._note(symbol, KnownTrades(since))
        self._ask_at(symbol, now + self._every)

    def lost(self) -> None:
        """Take into account that somebody has failed who may have been told of trades that he has not written."""
        self._known = {symbol: known.lost() for symbol, known in self._known.items()}

    def hold_marks(self) -> None:
        """Leave the durable marks where they are: a trade cannot be recorded, and the next run asks for it again."""
        self._are_marks_held = True

    def _ask_at(self, symbol: Symbol, at: datetime) -> None:
        before = self._timers.get(symbol)
        if before is not None:
            before.cancel()
        self._timers[symbol] = self._actor.wake_at(at, AskTrades(symbol))

    def _note(self, symbol: Symbol, known: KnownTrades) -> None:
        before = self._known.get(symbol)
        self._known[symbol] = known
        # A trade of an execution that is not ours to carry on is told again to the engine that does.
        is_held = self._are_marks_held or symbol in self._left_alone
        may_advance = before is None or not is_held
        if may_advance and (before is None or before.recorded_until != known.recorded_until):
            self._actor.send(self._journal, NoteTrades(symbol, known.recorded_until))
