"""Amendments that ask for more: like new orders they are priced, judged, and held against what the account has now."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any, TypeAlias

from genesis_actors.domain.admission import refused_by_risk
from genesis_actors.messages.base import Address
from genesis_actors.messages.market_data import MarketDataMessage, MarketQuery, MarketView
from genesis_actors.messages.risk import JudgeParent, ParentJudged
from genesis_actors.messages.supervisor import AmendExecution, CommandRefused
from genesis_actors.messages.venue import SymbolDescribed
from genesis_actors.runtime.actor import MessageActor
from genesis_actors.values import ExecutionId, ParentOrder, Symbol

Answer: TypeAlias = AmendExecution | CommandRefused


@dataclass(slots=True)
class _Raise:
    asked: AmendExecution
    order: ParentOrder
    quantity: Decimal
    described: SymbolDescribed | None = None


class Raising:
    """Has larger quantities judged for the supervisor, of each execution one after the other.

    `answer` is told of each amendment: what the slicer is to decide on, with the account's balances, or the refusal.
    """

    def __init__(
        self,
        actor: MessageActor[Any],
        *,
        describe: Callable[[Symbol], None],
        market_data: Address[MarketDataMessage],
        risk: Address[JudgeParent],
        window: timedelta,
        answer: Callable[[AmendExecution, Answer], None],
    ) -> None:
        self._actor = actor
        self._describe = describe
        self._market_data = market_data
        self._risk = risk
        self._window = window
        self._tell = answer
        self._waiting: dict[ExecutionId, list[_Raise]] = {}

    def ask(self, asked: AmendExecution, order: ParentOrder, quantity: Decimal) -> None:
        waiting = self._waiting.setdefault(asked.execution_id, [])
        if any(each.asked is asked for each in waiting):
            return  # Its slicer was rebuilt meanwhile.
        waiting.append(_Raise(asked, order, quantity))
        if len(waiting) == 1:
            # Balances change: they are asked for afresh, as for an order.
            self._describe(order.symbol)

    def on_described(self, described: SymbolDescribed) -> None:
        for first, *_ in self._waiting.values():
            if first.order.symbol != described.symbol or first.described is not None:
                continue
            first.described = described
            self._actor.send(
                self._market_data,
                MarketQuery(
                    execution_id=first.asked.execution_id,
                    symbol=described.symbol,
                    since=self._actor.clock.now(),
                    window=self._window,
                    reply_to=self._actor.actor_ref,
                ),
            )

    def on_market_view(self, view: MarketView) -> None:
        waiting = self._waiting.get(view.execution_id)
        if waiting is None:
            return
        first = waiting[0]
        self._actor.send(
            self._risk,
            JudgeParent(
                execution_id=view.execution_id,
                algo=first.order.algo,
                symbol=first.order.symbol,
                side=first.order.side,
                quantity=first.quantity,
                mid=None if view.quote is None else view.quote.mid,
                is_amendment=True,
                reply_to=self._actor.actor_ref,
            ),
        )

    def on_judged(self, judged: ParentJudged) -> bool:
        """Go on with what was judged; tell whether it was an amendment."""
        waiting = self._waiting.get(judged.execution_id)
        if waiting is None:
            return False
        first, *others = waiting
        if others:
            self._waiting[judged.execution_id] = others
            self._describe(first.order.symbol)
        else:
            del self._waiting[judged.execution_id]
        self._tell(first.asked, _answer(first, judged))
        return True


def _answer(raised: _Raise, judged: ParentJudged) -> Answer:
    asked, described = raised.asked, raised.described
    # What an order would be made smaller for refuses an amendment: it is done as it is asked for, or not at all.
    reason = judged.reason or judged.cut_by
    if reason is None:
        balances = None if described is None else described.balances
        return asked.model_copy(update={"balances": balances})
    refused = judged.model_copy(update={"reason": reason})
    what, hint = refused_by_risk(refused, raised.order, raised.quantity)
    return asked.refused(reason, f"{what}: {hint}", limit=judged.limit, actual=judged.actual)
