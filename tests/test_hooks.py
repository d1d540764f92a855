"""A program and a webhook of the operator's are told what happens, in order, and hold nothing up."""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from genesis_actors import Engine, Settings
from genesis_actors.hooks import EventHook
from genesis_actors.opening import VirtualTime
from genesis_actors.settings import SettingsError
from genesis_actors.storage import queries
from tests.helpers import PATIENCE_SECONDS
from tests.test_engine import an_order

WRITES_DOWN = """
import json, os, sys
event = json.load(sys.stdin)
with open(sys.argv[1], "a") as file:
    file.write(json.dumps({"event": event, "environment": dict(os.environ)}) + "\\n")
"""


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "genesis.db"


def program(text: str, *arguments: object) -> list[str]:
    return [sys.executable, "-c", text, *map(str, arguments)]


def start(database: Path, **on_event: object) -> Engine:
    settings = {"storage": {"url": str(database)}, "on_event": on_event}
    return Engine.start(Settings.model_validate(settings), virtual=VirtualTime())


def heard_by(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


@contextmanager
def a_webhook(*answers: int) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """A server on this machine that answers with these statuses, then with 200."""
    heard, left = list[dict[str, Any]](), list(answers)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            heard.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(left.pop(0) if left else 200)
            self.end_headers()

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/a-secret-place", heard
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_a_program_is_told_in_order_and_gets_none_of_our_secrets(
    database: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GENESIS_API_SECRET", "hush")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hush")
    file = tmp_path / "heard"
    with start(database, program=program(WRITES_DOWN, file)) as engine:
        twap = engine.submit(an_order())
        twap.pause()
        twap.resume()
        twap.wait()

    heard = heard_by(file)
    told = [each["event"] for each in heard]
    assert [event["type"] for event in told] == [
        "TwapStarted",
        "TwapPaused",
        "TwapResumed",
        "TwapCompleted",
    ]
    rows = {row.sequence_number: row for row in queries.journal(database, twap.execution_id)}
    assert told == [json.loads(rows[event["sequence"]].line()) for event in told]
    assert [each["environment"]["GENESIS_EVENT"] for each in heard] == [e["type"] for e in told]
    assert not any("hush" in each["environment"].values() for each in heard)


def test_what_was_before_is_not_told_again(database: Path, tmp_path: Path) -> None:
    file = tmp_path / "heard"
    with start(database) as engine:
        engine.submit(an_order(client_id="first")).wait()
    with start(database, program=program(WRITES_DOWN, file), types=["TwapAccepted"]) as engine:
        twap = engine.submit(an_order(client_id="second"))

    assert [each["event"]["execution_id"] for each in heard_by(file)] == [twap.execution_id]


def test_a_program_that_hangs_holds_nothing_up_and_is_killed(
    database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("genesis_actors.hooks.CLOSE_SECONDS", 0.1)
    hangs = program("import time; time.sleep(600)")
    with start(database, program=hangs, timeout="300s") as engine:
        assert engine.submit(an_order()).wait().execution.filled_quantity == 1
        deadline = time.monotonic() + PATIENCE_SECONDS
        while (running := _hook_of(engine)._running) is None:
            assert time.monotonic() < deadline
            time.sleep(0.01)

    assert running.wait(PATIENCE_SECONDS) == -9


@pytest.mark.parametrize(
    "broken",
    [program("raise SystemExit(3)"), program("import time; time.sleep(600)")],
    ids=["fails", "takes too long"],
)
def test_a_program_that_fails_is_called_for_the_next_event(
    broken: list[str], database: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    both = ["sh", "-c", f'echo "$GENESIS_EVENT" >> {tmp_path / "heard"}; exec "$@"', "sh", *broken]
    with start(database, program=both, timeout="0.5s") as engine:
        engine.submit(an_order()).wait()

    assert (tmp_path / "heard").read_text().split() == ["TwapStarted", "TwapCompleted"]
    assert capsys.readouterr().out.count("on_event_failed") == 2


def test_a_webhook_is_told_and_tried_again_where_that_may_help(
    database: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("genesis_actors.hooks.RETRY_SECONDS", (0.01, 0.01))
    # Taken at the second try; then not at all: it will not change its mind.
    with a_webhook(503, 200, 404) as (address, heard):
        with start(database, webhook=address) as engine:
            engine.submit(an_order()).wait()
        assert [event["type"] for event in heard] == [
            "TwapStarted",
            "TwapStarted",
            "TwapCompleted",
        ]
    with start(database, webhook=address) as engine:  # Nobody is there any more.
        engine.submit(an_order()).wait()

    said = capsys.readouterr().out
    assert said.count("on_event_failed") == 3
    assert "webhook: 404" in said
    assert "secret" not in said


@pytest.mark.parametrize(
    ("on_event", "says"),
    [
        ({"program": ["no-such-program"]}, r"no-such-program is no program"),
        (
            {"program": ["sh"], "types": ["TwapPause"]},
            r"no event TwapPause; did you mean TwapPaused",
        ),
    ],
)
def test_what_cannot_be_used_is_refused_at_the_start(
    on_event: dict[str, Any], says: str, database: Path
) -> None:
    with pytest.raises(SettingsError, match=says):
        start(database, **on_event)

    assert not database.exists()


@pytest.mark.parametrize("address", ["http://example.org/x", "ftp://127.0.0.1/", "example.org"])
def test_a_webhook_that_others_could_read_is_refused(address: str) -> None:
    with pytest.raises(SettingsError, match=r"\[on_event.webhook\]"):
        Settings.load(None, on_event={"webhook": address})


def test_a_file_with_a_webhook_must_be_private(tmp_path: Path) -> None:
    file = tmp_path / "genesis.toml"
    file.write_text('[on_event]\nwebhook = "https://example.org/key"\n')
    file.chmod(0o644)
    with pytest.raises(SettingsError, match="holds secrets"):
        Settings.load(file)
    file.chmod(0o600)

    assert "key" not in repr(Settings.load(file).on_event)


def _hook_of(engine: Engine) -> EventHook:
    hook = engine._hook
    assert hook is not None
    return hook
