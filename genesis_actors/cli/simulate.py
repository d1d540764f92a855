"""`genesis simulate`: the whole engine in virtual time, with everything going wrong, and its promises checked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from decimal import Decimal
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING

import click

from genesis_actors.cli import options
from genesis_actors.cli import parameters as kinds
from genesis_actors.cli.errors import ExitCode
from genesis_actors.cli.output import Output
from genesis_actors.cli.signals import interrupt_from_here

if TYPE_CHECKING:
    from genesis_actors.simulation.run import Plan, Result

_SEEDS = 10


@click.command()
@click.option(
    "--seeds", type=kinds.Whole(1), metavar="N", help=f"The first N seeds.  [default: {_SEEDS}]"
)
@click.option("--seed", type=kinds.Whole(0, 2**62), metavar="S", help="This seed alone.")
@click.option("--executions", type=kinds.Whole(1, 1000), default=20, show_default=True, metavar="M")
@click.option(
    "--minutes",
    type=kinds.MINUTES,
    default="10",
    show_default=True,
    metavar="T",
    help="For so long things go wrong; then everything settles.",
)
@click.option(
    "--faults",
    type=click.Choice(("calm", "rough", "hostile")),
    default="hostile",
    show_default=True,
)
@click.option(
    "--db",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Keep each seed's database here; one that is there is replaced.",
)
@click.option("--jobs", type=kinds.Whole(1), default=1, show_default=True, help="Processes.")
@options.output_option
@options.quiet_option
def simulate(
    seeds: int | None,
    seed: int | None,
    executions: int,
    minutes: Decimal,
    faults: str,
    db: Path | None,
    jobs: int,
    output: str,
    quiet: bool,
) -> ExitCode:
    """Run the whole engine against an exchange that fails in every way there is, and check its promises.

    Actors, journal and recovery are the real ones; time, network, disk, exchange and users are simulated. Requests,
    replies and fills get lost, late, repeated and mixed up; the venue rejects, lags and goes down; the disk is slow or
    full; the process dies at any message and starts again. After each event the promises are checked against the
    exchange's own ledger. The same seed always takes the same course.

    Exit code 1 if a promise was broken; what repeats it is said.
    """
    from genesis_actors.simulation.faults import Weather
    from genesis_actors.simulation.run import Plan

    if seed is not None and seeds is not None:
        raise click.UsageError("--seed and --seeds contradict each other: give one of them")
    chosen = [seed] if seed is not None else range(1, (seeds or _SEEDS) + 1)
    plans = [Plan(each, executions, minutes, Weather(faults), db) for each in chosen]
    interrupt_from_here()
    results: list[Result] = []
    for result in _simulated(plans, jobs):
        results.append(result)
        if result.violations:
            _tell_failure(result)
        elif not quiet:
            click.echo(
                f"seed {result.plan.seed}: {result.children} children, {result.crashes} crashes, "
                f"{sum(result.faults.values())} faults",
                err=True,
            )
    view = _view(results)
    Output(output).write_item(view, lambda: _text(view))
    return ExitCode.FAILURE if view["violations"] else ExitCode.OK


def _simulated(plans: list[Plan], jobs: int) -> Iterator[Result]:
    from genesis_actors.simulation.run import simulate as simulate_one

    if jobs == 1 or len(plans) == 1:
        yield from map(simulate_one, plans)
        return
    from concurrent.futures import ProcessPoolExecutor
    from multiprocessing import get_context

    # A fresh process for each worker: a copy of this one would have its threads' locks, but not its threads.
    with ProcessPoolExecutor(jobs, get_context("spawn")) as executor:
        yield from executor.map(simulate_one, plans)


def _tell_failure(result: Result) -> None:
    for violation in result.violations:
        click.echo(f"seed {result.plan.seed}: {violation}", err=True)
    for line in result.trace:
        click.echo(f"  {line}", err=True)
    click.echo(f"repeat it: {result.plan.command}", err=True)


def _view(results: list[Result]) -> dict[str, object]:
    faults = Counter[str]()
    traces = blake2b(digest_size=16)
    for result in results:
        faults.update(result.faults)
        traces.update(result.trace_hash.encode())
    simulated = sum(result.simulated_seconds for result in results)
    cpu = sum(result.cpu_seconds for result in results)
    return {
        "seeds": len(results),
        "simulated_seconds": round(simulated, 3),
        "speed_factor": round(simulated / cpu, 1) if cpu else None,
        "children": sum(result.children for result in results),
        "faults": dict(sorted(faults.items())),
        "crashes": sum(result.crashes for result in results),
        "recoveries": sum(result.recoveries for result in results),
        "violations": list(_violations(results)),
        "trace_hash": results[0].trace_hash if len(results) == 1 else traces.hexdigest(),
    }


def _violations(results: Iterable[Result]) -> Iterator[dict[str, object]]:
    for result in results:
        for violation in result.violations:
            yield {"seed": result.plan.seed, "what": violation, "command": result.plan.command}


def _text(view: dict[str, object]) -> str:
    lines: list[str] = []
    for name, value in view.items():
        label = name.replace("_", " ")
        if isinstance(value, dict):
            faults: dict[str, int] = value  # pyright: ignore[reportUnknownVariableType]
            lines.append(f"{label:<18} {sum(faults.values())}")
            lines += [f"  {kind.replace('_', ' '):<24} {count}" for kind, count in faults.items()]
        elif isinstance(value, list):
            lines.append(f"{label:<18} {len(value)}")  # pyright: ignore[reportUnknownArgumentType]
        else:
            lines.append(f"{label:<18} {value}")
    return "\n".join(lines)
