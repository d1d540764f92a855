"""Identifiers, enumerations and exact decimal arithmetic: the words every other layer speaks.

Money, prices and quantities are `Decimal`; times are timezone-aware UTC. Nothing here reads a clock or rolls dice.
"""

from __future__ import annotations

import decimal
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Decimal, getcontext
from enum import StrEnum
from functools import wraps
from typing import NewType, ParamSpec, TypeAlias, TypeVar

ExecutionId = NewType("ExecutionId", str)
ClientId = NewType("ClientId", str)
ClientOrderId = NewType("ClientOrderId", str)
VenueOrderId = NewType("VenueOrderId", str)
TradeId = NewType("TradeId", str)
Symbol = NewType("Symbol", str)
"""A trading pair as `BASE/QUOTE`, for example `BTC/USDT`."""

ZERO = Decimal(0)
ONE = Decimal(1)
BPS = Decimal(10_000)

_EXACT_DIGITS = 100
EXACT = decimal.Context(prec=_EXACT_DIGITS, rounding=ROUND_HALF_EVEN)
"""Wide enough that sums and products of real prices and quantities are never rounded."""

FIGURE_PLACES = Decimal("1e-10")

P = ParamSpec("P")
R = TypeVar("R")


def exact(function: Callable[P, R]) -> Callable[P, R]:
    """Run `function` under `EXACT`, whatever decimal context its caller's thread has."""

    @wraps(function)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
        current = getcontext()
        if current.prec == _EXACT_DIGITS and current.rounding == ROUND_HALF_EVEN:
            return function(*args, **kwargs)  # As in most nested calls.
        with decimal.localcontext(EXACT):
            return function(*args, **kwargs)

    return wrapped


def plus(total: Decimal, part: Decimal) -> Decimal:
    """Return `total + part`: the very one of them where the other is nothing, as thousands of sums have one part.

    >>> plus(Decimal("0.2"), Decimal("0.30"))
    Decimal('0.50')
    """
    if not total:
        return part
    return EXACT.add(total, part) if part else total


def quotient(numerator: Decimal, denominator: Decimal) -> Decimal | None:
    """Return `numerator / denominator` rounded half-even to 10 decimal places, None for a zero denominator.

    >>> quotient(Decimal(2), Decimal(3))
    Decimal('0.6666666667')
    """
    if not denominator:
        return None
    return EXACT.quantize(EXACT.divide(numerator, denominator), FIGURE_PLACES)


def fee_in_quote(symbol: Symbol, price: Decimal, fee: Decimal, fee_currency: str) -> Decimal | None:
    """Return a trade's fee in the quote currency, None where it was paid in a third one.

    >>> fee_in_quote(Symbol("BTC/USDT"), Decimal(60_000), Decimal("0.001"), "BTC")
    Decimal('60.000')
    """
    base, _, quote = symbol.partition("/")
    if fee_currency == quote or not fee:
        return fee
    return EXACT.multiply(fee, price) if fee_currency == base else None


def floor_to_step(value: Decimal, step: Decimal) -> Decimal:
    """Return the largest multiple of `step` that is not above `value`.

    >>> floor_to_step(Decimal("1.2345"), Decimal("0.01"))
    Decimal('1.23')
    """
    return _to_step(value, step, ROUND_FLOOR)


def ceil_to_step(value: Decimal, step: Decimal) -> Decimal:
    """Return the smallest multiple of `step` that is not below `value`.

    >>> ceil_to_step(Decimal("1.2345"), Decimal("0.01"))
    Decimal('1.24')
    """
    return _to_step(value, step, ROUND_CEILING)


def _to_step(value: Decimal, step: Decimal, rounding: str) -> Decimal:
    return EXACT.multiply(EXACT.divide(value, step).to_integral_value(rounding), step)


def is_multiple(value: Decimal, step: Decimal) -> bool:
    return not EXACT.remainder(value, step)


def decimal_text(value: Decimal) -> str:
    """Return `value` exactly, without exponent and without trailing zeros.

    >>> decimal_text(Decimal("1E+3")), decimal_text(Decimal("0.500"))
    ('1000', '0.5')
    """
    text = str(value)  # Quicker than `format`.
    if "E" in text:
        text = format(value, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in {"-0", ""} else text


def time_text(at: datetime) -> str:
    """Return `at` as RFC 3339 in UTC with six decimals, so that texts sort as times do.

    >>> time_text(datetime(2024, 8, 8, 23, 54, 15, 408000, tzinfo=UTC))
    '2024-08-08T23:54:15.408000Z'
    """
    if at.tzinfo is not UTC:
        at = at.astimezone(UTC)
    return at.isoformat(timespec="microseconds")[:-6] + "Z"


def parse_time(text: str) -> datetime:
    """Return the UTC time that `text` (RFC 3339, with an offset) names; ValueError otherwise."""
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise ValueError(f"{text!r} has no time zone; write 2024-08-08T23:54:15Z")
    return at if at.tzinfo is UTC else in_utc(at)


def in_utc(at: datetime) -> datetime:
    """Return the same time in UTC; ValueError for one in the first or the last hours that there are."""
    try:
        return at.astimezone(UTC)
    except OverflowError:
        raise ValueError(f"{at.isoformat()} is out of reach") from None


def plain_line(text: str) -> str:
    """Return `text` where it is one line that can be shown; ValueError for what would steer a terminal."""
    if text.isprintable():
        return text
    raise ValueError("control characters and line breaks have no place in it")


LONGEST_REASON = 500


def as_line(text: str) -> str:
    r"""Return `text` as one line of at most `LONGEST_REASON` characters, without what would steer a terminal.

    >>> as_line("fat finger\n  of the desk")
    'fat finger of the desk'
    """
    line = "".join(c if c.isprintable() else "?" for c in " ".join(text.split()))
    return line if len(line) <= LONGEST_REASON else f"{line[: LONGEST_REASON - 3]}..."


class Side(StrEnum):
    BUY = "buy"
    SELL = "sell"

    @property
    def sign(self) -> int:
        """+1 for a buy, -1 for a sell: positive products are costs."""
        return 1 if self is Side.BUY else -1

    def is_worse(self, price: Decimal, than: Decimal) -> bool:
        """Tell whether trading at `price` costs more than at `than`."""
        return price > than if self is Side.BUY else price < than


class Algo(StrEnum):
    TWAP = "twap"
    ICEBERG = "iceberg"
    MARKET = "market"


class TradingTier(StrEnum):
    """What an account may do, by what it is worth. Ordered: a higher tier may do what a lower one may.

    >>> TradingTier.SNIPER < TradingTier.HUNTER < TradingTier.STRATEGIST
    True
    """

    SNIPER = "SNIPER"
    HUNTER = "HUNTER"
    STRATEGIST = "STRATEGIST"

    @property
    def rank(self) -> int:
        return _RANKS[self.value]

    # Not as texts, which would put the hunter first.
    def __lt__(self, other: str) -> bool:
        return self.rank < TradingTier(other).rank

    def __le__(self, other: str) -> bool:
        return self.rank <= TradingTier(other).rank

    def __gt__(self, other: str) -> bool:
        return self.rank > TradingTier(other).rank

    def __ge__(self, other: str) -> bool:
        return self.rank >= TradingTier(other).rank


_RANKS = {name: rank for rank, name in enumerate(("SNIPER", "HUNTER", "STRATEGIST"))}


class Style(StrEnum):
    """How a child order meets the market."""

    TAKER = "taker"  # IOC at the far touch
    MAKER = "maker"  # rests at the near touch
    AUTO = "auto"  # rests first, takes what is left


class OnDeadline(StrEnum):
    LEAVE = "leave"
    EXTEND = "extend"
    SWEEP = "sweep"


class OnSlippage(StrEnum):
    PAUSE = "pause"
    CANCEL = "cancel"


class ResumeMode(StrEnum):
    SHIFT = "shift"
    CATCH_UP = "catch-up"


class Liquidity(StrEnum):
    TAKER = "taker"
    MAKER = "maker"


class ExecutionState(StrEnum):
    QUEUED = "QUEUED"
    RUNNING = "RUNNING"
    PAUSED = "PAUSED"
    FINISHING = "FINISHING"  # no new child orders; waiting for what is working or unknown
    COMPLETED = "COMPLETED"
    INCOMPLETE = "INCOMPLETE"
    CANCELLED = "CANCELLED"
    FAILED = "FAILED"
    REJECTED = "REJECTED"

    @property
    def is_final(self) -> bool:
        return self in _FINAL_STATES


_FINAL_STATES = frozenset(
    {
        ExecutionState.COMPLETED,
        ExecutionState.INCOMPLETE,
        ExecutionState.CANCELLED,
        ExecutionState.FAILED,
        ExecutionState.REJECTED,
    }
)


class SliceStatus(StrEnum):
    PLANNED = "PLANNED"
    WORKING = "WORKING"
    FILLED = "FILLED"
    PARTIAL = "PARTIAL"
    SKIPPED = "SKIPPED"  # nothing was traded for it; its reason says why

    @property
    def is_done(self) -> bool:
        return self in _DONE_STATUSES


_DONE_STATUSES = frozenset({SliceStatus.FILLED, SliceStatus.PARTIAL, SliceStatus.SKIPPED})


class OrderStatus(StrEnum):
    """Where a child order stands."""

    PENDING = "PENDING"  # decided, perhaps not yet durable, certainly not yet sent
    SENT = "SENT"
    PARTIAL = "PARTIAL"
    FILLED = "FILLED"
    CANCELLED = "CANCELLED"
    EXPIRED = "EXPIRED"  # an IOC order's unfilled rest
    REJECTED = "REJECTED"  # by the venue
    REFUSED = "REFUSED"  # by our own risk check
    UNKNOWN = "UNKNOWN"  # sent, and no answer can be trusted yet
    NEVER_ACCEPTED = "NEVER_ACCEPTED"

    @property
    def is_open(self) -> bool:
        """Tell whether its unfilled quantity may still trade, so that it stays reserved."""
        return self in _OPEN_STATUSES

    @property
    def is_unsent(self) -> bool:
        """Tell whether it never got to the venue."""
        return self in _UNSENT_STATUSES


_OPEN_STATUSES = frozenset(
    {OrderStatus.PENDING, OrderStatus.SENT, OrderStatus.PARTIAL, OrderStatus.UNKNOWN}
)
_UNSENT_STATUSES = frozenset({OrderStatus.REFUSED, OrderStatus.NEVER_ACCEPTED})


class Reason(StrEnum):
    """Why something was skipped, cut, delayed, refused, paused or ended. The codes are stable."""

    # An order that is refused up front.
    UNKNOWN_SYMBOL = "unknown_symbol"
    WINDOW_OUT_OF_BOUNDS = "window_out_of_bounds"
    QUANTITY_BELOW_MINIMUM = "quantity_below_minimum"
    QUANTITY_ABOVE_MAXIMUM = "quantity_above_maximum"
    QUANTITY_NOT_A_LOT = "quantity_not_a_lot"
    QUANTITY_COMMITTED = "quantity_committed"  # less than what is filled, working or unknown
    INSUFFICIENT_BALANCE = "insufficient_balance"
    PARTICIPATION_ABOVE_LIMIT = "participation_above_limit"
    CLIENT_ID_CONFLICT = "client_id_conflict"
    WRONG_STATE = "wrong_state"
    BUSY = "busy"
    UNKNOWN_ID = "unknown_id"
    MAX_OPEN_EXECUTIONS = "max_open_executions"
    QUEUE_EXPIRED = "queue_expired"
    # A slice that is skipped, cut or delayed.
    AHEAD_OF_SCHEDULE = "ahead_of_schedule"
    OVERDUE_MERGED = "overdue_merged"
    PARTICIPATION_CAP = "participation_cap"
    SYMBOL_PARTICIPATION_CAP = "symbol_participation_cap"
    QUIET_MARKET = "quiet_market"
    VOLUME_ANOMALY = "volume_anomaly"
    CATCH_UP_LIMIT = "catch_up_limit"
    BELOW_MINIMUM = "below_minimum"
    MAX_ORDER_QUANTITY = "max_order_quantity"
    STALE_QUOTE = "stale_quote"
    NO_QUOTE = "no_quote"
    LIMIT_PRICE = "limit_price"
    THIN_BOOK = "thin_book"  # the touch within the collar held less than the child asked for
    STALE_AT_RELEASE = "stale_at_release"
    # Risk.
    MAX_ORDER_NOTIONAL = "max_order_notional"
    MAX_SYMBOL_EXPOSURE = "max_symbol_exposure"
    MAX_PORTFOLIO_EXPOSURE = "max_portfolio_exposure"
    MAX_CORRELATED_EXPOSURE = "max_correlated_exposure"
    CORRELATION_CRITICAL = "correlation_critical"  # it adds to a direction that is held already
    TIER_TOO_LOW = "tier_too_low"
    EQUITY_UNKNOWN = "equity_unknown"  # what the account is worth has no price yet
    MAX_DAILY_LOSS = "max_daily_loss"
    RESTRICTED_SYMBOL = "restricted_symbol"
    SELF_TRADE = "self_trade"  # a resting order of our own would be met
    PRICE_COLLAR = "price_collar"
    HALTED = "halted"
    DUPLICATE_ORDER = "duplicate_order"  # an id that was sent before
    PARENT_QUANTITY = "parent_quantity"  # more than the parent order has left
    ORDER_RATE = "order_rate"
    VENUE_REJECTED = "venue_rejected"
    # Early completion, pauses and ends.
    FAVOURABLE_PRICE = "favourable_price"
    MAX_SLIPPAGE = "max_slippage"
    USER = "user"
    INTERRUPTED = "interrupted"
    DRAINED = "drained"  # the daemon ended; its next start goes on
    UNSETTLED_CHILD = "unsettled_child"
    OVERFILLED = "overfilled"  # the venue says more was filled than was ordered
    REPEATED_FAILURE = "repeated_failure"
    DEADLINE = "deadline"
    REMAINDER_UNTRADABLE = "remainder_untradable"
    VOLUME_DEPARTED = "volume_departed"
    SETTLED = "settled"  # by the operator's word
    AMENDED = "amended"  # planned anew, as the order was amended
    REPLENISHED = "replenished"  # what an iceberg's clips have left is cut into further ones
    JOURNAL_DOWN = "journal_down"
    JOURNAL_BEHIND = "journal_behind"  # the venue knows orders of ours that the journal lacks
    # A real venue.
    RATE_LIMITED = "rate_limited"  # it asks for fewer requests
    CLOCK_SKEW = "clock_skew"  # it takes our clock for wrong
    VENUE_UNAVAILABLE = "venue_unavailable"  # maintenance, or nothing answers
    MARKET_CLOSED = "market_closed"
    VENUE_RULE = "venue_rule"  # its filters would not take the order, so it was not sent
    NEVER_SENT = "never_sent"  # it could not be sent in time


@dataclass(frozen=True, slots=True)
class MarketRules:
    """What a venue accepts for one symbol. Quantities in base, prices and notionals in quote, fees as shares."""

    symbol: Symbol
    base: str
    quote: str
    lot: Decimal
    tick: Decimal
    min_notional: Decimal
    taker_fee: Decimal
    maker_fee: Decimal
    min_quantity: Decimal | None = None
    max_quantity: Decimal | None = None
    min_price: Decimal | None = None
    max_price: Decimal | None = None
    max_notional: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Quote:
    """The best bid and ask at one time. A size is None where the source does not say."""

    at: datetime
    bid: Decimal
    ask: Decimal
    bid_size: Decimal | None = None
    ask_size: Decimal | None = None

    @property
    def mid(self) -> Decimal:
        return (self.bid + self.ask) / 2

    def touch(self, side: Side) -> Decimal:
        """Return the far touch: the price at which an order of `side` trades at once."""
        return self.ask if side is Side.BUY else self.bid


@dataclass(frozen=True, slots=True)
class Trade:
    """One market trade that is not ours. `side` is the taker's, None where unknown."""

    at: datetime
    price: Decimal
    quantity: Decimal
    side: Side | None = None


@dataclass(frozen=True, slots=True)
class MarketSummary:
    """What the market did over a benchmark window, our own trades excluded, as exact sums.

    `mid_integral` is the sum of mid x microseconds over `mid_microseconds`; their quotient is the interval TWAP.
    """

    start: datetime
    end: datetime
    volume: Decimal
    notional: Decimal
    mid_integral: Decimal
    mid_microseconds: int
    last_mid: Decimal | None
    start_mid: Decimal | None = None


MarketSource: TypeAlias = tuple[tuple[str, str], ...]
"""What a simulated market is made of: the name of each part, and what tells it from another (a digest, a seed)."""


@dataclass(frozen=True, slots=True)
class ParentOrder:
    """What the user asked for. None means "as the settings have it".

    `quantity` is in base, or in quote where `quantity_in_quote` is set (it is turned into lots at the arrival price).
    """

    symbol: Symbol
    side: Side
    quantity: Decimal
    duration: timedelta | None
    quantity_in_quote: bool = False
    algo: Algo = Algo.TWAP
    client_id: ClientId | None = None
    slice_interval: timedelta | None = None
    slices: int | None = None
    limit_price: Decimal | None = None
    target_price: Decimal | None = None
    max_participation: Decimal | None = None
    max_slippage_bps: Decimal | None = None
    early_completion: Decimal | None = None  # share of the target price; zero switches it off
    volume_adaptivity: Decimal | None = None
    jitter: Decimal | None = None
    on_deadline: OnDeadline | None = None
    style: Style | None = None
    seed: int | None = None
    priority: int = 0  # a higher one leaves the queue sooner
    clip_quantity: Decimal | None = None  # of an iceberg, in base; or how many clips
    clips: int | None = None
    on_slippage: OnSlippage | None = None


@dataclass(frozen=True, slots=True)
class Clipping:
    """How an iceberg is cut: into so many clips, or into clips of about a quantity (base), within `variation` of that.

    Between two of them it pauses for a time drawn from `min_pause` to `max_pause`. Further clips, of what the first
    have left or an amendment has added, are about `further_quantity` (base) each; None before there is a schedule.
    """

    clips: int | None
    clip_quantity: Decimal | None
    variation: Decimal
    min_pause: timedelta
    max_pause: timedelta
    further_quantity: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Policy:
    """The rules that one execution follows: its order's wishes over the settings, fixed at acceptance.

    Rates and thresholds are shares (0.10 is 10 %), collars and slippage in bps.
    """

    slice_interval: timedelta
    slices: int | None
    min_slice_interval: timedelta
    max_participation: Decimal
    early_completion_threshold: Decimal | None
    target_price: Decimal | None  # None: the arrival price
    limit_price: Decimal | None
    max_slippage_bps: Decimal | None
    on_slippage: OnSlippage
    volume_adaptivity: Decimal
    jitter: Decimal
    catch_up_limit: Decimal
    price_collar_bps: Decimal
    on_deadline: OnDeadline
    style: Style
    max_quote_age: timedelta
    quiet_share: Decimal  # of the expected volume; below it the rate is halved
    anomaly_multiple: Decimal  # of the expected volume; above it the rate is halved
    seed: int
    duration: timedelta | None = None  # None in journals from before it was noted: the order has it
    clipping: Clipping | None = None  # of an iceberg
