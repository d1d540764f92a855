from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from genesis_actors.cli import text
from genesis_actors.cli.execution_text import parts_done, slices_text
from genesis_actors.cli.progress import PlainLines, choose_view


def test_figures_are_rounded_for_the_eye() -> None:
    assert text.price(Decimal("61702.7611064480")) == "61702.761"
    assert text.price(Decimal("0.00000012345678912")) == "0.00000012345679"
    assert text.money(Decimal("1542.5690276612")) == "1,542.57"
    assert text.bps(Decimal("-0.0053469568")) == "-0.01"
    assert text.percent(Decimal("0.0988046612")) == "9.88%"
    assert text.clock(datetime(2024, 8, 8, 23, 59, 59, 999999, tzinfo=UTC)) == "23:59:59"


def test_what_others_have_written_steers_no_terminal() -> None:
    steering = "fat \x1b[31m\nfinger\x9b\u202e \u00fc"
    seen = "fat \\x1b[31m\\nfinger\\x9b\\u202e \u00fc"

    assert text.shown(steering) == seen
    assert text.pairs([("halted", steering)]) == f"halted  {seen}"
    assert text.table(["reason"], [[steering]], left=[0]).splitlines() == ["reason", seen]


def test_what_is_unknown_is_a_dash() -> None:
    shown = (text.price, text.quantity, text.money, text.bps, text.percent, text.clock, text.moment)

    assert {show(None) for show in shown} == {"-"}
    assert text.words(None) == "-"


@pytest.mark.parametrize(
    ("seconds", "shown"), [(-5, "0s"), (59, "59s"), (312, "5m12s"), (3600, "1h00m"), (0, "0s")]
)
def test_lengths_of_time(seconds: int, shown: str) -> None:
    assert text.length(timedelta(seconds=seconds)) == shown


def test_decimal_points_stand_below_each_other() -> None:
    shown = text.table(
        ("what", "price", "note"),
        [("a", "1.25", "x"), ("b", "100", ""), ("c", "-", "y")],
        left=(0, 2),
    )

    assert shown.splitlines() == [
        "what   price  note",
        "a       1.25  x",
        "b     100",
        "c          -  y",
    ]


def test_a_value_that_is_too_long_goes_on_below_itself() -> None:
    lines = text.pairs([("execution", "x1"), ("key", "k" * 128)]).splitlines()

    assert lines[1:] == [f"key        {'k' * 69}", " " * 11 + "k" * 59]


def test_a_terminal_that_cannot_move_its_cursor_gets_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    monkeypatch.setenv("TERM", "dumb")

    assert isinstance(choose_view(is_quiet=False), PlainLines)


def test_what_an_amendment_left_nothing_of_is_no_part() -> None:
    done = {
        "number": 1,
        "due_at": "2024-08-08T12:00:00Z",
        "planned_quantity": "1",
        "filled_quantity": "0.5",
        "average_price": "100",
        "slippage_bps": "1",
        "impact_bps": None,
        "participation_rate": None,
        "status": "PARTIAL",
        "reason": None,
    }
    gone = done | {"number": 2, "planned_quantity": "0", "filled_quantity": "0"}

    assert len(slices_text([done, gone]).splitlines()) == 2
    assert parts_done([done, gone]) == "0 of 1 filled, 1 in part"
