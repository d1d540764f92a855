"""Every kind of error: its code, its exit code, and that there is a next step."""

from __future__ import annotations

import os
from pathlib import Path

import click
import pytest
import structlog

from genesis_actors.cli import logs
from genesis_actors.cli.errors import CliError, Invocation, explain, report
from genesis_actors.control.sockets import HeldFile, lock_beside
from genesis_actors.engine import CommandRefusedError, EngineFailedError, OrderRejectedError
from genesis_actors.gateways.venue import SourceError
from genesis_actors.messages.supervisor import CommandRefused, OrderRejected
from genesis_actors.orders import OrderError
from genesis_actors.runtime.actor import ActorFailed
from genesis_actors.settings import SettingsError
from genesis_actors.storage import errors as storage
from genesis_actors.values import ExecutionId, Reason
from tests.cli.conftest import Command

REJECTED = OrderRejected(reason=Reason.UNKNOWN_SYMBOL, message="what. Why.", hint="look")
REFUSED = CommandRefused(
    execution_id=ExecutionId("x1"), reason=Reason.WRONG_STATE, message="it is over"
)


@pytest.mark.parametrize(
    ("error", "code", "exit_code"),
    [
        (CliError("mine", "what", "do"), "mine", 1),
        (click.UsageError("what"), "usage", 2),
        (click.FileError("file", "why"), "usage", 2),
        (click.Abort(), "interrupted", 130),
        (KeyboardInterrupt(), "interrupted", 130),
        (OrderRejectedError(REJECTED), "unknown_symbol", 5),
        (CommandRefusedError(REFUSED), "wrong_state", 5),
        (OrderError("quantity: why"), "usage", 2),
        (SettingsError("why"), "bad_settings", 1),
        (SourceError("why.", "do"), "bad_source", 1),
        (TimeoutError("no reply within 30 s"), "timeout", 6),
        (storage.ExecutionNotFound("what", "do"), "execution_not_found", 4),
        (storage.AmbiguousExecution("what", "do"), "ambiguous_execution", 4),
        (storage.ForeignDatabase("what", "do"), "foreign_database", 5),
        (storage.DatabaseUnusable("what", "do"), "database_unusable", 1),
        (storage.DatabaseInUse("what", "do"), "database_in_use", 1),
        (storage.SchemaTooNew("what", "do"), "schema_too_new", 1),
        (ZeroDivisionError("a bug\nof two lines"), "internal_error", 1),
    ],
)
def test_every_error_has_a_code_and_a_next_step(
    error: BaseException, code: str, exit_code: int
) -> None:
    known = explain(error)

    assert (known.code, known.exit_code) == (code, exit_code)
    assert known.message
    assert "\n" not in known.message
    assert not known.message.endswith(".")
    assert known.hint


def test_a_failed_actor_is_named() -> None:
    failed = ActorFailed(actor_name="venue", actor_urn="urn:1", error="ValueError: a bug")

    assert "venue" in explain(EngineFailedError(failed)).message


@pytest.mark.parametrize(
    ("arguments", "wants_json"),
    [
        ([], False),
        (["run", "-o", "json"], True),
        (["-ojson", "run"], True),
        (["run", "--output", "json"], True),
        (["run", "--output=json"], True),
        (["run", "-o", "table"], False),
        (["run", "-o"], False),
        (["run", "-o", "json", "-o", "csv"], False),
        (["run", "--", "-o", "json"], False),
    ],
)
def test_json_is_found_wherever_it_is_wanted(arguments: list[str], wants_json: bool) -> None:
    assert Invocation.of(arguments).wants_json is wants_json


def test_only_warnings_are_told_unless_more_is_wanted() -> None:
    lines: list[str] = []
    logs.configure(lines.append, is_verbose=False)
    log = structlog.get_logger()
    log.debug("nothing_of_interest")
    log.warning("actor_did_not_stop", actor="venue")
    logs.configure(lines.append, is_verbose=True)
    structlog.get_logger().debug("execution_finished")

    assert lines == ["warning: actor did not stop (actor=venue)", "debug: execution finished"]


def test_what_a_daemon_quotes_of_others_steers_no_terminal(
    capsys: pytest.CaptureFixture[str],
) -> None:
    report(CliError("halted", "halted (red \x1b[31m\nerror: x)", "wait"), Invocation(False))

    assert capsys.readouterr().err.splitlines() == [
        "error: halted (red \\x1b[31m\\nerror: x)",
        "hint: wait",
    ]


def test_a_daemon_that_lives_and_does_not_answer_is_not_taken_for_none(
    command: Command, tmp_path: Path
) -> None:
    path = tmp_path / "control.sock"
    held = HeldFile(lock_beside(path))
    held.acquire("held", "by this test")
    living = command("daemon", "stop", "--socket", path, "-o", "json")
    held.release()
    gone = command("daemon", "stop", "--socket", path, "-o", "json")

    assert (living.code, living.error["code"]) == (1, "daemon_unreachable")
    assert f"process {os.getpid()}" in living.error["message"]
    assert f"kill {os.getpid()}" in living.error["hint"]
    assert (gone.code, gone.error["code"]) == (3, "no_daemon")
