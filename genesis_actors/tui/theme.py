"""Colours, and what they mean. Nothing is told by a colour alone: a word or a sign always says the same."""

from __future__ import annotations

from typing import Final

from rich.style import Style
from textual.theme import Theme

INK: Final = "#d7dee8"
DIM: Final = "#7d8a9a"
FAINT: Final = "#3b4654"
TRACK: Final = "#242d38"
PAPER: Final = "#0d1218"

CYAN: Final = "#53c7ec"
GREEN: Final = "#41d392"
AMBER: Final = "#f5b44c"
RED: Final = "#ff6f6f"
VIOLET: Final = "#c594f5"
BLUE: Final = "#6fa8ff"

THEME: Final = Theme(
    name="genesis",
    primary=CYAN,
    secondary=BLUE,
    accent=AMBER,
    foreground=INK,
    background=PAPER,
    surface="#121922",
    panel="#1a232e",
    success=GREEN,
    warning=AMBER,
    error=RED,
    dark=True,
)

_STATES: Final = {
    "QUEUED": (DIM, "◌"),
    "RUNNING": (CYAN, "●"),
    "PAUSED": (AMBER, "‖"),
    "FINISHING": (BLUE, "◐"),
    "COMPLETED": (GREEN, "✓"),
    "INCOMPLETE": (AMBER, "◒"),
    "CANCELLED": (DIM, "✕"),
    "FAILED": (RED, "!"),
    "REJECTED": (RED, "!"),
}

_SIDES: Final = {"buy": (GREEN, "▲"), "sell": (RED, "▼")}


def state_colour(state: str) -> str:
    return _STATES.get(state, (INK, "?"))[0]


def state_sign(state: str) -> str:
    return _STATES.get(state, (INK, "?"))[1]


def side_colour(side: str) -> str:
    return _SIDES.get(side, (INK, "•"))[0]


def side_sign(side: str) -> str:
    return _SIDES.get(side, (INK, "•"))[1]


def style(colour: str, *, bold: bool = False, on: str | None = None) -> Style:
    return Style(color=colour, bold=bold or None, bgcolor=on)
