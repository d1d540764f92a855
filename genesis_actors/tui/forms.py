"""Fields with their names, one a line: what the order form and the amendment are made of."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.dom import DOMNode
from textual.widgets import Input, Label, Select


class Field(Horizontal):
    """A name, and what is typed for it. `hint` is shown as long as nothing is."""

    DEFAULT_CSS = """
    Field {
        height: 1;
        & Label { width: 12; color: $text-muted; }
        & Input, & Input:focus {
            width: 1fr; height: 1; border: none; padding: 0 1; background: $panel;
        }
        & Input:focus { background: $primary 25%; }
        &.-wrong Input { background: $error 25%; }
    }
    """

    def __init__(self, name: str, label: str, *, value: str = "", hint: str = "") -> None:
        super().__init__(classes="field")
        self.key = name
        self._label = label
        # What is typed ahead must not be selected, and written over, when the focus comes.
        self._input = Input(
            value=value, placeholder=hint, select_on_focus=False, id=f"field-{name}"
        )

    def compose(self) -> ComposeResult:
        yield Label(self._label)
        yield self._input

    @property
    def value(self) -> str:
        return self._input.value.strip()


class ChoiceField(Horizontal):
    """A name, and which of a few it shall be."""

    DEFAULT_CSS = """
    ChoiceField {
        height: 1;
        & Label { width: 12; color: $text-muted; }
        & Select { width: 1fr; height: 1; }
    }
    """

    def __init__(
        self, name: str, label: str, choices: Iterable[tuple[str, str]], value: str
    ) -> None:
        super().__init__(classes="field")
        self.key = name
        self._label = label
        self._select = Select[str](
            list(choices), allow_blank=False, value=value, compact=True, id=f"field-{name}"
        )

    def compose(self) -> ComposeResult:
        yield Label(self._label)
        yield self._select

    @property
    def value(self) -> str:
        return str(self._select.value)


def written(form: DOMNode) -> Iterator[tuple[str, str]]:
    """Return the fields that are shown and in which something is written."""
    for field in form.query(".field"):
        if isinstance(field, Field | ChoiceField) and field.display and field.value:
            yield field.key, field.value


def mark_wrong(form: DOMNode, message: str) -> None:
    """Mark the field that a refusal begins with: the door names it."""
    wrong = message.partition(":")[0]
    for field in form.query(Field):
        field.set_class(field.key == wrong, "-wrong")
