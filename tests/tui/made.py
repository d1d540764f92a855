"""What a daemon might say, made up and always the same."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from genesis_actors.values import time_text

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
NOW = NOON + timedelta(minutes=4, seconds=20)


def house(**changes: Any) -> dict[str, Any]:
    return {
        "pid": 4711,
        "version": "0.1.0",
        "mode": "paper",
        "venue": "paper",
        "database": "/desk/genesis.db",
        "socket": "/state/control.sock",
        "started_at": time_text(NOON - timedelta(hours=1)),
        "uptime_seconds": 3860,
        "open_executions": 1,
        "state": "running",
        "halted": False,
        "halted_at": None,
        "halt_reason": None,
        "halt_is_durable": None,
        "connections": 1,
        "last_sequence": 100,
        "event_readers": 1,
        **changes,
    }


def execution(**changes: Any) -> dict[str, Any]:
    return {
        "id": "3ctsgqs7g5ahy",
        "client_id": "rebalance-0412",
        "algo": "twap",
        "symbol": "BTC/USDT",
        "side": "buy",
        "quantity": "25",
        "state": "RUNNING",
        "reason": None,
        "filled_quantity": "10",
        "working_quantity": "0",
        "unknown_quantity": "0",
        "remaining_quantity": "15",
        "progress": "0.4",
        "schedule_progress": "0.45",
        "arrival_price": "60010.5",
        "average_price": "60021.33",
        "twap_benchmark": "60018.2",
        "vwap_benchmark": "60018.9",
        "implementation_shortfall_bps": "4.12",
        "slippage_vs_arrival_bps": "1.8",
        "slippage_vs_twap_bps": "0.52",
        "participation_rate": "0.0412",
        "max_slice_participation": "0.0931",
        "fees_quote": "600.21",
        "slices_total": 20,
        "slices_done": 8,
        "early_completion": False,
        "seed": 7,
        "created_at": time_text(NOON),
        "started_at": time_text(NOON),
        "ends_at": time_text(NOON + timedelta(minutes=10)),
        "finished_at": None,
        "arrival_at": time_text(NOON),
        "early_completion_reason": None,
        "paused_at": None,
        "participation_window_seconds": "60",
        **changes,
    }


def ended(**changes: Any) -> dict[str, Any]:
    """One that ended before noon."""
    return execution(
        id="1xyfwvytynzhh",
        client_id=None,
        symbol="ETH/USDT",
        side="sell",
        quantity="9.9405",
        state="INCOMPLETE",
        reason="deadline",
        filled_quantity="7.1",
        remaining_quantity="2.8405",
        progress="0.7142",
        schedule_progress="1",
        slippage_vs_arrival_bps="-3.1",
        slices_done=20,
        created_at=time_text(NOON - timedelta(minutes=30)),
        started_at=time_text(NOON - timedelta(minutes=30)),
        ends_at=time_text(NOON - timedelta(minutes=20)),
        finished_at=time_text(NOON - timedelta(minutes=20)),
        **changes,
    )


def _price(seconds: float) -> Decimal:
    moved = 18 * math.sin(seconds / 45) + 7 * math.sin(seconds / 11) + seconds / 20
    return Decimal(60010) + Decimal(round(moved * 100)) / 100


def a_slice(number: int) -> dict[str, Any]:
    due = NOON + timedelta(seconds=30 * number - 15)
    reasons = {4: ("PARTIAL", "participation_cap"), 6: ("SKIPPED", "limit_price")}
    status, reason = reasons.get(number, ("FILLED", None))
    if number > 8:
        status, reason = ("WORKING" if number == 9 else "PLANNED"), None
    filled = {"FILLED": "1.25", "PARTIAL": "0.75"}.get(status, "0")
    share = {"FILLED": f"0.0{30 + 5 * number}", "PARTIAL": "0.0931"}.get(status)
    price = _price((due - NOON).total_seconds())
    return {
        "number": number,
        "due_at": time_text(due),
        "planned_quantity": "1.25",
        "status": status,
        "reason": reason,
        "child_orders": {"PARTIAL": 3, "FILLED": 1}.get(status, 0),
        "filled_quantity": filled,
        "average_price": str(price) if filled != "0" else None,
        "market_price": str(price),
        "slippage_bps": "0.42" if filled != "0" else None,
        "participation_rate": share,
        "market_volume": "23.5",
        "sent_at": None,
        "done_at": None,
    }


def fills() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for part in map(a_slice, range(1, 9)):
        if part["average_price"] is None:
            continue
        found.append(
            {
                "trade_id": f"t{part['number']}",
                "client_order_id": f"c{part['number']}",
                "venue_order_id": None,
                "quantity": part["filled_quantity"],
                "price": part["average_price"],
                "fee": "1",
                "fee_currency": "USDT",
                "liquidity": "taker",
                "at": part["due_at"],
            }
        )
    return found


def event(sequence: int, type_: str, seconds: int, **data: Any) -> dict[str, Any]:
    return {
        "sequence": sequence,
        "priority": "HIGH",
        "type": type_,
        "execution_id": "3ctsgqs7g5ahy",
        "version": sequence,
        "at": time_text(NOON + timedelta(seconds=seconds)),
        "data": data,
    }


EVENTS = [
    event(1, "TwapAccepted", 0, quantity="25", arrival_price="60010.5"),
    event(2, "TwapStarted", 0, slices=[{}] * 20, ends_at=time_text(NOON + timedelta(minutes=10))),
    event(3, "ChildFilled", 15, quantity="1.25", price="60017.2", liquidity="taker"),
    event(
        4,
        "TwapSliceExecuted",
        15,
        slice_number=1,
        status="FILLED",
        filled_quantity="1.25",
        reason=None,
    ),
    event(
        5,
        "TwapSliceDelayed",
        105,
        slice_number=4,
        reason="participation_cap",
        limit="0.75",
        actual="1.25",
    ),
    event(6, "TwapPaused", 130, reason="user"),
    event(
        7,
        "TwapResumed",
        140,
        mode="catch-up",
        ends_at=time_text(NOON + timedelta(minutes=10)),
        slices=[],
    ),
]

TERMS = {
    "limit_price": "60060",
    "target_price": None,
    "max_participation": "0.10",
    "max_slippage_bps": "40",
    "early_completion_threshold": "0.002",
    "on_deadline": "leave",
    "style": "taker",
    "amended": 1,
}


def market() -> dict[str, Any]:
    seconds = range(0, 260, 2)
    return {
        "symbol": "BTC/USDT",
        "at": time_text(NOW),
        "bid": "60022.1",
        "ask": "60022.3",
        "step_seconds": 2,
        "points": [
            [time_text(NOON + timedelta(seconds=s)), str(_price(s)), "1.5"] for s in seconds
        ],
    }


def plan() -> dict[str, Any]:
    return {
        "quantity": "5",
        "window": {"start": time_text(NOW), "end": time_text(NOW + timedelta(minutes=10))},
        "slices_total": 20,
        "slices": [
            {
                "number": number,
                "due_at": time_text(NOW + timedelta(seconds=30 * number - 15)),
                "quantity": "0.25",
                "notional_quote": "15005.55",
                "expected_market_volume": "240.1",
                "expected_participation": "0.0010412",
            }
            for number in range(1, 21)
        ],
        "estimated_cost_bps": "10.83",
        "sweep_cost_bps": None,
        "warnings": ["5 BTC is more than usual"],
        "algo": "twap",
        "collar_price": None,
        "seed": 4242,
        "market_price": "60022.2",
        "max_participation": "0.1",
    }


def many(count: int) -> list[dict[str, Any]]:
    """So many executions, in every state that one can be in."""
    symbols = ("BTC/USDT", "ETH/USDT", "SOL/USDT", "DOGE/USDT")
    states = ("RUNNING", "RUNNING", "RUNNING", "PAUSED", "QUEUED", "FINISHING")
    return [
        execution(
            id=f"x{number:012d}",
            client_id=None,
            symbol=symbols[number % len(symbols)],
            side="sell" if number % 3 else "buy",
            state=states[number % len(states)],
            reason="max_slippage" if states[number % len(states)] == "PAUSED" else None,
            progress=str(Decimal(number % 97) / 100),
            schedule_progress=str(Decimal((number * 7) % 101) / 100),
            created_at=time_text(NOON - timedelta(seconds=number)),
            paused_at=time_text(NOON) if states[number % len(states)] == "PAUSED" else None,
        )
        for number in range(count)
    ]
