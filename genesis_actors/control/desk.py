"""What the door answers its clients: from the board or, for executions of earlier runs, from the database."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

from genesis_actors import __version__
from genesis_actors.analysis import portfolio_of, report_of
from genesis_actors.control.board import Board
from genesis_actors.control.planning import planned
from genesis_actors.control.prices import Prices
from genesis_actors.control.protocol import Goal
from genesis_actors.control.sharing import Shared
from genesis_actors.control.tail import Tail, told
from genesis_actors.control.terms import terms_in_force
from genesis_actors.domain.attribution import By
from genesis_actors.engine import Engine
from genesis_actors.messages.base import Address
from genesis_actors.messages.control import (
    ControlMessage,
    ExecutionStatus,
    GetJournalState,
    GetStatus,
    PendingHalt,
)
from genesis_actors.messages.risk import PortfolioSeen
from genesis_actors.messages.supervisor import (
    LookAtMarket,
)
from genesis_actors.messages.venue import SymbolDescribed
from genesis_actors.orders import TwapOrder
from genesis_actors.storage import queries
from genesis_actors.storage.errors import StorageError
from genesis_actors.storage.recovery import Identity, load_identity
from genesis_actors.values import (
    ExecutionId,
    ExecutionState,
    Symbol,
    time_text,
)
from genesis_actors.views import (
    View,
    execution_view,
    fill_views,
    portfolio_view,
    slice_views,
    status_view,
)

T = TypeVar("T")

READERS = 2
"""Threads that read what is quickly read. Lists and the journal have one each: commands never wait for those."""

PORTFOLIO_SECONDS = 1.0
"""So long it waits for the risk actor, which may be busy or being replaced."""

HALT_SECONDS = 3.0
"""So long a question about the daemon waits for what the database has of a halt."""


@dataclass(frozen=True, slots=True)
class House:
    """What does not change while the daemon runs, for `daemon status`."""

    mode: str
    venue: str
    database: str
    socket: str
    started_at: datetime


class Desk:
    """Serves one engine. Its methods run on the door's event loop and never hold it up."""

    def __init__(self, engine: Engine, house: House, prices: Prices) -> None:
        self.house = house
        self._prices = prices
        self.is_stopping = False
        self.starts_in_hand = 0
        self._engine = engine
        self._lister = ThreadPoolExecutor(1, "door-lister")
        self._follower = ThreadPoolExecutor(1, "door-follower")
        self._reader = ThreadPoolExecutor(READERS, "door-reader")
        self._lists: dict[int | None, Shared[list[str]]] = {}
        self.board = Board(asyncio.get_running_loop(), self.now)
        self.tail = Tail(engine.database, self.from_journal)

    async def open(self) -> None:
        """Learn what there is, and from now on every piece of news."""
        engine, board = self._engine, self.board
        board.join(lambda _changed: self.tail.wake())
        self.tail.start_behind(await self.aside(lambda: queries.last_sequence(engine.database)))
        self.tail.wake()
        engine.listen(board)
        is_open = [state for state in ExecutionState if not state.is_final]
        rows = await self.aside(lambda: queries.executions(engine.database, states=is_open))
        for row in rows:
            # Answered behind the news that led to it: the board hears both in order.
            engine.door.tell(GetStatus(ExecutionId(row.execution_id), board))
        if rows:
            # All are answered in turn: nobody is let in before the board has the last one.
            last = ExecutionId(rows[-1].execution_id)
            await engine.ask_async(lambda box: GetStatus(last, box))

    async def let_go(self) -> None:
        """Tell whoever waits or follows how it is now: there will be no more."""
        self.board.let_go()
        await self.tail.let_go()

    def close(self) -> None:
        for pool in (self._lister, self._follower, self._reader):
            pool.shutdown(wait=False, cancel_futures=True)

    def now(self) -> datetime:
        return self._engine.runtime.clock.now()

    async def aside(self, work: Callable[[], T]) -> T:
        """Read one row, or one execution, on a thread of its own."""
        return await asyncio.get_running_loop().run_in_executor(self._reader, work)

    async def from_journal(self, work: Callable[[], T]) -> T:
        """Read events, on another one."""
        return await asyncio.get_running_loop().run_in_executor(self._follower, work)

    async def _at_leisure(self, work: Callable[[], T]) -> T:
        """Read what grows with every execution there ever was, on a third."""
        return await asyncio.get_running_loop().run_in_executor(self._lister, work)

    # --- Questions -------------------------------------------------------------------------------

    async def about(self, connections: int) -> View:
        """Return how the daemon is; whether it is halted is None where the database cannot be read in time."""
        halt = dict[str, object].fromkeys(("halted", "halted_at", "reason", "is_durable"))
        outage = None
        try:
            journal = await self._engine.ask_async(GetJournalState, HALT_SECONDS)
            outage = journal.outage
            if journal.halt is not None:
                halt = _pending_fields(journal.halt)
            async with asyncio.timeout(HALT_SECONDS):
                known = halt_fields(await self.halt_state())
                halt = known if known["halted"] or journal.halt is None else halt
        except StorageError as error:  # How it is must be told above all when something is wrong.
            outage = outage or error.message
        except TimeoutError:
            outage = outage or "the database has not answered in time"
        now = self.now()
        return {
            "pid": os.getpid(),
            "version": __version__,
            "mode": self.house.mode,
            "venue": self.house.venue,
            "database": self.house.database,
            "socket": self.house.socket,
            "started_at": time_text(self.house.started_at),
            "uptime_seconds": int((now - self.house.started_at).total_seconds()),
            "open_executions": len(self.board.open_ids()),
            "state": "stopping" if self.is_stopping else "running",
            "halted": halt["halted"],
            "halted_at": halt["halted_at"],
            "halt_reason": halt["reason"],
            "halt_is_durable": halt["is_durable"],
            "journal_outage": outage,
            **portfolio_view(await self._portfolio()),
            "connections": connections,
            "last_sequence": self.tail.last,
        }

    async def _portfolio(self) -> PortfolioSeen | None:
        try:
            async with asyncio.timeout(PORTFOLIO_SECONDS):
                return await self.aside(lambda: self._engine.portfolio(PORTFOLIO_SECONDS))
        except TimeoutError:  # Who would ask waits for the disk.
            return None

    async def executions(self, *, ended: int | None) -> str:
        """Return the open executions as JSON, the newest first, and so many that have ended; None: all of them."""
        found = self.board.open_ids()
        texts = [self.board.text(key) for key in found]
        if any(self.board.is_queued(key) for key in found):
            # Who is next depends on all who wait, and on the time: that is in no execution's own text.
            places = await self.aside(
                lambda: queries.queue_places(self._engine.database, self.now())
            )
            texts = [
                _placed(told, places[key]) if key in places else told
                for key, told in zip(found, texts, strict=True)
            ]
        if ended != 0:
            texts += await self._ended(ended)
        return f"[{', '.join(texts)}]"

    async def _ended(self, limit: int | None) -> list[str]:
        """Return executions that are over, read and rendered once for all who ask at the same time."""
        lists = self._lists
        shared = lists.setdefault(
            limit, Shared(lambda: self._at_leisure(lambda: self._ended_texts(limit)))
        )
        try:
            return await shared.get()
        finally:
            if shared.is_idle:
                lists.pop(limit, None)

    def symbols(self) -> tuple[Symbol, ...]:
        return self._engine.venue.symbols()

    async def resolve(self, name: str) -> ExecutionId:
        """Return the execution that an id, the beginning of one, or @last means. Raises ExecutionNotFound."""
        known = ExecutionId(name)
        if self.board.status(known) is not None:
            return known
        row = await self.aside(lambda: queries.execution(self._engine.database, name))
        return ExecutionId(row.execution_id)

    async def status(self, name: str) -> ExecutionStatus:
        key = await self.resolve(name)
        known = self.board.status(key)
        if known is not None:
            return known
        return await self.aside(lambda: queries.status_of(self._engine.database, key))

    async def show(self, name: str) -> View:
        status, database = await self.status(name), self._engine.database
        key = ExecutionId(status.execution.execution_id)
        try:
            terms = await self.aside(lambda: terms_in_force(database, key))
        except StorageError:  # How an execution is must be told above all when something is wrong.
            terms = None
        return {**status_view(status, self.now()), "terms": terms}

    async def slices(self, name: str) -> list[View]:
        status = await self.status(name)
        return slice_views(status.slices, status.orders)

    async def fills(self, name: str) -> list[View]:
        status = await self.status(name)
        return fill_views(status.fills, status.orders)

    async def report(self, name: str, *, again: bool) -> View:
        key = await self.resolve(name)
        now = self.now()
        return await self._at_leisure(
            lambda: report_of(self._engine.database, key, again=again, now=now)
        )

    async def portfolio(self, since: timedelta | datetime | None, by: By) -> View:
        return await self._at_leisure(lambda: portfolio_of(self._engine.database, since, by))

    async def journal(self, name: str, last: int) -> str:
        """Return, as JSON, the terms in force of an execution, and its last events as the stream tells them."""
        key, database = await self.resolve(name), self._engine.database
        terms, rows = await self.aside(
            lambda: (terms_in_force(database, key), queries.newest_events(database, key, last))
        )
        events = ", ".join(told(row).line.rstrip() for row in rows)
        return f'{{"terms": {json.dumps(terms)}, "events": [{events}]}}'

    async def plan(self, order: TwapOrder) -> View:
        """Plan an order as it would be worked now. Raises OrderRejectedError where it would be refused."""
        parent = order.parent_order()

        def question(box: Address[SymbolDescribed]) -> ControlMessage:
            return LookAtMarket(symbol=parent.symbol, reply_to=box)

        described = await self._engine.ask_async(question)
        quote = self._prices.quote(parent.symbol)
        defaults, now = self._engine.settings.twap_defaults(), self.now()
        return await self.aside(lambda: planned(parent, described, quote, defaults, now))

    def market(self, symbol: Symbol, since: datetime) -> View:
        """Return the touch, and the steps of the last hour and a half that were not over by `since`."""
        return {"symbol": symbol, "at": time_text(self.now()), **self._prices.view(symbol, since)}

    async def wait(self, name: str, goal: Goal, timeout: float) -> View:  # noqa: ASYNC109
        """Wait until there is nothing more to wait for, or the time is up, and say how it is then."""
        status = await self.status(name)
        key = ExecutionId(status.execution.execution_id)
        if self.board.status(key) is not None:
            await self.board.until(key, goal.is_settled, timeout)
            status = self.board.status(key) or status
        row = status.execution
        view = execution_view(row, status.slices, self.now())
        return {"met": goal.is_met(row), "settled": goal.is_settled(row), "execution": view}

    async def halt_state(self) -> Identity | None:
        return await self.aside(lambda: load_identity(self._engine.database))

    def _ended_texts(self, limit: int | None) -> list[str]:
        database = self._engine.database
        ended = [state for state in ExecutionState if state.is_final]
        rows = queries.executions_with_plans(database, states=ended, limit=limit)
        return [
            json.dumps(execution_view(row, plan, None), ensure_ascii=False) for row, plan in rows
        ]


def _placed(text: str, place: int) -> str:
    return json.dumps({**json.loads(text), "queue_place": place}, ensure_ascii=False)


def halt_fields(halt: Identity | None) -> View:
    halted_at = None if halt is None else halt.halted_at
    return {
        "halted": halted_at is not None,
        "halted_at": None if halted_at is None else time_text(halted_at),
        "reason": None if halt is None else halt.halt_reason,
        "is_durable": None if halted_at is None else True,
    }


def _pending_fields(halt: PendingHalt) -> View:
    return {
        "halted": True,
        "halted_at": time_text(halt.asked_at),
        "reason": halt.reason,
        "is_durable": False,
    }
