"""Questions to the operator before anything is done. With real money the answer has to be typed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from rich.text import Text
from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.markup import escape
from textual.widgets import Button, Input, Static

from genesis_actors.tui.dialog import Dialog
from genesis_actors.tui.theme import AMBER, style


@dataclass(frozen=True, slots=True)
class Choice:
    """One way to answer: a letter that chooses it, what it means to the program, and what its button says."""

    letter: str
    value: str
    label: str
    is_grave: bool = False


class Ask(Dialog[str | None]):
    """Asks which of the choices it shall be; None for none of them. `must_type` has to be typed before any is taken.

    What was typed before the question could be read answers it in no way.
    """

    DEFAULT_CSS = """
    Ask {
        align: center middle;
        background: $background 60%;
        & > Vertical {
            width: 68;
            max-width: 100%;
            height: auto;
            max-height: 100%;
            padding: 1 2;
            border: round $primary;
            border-title-color: $foreground;
            border-title-style: bold;
            background: $surface;
        }
        &.-grave > Vertical { border: round $error; }
        & Static { margin-bottom: 1; }
        & Input { margin-bottom: 1; }
        & Horizontal { height: auto; align-horizontal: right; }
        & Button { margin-left: 1; min-width: 10; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "leave", "No", show=False)]
    AUTO_FOCUS = ""  # Textual would take the first button, and a key typed ahead would press it.

    def __init__(
        self, title: str, body: str, choices: Sequence[Choice], *, must_type: str | None = None
    ) -> None:
        super().__init__()
        self._title = title
        self._body = body
        self._choices = tuple(choices)
        self._must_type = must_type
        self._is_shown = False
        self.set_class(any(choice.is_grave for choice in choices), "-grave")

    def compose(self) -> ComposeResult:
        with Vertical(disabled=True) as box:
            box.border_title = escape(self._title)
            yield Static(self._body, markup=False)
            if self._must_type is not None:
                warning = Text("This is real money. ", style(AMBER, bold=True))
                yield Static(warning.append(f"Type {self._must_type} to confirm:"))
                yield Input(placeholder=self._must_type, id="typed")
            with Horizontal():
                for choice in self._choices:
                    variant = "error" if choice.is_grave else "primary"
                    label = f"{choice.label} ({choice.letter})"
                    yield Button(
                        label if self._must_type is None else choice.label,
                        id=choice.value,
                        variant=variant,
                        disabled=self._must_type is not None,
                    )
                yield Button("No (esc)", id="no")

    def on_mount(self) -> None:
        self.call_after_refresh(self._shown)

    def _shown(self) -> None:
        """From now on keys and buttons count."""
        if not self.is_current:
            return  # It was closed before it could be seen.
        self._is_shown = True
        self.query_one(Vertical).disabled = False
        is_grave = any(choice.is_grave for choice in self._choices)
        if self._must_type is not None:
            self.query_one("#typed", Input).focus()
        else:
            self.query_one("#no" if is_grave else f"#{self._choices[0].value}", Button).focus()

    def on_key(self, event: events.Key) -> None:
        """Take a choice by its letter, unless something has to be typed."""
        for choice in self._choices:
            if self._is_shown and self._must_type is None and event.character == choice.letter:
                event.stop()
                event.prevent_default()
                self.dismiss(choice.value)

    @on(Input.Changed, "#typed")
    def _typed(self, event: Input.Changed) -> None:
        fits = self._fits(event.value)
        for choice in self._choices:
            self.query_one(f"#{choice.value}", Button).disabled = not fits

    @on(Input.Submitted, "#typed")
    def _submitted(self, event: Input.Submitted) -> None:
        if not self._fits(event.value):
            return
        if len(self._choices) == 1:
            self.dismiss(self._choices[0].value)
        else:
            self.query_one(f"#{self._choices[0].value}", Button).focus()

    @on(Button.Pressed)
    def _pressed(self, event: Button.Pressed) -> None:
        self.dismiss(None if event.button.id == "no" else event.button.id)

    def action_leave(self) -> None:
        self.dismiss(None)

    def _fits(self, typed: str) -> bool:
        return self._must_type is not None and typed.strip().upper() == self._must_type.upper()


HELP = """\
[b]↑ ↓ PgUp PgDn[/b]  choose an execution, or scroll what has the focus
[b]Tab[/b]            the slices, the events, and back
[b]1 2 3 4 5[/b]      price, fill, share, slices, events alone; Esc: all
[b]x[/b]              price over the whole window, or as far as it came
[b]/[/b]              search: symbol, side, state, id; Esc ends it
[b]o[/b]              order: newest, most behind, ending first, symbol
[b]e[/b]              executions that have ended: shown or not

[b]p r[/b]            pause, resume
[b]a[/b]              amend limit, end, quantity, cap
[b]c[/b]              cancel
[b]n[/b]              new order: its plan first
[b]h[/b]              halt everything, or lift the halt
[b]s q[/b]            save as SVG; quit: nothing stops by it

[#53c7ec]━[/] filled  [b]┃[/b] where the schedule is  [#f5b44c]━[/] late   bps: positive is a cost"""


class Help(Dialog[None]):
    DEFAULT_CSS = """
    Help {
        align: center middle;
        background: $background 60%;
        & > Static {
            width: auto;
            max-width: 100%;
            height: auto;
            max-height: 100%;
            padding: 1 2;
            border: round $primary;
            background: $surface;
        }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,question_mark,enter", "dismiss", "Close", show=False)
    ]

    def compose(self) -> ComposeResult:
        text = Static(HELP)
        text.border_title = "Keys"
        yield text
