"""The prompt of `genesis shell` on a terminal: history, completion, and how the daemon stands."""

from __future__ import annotations

import os
import re
import shlex
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from click.shell_completion import ShellComplete
from prompt_toolkit import PromptSession
from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document
from prompt_toolkit.formatted_text import StyleAndTextTuples
from prompt_toolkit.history import FileHistory, History, InMemoryHistory
from prompt_toolkit.styles import Style

from genesis_actors.cli.lines import HELP_WORDS, LEAVING_WORDS
from genesis_actors.cli.main import genesis
from genesis_actors.cli.standing import LOOK_SECONDS, Watcher
from genesis_actors.control.sockets import DoorError, private_directory

HISTORY_FILE: Final = "shell_history"

_STYLE: Final = Style.from_dict(
    {
        "bottom-toolbar": "noreverse",
        "live": "bold ansiwhite bg:ansired",
        "paper": "ansigreen",
        "halted": "bold ansiyellow",
        "none": "ansibrightblack",
    }
)
_SECRET: Final = re.compile(r"://[^\s/]*:[^\s/]*@")


def open_history(state_dir: Path) -> tuple[History, str | None]:
    """Return the history that is kept in the state directory, for its user alone; else one of this session, and why."""
    path = state_dir / HISTORY_FILE
    try:
        private_directory(state_dir)
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        os.fchmod(file, 0o600)
        os.close(file)
    except DoorError as error:
        return InMemoryHistory(), f"no history is kept: {error.message}; {error.hint}"
    except OSError as error:
        return InMemoryHistory(), f"no history is kept: {path}: {error.strerror}"
    return _Kept(str(path)), None


class _Kept(FileHistory):
    """A file of what was typed. A line with a password in it is not kept, and a full disk keeps nobody from working."""

    def store_string(self, string: str) -> None:
        if _SECRET.search(string):
            return
        try:
            super().store_string(string)
        except OSError:
            return


class LineCompleter(Completer):
    """Completes as `genesis completion` does: commands, options, values, executions and symbols."""

    def __init__(self, options: Sequence[str] = ()) -> None:
        self._options = list(options)
        self._shell = ShellComplete(genesis, {}, "genesis", "")

    def get_completions(
        self, document: Document, complete_event: CompleteEvent
    ) -> Iterable[Completion]:
        del complete_event
        words, incomplete = _words(document.text_before_cursor)
        if words[:1] == ["genesis"]:
            del words[0]
        if not words:
            for word in sorted((HELP_WORDS | LEAVING_WORDS) - {"?"}):
                if incomplete and word.startswith(incomplete):
                    yield Completion(word, -len(incomplete))
        for item in self._shell.get_completions([*self._options, *words], incomplete):
            if item.type == "plain":
                yield Completion(item.value, -len(incomplete), display_meta=item.help or "")


def _words(text: str) -> tuple[list[str], str]:
    """Return the words that are complete, and the one that the cursor is in."""
    lexer = shlex.shlex(text, posix=True, punctuation_chars=False)
    lexer.whitespace_split = True
    lexer.commenters = ""
    words: list[str] = []
    try:
        words.extend(lexer)
    except ValueError:  # In the middle of a quoted word.
        words.append(lexer.token)
    if not text or text[-1].isspace() or not words:
        return words, ""
    return words[:-1], words[-1]


class Prompt:
    """Asks for one line after the other."""

    def __init__(self, watcher: Watcher, history: History, options: Sequence[str]) -> None:
        self._watcher = watcher
        self._session: PromptSession[str] = PromptSession(
            history=history,
            completer=LineCompleter(options),
            complete_while_typing=False,
            complete_in_thread=True,
            enable_history_search=True,
            bottom_toolbar=self._toolbar,
            refresh_interval=LOOK_SECONDS / 2,
            style=_STYLE,
        )

    def ask(self) -> str:
        """Return a line. Raises EOFError for Ctrl-D, KeyboardInterrupt for Ctrl-C."""
        return self._session.prompt(self._prompt)

    def _prompt(self) -> StyleAndTextTuples:
        mode = self._watcher.now.mode
        shown = {"live": "LIVE", "paper": "paper", "": "no daemon"}[mode]
        return [("", "genesis "), (f"class:{mode or 'none'}", shown), ("", "> ")]

    def _toolbar(self) -> StyleAndTextTuples:
        now, width = self._watcher.now, shutil.get_terminal_size().columns
        style = "halted" if now.is_halted else now.mode or "none"
        if now.mode == "live":
            style = "live"
        room = max(width - 1, 10)
        fits = now.text if len(now.text) <= room else f"{now.text[: room - 3]}..."
        return [(f"class:{style}", fits)]
