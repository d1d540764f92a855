"""Judges parent orders for the risk actor: by the account's tier, its positions, and what moves together with them.

A tier is looked at when an order comes in, on the balances that the venue has told for it. A change of tier is durable
before anything is judged by it; orders wait for that, in their turn.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from itertools import combinations
from typing import Any, assert_never

from genesis_actors.domain.company import ALONE, Company, Reserved, company_of
from genesis_actors.domain.exposure import Account
from genesis_actors.domain.limits import (
    RiskDecision,
    RiskLimits,
    check_parent_order,
    check_tier,
)
from genesis_actors.domain.portfolio import (
    CorrelationRules,
    Correlations,
    Holding,
    Intentions,
    MidSample,
    Pull,
    correlated_exposure,
    strongest_pull,
)
from genesis_actors.domain.tiers import (
    AT_PAR,
    Equity,
    TierRules,
    account_equity,
    decide_tier,
    evolve_account,
    fold_account,
)
from genesis_actors.logs import get_logger
from genesis_actors.messages.account import AccountEvent, TierChanged
from genesis_actors.messages.base import Address
from genesis_actors.messages.persistence import AccountNotWritten, AccountWritten, WriteAccount
from genesis_actors.messages.risk import (
    AskPortfolio,
    JudgeParent,
    MidSampled,
    PairCorrelation,
    ParentEnded,
    ParentJudged,
    PortfolioMessage,
    PortfolioSeen,
)
from genesis_actors.messages.venue import Balance, PlaceOrder, SymbolDescribed
from genesis_actors.runtime.actor import MessageActor
from genesis_actors.values import ZERO, Reason, Side, Symbol, decimal_text, exact

log = get_logger()


class TierNotWrittenError(RuntimeError):
    """A change of tier is not durable, though the database takes writes: what is believed of it cannot be trusted."""


def _tell(change: TierChanged) -> None:
    is_lost = change.before is not None and change.after < change.before
    (log.warning if is_lost else log.info)(
        "tier_changed",
        before=change.before,
        after=change.after,
        equity=decimal_text(round(change.equity, 2)),
        currency=change.currency,
    )


class Judging:
    """What the risk actor knows of the portfolio beyond single symbols, and its word on parent orders."""

    def __init__(
        self,
        actor: MessageActor[Any],
        *,
        account: Account,
        limits: RiskLimits,
        tiers: TierRules,
        correlation: CorrelationRules,
        journal: Address[WriteAccount],
    ) -> None:
        self.intentions = Intentions()
        self._actor = actor
        self._account = account
        self._limits = limits
        self._tiers = tiers
        self._journal = journal
        self._state = fold_account(())
        self._told_balances: tuple[Balance, ...] = ()
        self._balances: Mapping[str, Decimal] = {}
        self._equity: Equity | None = None
        self._equity_at: datetime | None = None
        self._correlations = Correlations(correlation)
        self._mids: dict[Symbol, Decimal] = {}
        self._worked_out: Equity | None = None
        """The equity, as long as nothing that it follows from has changed."""
        self._worked_out_of = 0
        self._waiting: deque[JudgeParent] = deque()
        self._being_written: TierChanged | None = None

    def handle(self, message: PortfolioMessage) -> None:
        match message:
            case JudgeParent():
                self._waiting.append(message)
                self._go_on()
            case ParentEnded():
                self.intentions.end(message.execution_id)
            case MidSampled():
                self._sample(message)
            case AskPortfolio():
                self._actor.send(message.reply_to, self._seen())
            case AccountWritten():
                self._written()
            case AccountNotWritten():
                self._not_written(message)
            case _:
                assert_never(message)

    def restore(self, events: tuple[AccountEvent, ...]) -> None:
        self._state = fold_account(events)

    @exact
    def learn(self, described: SymbolDescribed) -> None:
        # All are told with each symbol, the same objects where they have not changed.
        if described.balances != self._told_balances:
            self._told_balances = described.balances
            self._worked_out = None
            self._balances = {each.currency: each.free + each.held for each in described.balances}

    def _sample(self, sampled: MidSampled) -> None:
        sample = MidSample(sampled.number, sampled.mid)
        if self._correlations.record(sampled.symbol, sample):
            # Not as the position's mark: what a limit was held against must follow from the journal alone.
            self._note_mid(sampled.symbol, sampled.mid)

    def _note_mid(self, symbol: Symbol, mid: Decimal) -> None:
        if self._mids.get(symbol) != mid:
            self._mids[symbol] = mid
            self._worked_out = None

    # --- Parent orders ---

    def _written(self) -> None:
        """Take over the change of tier that is durable now."""
        if self._being_written is not None:
            self._state = evolve_account(self._state, self._being_written)
            _tell(self._being_written)
        self._being_written = None
        self._go_on()

    def _not_written(self, failed: AccountNotWritten) -> None:
        """Forget who waits: after an outage all is read anew, and what was not answered is asked again."""
        self._waiting.clear()
        if not failed.is_outage:
            raise TierNotWrittenError(failed.error)

    def _go_on(self) -> None:
        while self._waiting and self._being_written is None:
            asked = self._waiting[0]
            now = self._actor.clock.now()
            if asked.mid is not None:
                self._note_mid(asked.symbol, asked.mid)
            if asked.is_amendment:
                self._waiting.popleft()
                self._answer(asked, *self._judge(asked, now))
                continue
            equity = self._look_at_equity(asked, now)
            change = decide_tier(self._state, equity, self._tiers, now)
            if change is not None:
                self._being_written = change
                write = WriteAccount(self._state.version + 1, (change,), self._actor.actor_ref)
                self._actor.send(self._journal, write)
                return
            self._waiting.popleft()
            decision = check_tier(asked.algo, self._state.tier, equity, self._tiers)
            if decision.is_approved:
                self._answer(asked, *self._judge(asked, now))
            else:
                self._answer(asked, decision, None)

    @exact
    def _judge(self, asked: JudgeParent, now: datetime) -> tuple[RiskDecision, Pull | None]:
        """Judge what of an order is not filled yet, and tell what it would add to most."""
        standing = self._account.standing(asked.symbol, asked.side, ZERO, mark=asked.mid, now=now)
        quantity = max(asked.quantity - self.intentions.filled(asked.execution_id), ZERO)
        pull = self._pull(asked, quantity)
        # One that runs is judged at the newest price that is known, also where there is no quote just now.
        mid = asked.mid or (self._price(asked.symbol) if asked.is_amendment else None)
        decision = check_parent_order(
            asked.symbol, quantity, self._limits, mid=mid, standing=standing, pull=pull
        )
        return decision, pull

    def _answer(self, asked: JudgeParent, decision: RiskDecision, pull: Pull | None) -> None:
        is_of_tier = decision.reason in {Reason.TIER_TOO_LOW, Reason.EQUITY_UNKNOWN}
        is_of_pull = Reason.CORRELATION_CRITICAL in {decision.reason, decision.cut_by}
        if pull is not None and pull.strength >= self._limits.correlation_warning:
            log.warning(
                "correlation_high",
                execution_id=asked.execution_id,
                symbol=asked.symbol,
                side=asked.side,
                other=pull.symbol,
                correlation=decimal_text(pull.strength),
                critical=decimal_text(self._limits.correlation_critical),
                outcome=decision.reason or decision.cut_by or "begins",
            )
        if decision.is_approved and not asked.is_amendment:
            quantity = asked.quantity
            if decision.available_quantity is not None:
                quantity = min(quantity, decision.available_quantity)
            self.intentions.begin(asked.execution_id, asked.symbol, asked.side, quantity)
        self._actor.send(
            asked.reply_to,
            ParentJudged(
                execution_id=asked.execution_id,
                reason=decision.reason,
                limit=decision.limit,
                actual=decision.actual,
                tier=self._state.tier,
                currency=self._tiers.currency if is_of_tier else None,
                other=pull.symbol if pull is not None and is_of_pull else None,
                cut_by=decision.cut_by,
                available_quantity=decision.available_quantity,
            ),
        )

    def _look_at_equity(self, asked: JudgeParent, now: datetime) -> Equity:
        self._account.position(asked.symbol)  # So that it counts from now on, if it is held.
        equity = self._worked_out
        if equity is None or self._worked_out_of != len(self._account.positions):
            equity = self._work_out_equity()
        self._equity, self._equity_at = equity, now
        return equity

    def _work_out_equity(self) -> Equity:
        currency, positions = self._tiers.currency, self._account.positions
        prices: dict[str, Decimal | None] = {}
        for symbol, position in positions.items():
            if position.currency == currency or {position.currency, currency} <= AT_PAR:
                base = symbol.partition("/")[0]
                if prices.get(base) is None:
                    prices[base] = self._mids.get(symbol) or position.mark
        equity = account_equity(currency, self._balances, prices)
        # A mark may change without a word here, and counts where there is no mid.
        has_all_mids = all(map(self._mids.get, positions))
        self._worked_out = equity if has_all_mids else None
        self._worked_out_of = len(positions)
        return equity

    def _pull(self, asked: JudgeParent, quantity: Decimal) -> Pull | None:
        """Return what the order would add to most; None for one that only takes back what is held.

        What others intend counts where it adds, and not where it takes something back: it may be cancelled.
        """
        held, sign = self._quantity(asked.symbol), asked.side.sign
        others = self.intentions.on(asked.symbol, asked.side)
        taken_back = quantity + others - self.intentions.left(asked.execution_id)
        if sign * held < 0 and taken_back <= abs(held):
            return None
        known = self._correlations
        if not known.may_know(asked.symbol):
            return None
        currency = asked.symbol.rpartition("/")[2]
        return strongest_pull(
            asked.symbol,
            asked.side,
            [
                extreme
                for symbol in self._symbols(currency)
                if known.may_know(symbol)
                for extreme in self._extremes(symbol)
            ],
            known,
            least=self._limits.correlation_least_value,
        )

    def _extremes(self, symbol: Symbol) -> tuple[Holding, Holding]:
        """Return the most that a symbol may come to on each side, if nothing that is intended on the other is done."""
        held, price = self._quantity(symbol), self._price(symbol) or ZERO
        long = max(held + self.intentions.on(symbol, Side.BUY), ZERO)
        short = min(held - self.intentions.on(symbol, Side.SELL), ZERO)
        return Holding(symbol, long * price), Holding(symbol, short * price)

    # --- Child orders ---

    @exact
    def company(self, order: PlaceOrder) -> Company:
        """Return what a child meets; nothing is worked out where no limit asks for it."""
        if self._limits.max_correlated_exposure is None:
            return ALONE
        currency = order.symbol.rpartition("/")[2]
        portfolio = [
            Reserved(symbol, position.middle, position.spread)
            for symbol, position in self._account.positions.items()
            if position.currency == currency and symbol != order.symbol
        ]
        opposing = self._account.position(order.symbol).reserved_against(order.side) * order.mid
        portfolio.append(Reserved(order.symbol, ZERO, opposing / 2))
        return company_of(order.symbol, order.side, portfolio, self._correlations)

    # --- The whole ---

    def _held(self, symbol: Symbol) -> Decimal:
        """Return what is held of a symbol and still intended, in base, negative for a short one."""
        return self._quantity(symbol) + self.intentions.of(symbol)

    def _quantity(self, symbol: Symbol) -> Decimal:
        position = self._account.positions.get(symbol)
        return ZERO if position is None else position.quantity

    def _symbols(self, currency: str) -> list[Symbol]:
        positions = self._account.positions
        return [symbol for symbol, held in positions.items() if held.currency == currency]

    def _price(self, symbol: Symbol) -> Decimal | None:
        """Return the newest mid, else what was paid last, else None."""
        return self._mids.get(symbol) or self._account.position(symbol).mark

    def _holdings(self, currency: str) -> list[Holding]:
        return [
            Holding(symbol, self._held(symbol) * (self._price(symbol) or ZERO))
            for symbol in self._symbols(currency)
        ]

    @exact
    def _seen(self) -> PortfolioSeen:
        currency = self._tiers.currency
        holdings = [held for held in self._holdings(currency) if held.value]
        symbols = sorted(held.symbol for held in holdings)
        return PortfolioSeen(
            tier=self._state.tier,
            currency=currency,
            equity=None if self._equity is None else self._equity.amount,
            equity_at=self._equity_at,
            exposure=sum((abs(held.value) for held in holdings), ZERO),
            correlated_exposure=correlated_exposure(holdings, self._correlations),
            pairs=tuple(
                PairCorrelation(one, other, self._correlations.between(one, other))
                for one, other in combinations(symbols, 2)
            ),
        )
