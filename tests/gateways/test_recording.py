"""What recorded files may look like, and how every bad one is refused by file and line."""

from __future__ import annotations

import gzip
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from genesis_actors.gateways.recording import Recording
from genesis_actors.gateways.venue import SourceError
from genesis_actors.values import Quote, Side, Trade
from tests.gateways.making import Files, at

TRADES = "1000,100,1,buy 2000,101.5,2e-1,sell 2000,101,3,"
BOOK = "1000,99,1,100,2 2000,99,,101,"
DEPTH = """
    1000,b,99:1 98:2
    1000,a,100:1 1e2:2
    2000,a,
"""


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)


def read(
    files: Files,
    trades: str = TRADES,
    book: str = BOOK,
    depth: str | None = None,
    candles: str | None = None,
) -> Recording:
    return Recording.read(
        files.trades(trades),
        files.book(book),
        None if depth is None else files.depth(depth),
        None if candles is None else files.candles(candles),
    )


def refusal(files: Files, **rows: str) -> str:
    """Return why the rows are refused, without the folder's name."""
    with pytest.raises(SourceError) as caught:
        read(files, **rows)

    assert caught.value.hint
    return str(caught.value).replace(f"{files.folder}/", "")


def test_rows_become_trades_quotes_and_levels(files: Files) -> None:
    recording = read(files, depth=DEPTH)

    assert recording.trades == [
        Trade(at(1000), Decimal(100), Decimal(1), Side.BUY),
        Trade(at(2000), Decimal("101.5"), Decimal("0.2"), Side.SELL),
        Trade(at(2000), Decimal(101), Decimal(3), None),
    ]
    assert recording.book == [
        Quote(at(1000), Decimal(99), Decimal(100), Decimal(1), Decimal(2)),
        Quote(at(2000), Decimal(99), Decimal(101), None, None),
    ]
    assert recording.depth is not None
    assert [(row.at, row.side, list(row.levels())) for row in recording.depth] == [
        (at(1000), Side.BUY, [(Decimal(99), Decimal(1)), (Decimal(98), Decimal(2))]),
        (at(1000), Side.SELL, [(Decimal(100), Decimal(1)), (Decimal(100), Decimal(2))]),
        (at(2000), Side.SELL, []),
    ]
    assert recording.warnings == ()
    assert (recording.first_at, recording.last_at) == (at(1000), at(2000))


def test_packed_files_and_foreign_line_ends_read_the_same(files: Files) -> None:
    plain = read(files)
    trades = files.trades(TRADES)
    trades.write_bytes(b"\xef\xbb\xbf" + trades.read_bytes().replace(b"\n", b"\r\n"))

    assert Recording.read(files.packed(trades), files.packed(files.book(BOOK))) == plain


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ("2000,abc,1,buy", "price 'abc' is no number"),
        ("2000,NaN,1,buy", "price 'NaN' is no finite number"),
        ("2000,1,Infinity,buy", "amount 'Infinity' is no finite number"),
        ("2000,-5,1,buy", "price '-5' is negative"),
        ("2000,5,-1,buy", "amount '-1' is negative"),
        ("2000,0.00,1,buy", "price '0.00' is zero"),
        ("2000,5,1,bought", "side 'bought' is no known side"),
        ("2000.5,5,1,buy", "ts_ms '2000.5' is no time in milliseconds"),
        ("-1,5,1,buy", "ts_ms '-1' is no time in milliseconds"),
        ("2000,5,1", "there are 3 fields instead of 4"),
        ("2000,5,,buy", "amount '' is no number"),
        ("2000,1_0,1,buy", "the row '2000,1_0,1,buy' cannot be read"),
    ],
)
def test_a_bad_trade_is_refused_with_its_line(files: Files, row: str, problem: str) -> None:
    assert refusal(files, trades=f"1000,100,1,buy {row}") == f"trades.csv, line 3: {problem}."


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ("2000,99,1,x,1", "ask_px 'x' is no number"),
        ("2000,0,1,100,1", "bid_px '0' is zero"),
        ("2000,99,1,0.0,1", "ask_px '0.0' is zero"),
        ("2000,,1,100,1", "bid_px '' is no number"),
        ("2000,99,-1,100,1", "bid_sz '-1' is negative"),
        ("2000,99,1e999999,100,1", "bid_sz '1e999999' has too many digits"),
        ("2000,99," + "9" * 5000 + ",100,1", f"bid_sz '{'9' * 60}' has too many digits"),
        ("9" * 5000 + ",99,1,100,1", f"ts_ms '{'9' * 60}' is no time in milliseconds"),
    ],
)
def test_a_bad_touch_is_refused_with_its_line(files: Files, row: str, problem: str) -> None:
    assert refusal(files, book=f"1000,99,1,100,1 {row}") == f"book.csv, line 3: {problem}."


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ("2000,x,99:1", "side 'x' is no known side"),
        ("2000,b,99", "levels '99' is no list of price:size"),
        ("2000,b,0.0:1", "levels '0.0:1' is no list of price:size"),
        ("2000,b,nan:1", "levels 'nan:1' is no list of price:size"),
        ("2000,b,99:1  98:1", "levels '99:1  98:1' is no list of price:size"),
    ],
)
def test_bad_depth_is_refused_with_its_line(files: Files, row: str, problem: str) -> None:
    assert refusal(files, depth=f"1000,b,99:1\n{row}") == f"depth.csv, line 3: {problem}."


def test_a_bad_candle_is_refused_with_its_line(files: Files) -> None:
    assert refusal(files, candles="0,1,1,1,1,5 60000,1,1,1,1,NaN") == (
        "candles.csv, line 3: volume 'NaN' is no finite number."
    )


def test_a_wrong_header_is_refused(files: Files) -> None:
    path = files.write("trades.csv", "time,price", TRADES)

    with pytest.raises(SourceError, match="line 1: its header is 'time,price'; it should be"):
        Recording.read(path, files.book(BOOK))


def test_an_empty_file_is_refused(files: Files) -> None:
    empty = files.folder / "empty.csv"
    empty.touch()

    with pytest.raises(SourceError, match="line 1: the file is empty"):
        Recording.read(empty, files.book(BOOK))
    assert "there are no usable rows" in refusal(files, book="")
    assert "there are no usable rows" in refusal(files, book="1000,100,1,99,1")


def test_a_missing_file_is_refused(files: Files) -> None:
    with pytest.raises(SourceError, match=r"nowhere\.csv: the file cannot be read \(No such file"):
        Recording.read(files.folder / "nowhere.csv", files.book(BOOK))


def test_a_folder_is_refused(files: Files) -> None:
    with pytest.raises(SourceError, match=r"cannot be read \(Is a directory"):
        Recording.read(files.folder, files.book(BOOK))


def test_a_file_that_is_not_packed_is_refused(files: Files) -> None:
    path = files.folder / "trades.csv.gz"
    path.write_text("ts_ms,price,amount,side\n")

    with pytest.raises(SourceError, match=r"line 0: .* \(Not a gzipped file"):
        Recording.read(path, files.book(BOOK))


def test_a_packed_file_that_is_cut_off_is_refused_with_its_line(files: Files) -> None:
    rows = " ".join(f"{ms},{100 + ms % 977},{ms * 7 % 1009 + 1},buy" for ms in range(50_000))
    path = files.folder / "cut.csv.gz"
    path.write_bytes(gzip.compress(files.trades(rows).read_bytes())[:-50])

    with pytest.raises(SourceError, match=r"cut\.csv\.gz, after line \d{5}: the file cannot"):
        Recording.read(path, files.book(BOOK))


def test_a_packed_file_that_is_damaged_is_refused(files: Files) -> None:
    packed = bytearray(files.packed(files.trades(TRADES)).read_bytes())
    packed[12:30] = bytes(18)
    path = files.folder / "damaged.csv.gz"
    path.write_bytes(packed)

    with pytest.raises(SourceError, match=r"line \d+: the file cannot be unpacked"):
        Recording.read(path, files.book(BOOK))


def test_what_is_not_text_is_refused_with_its_line(files: Files) -> None:
    path = files.folder / "trades.csv"
    path.write_bytes(b"ts_ms,price,amount,side\n\xff\xfe")

    with pytest.raises(SourceError, match="line 2: this is not text"):
        Recording.read(path, files.book(BOOK))


def test_a_time_far_in_the_future_is_refused(files: Files) -> None:
    assert "line 2: the time 1723161255342000 lies beyond the year 9999" in refusal(
        files, trades="1723161255342000,1,1,buy"
    )


def test_crossed_and_locked_touches_are_skipped_and_counted(files: Files) -> None:
    recording = read(files, book="1000,99,1,100,1 1100,101,1,100,1 1200,1,1,1,1 1300,102,1,100,1")

    assert len(recording.book) == 1
    assert recording.warnings == (
        "book.csv: 2 rows with a crossed book were skipped (first: line 3)",
        "book.csv: 1 row with a locked book was skipped (first: line 4)",
    )


def test_trades_without_an_amount_are_skipped_and_counted(files: Files) -> None:
    recording = read(files, trades="1000,100,1,buy 1000,100,0.0,buy")

    assert len(recording.trades) == 1
    assert recording.warnings == ("trades.csv: 1 row with no amount was skipped (first: line 3)",)


def test_rows_in_slight_disorder_are_sorted_and_counted(files: Files) -> None:
    recording = read(files, trades="1000,1,1,buy 3000,3,1,buy 2000,2,1,buy 2000,2,2,buy")

    assert [trade.price for trade in recording.trades] == [1, 2, 2, 3]
    assert recording.warnings == (
        "trades.csv: 2 rows out of time order were sorted (first: line 4)",
    )


def test_time_that_goes_far_back_is_refused_with_its_line(files: Files) -> None:
    assert refusal(files, trades="1000,1,1,buy 9000,3,1,buy 3000,2,1,buy") == (
        "trades.csv, line 4: time goes back from 1970-01-01T00:00:09.000000Z "
        "to 1970-01-01T00:00:03.000000Z."
    )


def test_blank_lines_are_passed_over(files: Files) -> None:
    path = files.trades(TRADES)
    path.write_text(path.read_text().replace("\n", "\n\n"))

    assert len(Recording.read(path, files.book(BOOK)).trades) == 3


@pytest.mark.parametrize("book", ["2001,99,1,100,1", "900,99,1,100,1 939,99,1,100,1"])
def test_a_book_of_another_time_is_refused(files: Files, book: str) -> None:
    trades = "1000,1,1,buy 2000,1,1,buy" if book.startswith("2001") else "61000,1,1,buy"

    assert "book.csv (from " in refusal(files, trades=trades, book=book)
    assert "does not overlap with" in refusal(files, trades=trades, book=book)


def test_depth_of_another_time_is_refused(files: Files) -> None:
    assert "depth.csv (from " in refusal(files, depth="900000,b,99:1")


def test_gaps_are_counted(files: Files) -> None:
    rows = [n * 100_000 for n in range(9)]
    recording = read(
        files,
        trades=" ".join(f"{ms},1,1,buy" for ms in rows),
        book=" ".join(f"{ms + 4_200},1,1,2,1" for ms in rows),
    )

    assert recording.warnings[0] == (
        "gap of 95 s at 1970-01-01T00:00:04.200000Z: neither trade nor touch"
    )
    silent = "gaps of more than 60 s without a"
    assert recording.warnings[5:] == (
        "3 more gaps",
        f"trades.csv: 8 {silent} trade (first: 100 s at 1970-01-01T00:00:00.000000Z)",
        f"book.csv: 8 {silent} touch (first: 100 s at 1970-01-01T00:00:04.200000Z)",
    )


def test_a_book_that_is_silent_while_there_are_trades_has_a_gap(files: Files) -> None:
    recording = read(
        files,
        trades=" ".join(f"{ms},1,1,buy" for ms in range(0, 200_000, 50_000)),
        book="0,1,1,2,1 61000,1,1,2,1 121000,1,1,2,1",
    )

    (warning,) = recording.warnings
    assert warning.startswith("book.csv: 1 gap of more than 60 s without a touch (first: 61 s at ")


def test_candles_say_how_long_a_bar_is_and_how_many_are_missing(files: Files) -> None:
    recording = read(files, candles="0,1,1,1,1,5 300000,1,1,1,1,0.0 900000,1,1,1,1,7")

    assert recording.bar == timedelta(minutes=5)
    assert [candle.volume for candle in recording.candles] == [5, 0, 7]
    assert recording.warnings == ("candles.csv: 1 missing (bars of 300 s)",)


@pytest.mark.parametrize(
    "rows", ["0,1,1,1,1,5", "0,1,1,1,1,5 0,1,1,1,1,5", "0,1,1,1,1,5 9,1,1,1,1,5"]
)
def test_candles_whose_length_is_unclear_are_refused(files: Files, rows: str) -> None:
    assert "do not say how long a bar is" in refusal(files, candles=rows)
