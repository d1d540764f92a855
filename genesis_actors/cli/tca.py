"""`genesis tca`: what many executions cost together, by what, and what to change next."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import click

from genesis_actors.cli import options, text
from genesis_actors.cli.door import reading, socket_option
from genesis_actors.cli.files import write_text
from genesis_actors.cli.output import Output, echo
from genesis_actors.notation import parse_since

_KINDS: Final = ("symbol", "style", "side", "venue", "hour")
_FORMS: Final = {"json": "json", "text": "table", "csv": "csv"}

View = Mapping[str, Any]


class Since(click.ParamType[timedelta | datetime | None]):
    """`7d`, `12h`, a time, or `all`."""

    name = "since"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> timedelta | datetime | None:
        """Return what was written, as a length of time or a time; None for everything."""
        if not isinstance(value, str):
            return value  # pyright: ignore[reportReturnType] - converted already
        try:
            return parse_since(value)
        except ValueError as error:
            return self.fail(str(error), param, ctx)


@click.command()
@click.option(
    "--since",
    type=Since(),
    default="7d",
    show_default=True,
    help="How long before the newest end, or a time, or all.",
)
@click.option("--by", type=click.Choice(_KINDS), default="symbol", show_default=True)
@options.page_options
@options.database_option
@socket_option
@options.output_option
def tca(
    since: timedelta | datetime | None,
    by: str,
    form: str | None,
    out: Path | None,
    db: str | None,
    socket: str | None,
    output: str,
) -> None:
    """Analyse what executions cost together: by what, from where, and what to change next."""
    mode, view = _found(since, by, db, socket)
    if form == "html":
        from genesis_actors.report.portfolio import portfolio_page

        written = portfolio_page(view, mode)
    else:
        shown = Output(output if form is None else _FORMS[form], mode)
        written = shown.rendered(view, lambda: portfolio_text(view), _flat(view))
        if shown.form == "csv" and not view["groups"]:
            written = f"{','.join(_columns())}\n"
    if out is None:
        echo(written, nl=False)
    else:
        write_text(out, written)


def _found(
    since: timedelta | datetime | None, by: str, db: str | None, socket: str | None
) -> tuple[str, View]:
    if db is None:
        asked = (
            "all"
            if since is None
            else since.isoformat()
            if isinstance(since, datetime)
            else f"{since // timedelta(seconds=1)}s"
        )
        answer = reading(socket).get("tca", since=asked, by=by)
        return answer.mode, answer.data
    from genesis_actors.analysis import portfolio_of
    from genesis_actors.domain.attribution import By
    from genesis_actors.storage import queries

    return queries.mode(db), portfolio_of(db, since, By(by))


def portfolio_text(view: View) -> str:
    """Return the table by kind, where the cost came from by symbol, and what to change next."""
    if not view["executions"]:
        return "no executions have ended since then; --since all looks at all of them"
    since = view["since"]
    parts = [
        f"{view['executions']} executions {'in all' if since is None else 'since ' + since[:19].replace('T', ' ')}",
        _table(view),
        f"Where it came from (bps of value, positive = cost)\n{_attribution(view)}",
    ]
    changes = [
        text.wrapped(
            f"- in {c['executions']} of {c['of']} executions ({_named(c)}); the costliest, {c['execution']}: "
            f"{c['text']}"
        )
        for c in view["next_changes"]
    ]
    parts.append("What to change next\n" + ("\n".join(changes) or "- no rule suggests a change"))
    return "\n\n".join(parts)


def _table(view: View) -> str:
    headings = (
        view["by"], "n", "value", "filled", "cost bps", "vs TWAP", "vs VWAP", "vs plain", "vs sweep", "worst",
    )  # fmt: skip
    rows = [
        (
            _key(view, row),
            str(row["executions"]),
            text.money(Decimal(row["value_quote"])),
            text.percent(_number(row["filled_share"]), 1),
            text.bps(_number(row["shortfall_bps"])),
            text.bps(_number(row["twap_bps"])),
            text.bps(_number(row["vwap_bps"])),
            text.bps(_number(row["saved_to_plain_twap_bps"])),
            text.bps(_number(row["saved_to_sweep_bps"])),
            text.bps(_number(row["worst_bps"])),
        )
        for row in view["groups"]
    ]
    return text.table(headings, rows, left=(0,))


def _attribution(view: View) -> str:
    names = list(view["by_symbol"][0]["parts_bps"])
    rows = [
        (
            row["key"],
            *(text.bps(_number(row["parts_bps"][name])) for name in names),
            text.bps(_number(row["shortfall_bps"])),
        )
        for row in view["by_symbol"]
    ]
    return text.table(("symbol", *names, "together"), rows, left=(0,))


def _flat(view: View) -> list[dict[str, object]]:
    return [
        {
            **{name: value for name, value in row.items() if name != "parts_bps"},
            **{f"{name}_bps": value for name, value in row["parts_bps"].items()},
        }
        for row in view["groups"]
    ]


def _key(view: View, row: View) -> str:
    several = len({each["quote_currency"] for each in view["groups"]}) > 1
    return (
        f"{row['key']} ({row['quote_currency']})"
        if several and view["by"] != "symbol"
        else row["key"]
    )


def _columns() -> list[str]:
    """Return what the rows would have, if there were any."""
    from dataclasses import fields

    from genesis_actors.domain.attribution import PARTS, GroupCost

    names = [field.name for field in fields(GroupCost) if field.name != "parts_bps"]
    return [*names, *(f"{part}_bps" for part in PARTS)]


def _named(change: View) -> str:
    return ", ".join(f"{symbol} {count}" for symbol, count in change["symbols"].items())


def _number(value: str | None) -> Decimal | None:
    return None if value is None else Decimal(value)
