"""The rules of a replayed symbol: from a market file, or from the finest steps of the recording."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from decimal import Decimal
from itertools import chain
from pathlib import Path
from typing import NoReturn, cast

from genesis_actors.gateways.csv_files import MAX_DIGITS
from genesis_actors.gateways.recording import Recording
from genesis_actors.gateways.venue import SourceError
from genesis_actors.notation import parse_decimal
from genesis_actors.values import EXACT, ONE, ZERO, MarketRules, Symbol

DEFAULT_MIN_NOTIONAL = Decimal(5)
DEFAULT_FEE = Decimal("0.001")

_PAIR = re.compile(r"([A-Z0-9]{2,}?)(USDT|USDC|FDUSD|BUSD|TUSD|USD|EUR|BTC|ETH|BNB)")

_REQUIRED = ("base", "quote", "lot", "tick", "min_notional", "taker_fee", "maker_fee")
_OPTIONAL = ("min_quantity", "max_quantity")
_HINT = (
    'Write {"base": "BTC", "quote": "USDT", "lot": "0.00001", "tick": "0.01", '
    '"min_notional": "5", "taker_fee": "0.001", "maker_fee": "0.001"}.'
)


def rules_of_recording(symbol: Symbol, recording: Recording) -> MarketRules:
    """Return rules with the finest steps seen: of trade amounts, and of traded or quoted prices."""
    base, quote = _currencies(symbol)
    prices = chain(
        (trade.price for trade in recording.trades),
        (quote.bid for quote in recording.book),
        (quote.ask for quote in recording.book),
    )
    return MarketRules(
        symbol=symbol,
        base=base,
        quote=quote,
        lot=_finest_step(trade.quantity for trade in recording.trades),
        tick=_finest_step(prices),
        min_notional=DEFAULT_MIN_NOTIONAL,
        taker_fee=DEFAULT_FEE,
        maker_fee=DEFAULT_FEE,
    )


def _currencies(symbol: Symbol) -> tuple[str, str]:
    base, _, quote = symbol.partition("/")
    if not base or not quote or "/" in quote:
        raise SourceError(
            f"The symbol {symbol!r} does not say what is traded for what.",
            "Write it as BASE/QUOTE, for example BTC/USDT.",
        )
    return base, quote


def _finest_step(values: Iterable[Decimal]) -> Decimal:
    """Return the greatest power of ten, at most 1, that every value is a multiple of."""
    places = 0
    step = ONE
    remainder = EXACT.remainder
    for value in values:
        while remainder(value, step):
            places += 1
            step = Decimal((0, (1,), -places))
    return step


def recorded_symbol(symbol: Symbol, recording: Path) -> Symbol:
    """Return the symbol that the name of a recorded file tells: `symbol` unless it names another pair.

    >>> recorded_symbol(Symbol("ETH/USDT"), Path("trades_binance_spot_BTCUSDT_20240808.csv.gz"))
    'BTC/USDT'
    """
    words = re.split(r"[^A-Za-z0-9]+", recording.name)
    if symbol.replace("/", "") in words:
        return symbol
    pairs = [match for word in words if (match := _PAIR.fullmatch(word)) is not None]
    return Symbol("/".join(pairs[0].groups())) if pairs else symbol


def read_rules(symbol: Symbol, path: Path) -> MarketRules:
    """Return the rules in a market file, for `symbol` - or for the pair that the file says, if that is another."""
    fields = _object_in(path)
    _check_names(path, fields)
    base, quote = _text(path, fields, "base"), _text(path, fields, "quote")
    if "/" in symbol and (base, quote) != _currencies(symbol):
        symbol = Symbol(f"{base}/{quote}")
    rules = MarketRules(
        symbol=symbol,
        base=base,
        quote=quote,
        lot=_number(path, fields, "lot"),
        tick=_number(path, fields, "tick"),
        min_notional=_number(path, fields, "min_notional"),
        taker_fee=_number(path, fields, "taker_fee"),
        maker_fee=_number(path, fields, "maker_fee"),
        min_quantity=_optional_number(path, fields, "min_quantity"),
        max_quantity=_optional_number(path, fields, "max_quantity"),
    )
    _check_bounds(path, rules)
    return rules


def _object_in(path: Path) -> dict[str, object]:
    try:
        found: object = json.loads(
            path.read_text(encoding="utf-8-sig"), parse_float=Decimal, parse_int=Decimal
        )
    except OSError as error:
        raise SourceError(
            f"{path}: the file cannot be read ({error.strerror or error}).",
            "Check the path and its permissions.",
        ) from error
    except json.JSONDecodeError as error:
        raise SourceError(f"{path}, line {error.lineno}: {error.msg}.", _HINT) from error
    except UnicodeDecodeError as error:
        raise SourceError(f"{path}: this is not text.", _HINT) from error
    except RecursionError:
        _refuse(path, "it is nested too deeply")
    if not isinstance(found, dict):
        _refuse(path, "it holds no JSON object")
    return cast("dict[str, object]", found)


def _check_names(path: Path, fields: dict[str, object]) -> None:
    missing = [name for name in _REQUIRED if name not in fields]
    unknown = [name for name in fields if name not in _REQUIRED + _OPTIONAL]
    if missing:
        _refuse(path, f"it lacks {', '.join(missing)}")
    if unknown:
        _refuse(path, f"nothing is known by the name of {', '.join(unknown)}")


def _text(path: Path, fields: dict[str, object], name: str) -> str:
    text = fields[name]
    if not isinstance(text, str) or not text:
        _refuse(path, f"{name} is no currency")
    return text


def _optional_number(path: Path, fields: dict[str, object], name: str) -> Decimal | None:
    return None if fields.get(name) is None else _number(path, fields, name)


def _number(path: Path, fields: dict[str, object], name: str) -> Decimal:
    found = fields[name]
    try:
        value = parse_decimal(found) if isinstance(found, str) else found
    except ValueError:
        value = None
    if not isinstance(value, Decimal) or not value.is_finite():
        _refuse(path, f"{name} {str(found)[:60]} is no number")
    if abs(value.adjusted()) >= MAX_DIGITS or len(value.as_tuple().digits) > MAX_DIGITS:
        _refuse(path, f"{name} {str(found)[:60]} has too many digits")
    return value


def _check_bounds(path: Path, rules: MarketRules) -> None:
    bounds = {
        "lot must be above zero": rules.lot > ZERO,
        "tick must be above zero": rules.tick > ZERO,
        "min_notional must not be negative": rules.min_notional >= ZERO,
        "taker_fee must be a share from 0 to 1": ZERO <= rules.taker_fee < ONE,
        "maker_fee must be a share from -1 to 1": -ONE < rules.maker_fee < ONE,
        "min_quantity must not be negative": (rules.min_quantity or ZERO) >= ZERO,
        "max_quantity must be above zero, and not below min_quantity": rules.max_quantity is None
        or rules.max_quantity >= max(rules.min_quantity or ZERO, rules.lot),
    }
    for bound, holds in bounds.items():
        if not holds:
            _refuse(path, bound)


def _refuse(path: Path, why: str) -> NoReturn:
    raise SourceError(f"{path}: {why}.", _HINT)
