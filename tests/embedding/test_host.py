"""What the engine is to the process that it lives in: a guest that changes nothing, and leaves nothing behind."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pykka
import pytest

from genesis_actors import Engine, EngineStoppedError, Settings, TwapOrder
from genesis_actors.domain.execution import Execution
from genesis_actors.values import ExecutionState
from tests.cli.conftest import ROOT
from tests.wire.conftest import Opened, open_exchange
from tests.wire.exchange.market import Temper
from tests.wire.trading import an_order, live_settings

__all__ = ["open_exchange"]

ORDER = TwapOrder(symbol="BTC/USDT", side="buy", quantity="0.1", duration="5m")

# What ccxt imports says how its own warnings are to be shown; that concerns nobody else's.
HOST = """
import asyncio, decimal, gc, json, locale, logging, os, signal, sys, threading, warnings
import pykka, structlog

def seen():
    root, theirs = logging.getLogger(), logging.getLogger("pykka")
    return {
        "logging": repr((root.level, root.handlers, theirs.level, theirs.handlers, logging.raiseExceptions)),
        "ours": repr((logging.getLogger("genesis_actors").level, logging.getLogger("genesis_actors").handlers)),
        "structlog": repr((structlog.is_configured(), structlog.get_config())),
        "signals": repr({n: signal.getsignal(n) for n in signal.valid_signals()}),
        "warnings": repr([f for f in warnings.filters if f[2].__module__.split(".")[0] not in ("urllib3", "requests")]),
        "decimal": repr((decimal.getcontext(), decimal.DefaultContext)),
        "policy": repr(asyncio.get_event_loop_policy()),
        "loop": repr(asyncio.get_event_loop_policy().get_event_loop()),
        "hooks": repr((sys.excepthook, threading.excepthook, sys.unraisablehook, sys.getswitchinterval(),
                       sys.getrecursionlimit(), gc.get_threshold(), gc.isenabled(), locale.setlocale(locale.LC_ALL))),
        "process": repr((os.getcwd(), os.umask(0o22), dict(os.environ))),
    }

asyncio.set_event_loop(asyncio.new_event_loop())
decimal.getcontext().prec = 9
import genesis_actors
%s
before = seen()
with genesis_actors.Engine.start(settings) as engine:
    during_start = seen()
    twap = engine.submit(genesis_actors.TwapOrder(symbol="BTC/USDT", side="buy", quantity="0.01", duration="5m"))
    engine.subscribe(lambda news: None)
    twap.pause(), twap.resume(), twap.status(), twap.cancel(), twap.report()
    during = seen()
after = seen()
print(json.dumps({name: [before[name], now[name]] for now in (during_start, during, after)
                  for name in before if before[name] != now[name]}))
"""


def open_files() -> list[str]:
    """Return what every descriptor of this process is: files, sockets, pipes."""
    found: list[str] = []
    for descriptor in Path("/proc/self/fd").iterdir():
        try:
            found.append(str(descriptor.readlink()).partition(":")[0])
        except OSError:  # The directory that is being read.
            continue
    return sorted(found)


def left_behind() -> tuple[list[str], list[str], int]:
    return (
        sorted(thread.name for thread in threading.enumerate()),
        open_files(),
        len(pykka.ActorRegistry.get_all()),
    )


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="descriptors are counted in /proc")
def test_fifty_engines_in_one_process_leave_no_thread_file_socket_or_actor(tmp_path: Path) -> None:
    settings = Settings(storage={"url": str(tmp_path / "genesis.db")})

    async def in_a_loop() -> None:
        async with await Engine.start_async(settings) as engine, engine.news() as news:
            twap = await engine.submit_async(ORDER)
            await twap.cancel_async()
            assert (await anext(news)).execution_id == twap.execution_id

    def in_a_thread() -> None:
        with Engine.start(settings) as engine:
            engine.subscribe(lambda _: None)
            engine.submit(ORDER).cancel()

    for run in (in_a_thread, lambda: asyncio.run(in_a_loop())):
        run()  # What is made once in a process is not counted.
        before = left_behind()
        for _ in range(25):
            run()

        assert left_behind() == before


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="descriptors are counted in /proc")
def test_many_executions_at_once_leave_nothing_either(tmp_path: Path) -> None:
    """They are open when the engine is stopped, and nothing of them stays in memory."""

    worked = set[str]()

    async def run(number: int) -> None:
        settings = Settings(storage={"url": str(tmp_path / f"{number}.db")})
        async with await Engine.start_async(settings) as engine:
            twaps = await asyncio.gather(*(engine.submit_async(ORDER) for _ in range(60)))
            worked.update(twap.execution_id for twap in twaps)
            await asyncio.gather(*(twap.pause_async() for twap in twaps))
            await asyncio.gather(*(twap.resume_async() for twap in twaps))

    asyncio.run(run(0))
    before = left_behind()
    for number in (1, 2):
        asyncio.run(run(number))
    gc.collect()

    assert left_behind() == before
    left = [each for each in gc.get_objects() if isinstance(each, Execution)]
    assert not [each for each in left if each.execution_id in worked]


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="descriptors are counted in /proc")
def test_engines_at_a_real_exchange_leave_nothing_either(
    tmp_path: Path, open_exchange: Opened
) -> None:
    local = open_exchange(temper=Temper.still())
    settings = live_settings(local.config, tmp_path / "genesis.db")

    def run() -> None:
        with Engine.start(settings) as engine:
            engine.submit(an_order(quantity="0.001", slices=1)).cancel()

    run()
    before = left_behind()
    for _ in range(5):
        run()

    assert left_behind() == before


@pytest.mark.parametrize("how", ["paper", "virtual", "ccxt"])
def test_nothing_of_the_process_is_changed(tmp_path: Path, how: str) -> None:
    """In a process of its own, with nothing configured that a test might have configured."""
    settings = f"settings = genesis_actors.Settings(storage={{'url': {str(tmp_path / 'x.db')!r}}})"
    program = HOST % settings
    if how == "virtual":
        program = program.replace(
            "Engine.start(settings)",
            "Engine.start(settings, virtual=genesis_actors.VirtualTime())",
        )
    if how == "ccxt":
        program = program.replace(
            "before = seen()\n", "before = seen()\nimport ccxt.async_support\n"
        )
    result = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env={"PATH": os.defpath, "PYTHONPATH": str(ROOT)},
        timeout=60,
    )

    assert result.stderr == ""
    assert json.loads(result.stdout) == {}


def test_whoever_waits_is_told_that_the_engine_is_stopped(tmp_path: Path) -> None:
    told: list[BaseException] = []
    waiting = threading.Event()

    def wait() -> None:
        waiting.set()
        try:
            twap.wait()
        except EngineStoppedError as error:
            told.append(error)

    async def wait_in_a_loop() -> None:
        async with engine.news() as news:
            assert [each async for each in news] == []
        with pytest.raises(EngineStoppedError):
            await twap.wait_async()

    with Engine.start(Settings(storage={"url": str(tmp_path / "genesis.db")})) as engine:
        twap = engine.submit(ORDER)
        host = threading.Thread(target=wait)
        loop = threading.Thread(target=lambda: asyncio.run(wait_in_a_loop()))
        host.start()
        loop.start()
        assert waiting.wait(20)
    host.join(20)
    loop.join(20)

    assert len(told) == 1
    assert not loop.is_alive()
    with pytest.raises(EngineStoppedError):
        twap.status()


def test_the_hosts_own_actors_outlive_the_engine(tmp_path: Path) -> None:
    class Hosts(pykka.ThreadingActor):
        def on_receive(self, message: object) -> object:
            return message

    others = set(pykka.ActorRegistry.get_all())
    before, between = Hosts.start(), None
    try:
        with Engine.start(Settings(storage={"url": str(tmp_path / "genesis.db")})) as engine:
            between = Hosts.start()
            engine.submit(ORDER).cancel()

        assert before.ask("still there", timeout=5) == "still there"
        assert between.ask("here too", timeout=5) == "here too"
        assert set(pykka.ActorRegistry.get_all()) - others == {before, between}
    finally:
        before.stop()
        if between is not None:
            between.stop()


def test_a_thousand_waits_on_an_event_loop_cost_no_thread_and_can_be_cancelled(
    tmp_path: Path,
) -> None:
    async def host() -> None:
        async with await Engine.start_async(settings) as engine:
            twap = await engine.submit_async(ORDER)
            before = threading.active_count()
            waits = [asyncio.create_task(twap.wait_async()) for _ in range(1000)]
            assert (await twap.pause_async()).state is ExecutionState.PAUSED

            assert threading.active_count() == before
            for wait in waits[:999]:
                wait.cancel()
            gone = await asyncio.gather(*waits[:999], return_exceptions=True)
            assert {type(each) for each in gone} == {asyncio.CancelledError}
            await twap.cancel_async()
            assert (await waits[999]).execution.state is ExecutionState.CANCELLED

    settings = Settings(storage={"url": str(tmp_path / "genesis.db")})
    asyncio.run(host())
