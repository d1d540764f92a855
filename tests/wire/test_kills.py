"""`genesis run` on a real exchange, killed again and again: what was lost is found, and nothing is bought twice."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

from genesis_actors.storage import queries
from genesis_actors.storage.recovery import load_fills
from tests.helpers import eventually
from tests.wire.exchange.running import KEY, ExchangeProcess, exchange_process
from tests.wire.trading import QUICK, SHORT

ROOT = Path(__file__).parents[2]


def environment(config: Mapping[str, Any]) -> dict[str, str]:
    """Everything that a run needs, and the keys where they belong."""
    plain = {name: value for name, value in config.items() if name not in {"apiKey", "secret"}}
    ccxt = {f"VENUE__CCXT__{name.upper()}": str(value) for name, value in QUICK.items()}
    sections = {
        **ccxt,
        **{f"TWAP__{name.upper()}": value for name, value in SHORT.items()},
        "VENUE__CCXT__CONFIG": json.dumps({**plain, "rateLimit": 5}),
        "ENGINE__MODE": "live",
        "API_KEY": KEY.api_key,
        "API_SECRET": KEY.secret,
    }
    ours = {f"GENESIS_{name}": value for name, value in sections.items()}
    others = {name: value for name, value in os.environ.items() if not name.startswith("GENESIS_")}
    return {**others, **ours}


def test_a_run_that_is_killed_and_repeated_trades_what_it_should_and_no_more(
    tmp_path: Path,
) -> None:
    database = tmp_path / "live.db"
    command = [
        *(sys.executable, "-m", "genesis_actors", "run", "BTC/USDT", "buy", "0.3"),
        *("--over", "10s", "--slices", "7", "--client-id", "k1", "--venue", "ccxt", "--live"),
        *("--db", str(database), "-o", "json"),
    ]
    with exchange_process("--faults", "mild") as exchange:
        where = environment(exchange.config)
        for _ in range(2):
            run = subprocess.Popen(command, cwd=ROOT, env=where, stdout=subprocess.DEVNULL)
            seen = len(exchange.ledger()["attempts"])
            eventually(
                lambda seen=seen, run=run: (
                    run.poll() is not None or len(exchange.ledger()["attempts"]) > seen
                ),
                40,
            )
            run.send_signal(signal.SIGKILL)
            run.wait(10)
            assert run.returncode == -signal.SIGKILL
        last = subprocess.run(
            command, cwd=ROOT, env=where, capture_output=True, text=True, timeout=90, check=False
        )
        ledger = exchange.ledger()

    assert last.returncode in {0, 7}, last.stderr
    done = json.loads(last.stdout)["data"]
    account = ledger["accounts"][0]
    theirs = sorted(
        (trade["clientOrderId"], str(trade["id"]), Decimal(trade["qty"]), Decimal(trade["price"]))
        for trade in account["trades"]
    )
    ours = sorted(
        (fill.client_order_id, fill.trade_id, fill.quantity, fill.price)
        for fill in load_fills(database)
    )
    assert ours == theirs
    assert Decimal(done["filled_quantity"]) == sum(trade[2] for trade in theirs) <= Decimal("0.3")
    assert done["unknown_quantity"] == "0"
    sent = [a["client_order_id"] for a in ledger["attempts"] if a["request"] == "POST order"]
    assert len(sent) == len(set(sent))
    assert account["discrepancies"] == {}
    for secret in (KEY.secret, KEY.api_key):
        assert secret not in last.stdout + last.stderr


def test_ctrl_c_pauses_durably_takes_the_working_child_back_and_ends_with_130(
    tmp_path: Path,
) -> None:
    database = tmp_path / "live.db"
    command = [
        *(sys.executable, "-m", "genesis_actors", "run", "BTC/USDT", "buy", "0.3"),
        *("--over", "20s", "--slices", "2", "--client-id", "c1", "--style", "maker"),
        *("--limit", "59000"),  # It rests there, far from the market.
        *("--venue", "ccxt", "--live", "--db", str(database), "-o", "json"),
    ]
    with exchange_process() as exchange:
        run = subprocess.Popen(
            command,
            cwd=ROOT,
            env=environment(exchange.config),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        eventually(lambda: statuses(exchange) == ["NEW"], 40)
        run.send_signal(signal.SIGINT)
        out, err = run.communicate(timeout=40)
        after = statuses(exchange)
    row = queries.executions(database)[0]

    assert run.returncode == 130, err
    assert (row.state, row.working_quantity, row.unknown_quantity) == ("PAUSED", 0, 0)
    assert after
    assert "NEW" not in after
    assert "CANCELED" in after
    assert json.loads(out)["data"]["state"] == "PAUSED" if out else "PAUSED" in err


def statuses(exchange: ExchangeProcess) -> list[str]:
    return [order["status"] for order in exchange.ledger()["accounts"][0]["orders"]]
