"""A report for people to read in a terminal, and as one figure a line for a spreadsheet."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any, TypeAlias

from genesis_actors.cli import text
from genesis_actors.cli.execution_text import slices_text, summary_text
from genesis_actors.domain.comparisons import PLAIN_TWAP
from genesis_actors.values import Algo, parse_time

View: TypeAlias = Mapping[str, Any]

_NOT_A_FIGURE = frozenset({"slices", "fills", "path", "volumes", "execution"})


def report_text(view: View) -> str:
    """Return the verdict, what it cost and why, the comparisons, and slice by slice what happened."""
    quote = view["execution"]["symbol"].partition("/")[2]
    parts = [
        "\n".join(text.wrapped(sentence) for sentence in (*view["verdict"], *_as_of(view))),
        summary_text({**view["execution"], "slices": view["slices"]}),
        f"Implementation shortfall (positive = cost)\n{_parts_table(view, quote)}",
        f"Against\n{_benchmarks_table(view, quote)}",
        f"Other ways (positive = we saved)\n{_comparisons_table(view, quote)}",
        f"Mark-outs (positive = the price was better later)\n{_markouts_table(view)}",
        text.pairs(list(_facts(view))),
        "What to do\n" + "\n".join(text.wrapped(f"- {r['text']}") for r in view["recommendations"]),
    ]
    if view["incidents"]:
        parts.append(f"Incidents\n{_incidents_table(view)}")
    parts.append(slices_text(view["slices"]))
    return "\n\n".join(parts)


def _as_of(view: View) -> Iterator[str]:
    """Say how far it is known what is still open."""
    if view["as_of"] is None:
        return
    until = view["recorded_until"]
    known = (
        "nothing of its market is recorded yet"
        if until is None
        else f"its market is recorded until {text.moment(parse_time(until))}"
    )
    yield f"As of {text.moment(parse_time(view['as_of']))} UTC; {known}."


def figure_rows(view: View) -> list[dict[str, str]]:
    """Return every figure but those of slices and fills, which have commands of their own."""
    wanted = ["execution", *(key for key in view if key not in _NOT_A_FIGURE)]
    return [
        {"figure": name, "value": _cell(value)}
        for key in wanted
        for name, value in _flat(key, view[key])
    ]


def _flat(name: str, value: object) -> Iterator[tuple[str, object]]:
    if isinstance(value, Mapping):
        for key, each in value.items():  # pyright: ignore[reportUnknownVariableType]
            yield from _flat(f"{name}.{key}", each)  # pyright: ignore[reportUnknownArgumentType]
    elif isinstance(value, list):
        for number, each in enumerate(value, 1):  # pyright: ignore[reportUnknownVariableType,reportUnknownArgumentType]
            yield from _flat(f"{name}.{number}", each)  # pyright: ignore[reportUnknownArgumentType]
    else:
        yield name, value


def _cell(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else str(value)


def _parts_table(view: View, quote: str) -> str:
    rows = [
        (name, _money(each["quote"]), _bps(each["bps"]))
        for name, each in view["shortfall_parts"].items()
    ]
    whole = view["shortfall"]
    rows.append(("together", _money(whole["quote"]), _bps(whole["bps"])))
    return text.table(("part", quote, "bps"), rows, left=(0,))


def _benchmarks_table(view: View, quote: str) -> str:
    rows = [
        (
            name.replace("_", " ") + _gap_remark(each),
            text.price(_number(each["price"])),
            _bps(each["slippage_bps"]),
            _bps(each["slippage_bps_with_fees"]),
            _money(each["cost_quote"]),
        )
        for name, each in view["benchmarks"].items()
    ]
    return text.table(("benchmark", "price", "bps", "with fees", quote), rows, left=(0,))


def _gap_remark(cost: View) -> str:
    if not cost["is_over_gap"]:
        return ""
    rest = _number(cost["price_without_gaps"])
    return "  (over a gap)" if rest is None else f"  (over a gap; without it {text.price(rest)})"


def _comparisons_table(view: View, quote: str) -> str:
    rows = [
        (
            name.replace("_", " "),
            text.price(_number(each["price"])),
            _bps(each["saved_bps"]),
            _bps(each["saved_bps_with_fees"]),
            _money(each["saved_quote_with_fees"]),
        )
        for name, each in view["comparisons"].items()
        if name != PLAIN_TWAP or _is_over_time(view)
    ]
    return text.table(("way", "price", "saved bps", "with fees", quote), rows, left=(0,))


def _markouts_table(view: View) -> str:
    rows = [
        (
            f"{mark['seconds']} s",
            str(mark["fills"]),
            _bps(mark["cost_bps"]),
            "too few fills"
            if mark["has_too_few"]
            else f"{_bps(mark['low_bps'])} to {_bps(mark['high_bps'])}",
            _bps(mark["reversion_bps"]),
            _bps(mark["market_bps"]),
        )
        for mark in view["markouts"]
    ]
    return text.table(("after", "fills", "cost bps", "95 %", "reverted", "drift"), rows, left=(3,))


def _facts(view: View) -> Iterator[tuple[str, str]]:
    timing, share, spread = view["timing"], view["participation"], view["spread"]
    algo = view["execution"]["algo"]
    capped = f"cap {_percent(share['cap'])}; {text.parts(algo, share['slices_bound'])} bound by it"
    if _is_over_time(view):
        yield (
            "schedule",
            (
                f"{_percent(timing['schedule_error'])} of the quantity off it on average; "
                f"{timing['slices_on_time']} of {text.parts(algo, timing['slices_sent'])} on time"
            ),
        )
    else:
        capped = "exempt from the cap"
    yield (
        "caught up, paused",
        f"{timing['catch_up_quantity']} base, {timing['paused_seconds']} s",
    )
    yield (
        "participation",
        (
            f"{_percent(share['average'])} on average, {_percent(share['highest_slice'])} at most, {capped}"
        ),
    )
    yield (
        "spread",
        (
            f"half of it {_bps(spread['half_spread_bps'])} bps, captured {_share(spread['capture'])}; "
            f"{_percent(spread['maker_share'])} traded resting"
        ),
    )
    for name, label in (
        ("due_to_sent", "due to sent"),
        ("sent_to_acknowledged", "to acknowledged"),
        ("sent_to_filled", "to filled"),
    ):
        waits = view["latency"][name]
        if waits["count"]:
            yield (
                label,
                f"{waits['p50_ms']} ms half of the time, {waits['p95_ms']} ms at 95 %, {waits['max_ms']} ms at most",
            )
    for why, count in view["reasons"].items():
        yield text.words(why), f"{text.parts(algo, count)} cut or delayed"


def _incidents_table(view: View) -> str:
    rows = [
        (
            text.clock(parse_time(each["at"])),
            "" if each["until"] is None else text.clock(parse_time(each["until"])),
            text.words(each["kind"]),
            "" if each["slice_number"] is None else str(each["slice_number"]),
            each["detail"],
        )
        for each in sorted(view["incidents"], key=lambda each: each["at"])
    ]
    return text.table(("at", "until", "what", "slice", "detail"), rows, left=(0, 1, 2, 4))


def _is_over_time(view: View) -> bool:
    """Tell whether it had a schedule, and a cap: a market order has neither."""
    return view["execution"]["algo"] != Algo.MARKET


def _number(value: str | None) -> Decimal | None:
    return None if value is None else Decimal(value)


def _money(value: str | None) -> str:
    return text.money(_number(value))


def _bps(value: str | None) -> str:
    return text.bps(_number(value))


def _percent(value: str | None) -> str:
    return text.percent(_number(value))


def _share(value: str | None) -> str:
    return text.UNKNOWN if value is None else f"{Decimal(value):+.2f}"
