"""`genesis version`: this version, and those of what it runs on."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as version_of

import click

from genesis_actors import __version__
from genesis_actors.cli.options import output_option
from genesis_actors.cli.output import Output

PACKAGES = ("pykka", "ccxt", "sqlalchemy", "alembic", "pydantic", "click")


def versions() -> dict[str, object]:
    """Return the versions that matter when somebody reports a fault."""
    found: dict[str, object] = {
        "genesis-actors": __version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
    }
    for name in PACKAGES:
        try:
            found[name] = version_of(name)
        except PackageNotFoundError:
            found[name] = None
    return found


@click.command()
@output_option
def version(output: str) -> None:
    """Show the versions of this program and of what it runs on."""
    found = versions()
    Output(output).write_item(
        found, lambda: "\n".join(f"{name:<15} {value or 'none'}" for name, value in found.items())
    )
