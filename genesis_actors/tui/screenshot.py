"""`genesis tui --screenshot`: the view on a screen that nobody sees, saved as SVG."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Final

from genesis_actors.places import LoopbackPort
from genesis_actors.tui.app import LiveView
from genesis_actors.tui.link import Link
from genesis_actors.tui.svg import svg_of

READY_SECONDS: Final = 20.0
SETTLED_SECONDS: Final = 1.0


async def take(
    path: Path, *, door: Path | LoopbackPort, size: tuple[int, int], keys: tuple[str, ...] = ()
) -> bool:
    """Show the daemon's executions on a screen of that size, press keys, and save it. False: nobody answered."""
    app = LiveView(Link(door))
    async with app.run_test(size=size, notifications=True) as pilot:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + READY_SECONDS
        while not _is_ready(app) and loop.time() < deadline:
            await pilot.pause(0.1)
        if app.house is None:
            return False
        for key in keys:
            await pilot.press(key)
            await pilot.pause(SETTLED_SECONDS)
        await pilot.pause(SETTLED_SECONDS)
        svg = svg_of(app)
    await asyncio.to_thread(path.write_text, svg, encoding="utf-8")
    return True


def _is_ready(app: LiveView) -> bool:
    """Tell whether there is something to be seen: the chosen execution, if there is any."""
    is_all = not app.executions or (app.detail is not None and app.detail.knows_terms)
    return app.house is not None and is_all
