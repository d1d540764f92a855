"""`ps`, `show`, `slices`, `fills`, `report` and `db`: what a database tells, with no engine running."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest

from tests.cli.conftest import Command, Said
from tests.cli.recordings import RecordingFiles

DB = ("--db", "run.db")


@pytest.fixture
def result(command: Command, recording: RecordingFiles) -> Said:
    order = ("run", "BTC/USDT", "buy", "5", "--over", "5m", "--speed", "max", *recording.options)
    return command(*order, *DB, "-o", "json", "-q")


def test_what_is_shown_is_what_the_run_returned(command: Command, result: Said) -> None:
    shown = command("show", "@last", *DB, "-o", "json").data
    by_prefix = command("show", result.data["id"][:4], *DB, "-o", "json").data
    listed = command("ps", "-a", *DB, "-o", "json").data

    returned = {name: value for name, value in result.data.items() if name != "warnings"}
    assert shown == by_prefix
    assert {name: value for name, value in shown.items() if name != "terms"} == returned
    details = {"slices", "fills", "unknown_orders", "terms"}
    assert listed == [{n: v for n, v in shown.items() if n not in details}]
    assert command("ps", *DB, "-o", "json").data == []
    assert command("slices", "@last", *DB, "-o", "json").data == shown["slices"]
    assert command("fills", "@last", *DB, "-o", "json").data == shown["fills"]


def test_lists_come_as_lines_and_as_csv(command: Command, result: Said) -> None:
    lines = command("fills", "@last", *DB, "-o", "ndjson").out.splitlines()
    rows = list(csv.DictReader(io.StringIO(command("slices", "@last", *DB, "-o", "csv").out)))

    assert [json.loads(line) for line in lines] == result.data["fills"]
    assert [row["number"] for row in rows] == [str(n) for n in range(1, 11)]
    assert command("ps", *DB, "-o", "csv").out == ""


@pytest.mark.usefixtures("result")
def test_everything_can_be_read(command: Command) -> None:
    assert "no executions" in command("ps", *DB).out
    assert "COMPLETED" in command("ps", "-a", *DB).out
    for name in ("show", "slices", "fills", "report"):
        said = command(name, "@last", *DB)

        assert said.code == 0
        assert len(said.out.splitlines()) > 10


def test_a_report_has_the_execution_and_what_became_of_its_slices(
    command: Command, result: Said
) -> None:
    by_format = command("report", "@last", *DB, "--format", "json").data
    by_output = command("report", "@last", *DB, "-o", "json").data

    assert by_format == by_output
    assert by_format["schema"] == "genesis-report/3"
    assert by_format["execution"]["id"] == result.data["id"]
    assert by_format["slices_filled"] + by_format["slices_partial"] == 10
    assert by_format["fills"] == result.data["fills"]


@pytest.mark.usefixtures("result")
@pytest.mark.parametrize("name", ["show", "slices", "fills", "report"])
def test_an_unknown_id_is_four(name: str, command: Command) -> None:
    said = command(name, "nobody", *DB, "-o", "json")

    assert said.code == 4
    assert said.error["code"] == "execution_not_found"
    assert "genesis ps -a" in said.error["hint"]


def test_a_database_that_is_missing_is_one(command: Command) -> None:
    for arguments in (("ps",), ("show", "@last"), ("db", "current"), ("db", "check")):
        said = command(*arguments, "--db", "nowhere.db", "-o", "json")

        assert said.code == 1
        assert "there is no database" in said.error["message"]
    assert not Path("nowhere.db").exists()


def test_a_database_is_made_and_upgraded_once(command: Command) -> None:
    first = command("db", "upgrade", *DB, "-o", "json").data
    second = command("db", "upgrade", *DB, "-o", "json").data
    current = command("db", "current", *DB, "-o", "json").data

    assert (first["before"], first["changed"]) == (None, True)
    assert (second["before"], second["changed"]) == (first["after"], False)
    assert current["revision"] == current["wanted"] == first["after"]
    assert current["is_current"] is True
    assert "nothing to do" in command("db", "upgrade", *DB).out
    assert "0006" in command("db", "current", *DB).out


def test_without_a_name_it_is_the_settings_database(command: Command) -> None:
    Path("genesis.toml").write_text('[storage]\nurl = "mine.db"\n')
    command("db", "upgrade")
    command("-o", "json", "db", "upgrade", "--config", "genesis.toml")

    assert Path("genesis.db").exists()
    assert Path("mine.db").exists()


@pytest.mark.usefixtures("result")
def test_a_sound_database_is_told_from_a_damaged_one(command: Command) -> None:
    sound = command("db", "check", *DB, "-o", "json")

    assert sound.code == 0
    assert (sound.data["executions"], sound.data["problems"]) == (1, [])
    assert "sound" in command("db", "check", *DB).out

    content = bytearray(Path("run.db").read_bytes())
    content[8192:12288] = b"\xff" * 4096
    Path("run.db").write_bytes(content)
    damaged = command("db", "check", *DB, "-o", "json")

    assert damaged.code == 1
    assert "damaged" in damaged.error["message"]


@pytest.mark.usefixtures("result")
def test_a_report_is_text_csv_and_a_page(command: Command, tmp_path: Path) -> None:
    text = command("report", "@last", *DB).out
    figures = command("report", "@last", *DB, "--format", "csv").out.splitlines()
    page = tmp_path / "report.html"
    html = command("report", "@last", *DB, "--format", "html", "--shared-js", "--out", str(page))

    assert "Implementation shortfall" in text
    assert "What to do" in text
    assert figures[0] == "figure,value"
    assert any(line.startswith("shortfall_parts.spread.bps,") for line in figures)
    assert (html.code, html.out) == (0, "")
    assert page.read_text().startswith("<!doctype html>")
    assert (tmp_path / "plotly.min.js").stat().st_size > 1_000_000
    assert command("report", "@last", *DB, "--format", "html").out.endswith("</html>\n")


@pytest.mark.usefixtures("result")
def test_a_report_made_again_is_the_same(command: Command) -> None:
    assert command("report", "@last", *DB, "-o", "json", "--again").data == (
        command("report", "@last", *DB, "-o", "json").data
    )


@pytest.mark.usefixtures("result")
def test_a_report_that_cannot_be_written_says_so(command: Command) -> None:
    nowhere = command("report", "@last", *DB, "--out", "no/such/file.json", "-o", "json")
    without = command("report", "@last", *DB, "--format", "html", "--shared-js")

    assert (nowhere.code, nowhere.error["code"]) == (1, "output_failed")
    assert without.code == 2


@pytest.mark.usefixtures("result")
@pytest.mark.parametrize("by", ["symbol", "style", "side", "venue", "hour"])
def test_executions_are_analysed_together(command: Command, by: str) -> None:
    found = command("tca", *DB, "--by", by, "-o", "json").data
    text = command("tca", *DB, "--by", by).out

    assert (found["executions"], len(found["groups"])) == (1, 1)
    assert (
        found["groups"][0]["shortfall_bps"]
        == (command("show", "@last", *DB, "-o", "json").data["implementation_shortfall_bps"])
    )
    assert "What to change next" in text


@pytest.mark.usefixtures("result")
def test_what_is_analysed_can_be_bounded(command: Command, tmp_path: Path) -> None:
    page = tmp_path / "tca.html"

    assert command("tca", *DB, "--since", "all").code == 0
    later = command("tca", *DB, "--since", "2100-01-01T00:00:00Z")
    none = command("tca", *DB, "--since", "2100-01-01T00:00:00Z", "--format", "csv")
    some = command("tca", *DB, "--since", "all", "--format", "csv")
    assert none.out == some.out.splitlines(keepends=True)[0]
    assert "no executions have ended since then" in later.out
    assert command("tca", *DB, "--since", "1x").code == 2
    assert command("tca", *DB, "--since", "12h", "--format", "csv").out.startswith("key,")
    assert command("tca", *DB, "--format", "html", "--out", str(page)).code == 0
    assert "What to change next" in page.read_text()
