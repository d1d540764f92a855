"""`genesis shell`: on a real terminal, on a pipe, and its parts."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import select
import stat
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from prompt_toolkit.completion import CompleteEvent
from prompt_toolkit.document import Document

from genesis_actors.cli.errors import CliError
from genesis_actors.cli.lines import Line
from genesis_actors.cli.prompt import LineCompleter, open_history
from genesis_actors.cli.standing import standing_of
from tests.cli.conftest import ROOT
from tests.daemon.conftest import SHORT, Desktop

LONG = "--over 5m --slices 30"
CTRL_C, CTRL_D = "\x03", "\x04"
WHERE_IS_THE_CURSOR, IN_THE_FIRST_LINE = "\x1b[6n", "\x1b[1;1R"


class Terminal:
    """A terminal with somebody at it."""

    def __init__(self, descriptor: int, process: subprocess.Popen[bytes]) -> None:
        self.process = process
        self._descriptor = descriptor
        self._seen = ""

    def types(self, text: str) -> None:
        os.write(self._descriptor, text.encode())

    def sees(self, what: str, within: float = 60) -> str:
        """Wait until it has been shown, and forget what came before."""
        deadline = time.monotonic() + within
        while what not in self._seen:
            assert time.monotonic() < deadline, self._seen
            ready, _, _ = select.select([self._descriptor], [], [], 1)
            if ready:
                try:
                    shown = os.read(self._descriptor, 65536).decode(errors="replace")
                except OSError:  # The other end is closed.
                    raise AssertionError(self._seen) from None
                if WHERE_IS_THE_CURSOR in shown:
                    self.types(IN_THE_FIRST_LINE)
                self._seen += shown
        shown, _, self._seen = self._seen.partition(what)
        return shown


@contextmanager
def at_a_terminal(desktop: Desktop, *words: str) -> Iterator[Terminal]:
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 120, 0, 0))
    process = subprocess.Popen(
        [sys.executable, "-m", "genesis_actors", *words],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        cwd=desktop.directory,
        start_new_session=True,
        preexec_fn=_take_terminal,  # noqa: PLW1509 - as a login does it
        env={
            "PATH": os.defpath,
            "PYTHONPATH": str(ROOT),
            "TERM": "xterm-256color",
            "GENESIS_ENGINE__STATE_DIR": str(desktop.state_dir),
            **SHORT,
        },
    )
    os.close(theirs)
    try:
        yield Terminal(ours, process)
    finally:
        process.kill()
        process.wait()
        os.close(ours)


def _take_terminal() -> None:
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


def test_somebody_at_a_terminal_works_with_it(served: Desktop) -> None:
    with at_a_terminal(served) as terminal:
        terminal.sees("Ctrl-D leaves")
        terminal.sees("PAPER")
        terminal.types(f"start BTC/USDT buy 1 {LONG}\r")
        terminal.sees("in 30 slices")
        terminal.types("pau\t")
        terminal.sees("pause")
        terminal.types(" @last\r")
        terminal.sees("is PAUSED (user)")
        terminal.types("paus @last\r")
        terminal.sees("No such command 'paus'")
        terminal.sees("PAPER")  # The prompt is there again.
        terminal.types("this is dropped" + CTRL_C)
        terminal.types("events -f\r")
        terminal.sees("events -f")
        time.sleep(1)  # Its command has to be at it; nothing shows that.
        terminal.types(CTRL_C)
        terminal.types("cancel @last\r")
        terminal.sees("is CANCELLED")
        terminal.sees("PAPER")
        terminal.types(CTRL_D)

        assert terminal.process.wait(20) == 0
    history = served.state_dir / "shell_history"
    assert stat.S_IMODE(history.stat().st_mode) == 0o600
    assert "+pause @last" in history.read_text()
    assert "this is dropped" not in history.read_text()
    assert served.data("daemon", "status")["state"] == "running"


def test_it_starts_nothing_by_itself_and_says_how(desktop: Desktop) -> None:
    with at_a_terminal(desktop, "shell") as terminal:
        terminal.sees("no daemon at")
        terminal.types("ps\r")
        terminal.sees("hint: start one: genesis daemon start")
        terminal.types("exit\r")

        assert terminal.process.wait(20) == 0
    assert not desktop.socket.exists()


def test_a_terminal_that_is_ended_is_left_in_order(served: Desktop) -> None:
    with at_a_terminal(served, "shell") as terminal:
        terminal.sees("PAPER")
        terminal.process.terminate()

        assert terminal.process.wait(20) == 130


def on_a_pipe(desktop: Desktop, lines: str, *words: str) -> tuple[int, str, str]:
    process = desktop.popen("shell", *words, stdin=subprocess.PIPE)
    out, err = process.communicate(lines, timeout=120)
    return process.returncode, out, err


def test_lines_on_a_pipe_are_run_up_to_the_first_that_fails(served: Desktop) -> None:
    lines = (
        f"# a comment\n\nstart BTC/USDT buy 1 {LONG}\ngenesis pause @last\n"
        "cancel @last\nresume @last\nhalt\n"
    )
    code, out, err = on_a_pipe(served, lines, "-o", "json")
    answers = [json.loads(line) for line in out.splitlines()]

    assert code == 5
    assert [answer.get("data", {}).get("state") for answer in answers] == [
        "RUNNING",
        "PAUSED",
        "CANCELLED",
        None,
    ]
    assert answers[-1]["error"]["code"] == "wrong_state"
    assert err.splitlines()[-1] == "line 6 ended with 5: resume @last"
    assert not served.data("daemon", "status")["halted"]


def test_lines_on_a_pipe_go_on_if_they_shall(served: Desktop) -> None:
    lines = "show nosuch\nversion\nexit\nps\n"
    code, out, err = on_a_pipe(served, lines, "--keep-going")

    assert code == 4
    assert "genesis-actors" in out
    assert "created" not in out  # What comes after exit is not run.
    assert "Traceback" not in err


def test_help_is_had_for_each_command_and_no_line_is_without_end(served: Desktop) -> None:
    lines = "help start\nhelp db upgrade\n" + "x" * 3_000_000 + "\nversion\n"
    began = time.monotonic()
    code, out, err = on_a_pipe(served, lines, "--keep-going")

    assert time.monotonic() - began < 30  # It took minutes.
    assert code == 2
    assert "genesis start [OPTIONS] SYMBOL" in out
    assert "genesis db upgrade [OPTIONS]" in out
    assert "a line has at most 65536 characters: xxxx" in err
    assert len(err) < 2_000
    assert "genesis-actors" in out  # The line behind it is one of its own.


def test_a_command_with_a_process_of_its_own_takes_no_lines(served: Desktop) -> None:
    lines = "plan BTC/USDT buy 1 --over 5m\nversion\n"
    code, out, err = on_a_pipe(served, lines)

    assert (code, err) == (0, "")
    assert "slices" in out
    assert "genesis-actors" in out


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("ps -a", ("ps", "-a")),
        ("genesis ps", ("ps",)),
        ('halt --reason "fat finger" # why', ("halt", "--reason", "fat finger")),
        ("  ", ()),
    ],
)
def test_a_line_is_taken_apart_as_a_shell_does(text: str, words: tuple[str, ...]) -> None:
    assert Line.parse(text).words == words


@pytest.mark.parametrize("text", ["ps | grep x", "ps > file", "halt 'x", "ps && ps", "ps \\"])
def test_what_only_a_system_shell_can_do_is_refused(text: str) -> None:
    with pytest.raises(CliError) as caught:
        Line.parse(text)

    assert caught.value.exit_code == 2
    assert caught.value.hint


def test_commands_options_ids_and_symbols_are_completed(
    served: Desktop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GENESIS_SOCKET", str(served.socket))
    key = served.data("start", "BTC/USDT", "buy", "1", *LONG.split())["id"]

    def offered(text: str) -> list[str]:
        found = LineCompleter().get_completions(Document(text), CompleteEvent())
        return [each.text for each in found]

    assert offered("pau") == ["pause"]
    assert offered("ex") == ["exit"]
    assert "--catch-up" in offered("resume @last --")
    assert key in offered(f"genesis show {key[:4]}")
    assert offered("start btc/") == ["BTC/USDT"]
    assert offered("start BTC/USDT s") == ["sell"]
    assert "drain" in offered("daemon stop --mode ")
    assert offered('halt --reason "x y') == []
    served.data("cancel", key)
    monkeypatch.setenv("GENESIS_SOCKET", str(served.socket.with_name("none")))
    assert offered("start B") == []


def test_the_line_below_the_prompt_tells_how_the_daemon_stands() -> None:
    running = {
        "state": "RUNNING",
        "symbol": "BTC/USDT",
        "side": "buy",
        "quantity": "2",
        "progress": "0.25",
    }
    paused = {**running, "symbol": "ETH/USDT", "state": "PAUSED", "progress": None}
    house = {"halted": False, "halt_reason": None, "journal_outage": None}
    well = standing_of(house, "paper", [running, paused])
    halted = standing_of({**house, "halted": True, "halt_reason": "fat finger"}, "live", [])
    full = standing_of({**house, "journal_outage": "no space is left"}, "paper", [])

    assert well.text == (
        "PAPER   1 running, 1 paused   BTC/USDT buy 2: 25.0%   ETH/USDT buy 2: 0.0% paused"
    )
    assert halted.text == "LIVE   HALTED (fat finger)   idle"
    assert halted.is_halted
    assert full.text == "PAPER   JOURNAL DOWN (no space is left)   idle"


def test_no_password_gets_into_the_history(tmp_path: Path) -> None:
    history, why_none = open_history(tmp_path / "state")
    history.store_string("ps -a --db postgresql+asyncpg://ann:secret@host/db")
    history.store_string("ps -a")
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(0o755)

    assert why_none is None
    assert "secret" not in (tmp_path / "state" / "shell_history").read_text()
    assert list(history.load_history_strings()) == ["ps -a"]
    assert "others may enter" in (open_history(tmp_path / "open")[1] or "")


def test_a_pipe_without_lines_is_no_error(desktop: Desktop) -> None:
    assert on_a_pipe(desktop, "") == (0, "", "")
