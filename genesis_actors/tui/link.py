"""The view's line to the daemon: one thread that follows what happens, one that asks, and nothing that waits for them.

Everything heard is put into a queue, from which the view takes it when it draws: however much happens, it draws no more
often. A lost daemon is looked for again; what is shown is then asked for anew, and the stream goes on from there: what
happened in between is in the journal, and nobody waits for all of it to be told.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from typing import Any, Final, TypeAlias

from genesis_actors.control.client import Client, LostError, NoDaemonError, RefusedError
from genesis_actors.places import LoopbackPort

ENDED_SHOWN: Final = 100
"""So many executions that have ended are fetched at first."""
RETRY_SECONDS: Final = 1.0
HOUSE_SECONDS: Final = 3.0

Refused: TypeAlias = RefusedError


@dataclass(frozen=True, slots=True)
class Connected:
    """The daemon answers. `executions` are all that are open, and the newest that have ended."""

    house: Mapping[str, Any]
    executions: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True, slots=True)
class Lost:
    """Nobody answers; `why` is a phrase."""

    why: str


@dataclass(frozen=True, slots=True)
class Told:
    """A line of the stream: an event, or an execution's newest figures."""

    line: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class HouseSeen:
    house: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Answered:
    """What came of a question: `data`, or what stood in the way. `key` is the asker's own."""

    key: object
    data: Any
    error: Exception | None


Heard: TypeAlias = Connected | Lost | Told | HouseSeen | Answered
Question: TypeAlias = Callable[[Client], Any]


class Link:
    """Follows the daemon whose door is at `path`. Its threads end with the process, whatever they wait for."""

    def __init__(self, path: Path | LoopbackPort) -> None:
        self.path = path
        self.heard: SimpleQueue[Heard] = SimpleQueue()
        self.asked_at: float | None = None
        """Since when a question is not answered, on the monotonic clock."""
        self.mode: str | None = None
        """Whether money was real when the operator looked last: what they command then is meant for that."""
        self._questions: SimpleQueue[tuple[object, Question] | None] = SimpleQueue()
        self._is_over = threading.Event()

    def open(self) -> None:
        for work, name in ((self._follow, "follow"), (self._ask, "ask"), (self._look, "look")):
            threading.Thread(target=work, name=f"tui-{name}", daemon=True).start()

    def close(self) -> None:
        self._is_over.set()
        self._questions.put(None)

    def ask(self, key: object, question: Question) -> None:
        """Ask in turn; the answer comes as `Answered` with the key."""
        self._questions.put((key, question))

    def command(self, key: object, command: Question) -> None:
        """Give a command, on a thread of its own: it may take as long as the venue does."""
        name = "tui-command"
        client = Client(self.path, mode=self.mode)
        threading.Thread(
            target=self._answer, args=(client, key, command), name=name, daemon=True
        ).start()

    # --- The threads -----------------------------------------------------------------------------

    def _follow(self) -> None:
        client = Client(self.path)
        while not self._is_over.is_set():
            try:
                house = client.get("daemon").data
                query: dict[str, str | int | None] = {"ended": ENDED_SHOWN}
                views = client.get("executions", query=query).data
                self.heard.put(Connected(house, tuple(views)))
                self._read(client, house["last_sequence"])
                why = "the daemon has ended the stream"
            except (NoDaemonError, LostError, RefusedError) as error:
                why = str(error)
            except Exception as error:  # noqa: BLE001 - the view goes on, and says what it met
                why = f"{type(error).__name__}: {error}"
            if not self._is_over.is_set():
                self.heard.put(Lost(why))
                self._is_over.wait(RETRY_SECONDS)

    def _read(self, client: Client, last: int) -> None:
        query: dict[str, str | int | None] = {"follow": 1, "progress": 1, "since": last}
        for line in client.stream("events", query=query):
            self.heard.put(Told(line))
            if self._is_over.is_set():
                return

    def _look(self) -> None:
        """Ask how the daemon is, now and then: nothing else says that everything is halted."""
        client = Client(self.path)
        while not self._is_over.wait(HOUSE_SECONDS):
            self.asked_at = time.monotonic()
            try:
                self.heard.put(HouseSeen(client.get("daemon").data))
            except (NoDaemonError, LostError, RefusedError):
                continue  # The one that follows says so.
            finally:
                self.asked_at = None

    def _ask(self) -> None:
        while (question := self._questions.get()) is not None:
            self._answer(Client(self.path), *question)

    def _answer(self, client: Client, key: object, question: Question) -> None:
        try:
            data, error = question(client), None
        except (NoDaemonError, LostError, RefusedError) as failure:
            data, error = None, failure
        except Exception as failure:  # noqa: BLE001 - a bug in one question must not end the others
            data, error = None, failure
        self.heard.put(Answered(key, data, error))
