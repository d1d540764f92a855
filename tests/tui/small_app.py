"""A program for the browser's end: red, and it says which key was pressed last."""

from textual import events
from textual.app import App, ComposeResult
from textual.widgets import Static


class SmallApp(App[None]):
    CSS = "Screen { background: #e0283c; } Static { background: #e0283c; }"

    def compose(self) -> ComposeResult:
        yield Static("nothing typed")

    def on_key(self, event: events.Key) -> None:
        self.query_one(Static).update(f"typed {event.key}")


if __name__ == "__main__":
    SmallApp().run()
