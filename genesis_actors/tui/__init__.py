"""The live view: a client of the daemon's door, and widgets that other Textual programs may use."""

from genesis_actors.tui.progress import TwapProgress

__all__ = ("TwapProgress",)
