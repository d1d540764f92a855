"""What a line of the log says besides what its caller said."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
import structlog

from genesis_actors.cli import daemon_process


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    before = structlog.get_config()
    yield
    structlog.configure(**before)


def test_a_line_about_a_child_order_names_its_execution_and_slice(
    capsys: pytest.CaptureFixture[str],
) -> None:
    daemon_process.configure_log("json")
    log = structlog.get_logger()
    log.warning("order_not_taken", client_order_id="g7k2pd3vq0mzt41r8ab001002", error="no\nmoney")
    log.error("actor_failed", actor="slicer-3vq0mzt41r8ab")
    log.info("venue_unanswered", what="x")
    child, actor, other = map(json.loads, capsys.readouterr().err.splitlines())

    assert (child["event"], child["level"]) == ("order_not_taken", "warning")
    assert child["error"] == "no\nmoney"
    assert (child["execution_id"], child["slice_number"]) == ("3vq0mzt41r8ab", 1)
    assert child["timestamp"].endswith("Z")
    assert actor["execution_id"] == "3vq0mzt41r8ab"
    assert "execution_id" not in other


def test_a_traceback_is_part_of_its_line(capsys: pytest.CaptureFixture[str]) -> None:
    daemon_process.configure_log("json")
    try:
        int("odd")
    except ValueError:
        structlog.get_logger().exception("turn_failed")
    (line,) = capsys.readouterr().err.splitlines()

    assert "ValueError: invalid literal" in json.loads(line)["exception"]
