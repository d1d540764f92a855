"""`genesis bench`: measures this machine, each scenario by its own module."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import click

from genesis_actors.cli import options, text
from genesis_actors.cli.output import Output, echo
from genesis_actors.cli.signals import interrupt_from_here
from genesis_actors.cli.version import versions

SCENARIOS = ("runtime", "journal", "concurrency", "isolation", "recovery", "replay", "control")
SEED = 1


@click.command()
@click.option("--quick", is_flag=True, help="Shorter and rougher.")
@click.option("--only", type=click.Choice(SCENARIOS), help="This scenario alone.")
@options.output_option
def bench(quick: bool, only: str | None, output: str) -> None:
    """Measure this machine: the runtime, the journal, recovery, the speed of a replay.

    Tables are written as soon as they are there, as all of them take an hour.
    """
    wanted = SCENARIOS if only is None else (only,)
    present = [name for name in wanted if find_spec(f"genesis_actors.bench.{name}") is not None]
    scenarios: dict[str, list[dict[str, object]]] = {}
    yardsticks: dict[str, dict[str, object]] = {}
    interrupt_from_here()
    from genesis_actors.bench import yardstick

    is_text = output == "table"
    if is_text:
        echo(_heading())
    for name in present:
        click.echo(f"measuring: {name}", err=True)
        run: Callable[..., list[dict[str, object]]] = import_module(
            f"genesis_actors.bench.{name}"
        ).run
        yardsticks[name] = yardstick.measure()
        scenarios[name] = run(quick=quick)
        if is_text:
            echo(_table(name, scenarios[name], yardsticks[name]))
    if is_text:
        return
    view: dict[str, object] = {
        "machine": _machine(),
        "versions": versions(),
        "seed": SEED,
        "yardsticks": yardsticks,
        "scenarios": scenarios,
    }
    flat = [{"scenario": name, **row} for name, rows in scenarios.items() for row in rows]
    Output(output).write_item(view, str, flat)


def _machine() -> dict[str, object]:
    return {
        "system": platform.system(),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "memory_bytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if "model name" in line]
    return names[0] if names else platform.processor() or platform.machine()


def _heading() -> str:
    machine, found = _machine(), versions()
    program = f"genesis-actors {found['genesis-actors']}, Python {found['python']}"
    return f"{machine['processor']}, {machine['cores']} cores; {program}; seed {SEED}"


def _table(name: str, rows: list[dict[str, Any]], before: dict[str, object]) -> str:
    yardstick = f"{before['python_ms']} ms of Python, {before['commit_ms']} ms a commit"
    lines = ["", f"{name} (yardstick: {yardstick})"]
    # Rows of one shape stand below each other.
    for shape in dict.fromkeys(tuple(row) for row in rows):
        alike = [row for row in rows if tuple(row) == shape]
        lines.append(
            text.table(
                [column.replace("_", " ") for column in shape],
                [[_cell(row[column]) for column in shape] for row in alike],
            )
        )
    return "\n".join(lines)


def _cell(value: object) -> str:
    return "-" if value is None else str(value)
