"""Results on stdout: a readable text, JSON in its envelope, one JSON object a line, or CSV."""

from __future__ import annotations

import csv
import io
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

import click

from genesis_actors.cli.errors import CliError, forget_unwritten

Item = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Output:
    """Writes in the form that was asked for. `mode` says whether money is real."""

    form: str
    mode: str = "paper"

    def write_item(
        self, item: Item, as_text: Callable[[], str], rows: Sequence[Item] | None = None
    ) -> None:
        """Write one thing. `rows` are what line by line forms show instead of it."""
        with suppress(ReaderGoneError):
            echo(self.rendered(item, as_text, rows), nl=False)

    def rendered(
        self, item: Item, as_text: Callable[[], str], rows: Sequence[Item] | None = None
    ) -> str:
        """Return one thing as `write_item` writes it."""
        match self.form:
            case "json":
                return f"{self._json(item)}\n"
            case "table":
                return f"{as_text()}\n"
            case _:
                return self._lines([item] if rows is None else rows)

    def write_list(self, items: Sequence[Item], as_text: Callable[[], str]) -> None:
        with suppress(ReaderGoneError):
            match self.form:
                case "json":
                    echo(self._json(items))
                case "table":
                    echo(as_text())
                case _:
                    echo(self._lines(items), nl=False)

    def _json(self, data: Item | Sequence[Item]) -> str:
        envelope = {"api": 1, "mode": self.mode, "data": data}
        indent = 2 if sys.stdout.isatty() else None
        return json.dumps(envelope, indent=indent, ensure_ascii=False)

    def _lines(self, items: Sequence[Item]) -> str:
        if self.form == "ndjson":
            return "".join(f"{json.dumps(item, ensure_ascii=False)}\n" for item in items)
        return _as_csv(items)


class ReaderGoneError(Exception):
    """Whoever read the pipe has enough: that is no error, and there is nothing more to show."""


def echo(text: str, *, nl: bool = True) -> None:
    """Write to stdout; CliError where that cannot be, ReaderGoneError where nobody reads it any more."""
    try:
        click.echo(text, nl=nl)
    except BrokenPipeError:
        forget_unwritten(sys.stdout)
        raise ReaderGoneError from None
    except OSError as error:
        forget_unwritten(sys.stdout)
        raise CliError(
            "output_failed",
            f"the result cannot be written to stdout: {error.strerror}",
            "send it elsewhere; what was done stays in the database: genesis show @last --db PATH",
        ) from error


def _as_csv(items: Sequence[Item]) -> str:
    """Return the plain values as CSV; unknown ones are empty, and lists have no place in a table."""
    if not items:
        return ""
    names = [name for name, value in items[0].items() if not isinstance(value, (list, dict))]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(names)
    for item in items:
        writer.writerow([_cell(item[name]) for name in names])
    return text.getvalue()


def _cell(value: object) -> object:
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else value
