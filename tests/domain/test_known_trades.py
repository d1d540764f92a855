"""Until when all trades are recorded: an answer counts when the next one has come, and nobody has failed between."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from genesis_actors.domain.known_trades import MARGIN, KnownTrades

NOON = datetime(2024, 8, 8, 12, tzinfo=UTC)


def after(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def test_trades_are_asked_for_from_a_margin_before_what_is_recorded() -> None:
    assert KnownTrades(NOON).since == NOON - MARGIN


def test_an_answer_counts_once_the_next_has_come() -> None:
    known = KnownTrades(NOON).told(after(45))
    assert known.recorded_until == NOON

    assert known.told(after(90)).recorded_until == after(45)


def test_what_was_told_to_somebody_who_failed_is_asked_for_again() -> None:
    known = KnownTrades(NOON).told(after(45)).lost()
    assert known.since == NOON - MARGIN

    known = known.told(after(90))
    assert known.recorded_until == NOON
    assert known.told(after(135)).recorded_until == after(90)
