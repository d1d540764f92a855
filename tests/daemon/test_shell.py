"""Every command of the shell against a daemon that runs: what it does, what it says, and its exit code."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from decimal import Decimal
from itertools import count

import pytest

from genesis_actors.storage import queries
from tests.cli.conftest import ROOT
from tests.daemon.conftest import SHORT, Desktop

LONG = ("--over", "5m", "--slices", "30")
BRIEF = ("--over", "5s", "--slices", "4", "--on-deadline", "extend")
names = count(1)


def started(served: Desktop, *words: str) -> str:
    order = words or ("BTC/USDT", "buy", "1", *LONG)
    return served.data("start", *order, "--client-id", f"shell-{next(names)}")["id"]


def test_an_order_is_worked_to_its_end_and_waited_for(served: Desktop) -> None:
    key = started(served, "BTC/USDT", "buy", "0.05", *BRIEF)
    said = served.genesis("wait", key[:8], "--timeout", "60s", "-o", "json")
    text = served.genesis("show", key)
    slices = served.data("slices", key)
    fills = served.data("fills", key)
    report = served.data("report", key)

    assert said.code == 0
    assert said.data["state"] == "COMPLETED"
    assert said.data["filled_quantity"] == "0.05"
    assert text.out.startswith("execution")
    assert len(slices) == said.data["slices_total"]
    assert len(fills) >= 1
    assert report["execution"]["id"] == key
    # What the daemon says is what its database has.
    offline = served.genesis("show", key, "--db", served.database, "-o", "json")
    online = served.genesis("show", key, "-o", "json")
    assert offline.data == online.data
    assert served.genesis("pause", key).code == 5
    assert served.genesis("resume", key).code == 5
    assert served.genesis("cancel", key, "-o", "json").error["code"] == "wrong_state"


def test_pause_resume_and_cancel_say_when_nothing_had_to_be_done(served: Desktop) -> None:
    key = started(served)
    pauses = [served.data("pause", key) for _ in range(2)]
    waited = served.genesis("wait", key, "--for", "paused", "--timeout", "5s")
    resumes = [served.data("resume", key, "--catch-up") for _ in range(2)]
    cancels = [served.data("cancel", key) for _ in range(2)]

    assert [(p["state"], p["reason"], p["was_already"]) for p in pauses] == [
        ("PAUSED", "user", False),
        ("PAUSED", "user", True),
    ]
    assert waited.code == 0
    assert [(r["state"], r["was_already"]) for r in resumes] == [
        ("RUNNING", False),
        ("RUNNING", True),
    ]
    assert resumes[0]["ends_at"] == pauses[0]["ends_at"]
    assert [(c["state"], c["was_already"]) for c in cancels] == [
        ("CANCELLED", False),
        ("CANCELLED", True),
    ]
    assert served.genesis("wait", key).code == 7
    assert served.genesis("wait", key, "--for", "filled=99%").code == 7


def test_a_wait_that_is_too_long_ends_with_six(served: Desktop) -> None:
    key = started(served)
    said = served.genesis("wait", key, "--timeout", "100ms", "-o", "json")
    met = served.genesis("wait", key, "--for", "filled=1%", "--timeout", "60s")
    served.data("cancel", key)

    assert said.code == 6
    assert said.error["code"] == "timeout"
    assert key in said.error["hint"]
    assert met.code == 0


def test_an_order_is_amended_within_its_bounds(served: Desktop) -> None:
    key = started(served)
    amended = served.data("amend", key, "--quantity", "2", "--over", "8m", "--reason", "more")
    limited = served.data("amend", key, "--limit", "99999", "--max-participation", "5%")
    again = served.data("amend", key, "--limit", "99999")
    too_much = served.genesis("amend", key, "--max-participation", "90%", "-o", "json")
    nothing = served.genesis("amend", key, "-o", "json")
    both = served.genesis("amend", key, "--over", "8m", "--until", "2030-01-01T00:00:00Z")
    events = served.genesis("events", "--id", key, "-o", "ndjson").out.splitlines()
    served.data("cancel", key)
    shown = served.data("show", key)
    told = served.genesis("show", key).out
    notes = [
        event["data"]["note"] for event in map(json.loads, events) if event["type"] == "TwapAmended"
    ]

    assert amended["quantity"] == "2"
    assert not limited["was_already"]
    assert shown["terms"]["limit_price"] == "99999"
    assert Decimal(shown["terms"]["max_participation"]) == Decimal("0.05")
    assert shown["terms"]["amended"] == 2
    assert "limit 99999 USDT, at most 5.0% of the volume, amended 2 times" in told
    assert again["was_already"]
    assert (too_much.code, nothing.code, both.code) == (5, 2, 2)
    assert too_much.error["code"] == "participation_above_limit"
    assert notes == ["more", None]


def test_a_halt_stops_new_orders_until_it_is_lifted(served: Desktop) -> None:
    key = started(served)
    named = ("BTC/USDT", "buy", "1", *LONG, "--client-id", f"shell-{next(names) - 1}")
    halted = served.data("halt", "--reason", "fat\nfinger")
    refused = served.genesis("start", "BTC/USDT", "buy", "1", *LONG, "-o", "json")
    found = served.data("start", *named)
    status = served.data("daemon", "status")
    lifted = [served.data("unhalt") for _ in range(2)]
    served.data("cancel", key)

    assert halted["halted"]
    assert refused.code == 8
    assert "fat finger" in refused.error["message"]
    assert "unhalt" in refused.error["hint"]
    assert found["id"] == key
    assert status["halt_reason"] == "fat finger"
    assert [lift["was_already"] for lift in lifted] == [False, True]


@pytest.mark.parametrize(
    ("words", "code", "what"),
    [
        (("show", "nosuch"), 4, "execution_not_found"),
        (("pause", "nosuch"), 4, "execution_not_found"),
        (("pause", ""), 4, "unknown_id"),
        (("show", " "), 4, "unknown_id"),
        (("wait", "nosuch"), 4, "execution_not_found"),
        (("events", "--id", "nosuch"), 4, "execution_not_found"),
        (("settle", "@last", "nosuch", "--filled", "1"), 4, "unknown_id"),
        (("start", "NO/SUCH", "buy", "1", "--over", "5m"), 5, "unknown_symbol"),
        (("start", "BTC/USDT", "buy", "1", "--over", "9h"), 5, "window_out_of_bounds"),
        (("start", "BTC/USDT", "buy", "99999999", "--over", "5m"), 5, "insufficient_balance"),
        (("start", "BTC/USDT", "buy", "nan", "--over", "5m"), 2, "usage"),
        (("start", "BTC/USDT", "buy", "1"), 2, "usage"),
        (("start", "BTC/USDT", "buy", "1", *LONG, "--algo", "market"), 2, "usage"),
        (
            ("start", "BTC/USDT", "buy", "1", "--algo", "iceberg", "--clips", "500"),
            5,
            "window_out_of_bounds",
        ),
        (("wait", "@last", "--for", "glory"), 2, "usage"),
        (("wait", "@last", "--for", "filled=200%"), 2, "usage"),
        (("events", "--since", "yesterday"), 2, "usage"),
        (("events", "-f"), 2, "usage"),
        (("resume", "@last", "--bogus"), 2, "usage"),
        (("daemon", "stop", "--mode", "gently"), 2, "usage"),
        (("paus", "@last"), 2, "usage"),
    ],
)
def test_what_cannot_be_done_is_refused_with_its_code(
    served: Desktop, words: tuple[str, ...], code: int, what: str
) -> None:
    started_once(served)
    said = served.genesis(*words, "-o", "json")

    assert said.code == code
    assert said.error["code"] == what
    assert said.error["hint"]
    assert said.err.startswith("error: ")
    assert "Traceback" not in said.err


def started_once(served: Desktop) -> None:
    """Make sure that @last means something."""
    if not served.database.exists() or not queries.executions(served.database, limit=1):
        served.data("cancel", started(served))


def test_events_come_in_the_journals_order_and_go_on_from_any_place(served: Desktop) -> None:
    begin = served.data("daemon", "status")["last_sequence"]
    with served.running("events", "-f", "--since", begin, "-o", "ndjson") as follower:
        key = started(served)
        served.data("cancel", key)
        assert follower.stdout is not None
        seen = []
        for line in follower.stdout:
            seen.append(json.loads(line))
            if seen[-1]["type"] == "TwapEnded" and seen[-1]["execution_id"] == key:
                break

    place = seen[1]["sequence"]
    later = served.genesis("events", "--since", place, "--id", key, "-o", "ndjson")
    offline = served.genesis(
        "events", "--since", place, "--id", key, "-o", "ndjson", "--db", served.database
    )
    table = served.genesis("events", "--since", "10m", "--id", key)
    rows = list(csv.DictReader(served.genesis("events", "--id", key, "-o", "csv").out.splitlines()))

    mine = [event for event in seen if event["execution_id"] == key]
    assert [event["sequence"] for event in seen] == sorted(event["sequence"] for event in seen)
    assert [event["type"] for event in mine][:2] == ["TwapAccepted", "TwapStarted"]
    assert [json.loads(line) for line in later.out.splitlines()] == [
        event for event in mine if event["sequence"] > place
    ]
    assert later.out == offline.out
    assert len(table.out.splitlines()) == len(mine)
    assert [row["type"] for row in rows] == [event["type"] for event in mine]
    assert all(event["priority"] == "HIGH" for event in seen)


def test_watching_ends_when_it_is_over_and_touches_nothing(served: Desktop) -> None:
    key = started(served, "BTC/USDT", "buy", "0.05", *BRIEF)
    once = served.genesis("watch", key, "--once")
    told = served.genesis("watch", key, "-o", "ndjson", timeout=30)
    views = [json.loads(line) for line in told.out.splitlines()]

    assert once.code == 0
    assert "BTC/USDT buy 0.05" in once.out
    assert told.code == 0
    assert views[-1]["state"] == "COMPLETED"
    assert {view["id"] for view in views} == {key}


def test_doctor_looks_for_the_daemon(served: Desktop) -> None:
    (found,) = [each for each in served.data("doctor") if each["name"] == "daemon"]

    assert found["status"] == "ok"
    assert f"process {served.pid} is running" in found["message"]


def test_a_list_can_be_looked_at_again_and_again(served: Desktop) -> None:
    key = started(served)
    with served.running("ps", "-w", "-o", "ndjson") as watching:
        assert watching.stdout is not None
        first = json.loads(watching.stdout.readline())
        watching.terminate()
        watching.communicate(timeout=10)
    served.data("cancel", key)

    assert first["id"] == key
    assert watching.returncode == 130


def test_lists_have_every_form(served: Desktop) -> None:
    key = started(served)
    table = served.genesis("ps")
    rows = list(csv.DictReader(served.genesis("ps", "-o", "csv").out.splitlines()))
    lines = served.genesis("ps", "-a", "-o", "ndjson").out.splitlines()
    served.data("cancel", key)

    assert key in table.out
    assert [row["id"] for row in rows] == [key]
    assert key in {json.loads(line)["id"] for line in lines}


def test_asking_costs_little_and_loads_nothing_heavy(served: Desktop) -> None:
    key = started(served)
    program = (
        "import json, os, sys\n"
        "from genesis_actors.cli.main import genesis\n"
        "try:\n"
        "    genesis.main(json.loads(sys.argv[1]))\n"
        "except SystemExit as over:\n"
        "    heavy = {'aiohttp', 'asyncio', 'ccxt', 'pydantic', 'pykka', 'sqlalchemy', 'structlog',\n"
        "             'textual'}\n"
        "    used = os.times()\n"
        "    print(json.dumps([over.code, sorted(heavy & set(sys.modules)), used.user + used.system]),\n"
        "          file=sys.stderr)\n"
    )
    for words in (["ps"], ["ps", "-o", "json"], ["show", key], ["pause", key], ["cancel", key]):
        result = subprocess.run(
            [sys.executable, "-c", program, json.dumps(words)],
            capture_output=True,
            text=True,
            check=True,
            cwd=served.directory,
            env={"PYTHONPATH": str(ROOT), "GENESIS_SOCKET": str(served.socket), "PATH": os.defpath},
        )
        code, heavy, seconds = json.loads(result.stderr.splitlines()[-1])

        assert (code, heavy) == (0, [])
        assert seconds < 0.25


def test_the_shell_is_offered_commands_and_executions(served: Desktop) -> None:
    key = started(served)

    def offered(*words: str) -> list[str]:
        result = subprocess.run(
            [sys.executable, "-m", "genesis_actors"],
            capture_output=True,
            text=True,
            check=True,
            cwd=served.directory,
            env={
                **SHORT,
                "PYTHONPATH": str(ROOT),
                "PATH": os.defpath,
                "GENESIS_SOCKET": str(served.socket),
                "_GENESIS_COMPLETE": "bash_complete",
                "COMP_WORDS": " ".join(("genesis", *words)),
                "COMP_CWORD": str(len(words)),
            },
        )
        return [line.partition(",")[2] for line in result.stdout.splitlines()]

    assert offered("pau") == ["pause"]
    assert key in offered("pause", key[:3])
    assert offered("wait", "@") == ["@last"]
    served.data("cancel", key)
    for shell in ("bash", "zsh", "fish"):
        assert "_GENESIS_COMPLETE" in served.genesis("completion", shell).out


def test_whoever_has_read_enough_of_a_pipe_makes_no_error(served: Desktop) -> None:
    served.data("cancel", started(served))
    for words in (
        ["events", "--since", "0"],
        ["events", "--since", "0", "-o", "csv"],
        ["ps", "-a"],
    ):
        process = served.popen(*words)
        assert process.stdout is not None
        process.stdout.close()
        process.stdout = None
        _, err = process.communicate(timeout=60)

        assert (process.returncode, err) == (0, ""), words


def test_waiting_that_is_interrupted_says_how_to_go_on(served: Desktop) -> None:
    key = started(served)
    process = served.popen("wait", key)
    deadline = time.monotonic() + 60
    while not served.data("daemon", "status")["connections"] > 1:
        assert time.monotonic() < deadline
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    served.data("cancel", key)

    assert process.returncode == 130
    assert f"genesis wait {key}" in err
    assert "--client-id" not in err
