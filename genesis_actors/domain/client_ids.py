"""How child orders are named. An id is derived, never random: after a crash the journal alone says what to ask for."""

from __future__ import annotations

from functools import lru_cache

from genesis_actors.values import ClientOrderId, ExecutionId

_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
_WIDTH = 3
MOST = len(_DIGITS) ** _WIDTH - 1


EXECUTION_ID_BITS = 64
_EXECUTION_ID_WIDTH = 13


def execution_id_from(bits: int) -> ExecutionId:
    """Return the execution id that 64 random bits make.

    >>> execution_id_from(1)
    '0000000000001'
    """
    return ExecutionId(id_text(bits, _EXECUTION_ID_WIDTH))


def client_order_id(
    prefix: str, execution_id: ExecutionId, slice_number: int, attempt: int
) -> ClientOrderId:
    """Return the name of one attempt at one slice.

    Fixed widths keep two attempts from ever sharing a name; `[a-z0-9]` and at most 28 characters suit every venue.

    >>> client_order_id("g7k2pd", ExecutionId("3vq0mzt41r8ab"), 1, 2)
    'g7k2pd3vq0mzt41r8ab001002'
    """
    return ClientOrderId(f"{prefix}{execution_id}{_digits(slice_number)}{_digits(attempt)}")


def meaning_of(name: str) -> tuple[ExecutionId, int] | None:
    """Return the execution and the slice's number that a client order id names, None where it is none of ours.

    >>> meaning_of("g7k2pd3vq0mzt41r8ab001002")
    ('3vq0mzt41r8ab', 1)
    >>> meaning_of("x1-0") is None
    True
    """
    slice_at = len(name) - 2 * _WIDTH
    number = name[slice_at : slice_at + _WIDTH]
    if slice_at <= _EXECUTION_ID_WIDTH or not set(name) <= set(_DIGITS):
        return None
    return ExecutionId(name[slice_at - _EXECUTION_ID_WIDTH : slice_at]), int(number, len(_DIGITS))


@lru_cache(4096)
def _digits(number: int) -> str:
    if not 0 <= number <= MOST:
        raise ValueError(f"{number} does not fit into {_WIDTH} digits of a client order id")
    text = ""
    for _ in range(_WIDTH):
        number, digit = divmod(number, len(_DIGITS))
        text = _DIGITS[digit] + text
    return text


def id_text(number: int, width: int) -> str:
    """Return the lowest bits of `number` as `width` characters of 5 bits each.

    >>> id_text(2**64 - 1, 13)
    'fzzzzzzzzzzzz'
    """
    alphabet = (
        "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's: nothing that reads as something else
    )
    return "".join(alphabet[(number >> 5 * at) & 31] for at in reversed(range(width)))
