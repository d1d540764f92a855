"""A screen as an SVG that fetches nothing: it uses a font that the reader has."""

from __future__ import annotations

import re
from typing import Any, Final

from textual.app import App

_FONT_FACES: Final = re.compile(r"\s*@font-face\s*{[^}]*}")
_FONT: Final = re.compile(r"font-family: Fira Code[^;]*;")
_OURS: Final = (
    'font-family: "Fira Code", "DejaVu Sans Mono", Menlo, Consolas, "Liberation Mono", monospace;'
)


def svg_of(app: App[Any]) -> str:
    svg = _FONT_FACES.sub("", app.export_screenshot())
    return _FONT.sub(_OURS, svg)
