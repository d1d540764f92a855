"""Live bars: what they show, how often they are drawn, and that they fit the terminal."""

from __future__ import annotations

import io
import os
import pty
import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from genesis_actors.cli.live import LiveView, bar_lines
from genesis_actors.cli.progress import PlainLines
from genesis_actors.cli.watched import Watched
from genesis_actors.messages.control import ExecutionNews, ExecutionStatus
from genesis_actors.messages.events import JournalEvent, TwapAccelerated, TwapSlowed
from genesis_actors.messages.market_data import MarketRows
from genesis_actors.messages.persistence import ExecutionRow, SliceRow
from genesis_actors.values import ExecutionId, Quote, Symbol
from tests.cli.conftest import start_process
from tests.cli.recordings import RecordingFiles

NOON = datetime(2024, 8, 8, 12, tzinfo=UTC)
CAP = Decimal("0.1")


def a_row(**changes: object) -> ExecutionRow:
    fields: dict[str, Any] = dict.fromkeys(ExecutionRow.__slots__)
    fields |= {
        "execution_id": "x1",
        "algo": "twap",
        "symbol": "BTC/USDT",
        "side": "buy",
        "quantity": Decimal(10),
        "duration_seconds": Decimal(600),
        "state": "RUNNING",
        "filled_quantity": Decimal(4),
        "working_quantity": Decimal(0),
        "unknown_quantity": Decimal(0),
        "remaining_quantity": Decimal(6),
        "arrival_price": Decimal(100),
        "slippage_vs_arrival_bps": Decimal("3.21"),
        "participation_rate": Decimal("0.0876"),
        "early_completion": False,
        "slices_total": 10,
        "slices_done": 4,
        "seed": 1,
        "created_at": NOON,
        "started_at": NOON,
        "ends_at": NOON + timedelta(minutes=10),
    }
    return ExecutionRow(**{**fields, **changes})


def a_slice(number: int, **changes: object) -> SliceRow:
    fields: dict[str, Any] = dict.fromkeys(SliceRow._fields)
    fields |= {
        "execution_id": "x1",
        "slice_number": number,
        "due_at": NOON + timedelta(minutes=number),
        "planned_quantity": Decimal(1),
        "filled_quantity": Decimal(0),
        "status": "PLANNED",
    }
    return SliceRow(**{**fields, **changes})


def a_status(**changes: object) -> ExecutionStatus:
    return ExecutionStatus(a_row(**changes), tuple(a_slice(n) for n in range(1, 11)), (), ())


def news(
    *, events: tuple[JournalEvent, ...] = (), slices: tuple[SliceRow, ...] = (), **changes: object
) -> ExecutionNews:
    return ExecutionNews(NOON, ExecutionId("x1"), events, a_row(**changes), slices, (), ())


def touch(bid: str, ask: str) -> Quote:
    return Quote(NOON, Decimal(bid), Decimal(ask))


def accelerated() -> TwapAccelerated:
    return TwapAccelerated(
        execution_id=ExecutionId("x1"),
        at=NOON,
        touch=Decimal(99),
        threshold_price=Decimal("99.8"),
    )


def slowed() -> TwapSlowed:
    return TwapSlowed(
        execution_id=ExecutionId("x1"), at=NOON, touch=Decimal(100), threshold_price=Decimal(99)
    )


def test_a_bar_shows_filled_against_due_price_volume_and_time_left() -> None:
    watched = Watched(a_status(), CAP)
    now = NOON + timedelta(minutes=5)
    first, second = bar_lines(watched, touch("99", "101.2"), now, width=79, is_plain=True)

    assert first.startswith("BTC/USDT buy 10 ")
    assert " 40.0% of  50.0% due" in first
    assert first.endswith("5m00s left")
    bar = first.split()[3]
    assert bar.count("#") == int(len(bar) * 0.4)
    assert bar[len(bar) // 2] == "|"
    assert "running" in second
    assert "4/10" in second
    assert "mid  +10.0 avg   +3.2 bps" in second
    assert "vol 8.8% of 10%" in second


@pytest.mark.parametrize("width", range(24, 80, 5))
def test_what_a_narrow_terminal_has_no_room_for_is_left_out_from_the_right(width: int) -> None:
    watched, now = Watched(a_status(), CAP), NOON + timedelta(minutes=5)

    def lines(width: int) -> list[str]:
        return bar_lines(watched, touch("99", "101.2"), now, width=width, is_plain=True)

    for narrow, wide in zip(lines(width), lines(79), strict=True):
        assert narrow
        words = re.sub(r"[#|-]{10,}", "BAR", narrow).split()
        assert words == re.sub(r"[#|-]{10,}", "BAR", wide).split()[: len(words)]


@pytest.mark.parametrize("width", [40, 79, 110])
@pytest.mark.parametrize("reason", ["unsettled_child", "insufficient_balance", "max_slippage"])
def test_a_bar_is_never_wider_than_the_terminal(width: int, reason: str) -> None:
    paused = a_status(
        symbol="LONGNAME/LONGQUOTE",
        quantity=Decimal("123456789.12345678"),
        state="PAUSED",
        reason=reason,
        paused_at=NOON + timedelta(minutes=1),
    )
    lines = bar_lines(Watched(paused, CAP), touch("1", "2"), NOON, width=width, is_plain=False)

    assert all(len(line) <= width for line in lines)
    assert width < 79 or "9m00s left" in lines[0]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "running"),
        ({"state": "PAUSED", "reason": "interrupted"}, "paused: interrupted"),
        ({"state": "COMPLETED", "finished_at": NOON}, "completed"),
        ({"state": "COMPLETED", "finished_at": NOON, "early_completion": True}, "completed early"),
        ({"state": "INCOMPLETE", "reason": "deadline"}, "incomplete: deadline"),
        ({"state": "QUEUED"}, "queued"),
    ],
)
def test_the_state_is_told_in_words(changes: dict[str, object], words: str) -> None:
    assert Watched(a_status(**changes), CAP).state_in_words() == words


def test_a_changed_pace_is_told() -> None:
    watched = Watched(a_status(), CAP)
    watched.hear(news(events=(accelerated(),)))

    assert watched.state_in_words() == "fast: price is good"

    watched.hear(news(events=(slowed(),)))

    assert watched.state_in_words() == "running"


def test_bars_are_drawn_ten_times_a_second_at_most() -> None:
    stream, now = io.StringIO(), [0.0]
    view = LiveView(stream, monotonic=lambda: now[0])
    view.watch(a_status(), CAP)
    view.tell(MarketRows(Symbol("BTC/USDT"), NOON, touch("99", "101"), ()))
    view.on_instant(NOON)
    once = stream.getvalue()
    now[0] = 0.05
    view.on_instant(NOON)

    assert stream.getvalue() == once

    now[0] = 0.1
    view.on_instant(NOON)

    assert stream.getvalue().startswith(once + "\x1b[2F")


def test_a_line_is_written_above_the_bars_and_the_last_state_stays() -> None:
    stream = io.StringIO()
    view = LiveView(stream)
    view.say("before")
    view.watch(a_status(), CAP)
    view.on_instant(NOON)
    view.say("in between")
    view.hear(news(state="COMPLETED", filled_quantity=Decimal(10), finished_at=NOON))
    view.hear(ExecutionNews(NOON, ExecutionId("other"), (), a_row(), (), (), ()))
    view.close(NOON)
    view.say("after")

    written = stream.getvalue()
    assert written.startswith("before\x1b[K\n")
    assert "\x1b[2Fin between\x1b[K\n" in written
    assert "completed" in written
    assert written.endswith("after\x1b[K\n")


def test_a_terminal_that_has_gone_ends_nothing() -> None:
    stream = io.StringIO()
    view, lines = LiveView(stream), PlainLines(stream)
    view.watch(a_status(), CAP)
    stream.close()
    view.on_instant(NOON)
    lines.say("nobody hears this")


def test_lines_tell_of_slices_and_states() -> None:
    stream = io.StringIO()
    lines = PlainLines(stream)
    lines.watch(a_status(), CAP)
    done = a_slice(
        5,
        status="PARTIAL",
        filled_quantity=Decimal("0.5"),
        average_price=Decimal(100),
        reason="participation_cap",
    )
    lines.hear(news(slices=(done,)))
    lines.hear(news(slices=(done,)))
    lines.hear(news(events=(accelerated(),)))
    lines.hear(news(state="PAUSED", reason="user"))
    lines.hear(ExecutionNews(NOON, ExecutionId("other"), (), a_row(), (done,), (), ()))

    assert stream.getvalue().splitlines() == [
        "12:00:00 BTC/USDT buy 10: running, 40.0% filled, execution x1",
        "12:00:00 BTC/USDT buy 10: 10 slices until 12:10:00",
        "12:00:00 BTC/USDT buy 10: slice 5/10 partial 0.5 at 100 (participation cap)",
        "12:00:00 BTC/USDT buy 10: fast: price is good, 40.0% filled",
        "12:00:00 BTC/USDT buy 10: paused: user, 40.0% filled",
    ]


def test_on_a_terminal_a_run_draws_bars(recording: RecordingFiles) -> None:
    ours, theirs = pty.openpty()
    order = ("run", "BTC/USDT", "buy", "5", "--over", "5m", "--speed", "max", "-o", "json")
    with start_process(*order, *recording.options, stderr=theirs) as process:
        os.close(theirs)
        out, _ = process.communicate(timeout=60)
    shown = os.read(ours, 1 << 20).decode()
    os.close(ours)

    assert process.returncode == 0
    assert '"state": "COMPLETED"' in out
    lines = re.sub(r"\x1b\[\d*[A-Z]", "", shown).splitlines()
    assert all(len(line) < 80 for line in lines)
    assert "100.0% of 100.0% due" in lines[-2]
    assert "completed" in lines[-1]
    assert not Path("run.db").exists()
