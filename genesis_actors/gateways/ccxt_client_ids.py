"""How each exchange knows an order by our name for it: to create it, to find it, to take it back.

Our client order ids are 25 characters of [a-z0-9]; what an exchange is told may be another form of one, and leads back.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from genesis_actors.domain.client_ids import id_text
from genesis_actors.values import ClientOrderId, ExecutionId

PREFIX_LENGTH: Final = 6
_EXECUTION_LENGTH: Final = 13
_LENGTH: Final = 25
_WHOLE_SECOND = timedelta(seconds=1)
_OURS = re.compile(r"[a-z0-9]{25}")


class Find(StrEnum):
    """How an order is asked for by its client id."""

    FETCH = "fetch_order"  # with the id in the parameters
    LISTS = "lists"  # it is looked for among open and closed orders


class Trades(StrEnum):
    """How the trades of one order are asked for."""

    BY_ORDER = "fetch_order_trades"
    MINE = "fetch_my_trades"  # with the venue's order id in the parameters
    ALL = "all"  # all of the symbol's, and ours are picked out


def _same(name: str) -> str:
    return name


@dataclass(frozen=True, slots=True)
class VenueHabits:
    """One exchange's habits. `charset` and `length` are what its documents allow in a client id."""

    create_key: str = "clientOrderId"
    find: Find = Find.FETCH
    find_key: str = "clientOrderId"
    cancel_key: str | None = "clientOrderId"
    """None: only its own order id takes an order back. Empty: our id does in the place of that."""
    trades: Trades = Trades.ALL
    trades_key: str | None = None
    charset: str = r"[A-Za-z0-9_-]"
    length: int = 32
    told: Callable[[str], str] = _same
    """Our id as the exchange is told it."""
    heard: Callable[[str], str] = _same
    """Our id again, from what the exchange says; anything else comes back as it is."""
    enforces_window: bool = False
    """Whether a request that is older than its receive window is refused, by the matching engine too."""
    deadline_key: str | None = None
    """The parameter that names the time after which the matching engine refuses an order; it enforces the window."""
    reply_has_trades: bool = False
    """Whether the answer to a new order carries its trades, with their ids."""
    find_extra: tuple[tuple[str, object], ...] = ()
    own_page: int = 1_000
    """How many of the account's trades may be asked for at once."""
    offset_key: str | None = None
    """The parameter that says how many of them to leave out, newest first; None where they are asked for by time."""
    tape_page: int = 1_000
    """How many public trades may be asked for at once."""
    countdown: tuple[int, int] | None = None
    """The shortest and the longest cancel-all countdown of spot orders, in seconds; None where there is none."""


def _gate_told(name: str) -> str:
    # ccxt adds this only where the name does not begin with a "t" of its own.
    return f"t-{name}"


def _gate_heard(name: str) -> str:
    return name.removeprefix("t-")


# Kraken takes 18 characters, or 32 hexadecimal digits: 30 + 64 bits of prefix and execution, 16 + 16 of slice and
# attempt make 126.
_CROCKFORD: Final = "0123456789abcdefghjkmnpqrstvwxyz"


def _kraken_told(name: str) -> str:
    if not _OURS.fullmatch(name):
        raise ValueError(f"{name!r} is no client order id of ours")
    number = 0
    for letter in name[: PREFIX_LENGTH + _EXECUTION_LENGTH]:
        number = number << 5 | _CROCKFORD.index(letter)
    return f"{number:024x}{int(name[19:22], 36):04x}{int(name[22:25], 36):04x}"


_HEX = re.compile(r"[0-9a-f]{32}")
_MOST_BITS: Final = 95


def _kraken_heard(name: str) -> str:
    if not _HEX.fullmatch(name):
        return name
    number, part, attempt = int(name[:24], 16), int(name[24:28], 16), int(name[28:], 16)
    if number >> _MOST_BITS or max(part, attempt) >= 36**3:
        return name
    return f"{id_text(number, PREFIX_LENGTH + _EXECUTION_LENGTH)}{_base36(part)}{_base36(attempt)}"


def _base36(number: int) -> str:
    digits = "0123456789abcdefghijklmnopqrstuvwxyz"
    return "".join(digits[number // 36**power % 36] for power in (2, 1, 0))


_BINANCE = VenueHabits(
    trades=Trades.MINE,
    trades_key="orderId",
    charset=r"[.A-Z:/a-z0-9_-]",
    length=36,
    enforces_window=True,
    reply_has_trades=True,
)

HABITS: Final[dict[str, VenueHabits]] = {
    "binance": _BINANCE,
    "binanceus": _BINANCE,
    "okx": VenueHabits(
        trades=Trades.BY_ORDER,
        charset=r"[A-Za-z0-9]",
        own_page=100,
        tape_page=500,
        countdown=(10, 120),
    ),
    "bitget": VenueHabits(trades=Trades.MINE, trades_key="orderId", length=50, own_page=100),
    "kucoin": VenueHabits(trades=Trades.BY_ORDER, length=40),
    "gate": VenueHabits(
        trades=Trades.MINE,
        trades_key="order_id",
        charset=r"[A-Za-z0-9._-]",
        length=30,
        cancel_key="",
        told=_gate_told,
        heard=_gate_heard,
    ),
    "bybit": VenueHabits(
        find=Find.LISTS,
        find_key="orderLinkId",
        find_extra=(("acknowledged", True),),  # ccxt wants to hear that old orders are not found.
        cancel_key="orderLinkId",
        trades=Trades.BY_ORDER,
        length=36,
        own_page=100,
        tape_page=60,
    ),
    "kraken": VenueHabits(
        find=Find.LISTS,
        told=_kraken_told,
        heard=_kraken_heard,
        charset=r"[0-9a-f]",
        enforces_window=True,
        deadline_key="deadline",
        offset_key="ofs",
        countdown=(1, 86_399),
    ),
    "coinbase": VenueHabits(
        create_key="client_order_id",
        find=Find.LISTS,
        find_key="",
        cancel_key=None,
        trades=Trades.MINE,
        trades_key="order_id",
        length=128,
        own_page=250,
    ),
}
"""The exchanges whose ways have been read. Kraken's lists are narrowed down to one name."""

_UNLISTED = VenueHabits()


def habits_of(exchange: str, abilities: dict[str, object]) -> VenueHabits | str:
    """Return how `exchange` is to be talked to, or why it cannot be trusted with live orders.

    An exchange that is not listed works through ccxt's unified parameter, if ccxt's `has` says that it can do what an
    unanswered order needs.
    """
    listed = HABITS.get(exchange)
    if listed is not None:
        return listed
    missing = [
        name
        for name in ("createOrder", "cancelOrder", "fetchOrder", "fetchOpenOrders", "fetchMyTrades")
        if abilities.get(name) is not True
    ]
    if missing:
        return (
            f"ccxt cannot {', '.join(missing)} on {exchange}, so nobody could say what became of an order "
            "whose answer is lost"
        )
    return _UNLISTED


def is_ours(name: str | None, prefix: str) -> bool:
    """Tell whether an order was sent for this database: all others are left alone."""
    return name is not None and bool(_OURS.fullmatch(name)) and name.startswith(prefix)


def execution_of(name: ClientOrderId) -> ExecutionId:
    """Return the execution that an order of ours belongs to.

    >>> execution_of(ClientOrderId("g7k2pd3vq0mzt41r8ab001002"))
    '3vq0mzt41r8ab'
    """
    if len(name) != _LENGTH:
        raise ValueError(f"{name!r} is no client order id of ours")
    return ExecutionId(name[PREFIX_LENGTH : PREFIX_LENGTH + _EXECUTION_LENGTH])


def request_expiry(habits: VenueHabits, window: timedelta) -> timedelta | None:
    """Return after what age a request can no longer be carried out, None where nobody enforces one."""
    if not habits.enforces_window:
        return None
    return window if habits.deadline_key is None else window + _WHOLE_SECOND


def deadline_text(venue_now: datetime, window: timedelta) -> str:
    """Return the time until which an order may be carried out, in whole seconds: never before the window is over.

    >>> from datetime import UTC
    >>> at = datetime(2026, 3, 2, 12, 0, 0, 1, tzinfo=UTC)
    >>> deadline_text(at, timedelta(seconds=5))
    '2026-03-02T12:00:06Z'
    """
    ends_at = venue_now + window
    whole = ends_at.replace(microsecond=0)
    return f"{whole if whole == ends_at else whole + _WHOLE_SECOND:%Y-%m-%dT%H:%M:%SZ}"
