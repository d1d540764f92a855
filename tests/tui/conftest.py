from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import pytest
from textual.pilot import Pilot

from genesis_actors.control.client import Answer, Client
from genesis_actors.tui.app import LiveView
from genesis_actors.tui.link import Answered, Connected, Heard, Link, Question
from tests.tui import made

SNAPSHOTS = Path(__file__).parent / "snapshots"


class SaidBefore(Client):
    """A client whose answers are known before, and which keeps what it was told to do."""

    def __init__(self) -> None:
        super().__init__(Path("nowhere"))
        self.posted: list[tuple[tuple[str, ...], Mapping[str, object]]] = []
        self.answers: dict[str, Any] = {
            "market": made.market(),
            "journal": {"terms": made.TERMS, "events": made.EVENTS},
            "daemon": made.house(),
            "plan": made.plan(),
        }
        self.refusal: Exception | None = None

    def get(self, *where: str, query: object = None) -> Answer:
        del query
        if where[0] == "executions" and len(where) == 2:
            slices = [made.a_slice(number) for number in range(1, 21)]
            shown = self.answers.get(where[1]) or made.execution(id=where[1])
            return Answer("paper", {**shown, "slices": slices, "fills": made.fills()})
        return Answer("paper", self.answers[where[-1]])

    def post(self, *where: str, body: Mapping[str, object] | None = None) -> Answer:
        self.posted.append((where, body or {}))
        if self.refusal is not None:
            raise self.refusal
        if where[0] == "plan":
            return Answer("paper", self.answers["plan"])
        if where[0] in {"halt", "unhalt"}:
            return Answer("paper", {"halted": where[0] == "halt", "was_already": False})
        return Answer("paper", {**made.execution(), "was_already": False, "is_new": True})


class ScriptedLink(Link):
    """A line to no daemon: it says what the test lets it say, and answers at once."""

    def __init__(self, executions: list[dict[str, Any]], **house: Any) -> None:
        super().__init__(Path("nowhere"))
        self.heard: SimpleQueue[Heard] = SimpleQueue()
        self.client = SaidBefore()
        self.client.answers["daemon"] = made.house(**house)
        self.client.answers |= {each["id"]: each for each in executions}
        self.connected = Connected(made.house(**house), tuple(executions))

    def open(self) -> None:
        self.heard.put(self.connected)

    def close(self) -> None:
        pass

    def ask(self, key: object, question: Question) -> None:
        try:
            self.heard.put(Answered(key, question(self.client), None))
        except Exception as error:  # noqa: BLE001 - as the real one
            self.heard.put(Answered(key, None, error))

    def command(self, key: object, command: Question) -> None:
        self.ask(key, command)


def a_view(link: Link, *, in_browser: bool = False) -> LiveView:
    return LiveView(link, in_browser=in_browser, now=lambda: made.NOW)


async def settle(view: LiveView, pilot: Pilot[None]) -> None:
    """Let the view take in all that waits for it, and draw."""
    for _ in range(3):
        view.take_in()
        await pilot.pause()


def drive(
    view: LiveView,
    play: Callable[[Pilot[None]], Awaitable[None]],
    size: tuple[int, int] = (80, 24),
) -> None:
    async def run() -> None:
        async with view.run_test(size=size, notifications=True) as pilot:
            await settle(view, pilot)
            await play(pilot)

    asyncio.run(run())


def notices_of(view: LiveView) -> str:
    """What it has told in passing: on the screen it may be wrapped."""
    return "\n".join(notice.message for notice in view._notifications)


def screen_of(view: LiveView) -> str:
    """What is on the screen, without colours."""
    strips = view.screen._compositor.render_strips()
    return "\n".join(strip.text.rstrip() for strip in strips) + "\n"


def check_snapshot(name: str, screen: str) -> None:
    """Compare with what was seen and found good; SNAPSHOTS=write keeps this one instead."""
    path = SNAPSHOTS / f"{name}.txt"
    if os.environ.get("SNAPSHOTS") == "write":
        path.write_text(screen, encoding="utf-8")
    assert screen == path.read_text(encoding="utf-8")


@pytest.fixture
def link() -> ScriptedLink:
    return ScriptedLink([made.execution(), made.ended()])
