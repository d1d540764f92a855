"""Which tier an account has, by what it is worth, and which tier an algorithm needs.

A tier is gained at its threshold and lost only below a band under it, so that an equity that hovers at a threshold
changes nothing. Every change is an event; the tier is the fold of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from functools import wraps
from typing import Final, ParamSpec, TypeVar

from genesis_actors.messages.account import AccountEvent, TierChanged
from genesis_actors.values import ONE, ZERO, Algo, TradingTier, exact

P = ParamSpec("P")
R = TypeVar("R")

AT_PAR: Final = frozenset({"USD", "USDT", "USDC"})
"""Counted as one another where one of them is the account's currency: no tier turns on their few basis points."""

_NEEDED: Final[Mapping[str, TradingTier]] = {
    Algo.MARKET: TradingTier.SNIPER,
    Algo.ICEBERG: TradingTier.HUNTER,
    Algo.TWAP: TradingTier.STRATEGIST,
}


class TierTooLowError(PermissionError):
    """The account's tier is below the one that is needed."""


@dataclass(frozen=True, slots=True)
class TierRequirement:
    """The tier that something needs. As a decorator it refuses calls for an account below that."""

    tier: TradingTier

    def is_met_by(self, tier: TradingTier | None) -> bool:
        return tier is not None and tier >= self.tier

    def __call__(self, function: Callable[P, R]) -> Callable[P, R]:
        @wraps(function)
        def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
            held = kwargs.get("tier", getattr(args[0], "tier", None) if args else None)
            tier = None if held is None else TradingTier(str(held))
            if not self.is_met_by(tier):
                what = "an account of unknown tier" if tier is None else tier
                raise TierTooLowError(f"{function.__name__} needs the tier {self.tier}, not {what}")
            return function(*args, **kwargs)

        return guarded


def requires_tier(what: Algo | TradingTier | str) -> TierRequirement:
    """Return what an algorithm requires of the account's tier, or the requirement of that very tier.

    It tells whether a tier meets it, and decorates what only such an account may do: a function that is given the
    account's tier as `tier`, or the method of something that has one. Raises ValueError for an unknown name.

    >>> requires_tier(Algo.TWAP).tier
    <TradingTier.STRATEGIST: 'STRATEGIST'>
    >>> requires_tier("iceberg").is_met_by(TradingTier.SNIPER)
    False
    >>> @requires_tier(TradingTier.HUNTER)
    ... def hide(quantity: Decimal, *, tier: TradingTier) -> Decimal:
    ...     return quantity / 10
    >>> hide(Decimal(5), tier=TradingTier.STRATEGIST)
    Decimal('0.5')
    >>> hide(Decimal(5), tier=TradingTier.SNIPER)
    Traceback (most recent call last):
    genesis_actors.domain.tiers.TierTooLowError: hide needs the tier HUNTER, not SNIPER
    """
    if isinstance(what, TradingTier):
        return TierRequirement(what)
    needed = _NEEDED.get(what)
    return TierRequirement(TradingTier(what) if needed is None else needed)


@dataclass(frozen=True, slots=True)
class TierRules:
    """The operator's. Thresholds are equities in `currency`; a tier is lost by the share `band` below its own."""

    currency: str = "USDT"
    hunter: Decimal = Decimal(2_000)
    strategist: Decimal = Decimal(10_000)
    band: Decimal = Decimal("0.05")
    override: TradingTier | None = None

    def threshold(self, tier: TradingTier) -> Decimal:
        """Return the equity that gains `tier`."""
        return {
            TradingTier.SNIPER: ZERO,
            TradingTier.HUNTER: self.hunter,
            TradingTier.STRATEGIST: self.strategist,
        }[tier]

    @exact
    def floor(self, tier: TradingTier) -> Decimal:
        """Return the equity below which `tier` is lost."""
        return self.threshold(tier) * (ONE - self.band)


@dataclass(frozen=True, slots=True)
class Equity:
    """What an account is worth; where it is not `is_whole`, at least so much: some of it has no price yet."""

    amount: Decimal
    is_whole: bool = True


@dataclass(frozen=True, slots=True)
class AccountState:
    """The fold of the account's journal. `version` is that of its last event, 0 before the first."""

    tier: TradingTier | None = None
    is_override: bool = False
    version: int = 0


NEW_ACCOUNT: Final = AccountState()


@exact
def account_equity(
    currency: str, balances: Mapping[str, Decimal], prices: Mapping[str, Decimal | None]
) -> Equity:
    """Return what `balances` are worth in `currency`.

    Cash counts as it is, and what `prices` (of the bases of symbols that are traded here) name, at that price. Other
    holdings do not count. What is held without a price that is named makes the sum a least.

    >>> account_equity("USDT", {"USDT": Decimal(50), "BTC": Decimal(2)}, {"BTC": Decimal(100)})
    Equity(amount=Decimal('250'), is_whole=True)
    """
    cash = AT_PAR if currency in AT_PAR else {currency}
    amount, is_whole = sum((balances.get(name, ZERO) for name in cash), ZERO), True
    for name, price in prices.items():
        held = ZERO if name in cash else balances.get(name, ZERO)
        if held and price is None:
            is_whole = False
        amount += held * (price or ZERO)
    return Equity(amount, is_whole)


def tier_of(equity: Decimal, rules: TierRules, before: TradingTier | None = None) -> TradingTier:
    """Return the tier of an account that is worth `equity` and had the tier `before`.

    >>> rules = TierRules()
    >>> tier_of(Decimal(10_000), rules)
    <TradingTier.STRATEGIST: 'STRATEGIST'>
    >>> tier_of(Decimal(9_600), rules), tier_of(Decimal(9_600), rules, TradingTier.STRATEGIST)
    (<TradingTier.HUNTER: 'HUNTER'>, <TradingTier.STRATEGIST: 'STRATEGIST'>)
    """
    gained = (tier for tier in reversed(TradingTier) if equity >= rules.threshold(tier))
    reached = next(gained, TradingTier.SNIPER)
    if before is None or reached >= before:
        return reached
    held = (t for t in TradingTier if t <= before and equity >= rules.floor(t))
    return max(held, default=TradingTier.SNIPER)


def decide_tier(
    state: AccountState, equity: Equity, rules: TierRules, now: datetime
) -> TierChanged | None:
    """Return the change that an account of that equity undergoes, None where its tier stays.

    An equity that is not whole can gain a tier, never lose one; and no account begins as SNIPER on it. A tier that
    the operator had named is not held by the band.
    """
    before = state.tier
    if rules.override is not None:
        if before is rules.override and state.is_override:
            return None
        after, threshold = rules.override, rules.threshold(rules.override)
    else:
        after = tier_of(equity.amount, rules, None if state.is_override else before)
        if not equity.is_whole and (after <= before if before else after is TradingTier.SNIPER):
            return None
        if after is before and not state.is_override:
            return None
        threshold = rules.threshold(after)
        if before is not None and after < before:
            threshold = rules.floor(next(tier for tier in TradingTier if tier > after))
    return TierChanged(
        at=now,
        before=before,
        after=after,
        equity=equity.amount,
        currency=rules.currency,
        threshold=threshold,
        is_override=rules.override is not None,
    )


def evolve_account(state: AccountState, event: AccountEvent) -> AccountState:
    return replace(
        state, tier=event.after, is_override=event.is_override, version=state.version + 1
    )


def fold_account(events: Iterable[AccountEvent]) -> AccountState:
    """Return what the account's journal says of it."""
    state = NEW_ACCOUNT
    for event in events:
        state = evolve_account(state, event)
    return state
