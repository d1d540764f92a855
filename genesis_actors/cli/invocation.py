"""What can be known of a command line before it is understood. It imports nothing."""

from __future__ import annotations

from collections.abc import Sequence


def wants_json(arguments: Sequence[str]) -> bool:
    """Look for `-o json` wherever it stands, also in a command line that makes no sense otherwise."""
    wanted = False
    for index, argument in enumerate(arguments):
        if argument == "--":
            break
        following = arguments[index + 1] if index + 1 < len(arguments) else ""
        if argument in {"-o", "--output"}:
            wanted = following == "json"
        elif argument.startswith(("-o", "--output=")):
            wanted = argument.removeprefix("--output=").removeprefix("-o") == "json"
    return wanted
