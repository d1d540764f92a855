"""Parent orders on their way to becoming executions: described, priced, judged, and known by their client ids."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any, TypeAlias

from genesis_actors.actors.earlier_orders import EarlierOrders, OrderRecalled
from genesis_actors.actors.past import KnownOrder
from genesis_actors.domain.admission import (
    Admission,
    FirstEvents,
    Market,
    Rejection,
    accept,
    admit,
    refused_by_risk,
)
from genesis_actors.domain.client_ids import EXECUTION_ID_BITS, execution_id_from
from genesis_actors.domain.execution import Execution
from genesis_actors.domain.market_source import differing_parts
from genesis_actors.domain.policy import TwapDefaults
from genesis_actors.domain.queueing import Queue
from genesis_actors.domain.volume_profile import VolumeProfile
from genesis_actors.messages.base import Address
from genesis_actors.messages.market_data import (
    MarketDataMessage,
    MarketQuery,
    MarketView,
    UnwatchSymbol,
    WatchSymbol,
)
from genesis_actors.messages.risk import JudgeParent, ParentEnded, ParentJudged
from genesis_actors.messages.supervisor import ExecutionStarted, OrderRejected, StartExecution
from genesis_actors.messages.venue import (
    Balance,
    DescribeSymbol,
    SymbolDescribed,
    VenueMessage,
)
from genesis_actors.runtime.actor import MessageActor
from genesis_actors.values import (
    ClientId,
    ExecutionId,
    MarketSource,
    ParentOrder,
    Quote,
    Reason,
    Symbol,
)

Begin: TypeAlias = Callable[[Execution, FirstEvents], None]


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A parent order that is not an execution yet, the so-manieth of this database."""

    execution_id: ExecutionId
    number: int
    message: StartExecution


class Admitting:
    """Admits orders for the supervisor; `begin` makes an execution of each that is accepted."""

    def __init__(
        self,
        actor: MessageActor[Any],
        *,
        defaults: TwapDefaults,
        client_order_id_prefix: str,
        seed: int | None,
        earlier: EarlierOrders,
        executions_before: int,
        market_source: MarketSource | None,
        venue: Address[VenueMessage],
        market_data: Address[MarketDataMessage],
        risk: Address[JudgeParent | ParentEnded],
        queue: Queue,
        begin: Begin,
    ) -> None:
        self.described: dict[Symbol, SymbolDescribed] = {}
        self.profiles: dict[Symbol, VolumeProfile | None] = {}
        self._told_balances: tuple[Balance, ...] = ()
        self._free: Mapping[str, Decimal] = {}
        self._actor = actor
        self._defaults = defaults
        self._prefix = client_order_id_prefix
        self._seed = seed
        self._known: dict[ClientId, KnownOrder] = {}
        self._earlier = earlier
        self._count = executions_before
        self._market_source = market_source
        self._venue = venue
        self._market_data = market_data
        self._risk = risk
        self._queue = queue
        self._begin = begin
        self._asked: set[Symbol] = set()
        self._waiting: dict[Symbol, list[_Candidate]] = {}
        self._admitting: dict[ExecutionId, list[_Candidate]] = {}
        """Those for whom the market is asked, by the first of them."""
        self._judged: dict[ExecutionId, tuple[_Candidate, Admission]] = {}
        self._starting: dict[ExecutionId, list[StartExecution]] = {}

    def ask(
        self, message: StartExecution, *, is_open: Callable[[ExecutionId], bool], is_halted: bool
    ) -> None:
        """Begin to admit an order, or find the execution that it has started before."""
        client_id, execution_id = message.order.client_id, message.execution_id
        known = None if client_id is None else self._known.get(client_id)
        if client_id is not None and known is None and self._earlier.recall(client_id, message):
            return
        if known is not None and (why := self._conflict(known, message.order)):
            self._reject(
                message,
                Reason.CLIENT_ID_CONFLICT,
                f"client id {client_id} belongs to execution {known.execution_id}, {why}",
                "repeat the order exactly, or choose another --client-id",
            )
            return
        found = execution_id if known is None else known.execution_id
        if found is not None and found in self._starting:
            self._starting[found].append(message)
        elif found is not None and (known is not None or is_open(found)):
            # It is new to the one whose answer a rebuild has lost.
            is_new = found == execution_id
            self._actor.send(message.reply_to, ExecutionStarted(execution_id=found, is_new=is_new))
        elif is_halted:
            self._reject_halted(message)
        else:
            candidate = self._candidate(message)
            self.watch(candidate.execution_id, message.order, self._actor.clock.now())
            self._waiting.setdefault(message.order.symbol, []).append(candidate)
            self.describe(message.order.symbol)

    def on_recalled(
        self, recalled: OrderRecalled, *, is_open: Callable[[ExecutionId], bool], is_halted: bool
    ) -> None:
        """Go on with those who have used a client id of an earlier run again."""
        known, error, waiting = self._earlier.recalled(recalled)
        if known is not None:
            self._known[recalled.client_id] = known
        for message in waiting:
            if known is None:
                self._reject(
                    message,
                    Reason.JOURNAL_DOWN,
                    f"what client id {recalled.client_id} was used for cannot be read: {error}",
                    "nothing was sent; give the order again when the database can be read",
                )
            else:
                self.ask(message, is_open=is_open, is_halted=is_halted)

    def watch(self, execution_id: ExecutionId, order: ParentOrder, since: datetime) -> None:
        """Watch before the venue tells its past: what nobody watches is soon forgotten.

        No volume window is longer than the order's own; the slicer says how long its really is.
        """
        longest = order.duration or self._defaults.max_duration
        watch = WatchSymbol(execution_id, order.symbol, since, longest)
        self._actor.send(self._market_data, watch)

    def describe(self, symbol: Symbol) -> None:
        """Ask the venue about the symbol, afresh because balances change: once for all orders until it has answered."""
        if symbol in self._asked:
            return
        self._asked.add(symbol)
        question = DescribeSymbol(symbol=symbol, reply_to=self._actor.actor_ref)
        self._actor.send(self._venue, question)

    def learn(self, described: SymbolDescribed) -> None:
        symbol, volumes = described.symbol, described.volumes
        self._asked.discard(symbol)
        known = self.described.get(symbol)
        self.described[symbol] = described
        # A symbol is described often, and its bars change once an hour.
        if known is None or known.volumes != volumes:
            self.profiles[symbol] = VolumeProfile.from_bars(volumes) if volumes else None

    def admit_waiting(self, symbol: Symbol) -> None:
        """Go on with the orders that waited for their symbol to be described."""
        waiting = self._waiting.pop(symbol, [])
        if not waiting:
            return
        if self.described[symbol].rules is None:
            for candidate in waiting:
                self._admit(candidate, None)
            return
        first = waiting[0].execution_id
        self._admitting[first] = waiting
        self._actor.send(
            self._market_data,
            MarketQuery(
                execution_id=first,
                symbol=symbol,
                since=self._actor.clock.now(),
                window=self._defaults.slice_interval,
                reply_to=self._actor.actor_ref,
            ),
        )

    def on_market_view(self, view: MarketView) -> None:
        for candidate in self._admitting.pop(view.execution_id, ()):
            self._admit(candidate, view.quote)

    def started(self, started: ExecutionStarted) -> None:
        """Tell who asked: the first has made it, the others have found it. A rebuilt slicer may say it once more."""
        first, *others = self._starting.pop(started.execution_id, (None,))
        if first is not None:
            self._actor.send(first.reply_to, started)
        for asked in others:
            self._actor.send(asked.reply_to, started.model_copy(update={"is_new": False}))

    def forget(self, execution_id: ExecutionId) -> None:
        """Nothing of it ever became durable: it does not exist, and whoever asked for it is told so."""
        self._known = {
            client_id: known
            for client_id, known in self._known.items()
            if known.execution_id != execution_id
        }
        for asked in self._starting.pop(execution_id, ()):
            self._reject(
                asked,
                Reason.REPEATED_FAILURE,
                f"execution {execution_id} failed before it was durable",
                "nothing was sent; give the order again",
            )

    def retire(self, execution_id: ExecutionId, client_id: ClientId | None) -> None:
        """Keep of an execution that is over nothing but its client id."""
        if client_id is not None and self._known.pop(client_id, None) is not None:
            self._earlier.learn(client_id, execution_id)

    def _conflict(self, known: KnownOrder, asked: ParentOrder) -> str | None:
        if not is_same_order(known.order, asked):
            return "which has other parameters"
        parts = differing_parts(known.market_source, self._market_source)
        return f"which began in another market (other {', '.join(parts)})" if parts else None

    def _candidate(self, message: StartExecution) -> _Candidate:
        self._count += 1
        drawn = message.execution_id or execution_id_from(
            self._actor.runtime.random.getrandbits(EXECUTION_ID_BITS)
        )
        return _Candidate(drawn, self._count, message)

    def _admission(
        self, candidate: _Candidate, quote: Quote | None, most: Decimal | None = None
    ) -> Admission | Rejection:
        order = candidate.message.order
        described = self.described[order.symbol]
        market = Market(
            rules=described.rules,
            known_symbols=described.known_symbols,
            balances=self._free_of(described.balances),
            quote=quote,
            profile=self.profiles[order.symbol],
        )
        seed, now = self._seed_of(candidate), self._actor.clock.now()
        return admit(order, market, self._defaults, now=now, seed=seed, most=most)

    def _free_of(self, balances: tuple[Balance, ...]) -> Mapping[str, Decimal]:
        if balances != self._told_balances:
            self._told_balances = balances
            self._free = {balance.currency: balance.free for balance in balances}
        return self._free

    def _admit(self, candidate: _Candidate, quote: Quote | None) -> None:
        message, order = candidate.message, candidate.message.order
        admission = self._admission(candidate, quote)
        if isinstance(admission, Rejection):
            self._unwatch(candidate)
            self._reject(message, admission.reason, admission.message, admission.hint)
            return
        self._judged[candidate.execution_id] = candidate, admission
        self._actor.send(
            self._risk,
            JudgeParent(
                execution_id=candidate.execution_id,
                algo=order.algo,
                symbol=order.symbol,
                side=order.side,
                quantity=admission.quantity,
                mid=None if quote is None else quote.mid,
                reply_to=self._actor.actor_ref,
            ),
        )

    def on_judged(self, judged: ParentJudged, *, is_halted: bool) -> None:
        """Begin what risk lets begin."""
        candidate, admission = self._judged.pop(judged.execution_id)
        message, order = candidate.message, candidate.message.order
        if judged.reason is not None:
            self._unwatch(candidate)
            what, hint = refused_by_risk(judged, order, admission.quantity)
            self._reject(message, judged.reason, what, hint)
            return
        if is_halted:
            self._give_up(candidate)
            self._reject_halted(message)
            return
        if judged.cut_by is not None:
            admission = self._admission(candidate, admission.quote, judged.available_quantity)
        if isinstance(admission, Rejection):
            self._give_up(candidate)
            self._reject(message, admission.reason, admission.message, admission.hint)
            return
        # Two starts with one client id may have met on the way here: the first of them has it.
        if order.client_id is not None and order.client_id in self._known:
            self._give_up(candidate)
            self.ask(message, is_open=lambda _: False, is_halted=is_halted)
            return
        execution, events = accept(
            admission,
            candidate.execution_id,
            self._prefix,
            self._market_source,
            self._queue.rules if self._queue.is_full else None,
            judged=judged,
        )
        if order.client_id is not None:
            self._known[order.client_id] = KnownOrder(
                execution.execution_id, execution.order, self._market_source
            )
        self._starting[execution.execution_id] = [message]
        self._begin(execution, events)

    def _give_up(self, candidate: _Candidate) -> None:
        """Do not begin it, though risk would have let it."""
        self._unwatch(candidate)
        self._actor.send(self._risk, ParentEnded(execution_id=candidate.execution_id))

    def _unwatch(self, candidate: _Candidate) -> None:
        order = candidate.message.order
        self._actor.send(self._market_data, UnwatchSymbol(candidate.execution_id, order.symbol))

    def _reject_halted(self, asked: StartExecution) -> None:
        # Else it would begin whenever the halt is lifted, in another market than it was meant for.
        hint = "when it may go on: genesis unhalt"
        self._reject(asked, Reason.HALTED, "everything is halted", hint)

    def _reject(self, asked: StartExecution, reason: Reason, message: str, hint: str) -> None:
        rejected = OrderRejected(reason=reason, message=message, hint=hint)
        self._actor.send(asked.reply_to, rejected)

    def _seed_of(self, candidate: _Candidate) -> int:
        if self._seed is None:
            return self._actor.runtime.random.getrandbits(32)
        return self._seed + candidate.number - 1


def is_same_order(known: ParentOrder, asked: ParentOrder) -> bool:
    """Tell whether `asked` repeats `known`; a seed that the user leaves open matches any."""
    if asked.seed is None:
        known = replace(known, seed=None)
    return known == asked
