"""The form that amends an order while it is worked: what is left as it is, stays."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.widgets import Button, Input, Static

from genesis_actors.tui.dialog import Dialog
from genesis_actors.tui.forms import Field, mark_wrong, written
from genesis_actors.tui.model import Detail
from genesis_actors.wording import UNKNOWN, clock, percent, price, quantity

Amend = Callable[[Mapping[str, str]], None]


class AmendForm(Dialog[None]):
    """Hands what is to change to `amend`, and stays until it is told that this is done."""

    DEFAULT_CSS = """
    AmendForm {
        align: center middle;
        background: $background 60%;
        & > Vertical {
            width: 64;
            max-width: 100%;
            height: auto;
            padding: 1 2;
            border: round $primary;
            background: $surface;
        }
        & #said { height: auto; margin-top: 1; color: $error; }
        & #buttons { height: auto; align-horizontal: right; }
        & Button { margin-left: 1; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss", "Close", show=False)]

    def __init__(self, detail: Detail, amend: Amend) -> None:
        super().__init__()
        self._detail = detail
        self._amend = amend

    def compose(self) -> ComposeResult:
        x, terms = self._detail.execution, self._detail.terms
        with Vertical() as box:
            box.border_title = f"Amend {x.side} {quantity(x.quantity)} {x.symbol}"
            limit = price(terms.limit_price)
            now = "none" if limit == UNKNOWN else limit
            yield Field("limit", "limit", hint=f"now {now}; a price, or off")
            yield Field("duration", "over", hint=f"ends {clock(x.ends_at)}; 15m from the start")
            yield Field(
                "quantity", "quantity", hint=f"now {quantity(x.quantity)} {x.base}, all of it"
            )
            cap = percent(terms.max_participation, 1)
            yield Field("max_participation", "cap", hint=f"now {cap} of the volume")
            yield Field("reason", "reason", hint="your word for why; it is journaled")
            yield Static("", id="said", markup=False)
            with Horizontal(id="buttons"):
                yield Button("Amend (enter)", id="amend", variant="primary")
                yield Button("Close (esc)", id="close")

    def refused(self, message: str, hint: str) -> None:
        """Show why it was not done; what was typed stays."""
        mark_wrong(self, message)
        self.query_one("#said", Static).update(f"{message}\n{hint}")

    @on(Input.Submitted)
    @on(Button.Pressed, "#amend")
    def _submit(self) -> None:
        changes = dict(written(self))
        if not changes.keys() - {"reason"}:
            self.refused("nothing is to change", "fill in what shall be different")
        else:
            self._amend(changes)

    @on(Button.Pressed, "#close")
    def _close(self) -> None:
        self.dismiss()
