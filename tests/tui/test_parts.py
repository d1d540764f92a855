"""The parts: the widget for other programs, the canvas, the scales, the words."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from rich.style import Style
from rich.text import Text
from textual.app import App, ComposeResult

from genesis_actors.messages.events import JournalEvent
from genesis_actors.tui import TwapProgress
from genesis_actors.tui.canvas import Canvas
from genesis_actors.tui.executions import ExecutionList
from genesis_actors.tui.happened import told
from genesis_actors.tui.model import Detail, Happened, Order, Shown, listed
from genesis_actors.tui.progress import bar
from genesis_actors.tui.scales import Scale, TimeScale
from genesis_actors.tui.theme import AMBER, CYAN
from genesis_actors.wording import filled_percent
from tests.tui import made


class Host(App[None]):
    """Somebody else's program."""

    def compose(self) -> ComposeResult:
        yield TwapProgress("0.25", "0.5", slices=20)


def colours(text: Text) -> set[str]:
    return {str(span.style).split()[0] for span in text.spans}


def test_the_widget_shows_what_is_filled_and_where_the_schedule_is() -> None:
    async def run() -> None:
        app = Host()
        async with app.run_test(size=(60, 3)) as pilot:
            widget = app.query_one(TwapProgress)
            assert (
                widget.render().plain == "█████████         ┃                   25.0% of  50.0% due"
            )
            widget.filled, widget.planned = Decimal("0.5"), Decimal("0.5")
            await pilot.pause()
            assert (
                widget.render().plain == "██████████████████┃                   50.0% of  50.0% due"
            )
            widget.show_figures = False
            await pilot.pause()
            assert len(widget.render().plain) == 60

    asyncio.run(run())


@pytest.mark.parametrize(
    ("value", "share"),
    [
        ("0.4", "0.4"),
        (0.5, "0.5"),
        (None, "0"),
        (Decimal("NaN"), "0"),
        (float("inf"), "1"),
        (Decimal(-1), "0"),
        (7, "1"),
    ],
)
def test_the_widget_takes_what_a_program_has_at_hand(value: Any, share: str) -> None:
    async def run() -> None:
        app = Host()
        async with app.run_test(size=(60, 3)) as pilot:
            widget = app.query_one(TwapProgress)
            widget.filled = widget.planned = value
            await pilot.pause()
            assert widget.filled == widget.planned == Decimal(share)
            assert TwapProgress(value, value).filled == Decimal(share)
            with pytest.raises(ValueError, match="no share"):
                widget.filled = "much"  # pyright: ignore[reportAttributeAccessIssue]

    asyncio.run(run())


@pytest.mark.parametrize(
    ("quantity", "shown"),
    [
        ("1500.00000001", "1500"),
        ("12345678.9", "12345679"),
        ("1234.5678", "1234.5678"),
        ("12345.6789", "12345.679"),
        ("12345678901", "12345.68M"),
        ("0.00000123", "1.23e-6"),
    ],
)
def test_a_quantity_is_written_out_as_far_as_there_is_room(quantity: str, shown: str) -> None:
    row = Shown.of(made.execution(quantity=quantity))
    line = ExecutionList().line(row, 80).plain
    assert line.split()[3] == shown
    wide = ExecutionList().line(row, 130).plain
    assert wide.split()[3] == quantity


def test_a_bar_counts_eighths_of_a_cell_and_never_leaves_its_room() -> None:
    assert bar(Decimal("0.55"), Decimal(1), 10).plain == "█████▌   ┃"
    assert bar(Decimal(2), Decimal(3), 4).plain == "███┃"
    assert bar(Decimal(0), Decimal(0), 4).plain == "┃   "


def test_a_bar_is_amber_only_where_more_than_the_slice_at_work_is_missing() -> None:
    filled, planned = Decimal("0.4"), Decimal("0.45")

    assert colours(bar(filled, planned, 20, slices=20)) >= {CYAN}
    assert colours(bar(filled, planned, 20, slices=200)) >= {AMBER}
    assert AMBER not in colours(bar(filled, planned, 20, "COMPLETED", slices=200))


def test_a_canvas_draws_lines_of_dots_and_signs_over_them() -> None:
    canvas, plain = Canvas(4, 2), Style()
    canvas.line(0, 7, 7, 0, plain)
    canvas.dot(99, 99, plain)
    canvas.sign(0, 0, "▲", plain)
    canvas.level(1, "─", plain)

    assert canvas.text() == "▲ ⡠⠊\n⡠⠊──"


@pytest.mark.parametrize(
    ("low", "high", "labels"),
    [
        ("59990", "60060", ["60000", "60020", "60040", "60060"]),
        ("0.12001", "0.12009", ["0.12002", "0.12004", "0.12006", "0.12008"]),
        ("100", "100", ["99.98", "99.99", "100.00", "100.01", "100.02"]),
        ("0.5", "31000", ["0", "10000", "20000", "30000"]),
    ],
)
def test_values_at_the_edge_are_round(low: str, high: str, labels: list[str]) -> None:
    scale = Scale.around([Decimal(low), Decimal(high)], 40)

    assert scale is not None
    assert [text for _, text in scale.ticks(5)] == labels
    assert scale.dot(Decimal(high)) <= scale.dot(Decimal(low))


def test_times_stand_between_start_and_end() -> None:
    times = TimeScale(made.NOON, made.NOON + timedelta(minutes=10), 101)

    assert times.dot(made.NOON + timedelta(minutes=5)) == 50
    assert TimeScale(made.NOON, made.NOON, 10).dot(made.NOON) == 0


@pytest.mark.parametrize("event", made.EVENTS, ids=lambda event: event["type"])
def test_an_event_is_told_in_words(event: dict[str, object]) -> None:
    assert told(Happened.of(event)).plain != event["type"]


def test_there_are_words_for_every_event_of_the_journal() -> None:
    """An event that is new is shown by its name, and so is one of another version."""
    from genesis_actors.tui.happened import _TOLD

    assert {kind.__name__ for kind in JournalEvent.__args__} == set(_TOLD)
    assert told(Happened(1, made.NOON, "SomethingNew", {})).plain == "SomethingNew"
    assert told(Happened(1, made.NOON, "ChildFilled", {})).plain == "ChildFilled"


def test_an_amendment_is_told_by_what_it_changes() -> None:
    before = {
        "quantity": "25",
        "limit_price": None,
        "max_participation": "0.1",
        "ends_at": "2026-03-02T12:10:00Z",
    }
    after = {**before, "limit_price": "60500", "ends_at": "2026-03-02T12:12:00Z"}
    event = made.event(8, "TwapAmended", 150, before=before, after=after, note="cheaper")

    assert told(Happened.of(event)).plain == (
        "amended: limit none to 60500, ends at 12:10:00 to 12:12:00 (cheaper)"
    )


def test_what_is_heard_twice_counts_once_and_terms_follow_amendments() -> None:
    detail = Detail(Shown.of(made.execution()))
    after = {"limit_price": "60500", "max_participation": "0.05"}
    amended = Happened.of(made.event(8, "TwapAmended", 150, after=after))
    detail.hear(amended)
    detail.hear(amended)

    assert len(detail.events) == 1
    assert detail.terms.limit_price == Decimal(60500)
    assert detail.terms.amended == 1


def test_prices_go_on_where_they_were_and_the_newest_step_is_replaced() -> None:
    detail = Detail(Shown.of(made.execution()))
    first = made.market()
    detail.take_prices(first)
    last_at = first["points"][-1][0]
    detail.take_prices({**first, "points": [[last_at, "60000", "1"], [last_at, None, "1"]]})

    assert len(detail.points) == len(first["points"])
    assert detail.points[-1].mid == Decimal(60000)


def test_the_list_is_sorted_as_asked_with_open_ones_first() -> None:
    shown = [
        Shown.of(made.ended()),
        Shown.of(made.execution(id="late", symbol="SOL/USDT", progress="0.1")),
        Shown.of(made.execution(id="soon", ends_at="2026-03-02T12:05:00Z", progress="0.44")),
    ]

    def ids(order: Order, search: str = "", *, ended: bool = True) -> list[str]:
        return [x.id for x in listed(shown, order, search, made.NOW, shows_ended=ended)]

    assert ids(Order.BEHIND) == ["late", "soon", "1xyfwvytynzhh"]
    assert ids(Order.ENDING) == ["soon", "late", "1xyfwvytynzhh"]
    assert ids(Order.SYMBOL, ended=False) == ["soon", "late"]
    assert ids(Order.NEWEST, "sol buy") == ["late"]
    assert ids(Order.NEWEST, "deadline") == ["1xyfwvytynzhh"]


def test_nothing_but_all_of_it_is_100_percent() -> None:
    shares = ("0", "0.9949", "0.9996", "1")

    assert [filled_percent(Decimal(share)) for share in shares] == [
        "0.0%",
        "99.5%",
        "99.9%",
        "100.0%",
    ]
