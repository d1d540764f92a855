"""Results as files."""

from __future__ import annotations

from pathlib import Path

from genesis_actors.cli.errors import CliError


def write_text(path: Path, text: str) -> None:
    """Write a file whole, or not at all. Raises CliError."""
    beside = path.with_name(f".{path.name}.part")
    try:
        beside.write_text(text, encoding="utf-8")
        beside.replace(path)
    except OSError as error:
        raise CliError(
            "output_failed",
            f"{path} cannot be written: {error.strerror}",
            "name another file with --out",
        ) from error
