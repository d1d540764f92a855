"""Reading recorded files: unpacking, headers, bad rows, disorder. What rows mean is known elsewhere."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from hashlib import blake2b
from pathlib import Path
from typing import Generic, NoReturn, Protocol, TypeVar

from genesis_actors.gateways.venue import SourceError
from genesis_actors.values import time_text

TRADES_HEADER = "ts_ms,price,amount,side"
BOOK_HEADER = "ts_ms,bid_px,bid_sz,ask_px,ask_sz"
DEPTH_HEADER = "ts_ms,side,levels"
CANDLES_HEADER = "ts_ms,open,high,low,close,volume"

MAX_DISORDER = timedelta(seconds=5)
"""A row that is further behind a newer one is no disorder: the file is not what it should be."""

MAX_DIGITS = 30
"""On either side of the decimal point. No price and no amount has more; exact figures with far more would never end."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LAST_MS = 253_402_300_799_000  # The year 9999; times in microseconds lie far beyond it.
_CHUNK = 1 << 13  # Small, so that of a damaged file as much as possible is counted.

_SIDES = {TRADES_HEADER: ("buy", "sell", ""), DEPTH_HEADER: ("b", "a")}


class HasTime(Protocol):
    @property
    def at(self) -> datetime: ...


RowT = TypeVar("RowT", bound=HasTime)


@dataclass(frozen=True, slots=True)
class Notes:
    """What reading a recording brings to light besides its rows: what had to be overlooked, and each file's digest."""

    warnings: list[str] = field(default_factory=list[str])
    digests: dict[str, str] = field(default_factory=dict[str, str])


class Rows(Generic[RowT]):
    """The rows of one file as they are read. `name` is what the file is called among those of its recording."""

    def __init__(self, path: Path, name: str, notes: Notes) -> None:
        self._path = path
        self._name = name
        self._notes = notes
        self._rows: list[RowT] = []
        self.append = self._rows.append
        self._text = ""
        self._at = self._newest = _EPOCH
        self._is_late = False
        self._overlooked: dict[tuple[str, str], list[int]] = {}

    def lines(self, header: str) -> Iterator[tuple[int, str]]:
        """Yield the numbered lines below the header, which must be `header`."""
        text = _text_of(self._path)
        # However it is packed, and wherever its lines were ended.
        self._notes.digests[self._name] = digest(text.replace("\r\n", "\n"))
        lines = text.split("\n")
        del text  # It is large, and there are rows for long.
        found = lines[0].strip()
        if found != header:
            what = "the file is empty" if not found else f"its header is {found[:80]!r}"
            raise SourceError(
                f"{self._path}, line 1: {what}; it should be {header!r}.",
                "Name the file that belongs to this option, with its header line.",
            )
        for number, line in enumerate(lines[1:], start=2):
            if line and line != "\r":
                yield number, line

    def time(self, text: str, line: int) -> datetime:
        """Return the time of a row that is kept; rows of one instant share it."""
        if text != self._text:
            self._text = text
            self._at = self._parse(text, line)
            self._is_late = self._at < self._newest
            self._newest = max(self._at, self._newest)
        if self._is_late:
            self._check_disorder(line)
        return self._at

    def skip(self, what: str, line: int) -> None:
        self._overlook(what, "skipped", line)

    def in_order(self) -> list[RowT]:
        """Return the rows by time; note what was overlooked."""
        self._notes.warnings.extend(
            f"{self._path.name}: {_counted(len(lines), what, verb)} (first: line {lines[0]})"
            for (what, verb), lines in self._overlooked.items()
        )
        if not self._rows:
            raise SourceError(
                f"{self._path}: there are no usable rows in this file.",
                "Record it again, or name another file.",
            )
        if any(verb == "sorted" for _, verb in self._overlooked):
            self._rows.sort(key=lambda row: row.at)
        return self._rows

    def _parse(self, text: str, line: int) -> datetime:
        ms = int(text)
        if ms > _LAST_MS:
            raise SourceError(
                f"{self._path}, line {line}: the time {ms} lies beyond the year 9999.",
                "Times are Unix milliseconds; divide microseconds by 1000.",
            )
        return _EPOCH + timedelta(milliseconds=ms)

    def _check_disorder(self, line: int) -> None:
        if self._newest - self._at > MAX_DISORDER:
            raise SourceError(
                f"{self._path}, line {line}: time goes back from "
                f"{time_text(self._newest)} to {time_text(self._at)}.",
                "Sort the rows by ts_ms.",
            )
        self._overlook("out of time order", "sorted", line)

    def _overlook(self, what: str, verb: str, line: int) -> None:
        self._overlooked.setdefault((what, verb), []).append(line)


def _counted(count: int, what: str, verb: str) -> str:
    return f"1 row {what} was {verb}" if count == 1 else f"{count} rows {what} were {verb}"


def digest(text: str) -> str:
    """Return what tells this text from any other."""
    return blake2b(text.encode(), digest_size=8).hexdigest()


def _text_of(path: Path) -> str:
    content = bytearray()
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                content += chunk
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        lines = content.count(b"\n")
        raise SourceError(
            f"{path}, after line {lines}: the file cannot be unpacked any further ({error}).",
            "Copy it again if it is damaged; name a .csv file if it is not packed.",
        ) from error
    except OSError as error:
        raise SourceError(
            f"{path}: the file cannot be read ({error.strerror or error}).",
            "Check the path and its permissions.",
        ) from error
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise SourceError(
            f"{path}, line {line}: this is not text.", "Name a .csv file, or a .csv.gz file."
        ) from error


def refuse_row(path: Path, number: int, line: str, header: str) -> NoReturn:
    """Raise an error that says what is wrong with a row that does not have its file's form."""
    names, texts = header.split(","), line.rstrip("\r").split(",")
    if len(names) != len(texts):
        problem = f"there are {len(texts)} fields instead of {len(names)}"
    else:
        problem = next(
            (
                f"{name} {text[:60]!r} {what}"
                for name, text in zip(names, texts, strict=True)
                if (what := _problem(name, text, header)) is not None
            ),
            f"the row {line[:60]!r} cannot be read",
        )
    raise SourceError(
        f"{path}, line {number}: {problem}.", f"Correct or remove the row; its form is {header}."
    )


def _problem(name: str, text: str, header: str) -> str | None:
    match name:
        case "ts_ms":
            is_time = text.isdecimal() and text.isascii() and len(text) <= MAX_DIGITS
            return None if is_time else "is no time in milliseconds"
        case "side":
            return None if text in _SIDES[header] else "is no known side"
        case "levels":
            return "is no list of price:size"
        case _:
            return _number_problem(name, text)


def _number_problem(name: str, text: str) -> str | None:
    try:
        value = Decimal(text)
    except InvalidOperation:
        return "is no number"
    if not value.is_finite():
        return "is no finite number"
    if value < 0:
        return "is negative"
    if len(text) > MAX_DIGITS or abs(value.adjusted()) >= MAX_DIGITS:
        return "has too many digits"
    if value == 0 and name in {"price", "bid_px", "ask_px"}:
        return "is zero"
    return None
