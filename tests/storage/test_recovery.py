from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from genesis_actors.messages.persistence import NoteTrades
from genesis_actors.messages.risk import DayTraded, PastPosition
from genesis_actors.storage import recovery
from genesis_actors.storage.batch import Write
from genesis_actors.storage.database import Database
from genesis_actors.storage.errors import ForeignDatabase
from genesis_actors.storage.journal import Journal
from genesis_actors.storage.past_trades import (
    load_positions,
    load_recent_trades,
    load_unsure_orders,
)
from genesis_actors.storage.recovery import Identity, RecordedFill
from genesis_actors.values import (
    ZERO,
    ClientId,
    ClientOrderId,
    ExecutionId,
    Liquidity,
    Side,
    Symbol,
    TradeId,
    VenueOrderId,
)
from tests.storage.samples import (
    NOON,
    accepted,
    execution_row,
    fill_row,
    order_row,
    sent,
    whole_write,
    write,
)

OURS = Identity("ab12", "paper", "paper", NOON)


def written(database: Database, *writes: Write) -> None:
    async def main() -> None:
        journal = await Journal.open(database)
        assert await journal.write(writes) == [None] * len(writes)
        await journal.close()

    asyncio.run(main())


def test_open_executions_come_with_their_snapshot_and_what_followed(database: Database) -> None:
    later = NOON + timedelta(seconds=1)
    written(
        database,
        write("x2", 1, execution=execution_row("x2", created_at=later)),
        whole_write("x1", 1),
        whole_write("x1", 2),
        write("x1", 3, [sent("x1", "c3"), sent("x1", "c4")]),
        write("x2", 2, [sent("x2", "c9")]),
        write("over", 1, execution=execution_row("over", state="COMPLETED"), snapshot="{}"),
    )

    x1, x2 = recovery.load_open_executions(database)

    assert (x1.execution_id, x1.snapshot_version, x1.version) == ("x1", 2, 4)
    assert x1.snapshot == whole_write("x1", 2).snapshot
    assert x1.tail == (sent("x1", "c3"), sent("x1", "c4"))
    assert (x2.execution_id, x2.snapshot, x2.snapshot_version, x2.version) == ("x2", None, None, 2)
    assert x2.tail == (sent("x2"), sent("x2", "c9"))


def test_one_execution_is_found_also_when_it_is_over(database: Database) -> None:
    written(database, write("x1", execution=execution_row("x1", state="FAILED"), snapshot="{}"))

    found = recovery.load_open_execution(database, "x1")

    assert found
    assert (found.snapshot, found.version, found.tail) == ("{}", 1, ())
    assert recovery.load_open_execution(database, "x2") is None


def test_events_come_in_order_from_where_they_are_wanted(database: Database) -> None:
    written(database, write("x1", 1, [accepted("x1"), sent("x1", "c1")]), write("x1", 3))

    assert recovery.load_events(database, "x1") == (accepted("x1"), sent("x1"), sent("x1"))
    assert recovery.load_events(database, "x1", after=2) == (sent("x1"),)


def test_fills_come_with_what_their_order_knows(database: Database) -> None:
    written(
        database,
        write(
            "x1",
            execution=execution_row("x1"),
            orders=[order_row("x1")],
            fills=[
                replace(fill_row("x1", "t2"), traded_at=NOON + timedelta(seconds=1)),
                fill_row("x1", "t1"),
            ],
        ),
    )

    first, second = recovery.load_fills(database)

    assert second.trade_id == "t2"
    assert first == RecordedFill(
        venue="paper",
        execution_id=ExecutionId("x1"),
        client_order_id=ClientOrderId("x1-1"),
        venue_order_id=VenueOrderId("v-1"),
        trade_id=TradeId("t1"),
        symbol=Symbol("BTC/USDT"),
        side=Side.BUY,
        quantity=Decimal("0.1"),
        price=Decimal("57123.45"),
        fee=Decimal("5.712345"),
        fee_currency="USDT",
        liquidity=Liquidity.TAKER,
        traded_at=NOON,
    )


def test_what_counts_in_budgets_is_found_by_symbol_from_a_time_on(database: Database) -> None:
    second = timedelta(seconds=1)
    early, late, other = (
        fill_row("x1", "t1"),
        replace(fill_row("x1", "t2"), traded_at=NOON + second),
        replace(fill_row("x1", "t3"), traded_at=NOON + 2 * second, symbol="ETH/USDT"),
    )
    began = write("x1", execution=execution_row("x1"), orders=[order_row("x1")])
    written(database, replace(began, fills=(other, late, early)))

    found = database.read(lambda it: load_recent_trades(it, NOON, NOON + second))
    assert found.quantities == {
        "BTC/USDT": [("x1-1", "t2", NOON + second, Decimal("0.1"))],
        "ETH/USDT": [("x1-1", "t3", NOON + 2 * second, Decimal("0.1"))],
    }


def test_what_was_traded_on_the_newest_day_comes_to_a_sum_for_each_symbol(
    database: Database,
) -> None:
    """To the last digit, whatever decimal context the caller has."""
    midnight = NOON.replace(hour=0)
    bought = replace(fill_row("x1", "t1"), traded_at=midnight, fee_currency="BNB")
    sold = replace(
        fill_row("x2", "t2"),
        traded_at=midnight + timedelta(hours=23),
        quantity=Decimal("0.30000000000000000000000000001"),
    )
    yesterday = replace(fill_row("x1", "t3"), traded_at=midnight - timedelta(microseconds=1))
    seller = replace(execution_row("x2"), side="sell")
    written(
        database,
        write(
            "x1",
            execution=execution_row("x1"),
            orders=[order_row("x1")],
            fills=[bought, yesterday],
        ),
        write("x2", execution=seller, orders=[order_row("x2")], fills=[sold]),
    )

    found = database.read(lambda it: load_recent_trades(it, NOON, NOON + timedelta(days=1)))

    assert found.quantities == {}
    assert found.days == (
        DayTraded(
            Symbol("BTC/USDT"),
            NOON.date(),
            Decimal("-0.20000000000000000000000000001"),
            Decimal("11418.9776550000000000000000005712345"),
        ),
    )


def test_positions_are_what_all_executions_have_traded(database: Database) -> None:
    def traded(name: str, side: str, quantity: str, price: str | None, at: datetime) -> Write:
        row = replace(
            execution_row(name, created_at=at),
            side=side,
            filled_quantity=Decimal(quantity),
            average_price=price and Decimal(price),
        )
        return write(name, execution=row)

    written(
        database,
        traded("x1", "sell", "0.30000000000000000000000000001", "90", NOON),
        traded("x2", "buy", "0.1", "110", NOON - timedelta(hours=1)),
        traded("x3", "buy", "0", None, NOON),
    )

    assert database.read(load_positions) == (
        PastPosition(Symbol("BTC/USDT"), Decimal("-0.20000000000000000000000000001"), Decimal(90)),
    )


def test_orders_of_which_more_may_be_told_are_found_by_symbol(database: Database) -> None:
    some = [order_row("x1", f"x1-{number}") for number in (1, 2, 3, 4)]
    orders = [
        some[0],
        replace(some[1], filled_quantity=ZERO),
        replace(some[2], reason="settled", symbol="ETH/USDT"),
        replace(some[3], filled_quantity=ZERO, created_at=NOON - timedelta(hours=1)),
    ]
    written(database, write("x1", execution=execution_row("x1"), orders=orders))

    assert database.read(lambda it: load_unsure_orders(it, NOON)) == {
        "BTC/USDT": [("x1-2", Side.BUY, ZERO)],
        "ETH/USDT": [("x1-3", Side.BUY, Decimal("0.1"))],
    }


def test_symbols_are_found_whose_trades_may_not_all_be_recorded(database: Database) -> None:
    """Those that were worked on since shortly before all was known, and those that are being worked on."""
    hour, second = timedelta(hours=1), timedelta(seconds=1)

    def worked_on(symbol: str, finished_at: datetime | None) -> Write:
        name = symbol[:3]
        row = replace(execution_row(name), symbol=symbol, finished_at=finished_at)
        return write(name, execution=row)

    written(
        database,
        worked_on("ADA/USDT", None),
        worked_on("BTC/USDT", NOON - hour),
        worked_on("ETH/USDT", NOON - hour),
        worked_on("LTC/USDT", NOON - 2 * hour),
        worked_on("SOL/USDT", NOON),
        worked_on("XRP/USDT", NOON - 2 * hour),
        NoteTrades(Symbol("ADA/USDT"), NOON - 3 * hour),
        NoteTrades(Symbol("BTC/USDT"), NOON),
        NoteTrades(Symbol("ETH/USDT"), NOON),
        NoteTrades(Symbol("ETH/USDT"), NOON + second),
        NoteTrades(Symbol("XRP/USDT"), NOON - hour),
    )

    assert recovery.load_known_trades(database, NOON, hour) == {
        "ADA/USDT": NOON - 3 * hour,
        "BTC/USDT": NOON,
        "SOL/USDT": None,
        "XRP/USDT": NOON - hour,
    }


def test_an_open_executions_newest_event_is_in_its_tail_or_in_its_snapshot(
    database: Database,
) -> None:
    later = sent("x2", "c2").model_copy(update={"at": NOON + timedelta(seconds=3)})
    written(database, whole_write("x1", 1), whole_write("x2", 1), write("x2", 2, [later]))

    x1, x2 = recovery.load_open_executions(database)

    assert (x1.last_at, x2.last_at) == (NOON, later.at)


def test_client_ids_lead_to_their_executions(database: Database) -> None:
    written(
        database,
        write("x1", execution=execution_row("x1", client_id="mine")),
        write("x2", execution=execution_row("x2")),
    )

    assert recovery.load_client_ids(database) == {ClientId("mine"): ExecutionId("x1")}
    assert recovery.count_executions(database) == 2


def test_a_new_database_becomes_that_of_its_first_engine(database: Database) -> None:
    assert recovery.load_identity(database) is None
    assert recovery.claim(database, OURS) == OURS
    assert recovery.claim(database, replace(OURS, client_order_id_prefix="zz99")) == OURS


@pytest.mark.parametrize("change", [{"mode": "live"}, {"venue": "binance"}, {"account": "other"}])
def test_a_database_of_something_else_is_refused(
    database: Database, change: dict[str, str]
) -> None:
    recovery.claim(database, replace(OURS, account="mine"))

    with pytest.raises(ForeignDatabase, match=next(iter(change.values()))):
        recovery.claim(database, replace(OURS, **change))


def test_an_account_that_was_unknown_is_filled_in(database: Database) -> None:
    recovery.claim(database, OURS)

    assert recovery.claim(database, replace(OURS, account="mine")).account == "mine"
    assert recovery.claim(database, OURS).account == "mine"
    assert recovery.load_identity(database) == replace(OURS, account="mine")
