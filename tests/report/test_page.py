"""Reports as pages: whole, without a network, and with nothing in them that could run."""

from __future__ import annotations

import json
import re
import time
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from genesis_actors.analysis import portfolio_of, report_of
from genesis_actors.domain.attribution import By
from genesis_actors.engine import Engine
from genesis_actors.opening import VirtualTime
from genesis_actors.orders import TwapOrder
from genesis_actors.report.charts import charts
from genesis_actors.report.page import SCRIPT_NAME, page, script
from genesis_actors.report.portfolio import portfolio_page
from genesis_actors.report.tables import tables
from genesis_actors.settings import Settings


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("report") / "genesis.db"
    settings = Settings.load(
        None,
        engine={"seed": 7},
        storage={"url": str(path)},
        venue={"kind": "paper", "paper": {"seed": 7}},
    )
    with Engine.start(settings, virtual=VirtualTime()) as engine:
        for side, quantity in (("buy", "3"), ("sell", "1")):
            engine.submit(
                TwapOrder.parse(
                    symbol="BTC/USDT", side=side, quantity=quantity, duration="30m", slices=60
                )
            ).wait()
    return path


@pytest.fixture
def view(database: Path) -> dict[str, Any]:
    return report_of(database, "@last", again=True)


def drawn(html: str) -> dict[str, Any]:
    found = re.search(
        r'<script type="application/json" id="charts">(.*?)</script>', html, re.DOTALL
    )
    assert found is not None
    return json.loads(found[1])


def test_a_page_is_whole_and_asks_for_nothing(view: dict[str, Any]) -> None:
    html = page(view, "paper")
    # The script itself names addresses, for maps that nobody draws here; the policy forbids all of them.
    own = html.replace(script(), "")

    assert "default-src 'none'" in own
    assert not re.search(r'(src|href)="(?!data:)', own)
    assert "http" not in re.sub(r"http-equiv", "", own)
    assert len(html.encode()) < 5_500_000


def test_a_page_that_shares_its_script_is_small(view: dict[str, Any]) -> None:
    html = page(view, "paper", embeds_script=False)

    assert len(html.encode()) < 400_000
    assert f'<script src="{SCRIPT_NAME}"></script>' in html


def test_a_page_stays_small_however_many_fills_there_were(view: dict[str, Any]) -> None:
    (fill, *_), (part, *_) = view["fills"], view["slices"]
    started = datetime.fromisoformat(view["execution"]["started_at"])
    many = [
        {
            **fill,
            "at": (started + timedelta(milliseconds=100 * number)).isoformat(),
            "trade_id": f"t{number:05}",
        }
        for number in range(10_000)
    ]
    parts = [{**part, "number": number} for number in range(1, 361)]
    html = page({**view, "fills": many, "slices": parts}, "paper", embeds_script=False)

    assert len(html.encode()) < 400_000
    assert "9400 rows in the middle are left out" in html
    assert all(each in html for each in ("t00000", "t00299", "t09700", "t09999"))
    assert "t00300" not in html
    filled = drawn(html)["filled"]["data"][2]
    assert filled["y"][-1] == pytest.approx(10_000 * float(fill["quantity"]))


def test_times_have_their_date_where_an_execution_crosses_midnight(view: dict[str, Any]) -> None:
    day = view["execution"]["started_at"][:10]
    fills = [
        {**fill, "at": f"{date}T{clock}:00.000000Z"}
        for fill, date, clock in zip(
            view["fills"], (day, "2999-01-01"), ("23:59", "00:01"), strict=False
        )
    ]
    *_, same_day = tables(view)
    *_, later = tables({**view, "fills": fills})

    assert all(len(row[0]) == len("23:59:00.000") for row in same_day.rows)
    assert [row[0] for row in later.rows] == sorted(row[0] for row in later.rows)
    assert later.rows[-1][0] == "2999-01-01 00:01:00.000"


def test_an_incident_is_drawn_for_as_long_as_it_lasted_within_the_window(
    view: dict[str, Any],
) -> None:
    x = view["execution"]
    lost = {"slice_number": None, "client_order_id": None, "detail": ""}
    gap = {"at": x["started_at"], "until": x["finished_at"], "kind": "data_gap", **lost}
    timeline = next(c for c in charts({**view, "incidents": [gap]}) if c.name == "timeline")
    _, lasted = timeline.traces

    start, end = x["started_at"][:23], x["finished_at"][:23]
    assert lasted["x"] == [start, end, None]
    assert timeline.layout["xaxis"]["range"] == [x["created_at"][:23], end]


def test_the_cap_is_drawn_as_it_was_when_each_slice_was_sent(view: dict[str, Any]) -> None:
    half = view["slices"][30]["due_at"]
    caps = [[view["execution"]["created_at"], "0.10"], [half, "0.05"]]
    amended = {**view, "participation": {**view["participation"], "caps": caps}}
    drawn_cap = next(c for c in charts(amended) if c.name == "participation").traces[1]["y"]

    assert (drawn_cap[0], drawn_cap[29], drawn_cap[30], drawn_cap[-1]) == (10, 10, 5, 5)


def test_each_chart_has_its_place_and_its_words(view: dict[str, Any]) -> None:
    html = page(view, "paper", embeds_script=False)
    wanted = {chart.name for chart in charts(view)}

    assert drawn(html).keys() == wanted
    assert wanted >= {"waterfall", "price", "filled", "slippage", "participation", "markouts"}
    assert all(f'id="chart-{name}" role="img"' in html for name in wanted)
    assert view["verdict"][0] in html
    assert {table.title for table in tables(view)} >= {
        "Slices",
        "Fills",
        "Implementation shortfall",
    }


def test_colours_are_those_of_the_page_s_theme(view: dict[str, Any]) -> None:
    names = set(
        re.findall(r'"(\$\w+)"', json.dumps(drawn(page(view, "paper", embeds_script=False))))
    )
    html = page(view, "paper", embeds_script=False)

    assert names
    assert all(html.count(f"{name[1:]}: ") >= 2 for name in names)  # In light and in dark.


def test_what_others_wrote_cannot_end_an_element(view: dict[str, Any]) -> None:
    evil = "</script><script>alert(1)</script>"
    incident = {
        "at": view["execution"]["started_at"],
        "kind": "rejected",
        "detail": evil,
        "until": None,
        "slice_number": None,
        "client_order_id": None,
    }
    html = page({**view, "incidents": [incident]}, "paper", embeds_script=False)

    assert evil not in html
    assert "&lt;/script&gt;&lt;script&gt;alert(1)" in html
    assert drawn(html)["timeline"]["data"][0]["text"] == [evil]


def test_an_execution_without_a_fill_has_a_page_too(view: dict[str, Any]) -> None:
    nothing = {
        **view,
        "fills": [],
        "path": [],
        "volumes": [],
        "markouts": [{**mark, "cost_bps": None, "high_bps": None} for mark in view["markouts"]],
        "shortfall": {"quote": None, "bps": None},
        "shortfall_parts": {name: {"quote": None, "bps": None} for name in view["shortfall_parts"]},
    }
    html = page(nothing, "paper", embeds_script=False)

    assert {"waterfall", "markouts"}.isdisjoint(drawn(html))


def test_sixty_slices_and_half_an_hour_of_market_take_less_than_two_seconds(database: Path) -> None:
    page(report_of(database, "@last", again=True), "paper")  # Imports are made once.
    began = time.process_time()
    view: dict[str, Any] = report_of(database, "@last", again=True)
    page(view, "paper")

    assert len(view["slices"]) == 60
    assert time.process_time() - began < 2


def test_many_executions_have_a_page(database: Path) -> None:
    view = portfolio_of(database, None, By.SIDE)
    html = portfolio_page(view, "paper")

    assert view["executions"] == 2
    assert drawn(html)["cost"]["data"][0]["x"] == ["buy", "sell"]
    assert "What to change next" in html


def test_no_executions_have_a_page_without_charts(database: Path) -> None:
    view = {
        **portfolio_of(database, None, By.SYMBOL),
        "executions": 0,
        "groups": [],
        "by_symbol": [],
    }

    assert drawn(portfolio_page({**view, "worst": []}, "paper")) == {}
