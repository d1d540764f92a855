"""Prices for charts: equal steps, in bounded memory."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from genesis_actors.domain.price_history import PriceHistory
from genesis_actors.values import Quote, Trade

NOON = datetime(2024, 8, 8, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def quote(seconds: int, mid: int) -> Quote:
    return Quote(NOON + seconds * SECOND, bid=Decimal(mid - 1), ask=Decimal(mid + 1))


def trade(seconds: int, quantity: str) -> Trade:
    return Trade(NOON + seconds * SECOND, price=Decimal(100), quantity=Decimal(quantity))


def told(history: PriceHistory, since: datetime = NOON) -> list[tuple[int, int | None, str]]:
    return [
        ((p.at - NOON) // SECOND, None if p.mid is None else int(p.mid), str(p.volume))
        for p in history.since(since)
    ]


def test_a_step_has_its_last_mid_and_all_of_its_volume() -> None:
    history = PriceHistory(step=2 * SECOND)
    history.record(NOON, quote(0, 100), (trade(0, "1"),))
    history.record(NOON + SECOND, quote(1, 104), (trade(1, "0.5"), trade(1, "0.25")))
    history.record(NOON + 4 * SECOND, None, (trade(4, "2"),))

    assert told(history) == [(0, 104, "1.75"), (4, 104, "2")]
    assert history.quote == quote(1, 104)


def test_before_the_first_quote_there_is_no_mid() -> None:
    history = PriceHistory()
    history.record(NOON, None, (trade(0, "1"),))

    assert told(history) == [(0, None, "1")]


def test_a_step_that_is_not_over_is_told_again() -> None:
    history = PriceHistory(step=2 * SECOND)
    for seconds in (0, 2, 4):
        history.record(NOON + seconds * SECOND, quote(seconds, 100 + seconds), ())

    assert [at for at, _, _ in told(history, NOON + 3 * SECOND)] == [2, 4]
    assert told(history, NOON + 9 * SECOND) == []


def test_rows_of_the_past_change_nothing() -> None:
    history = PriceHistory(step=2 * SECOND)
    history.record(NOON + 6 * SECOND, quote(6, 100), ())
    history.record(NOON, quote(0, 90), (trade(0, "1"),))

    assert told(history) == [(6, 100, "0")]
    assert history.quote == quote(6, 100)


def test_only_so_many_steps_are_kept() -> None:
    history = PriceHistory(step=SECOND, steps=3)
    for seconds in range(10):
        history.record(NOON + seconds * SECOND, quote(seconds, 100), ())

    assert [at for at, _, _ in told(history)] == [7, 8, 9]
