"""What clients may say to the door, as typed values: everything else is refused before it reaches an actor."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any, TypeVar, cast

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from genesis_actors.control.refusals import bad_request
from genesis_actors.domain.status import is_over
from genesis_actors.messages.persistence import ExecutionRow
from genesis_actors.notation import parse_decimal, parse_rate
from genesis_actors.orders import Amendment, OrderError, TwapOrder
from genesis_actors.values import ZERO, ExecutionState, ResumeMode, as_line

R = TypeVar("R", bound=BaseModel)

LONGEST_NOTE = 500


class StopMode(StrEnum):
    """What becomes of open executions when the daemon ends."""

    DRAIN = "drain"
    """Paused until the next start, which carries them on; it ends when nothing is working at the venue."""
    CANCEL = "cancel"
    """Ended with what is filled."""
    ABANDON = "abandon"
    """Left as they are, at once; the next start finds out what became of their orders."""


class Request(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Nothing(Request):
    """A command that needs no words."""


class ResumeRequest(Request):
    mode: ResumeMode = ResumeMode.SHIFT


def _exact(value: object) -> object:
    if not isinstance(value, str):
        raise ValueError('write it as text, like "0.5"')  # noqa: TRY004 - pydantic's way of refusing
    return parse_decimal(value)


def _as_reason(value: object) -> object:
    return None if value is None else as_line(str(value))


class SettleRequest(Request):
    """`child` is a client order id, its beginning or its end; zero filled: it was never accepted."""

    child: Annotated[str, Field(min_length=1, max_length=64)]
    filled_quantity: Annotated[Decimal, BeforeValidator(_exact), Field(ge=0)]


class HaltRequest(Request):
    """Nothing that is said of why keeps everything from being halted."""

    reason: Annotated[str | None, BeforeValidator(_as_reason)] = None


class StopRequest(Request):
    mode: StopMode = StopMode.DRAIN


@dataclass(frozen=True, slots=True)
class Goal:
    """What somebody waits for an execution to be."""

    is_met: Callable[[ExecutionRow], bool]

    @classmethod
    def parse(cls, text: str) -> Goal:
        """Return what `done`, `paused` or `filled=50%` means. Raises Refusal."""
        what, _, share = text.partition("=")
        try:
            match what, share:
                case "done", "":
                    return cls(is_over)
                case "paused", "":
                    return cls(lambda row: row.state == ExecutionState.PAUSED)
                case "filled", _:
                    least = parse_rate(share)
                    if ZERO < least <= 1:
                        return cls(lambda row: row.filled_quantity >= least * row.quantity)
                case _:
                    pass
        except ValueError:
            pass
        raise bad_request(f"{text!r} is nothing to wait for; write done, paused or filled=50%")

    def is_settled(self, row: ExecutionRow) -> bool:
        """Tell whether there is nothing more to wait for: it is met, or never will be."""
        return self.is_met(row) or is_over(row)


def read_object(raw: bytes) -> Mapping[str, Any]:
    """Return the JSON object that `raw` is. Raises Refusal."""
    try:
        found: object = json.loads(
            raw or b"{}", parse_constant=_refuse_constant, object_pairs_hook=_named_once
        )
    except (ValueError, RecursionError) as error:
        raise bad_request(f"the body is no JSON: {_one_line(error)}") from error
    if not isinstance(found, dict):
        raise bad_request("the body is not a JSON object")
    return cast("Mapping[str, Any]", found)


def parse_request(kind: type[R], raw: bytes) -> R:
    """Return the request that `raw` is. Raises Refusal with the field and what was expected."""
    try:
        return kind.model_validate(read_object(raw))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        message = first["msg"].removeprefix("Value error, ")
        raise bad_request(f"{where}: {message}" if where else message) from error


def parse_order(raw: bytes) -> TwapOrder:
    """Return the order that `raw` is. Raises Refusal with the field and what was expected."""
    try:
        return TwapOrder.parse(**read_object(raw))
    except OrderError as error:
        raise bad_request(str(error), "see genesis start --help") from error


def parse_amendment(raw: bytes) -> tuple[Amendment, str | None]:
    """Return what is to change, and the user's word for why. Raises Refusal with the field and what was expected."""
    fields = dict(read_object(raw))
    note = fields.pop("reason", None)
    if note is not None and not _is_note(note):
        raise bad_request(f"reason: one line of at most {LONGEST_NOTE} characters is expected")
    try:
        return Amendment.parse(**fields), note
    except OrderError as error:
        raise bad_request(str(error), "see genesis amend --help") from error


def _is_note(value: object) -> bool:
    return isinstance(value, str) and len(value) <= LONGEST_NOTE and value.isprintable()


def _named_once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"{twice!r} is there more than once")
    return found


def _refuse_constant(name: str) -> object:
    raise ValueError(f"{name} is not a number")


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
