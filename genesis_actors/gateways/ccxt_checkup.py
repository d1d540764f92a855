"""What can be known of a real venue without sending an order: its clock, its keys and their scope, limits, balances."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from functools import partial
from typing import Any, Final, cast

from genesis_actors.gateways.ccxt_venue import CcxtVenue
from genesis_actors.gateways.venue import SourceError
from genesis_actors.values import ZERO, Symbol, decimal_text


class Status(StrEnum):
    OK = "ok"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at. `hint` is the next step, where there is one."""

    name: str
    status: Status
    message: str
    hint: str = ""


_LISTEN_SECONDS: Final = 5.0
_SKEW_WARNING, _SKEW_ERROR = timedelta(milliseconds=500), timedelta(seconds=60)


def examine(venue: CcxtVenue, symbols: Iterable[Symbol]) -> list[Finding]:
    """Return everything that was found. Only questions are asked."""
    symbols = list(symbols)
    found = [_clock(venue), *_forced(venue), _limits(venue), _lost_orders(venue)]
    found.append(_asked("websockets", lambda: _sockets(venue, symbols)))
    if venue.settings.cancel_all_after is not None:
        found.append(_countdown(venue))
    if venue.prepared.keys_from is None:
        found.append(
            Finding(
                "keys",
                Status.ERROR,
                "there are none",
                "give GENESIS_API_KEY and GENESIS_API_SECRET, or [venue.ccxt] secrets_file",
            )
        )
    else:
        found.append(
            Finding("keys", Status.OK, f"from {venue.prepared.keys_from}; {venue.account}")
        )
        found.append(_asked("scope", lambda: venue.wait_for(_scope(venue))))
        found.append(_asked("balances", lambda: _balances(venue)))
    found += [_asked(f"symbol {each}", partial(_symbol, venue, each)) for each in symbols]
    return found


def _asked(name: str, ask: Callable[[], Finding]) -> Finding:
    try:
        return ask()
    except SourceError as error:
        return Finding(name, Status.ERROR, str(error), error.hint)


def _clock(venue: CcxtVenue) -> Finding:
    milliseconds = venue.clock_skew // timedelta(milliseconds=1)
    where = "ahead of" if milliseconds >= 0 else "behind"
    message = (
        f"ours is {abs(milliseconds)} ms {where} the exchange's; requests are signed by its clock"
    )
    if abs(venue.clock_skew) > _SKEW_ERROR:
        return Finding("clock", Status.ERROR, message, "set this machine's clock: use NTP")
    if abs(venue.clock_skew) > _SKEW_WARNING:
        return Finding("clock", Status.WARNING, message, "use NTP: volumes are cut by this clock")
    return Finding("clock", Status.OK, message)


def _forced(venue: CcxtVenue) -> list[Finding]:
    found: list[Finding] = []
    for each in venue.prepared.forced:
        is_changed = each.was not in (None, each.value)
        message = f"is forced to {each.value}: {each.why}"
        if is_changed:
            message += f" (you set {each.was})"
        status = Status.WARNING if is_changed else Status.OK
        found.append(Finding(f"option {each.name}", status, message))
    return found


def _limits(venue: CcxtVenue) -> Finding:
    each = float(venue.reads.rateLimit)
    return Finding(
        "rate limits",
        Status.OK,
        f"orders and questions have a queue each, of one unit per {each:g} ms; an order that has waited "
        f"{venue.settings.order_freshness.total_seconds():g} s is not sent; Retry-After is kept to",
    )


def _lost_orders(venue: CcxtVenue) -> Finding:
    proof = venue.proof
    if proof.request_expiry is None:
        return Finding(
            "lost orders",
            Status.WARNING,
            f"{venue.settings.exchange} does not promise that a late request expires: an order whose answer is lost "
            "and that cannot be found pauses its execution until you settle it",
            "genesis settle ID CHILD --filled QTY | --not-accepted",
        )
    waits = proof.request_expiry + proof.engine_timeout + proof.clock_error + proof.read_lag
    return Finding(
        "lost orders",
        Status.OK,
        f"one that cannot be found is given up after {waits.total_seconds():g} s, asked twice",
    )


def _sockets(venue: CcxtVenue, symbols: Sequence[Symbol]) -> Finding:
    name = "websockets"
    if venue.why_no_sockets is not None:
        return Finding(name, Status.OK, f"none, market data is asked for: {venue.why_no_sockets}")
    if not symbols:
        return Finding(name, Status.OK, "tried when a symbol is looked at")
    if venue.wait_for(venue.markets.can_listen(symbols[0], _LISTEN_SECONDS)):
        return Finding(name, Status.OK, f"market data of {symbols[0]} is heard; answers fill gaps")
    return Finding(
        name,
        Status.WARNING,
        f"nothing was heard of {symbols[0]} within {_LISTEN_SECONDS:g} s: market data is asked for instead",
        "see that wss addresses can be reached (wssProxy, urls), or set [venue.ccxt] websockets = false",
    )


def _countdown(venue: CcxtVenue) -> Finding:
    asked = venue.settings.cancel_all_after
    seconds = 0.0 if asked is None else asked.total_seconds()
    return Finding(
        "countdown",
        Status.WARNING,
        f"the exchange takes back EVERY order of the account, others' too, {seconds:g} s after our last word, "
        "while an order of ours stands",
        "leave [venue.ccxt] cancel_all_after out if anybody else trades on this account",
    )


def _balances(venue: CcxtVenue) -> Finding:
    held = {currency: free for currency, free in venue.balances().items() if free > ZERO}
    shown = ", ".join(
        f"{decimal_text(free)} {currency}" for currency, free in list(held.items())[:8]
    )
    if not held:
        return Finding("balances", Status.WARNING, "the account is empty", "fund it before a run")
    more = "" if len(held) <= 8 else f" and {len(held) - 8} more"  # noqa: PLR2004 - as many as fit a line
    return Finding("balances", Status.OK, f"free: {shown}{more}")


def _symbol(venue: CcxtVenue, symbol: Symbol) -> Finding:
    look = venue.look(symbol)
    rules = look.rules
    name = f"symbol {symbol}"
    if rules is None:
        return Finding(name, Status.ERROR, "cannot be worked there", "see genesis plan SYMBOL ...")
    bounds = (
        f"lot {decimal_text(rules.lot)}, tick {decimal_text(rules.tick)}, at least "
        f"{decimal_text(rules.min_quantity or rules.lot)} {rules.base} and {decimal_text(rules.min_notional)} "
        f"{rules.quote}, at most {_or_any(rules.max_quantity)} {rules.base} and {_or_any(rules.max_notional)} "
        f"{rules.quote}"
    )
    if look.quote is None:
        return Finding(name, Status.WARNING, f"{bounds}; no quote now", "is it open for trading?")
    touch = f"{decimal_text(look.quote.bid)} / {decimal_text(look.quote.ask)}"
    return Finding(name, Status.OK, f"{bounds}; {touch}; {len(look.volumes)} bars of past volume")


def _or_any(bound: Any) -> str:  # noqa: ANN401 - a Decimal or None
    return "any" if bound is None else decimal_text(bound)


async def _scope(venue: CcxtVenue) -> Finding:
    ask = _SCOPES.get(venue.settings.exchange)
    if ask is None:
        return Finding(
            "scope",
            Status.WARNING,
            f"{venue.settings.exchange} does not say what a key may do, or nobody has looked where",
            "see on its pages that the key may trade spot and may not withdraw",
        )
    return _judged(*await ask(venue.reads))


def _judged(can_trade: object, can_withdraw: object, is_bound: object) -> Finding:
    """Judge a key by what it may do; None is what the exchange does not say."""
    if can_trade is False:
        return Finding(
            "scope",
            Status.ERROR,
            "the key may not trade",
            "allow spot trading for it at the exchange",
        )
    if can_withdraw is True:
        return Finding(
            "scope",
            Status.WARNING,
            "the key may withdraw, and nothing here needs that",
            "take the permission away at the exchange",
        )
    if is_bound is False:
        return Finding(
            "scope",
            Status.WARNING,
            "the key works from any address",
            "bind it to this machine's address at the exchange",
        )
    return Finding("scope", Status.OK, "the key may trade, and may not withdraw")


_Scope = tuple[object, object, object]


async def _of_binance(reads: Any) -> _Scope:  # noqa: ANN401 - ccxt has no types
    account: Mapping[str, Any] = await reads.privateGetAccount()
    try:
        found: Mapping[str, Any] = await reads.sapiGetAccountApiRestrictions()
    except Exception:
        # A sandbox has no such page.
        return account.get("canTrade"), None, None
    may_trade = bool(account.get("canTrade", True)) and bool(
        found.get("enableSpotAndMarginTrading")
    )
    return may_trade, found.get("enableWithdrawals"), found.get("ipRestrict")


async def _of_okx(reads: Any) -> _Scope:  # noqa: ANN401 - ccxt has no types
    answer: Mapping[str, Any] = await reads.privateGetAccountConfig()
    rows = cast("list[Mapping[str, Any]]", answer.get("data") or [{}])
    allowed = str(rows[0].get("perm", ""))
    return "trade" in allowed, "withdraw" in allowed, bool(rows[0].get("ip"))


_SCOPES: Final[dict[str, Callable[[Any], Awaitable[_Scope]]]] = {
    "binance": _of_binance,
    "okx": _of_okx,
}
