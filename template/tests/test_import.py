"""Bars of other vendors: what is read, what is refused, and that they stay apart."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from quant_team_data import cache
from quant_team_data.formats import Reading
from quant_team_data.frames import SCHEMA, VALUES
from quant_team_data.importing import import_file
from quant_team_data.series import Series
from quant_team_utils.errors import QuantError

HEAD = "time,open,high,low,close,volume\n"
PRICES = "10,12,9,11,1000\n"
HOUR = 3_600_000
NOW = datetime(2024, 7, 5, 15, 29, 59, tzinfo=UTC)
T0 = 1_704_205_800_000  # 2024-01-02 14:30 UTC


@pytest.fixture(autouse=True)
def _own_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUANT_ROOT", str(tmp_path))


def csv(folder: Path, text: str) -> Path:
    path = folder / "bars.csv"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("head", "times", "tz"),
    [
        (HEAD, ["2024-01-02T14:30:00Z", "2024-01-02T15:30:00Z"], None),
        (HEAD, ["2024-01-02 09:30:00-05:00", "2024-01-02 15:30+00:00"], None),
        (HEAD, ["2024-01-02 09:30", "2024-01-02 10:30"], "America/New_York"),
        (HEAD, ["2024-01-02 15:30:00+00:00", "2024-01-02 14:30:00+00:00"], None),  # newest first
        (HEAD, [str(T0 // 1000), str(T0 // 1000 + 3600)], None),
        (HEAD, [str(T0), str(T0 + HOUR)], "Asia/Hong_Kong"),  # since 1970 in UTC, whatever the zone
        (HEAD, [f"{T0}000", f"{T0 + HOUR}000"], None),
        (HEAD, [f"{T0}000000", f"{T0 + HOUR}000000"], None),
        (
            "Timestamp, Open ,HIGH,Low,Close,Volume\n",
            ["2024-01-02T14:30Z", "2024-01-02T15:30Z"],
            None,
        ),
        ("date,o,h,l,c,v\n", ["2024-01-02T14:30Z", "2024-01-02T15:30Z"], None),
        (
            "\ufeff" + HEAD.replace("\n", "\r\n"),
            ["2024-01-02T14:30Z", "2024-01-02T15:30Z"],
            None,
        ),  # from a spreadsheet
    ],
)
def test_times_and_names_are_read(
    tmp_path: Path,
    head: str,
    times: list[str],
    tz: str | None,
) -> None:
    """The usual spellings of columns and times give the same two bars, in UTC and in order."""
    path = csv(tmp_path, head + "".join(f"{time},{PRICES}" for time in times))
    report = import_file(path, "AAPL.US", "1h", "acme", tz)
    assert report.series == Series("import:acme", "stock", "AAPL.US", "1h")
    bars = cache.load(report.series).bars
    assert (report.added, bars.schema) == (2, SCHEMA)
    assert bars["time"].to_physical().to_list() == [T0, T0 + HOUR]
    assert bars.row(0)[1:] == (10.0, 12.0, 9.0, 11.0, 1000.0)


def test_dates_are_midnight_utc_and_other_columns_are_left_out(tmp_path: Path) -> None:
    """Daily bars need no zone; `Adj Close` is not the close."""
    head = "Date,Open,High,Low,Close,Adj Close,Volume\n"
    text = head + "2024-01-02,10,12,9,11,5,1000\n20240103,10,12,9,11,5,1000\n"
    series = import_file(csv(tmp_path, text), "AAPL.US", "1d", "acme").series
    bars = cache.load(series).bars
    assert bars["time"].to_list() == [
        datetime(2024, 1, 2, tzinfo=UTC),
        datetime(2024, 1, 3, tzinfo=UTC),
    ]
    assert bars["close"].to_list() == [11.0, 11.0]


@pytest.mark.parametrize(
    ("times", "tz"),
    [
        (pl.Series([date(2024, 1, 2), date(2024, 1, 3)]), None),
        (pl.Series([datetime(2024, 1, 2), datetime(2024, 1, 3)]), "UTC"),
        (pl.Series([datetime(2024, 1, 2), datetime(2024, 1, 3)]).dt.replace_time_zone("UTC"), None),
        (
            pl.Series([datetime(2024, 1, 2), datetime(2024, 1, 3)]).cast(
                pl.Datetime("ns", "Asia/Tokyo")
            ),
            None,
        ),
        (pl.Series([1_704_153_600, 1_704_240_000]), None),
    ],
)
def test_parquet_is_read_with_its_own_types(
    tmp_path: Path,
    times: pl.Series,
    tz: str | None,
) -> None:
    """Dates, aware and naive times and numbers of a Parquet file."""
    path = tmp_path / "bars.parquet"
    prices = {name: [10, 10] for name in VALUES}
    pl.DataFrame({"Time": times, **prices}).write_parquet(path)
    series = import_file(path, "AAPL.US", "1d", "acme", tz).series
    assert cache.load(series).bars["time"].dt.date().to_list() == [
        date(2024, 1, 2),
        date(2024, 1, 3),
    ]


def rows(*lines: str) -> str:
    return HEAD + "".join(f"{line}\n" for line in lines)


@pytest.mark.parametrize(
    ("text", "options", "sentence"),
    [
        (
            rows("2024-01-02 09:30,10,12,9,11,1"),
            {},
            "row 1: a time without a zone.*--tz America/New_York",
        ),
        (rows("2024-01-02 09:30,10,12,9,11,1"), {"tz": "Mars/Base"}, "no time zone 'Mars/Base'"),
        (rows("2024-11-03 01:30,10,12,9,11,1"), {"tz": "America/New_York"}, "twice or never"),
        (rows("2024-03-10 02:30,10,12,9,11,1"), {"tz": "America/New_York"}, "twice or never"),
        (
            rows("2024-01-02 09:30,1,1,1,1,1", "2024-01-02 15:30Z,1,1,1,1,1"),
            {"tz": "UTC"},
            "with and without a zone",
        ),
        (
            rows("2024-01-02T14:30Z,1,1,1,1,1", "2024-01-02T14:30Z,1,1,1,1,1"),
            {},
            "row 1 .*14:30.*two rows for one time, 1 and 2",
        ),
        (rows("2024-01-02T14:30Z,1,1,2,1,1"), {}, "row 1 .*high 1 is below low 2"),
        (
            rows("2024-01-02T14:30Z,1,1,1,1,1", "2024-01-02T15:30Z,1,1,1,,1"),
            {},
            "row 2 .*close is missing",
        ),
        (rows("2024-01-02T14:30Z,1,nan,1,1,1"), {}, "row 1 .*high is missing"),
        (rows("2024-01-02T14:30Z,1,inf,1,1,1"), {}, "is not a finite number"),
        (rows('2024-01-02T14:30Z,"1,000",1,1,1,1'), {}, "open 1000 is above high 1"),
        (rows("2024-01-02T14:30Z,1,1,1,1,-1"), {}, "volume -1 is below 0"),
        (rows("2024-07-05T15:30Z,1,1,1,1,1"), {"now": NOW}, "row 1 .*has not come yet"),
        (rows("2024-01-02T14:30Z,1,1,1,2,1"), {}, "row 1 .*close 2 is above high 1"),
        (rows("2024-01-02T14:30Z,0,1,0,1,1"), {}, "row 1 .*low 0 is not above 0"),
        (rows("01/02/2024 9:30,1,1,1,1,1"), {}, "the date '01/02/2024'.*--date-order"),
        (rows(",1,1,1,1,1"), {}, "unreadable time"),
        (
            rows("2024-01-02T14:30Z,1,1,1,1,1", "2024-01-02T14:31Z,1,1,1,1,1"),
            {},
            "0:01:00 apart.*--interval",
        ),
        (
            rows(*(f"2024-01-{n:02}T14:30Z,1,1,1,1,1" for n in range(2, 14))),
            {},
            "1 day.* apart.*--interval",
        ),
        (HEAD, {}, "no rows"),
        ("", {}, "nothing in it"),
        (
            "time,open,high,low,close\n2024-01-02T14:30Z,1,1,1,1\n",
            {},
            "no column volume.*'time', 'open'.*--columns volume=NAME",
        ),
        (
            "date,time,open,high,low,close,volume\n2024-01-02,14:30,1,1,1,1,1\n",
            {},
            "row 1: a time without a zone.*--tz",
        ),
        (
            rows("2024-01-02T14:30Z,1,1,1,1,1"),
            {"source": "Acme Inc"},
            "source 'Acme Inc' is not a name",
        ),
        (rows("2024-01-02T14:30Z,1,1,1,1,1"), {"source": "../x"}, "is not a name"),
        (
            rows("2024-01-02T14:30Z,1,1,1,1,1"),
            {"symbol": "apple"},
            "no market for the symbol 'apple'",
        ),
        (rows("2024-01-02T14:30Z,1,1,1,1,1"), {"interval": "1H"}, "did you mean 1h"),
    ],
)
def test_what_is_not_a_bar_is_rejected(
    tmp_path: Path,
    text: str,
    options: dict[str, Any],
    sentence: str,
) -> None:
    """Each fault is one sentence that names it and its row, and nothing was stored."""
    asked = {"symbol": "AAPL.US", "interval": "1h", "source": "acme"} | options
    with pytest.raises(QuantError, match=sentence) as caught:
        import_file(csv(tmp_path, text), **asked)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("name", ["gone.csv", "gone.parquet", "."])
def test_a_file_that_cannot_be_read_is_one_sentence(tmp_path: Path, name: str) -> None:
    """A missing file, a folder, or a CSV that calls itself Parquet."""
    (tmp_path / "text.parquet").write_text("x", encoding="utf-8")
    for path in (tmp_path / name, tmp_path / "text.parquet"):
        with pytest.raises(QuantError, match="cannot be read"):
            import_file(path, "AAPL.US", "1h", "acme")


def test_the_same_file_twice_is_one_series_and_a_correction_is_reported(
    tmp_path: Path,
) -> None:
    """A second import adds what is new; a bar with other numbers is a revision."""
    for lines in (
        ("2024-01-02T14:30Z,1,1,1,1,1",),
        ("2024-01-02T14:30Z,1,1,1,1,1", "2024-01-02T15:30Z,1,1,1,1,1"),
    ):
        series = import_file(csv(tmp_path, rows(*lines)), "AAPL.US", "1h", "acme").series
    assert len(cache.load(series).bars) == 2
    correction = csv(tmp_path, rows("2024-01-02T15:30Z,2,2,2,2,1"))
    report = import_file(correction, "AAPL.US", "1h", "acme")
    assert report.changed["time"].to_list() == [datetime(2024, 1, 2, 15, 30, tzinfo=UTC)]
    assert (report.added, report.unchanged, report.removed) == (0, 0, 0)
    assert cache.load(series).bars["close"].to_list() == [1.0, 2.0]


@pytest.mark.parametrize(
    ("now", "stored"),
    [
        (datetime(2024, 1, 2, 16, 29, 59, tzinfo=UTC), 1),
        (datetime(2024, 1, 2, 16, 30, tzinfo=UTC), 2),
    ],
)
def test_a_bar_that_has_not_closed_is_left_out(
    tmp_path: Path,
    now: datetime,
    stored: int,
) -> None:
    """To the second: the count is of what was stored, and the report says what was not."""
    path = csv(tmp_path, rows("2024-01-02T14:30Z,1,1,1,1,1", "2024-01-02T15:30Z,1,1,1,1,1"))
    report = import_file(path, "AAPL.US", "1h", "acme", now=now)
    assert report.added == stored == len(cache.load(report.series).bars)
    assert report.dropped == ({"not closed yet": 1} if stored == 1 else {})


def test_a_file_without_a_closed_bar_is_rejected(tmp_path: Path) -> None:
    """There is nothing to store yet."""
    path = csv(tmp_path, rows("2024-01-02T14:30Z,1,1,1,1,1"))
    now = datetime(2024, 1, 2, 15, 29, 59, tzinfo=UTC)
    with pytest.raises(QuantError, match="no bar that has closed"):
        import_file(path, "AAPL.US", "1h", "acme", now=now)


@pytest.mark.parametrize(
    ("head", "sentence"),
    [
        (
            "time,open,high,low,close,Volume,Volume",
            r"two columns for volume, 'Volume' and 'Volume'.*volume=6 or --columns volume=7",
        ),
        ("time,open,high,low,close,volume,v", "two columns for volume, 'volume' and 'v'"),
        ("time,open,high,low,close,volume,Timestamp", "two columns for time"),
        ("time,open,high,low,close,volume,CLOSE", "two columns for close"),
    ],
)
def test_a_second_column_of_one_meaning_is_refused(
    tmp_path: Path,
    head: str,
    sentence: str,
) -> None:
    """Which of two is meant, the file does not say; an option does."""
    path = csv(tmp_path, f"{head}\n2024-01-02T14:30Z,1,1,1,1,5,7\n")
    with pytest.raises(QuantError, match=sentence):
        import_file(path, "AAPL.US", "1h", "acme")
    assert not (tmp_path / "data").exists()


def test_the_chosen_one_of_two_columns_is_read(tmp_path: Path) -> None:
    """By its number, where both have one name."""
    text = "time,open,high,low,close,Volume,Volume\n2024-01-02T14:30Z,1,1,1,1,5,7\n"
    reading = Reading(columns={"volume": "7"})
    report = import_file(csv(tmp_path, text), "AAPL.US", "1h", "acme", reading=reading)
    assert report.bars["volume"].to_list() == [7.0]
