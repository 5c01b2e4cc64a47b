"""Small files as people really have them: each is read right, or refused in a sentence.

A row of `READ` or `REFUSED` is a file, the series it is imported as, and what must come of it.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from quant_team_data import cache
from quant_team_data.calendars import sessions
from quant_team_data.formats import Reading
from quant_team_data.importing import Report, import_file
from quant_team_data.markets import market_of
from quant_team_utils.errors import QuantError
from tests.cached import quant_data

pytestmark = pytest.mark.usefixtures("project")

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
HEADER = "time,open,high,low,close,volume"
FLAT = "10,11,9,10,100000"


def stored(
    folder: Path,
    text: str,
    symbol: str = "AAPL.US",
    interval: str = "1d",
    **reading: Any,
) -> Report:
    """Import a file from a vendor named acme."""
    path = folder / "bars.csv"
    path.write_text(text, encoding="utf-8")
    how = Reading(**reading)
    return import_file(path, symbol, interval, "acme", reading=how, now=NOW)


def opens(report: Report) -> list[str]:
    """Return the times of what the series holds now."""
    return [f"{moment:%Y-%m-%d %H:%M}" for moment in cache.load(report.series).bars["time"]]


def file(*rows: str, header: str = HEADER) -> str:
    """Return the text of a file."""
    return "\n".join([header, *rows, ""])


def test_two_files_far_apart_show_the_hole_between_them(project: Path) -> None:
    """Six of 1,258 sessions are there; the gap is listed from its first day to its last."""
    stored(project, file(f"2020-01-02,{FLAT}", f"2020-01-03,{FLAT}", f"2020-01-06,{FLAT}"))
    late = "50,51,49,50,100000"
    rows = (f"2024-12-27,{late}", f"2024-12-30,{late}", f"2024-12-31,{late}")
    report = stored(project, file(*rows))
    assert report.coverage is not None
    assert (report.coverage.present, report.coverage.expected) == (6, 1258)
    shown = quant_data("verify", "--gaps").output
    assert "1252 whole days" in shown.replace(",", "")
    assert "2020-01-07 00:00  2024-12-26 00:00" in shown
    assert "BELOW 90%: runs are refused" in shown


def weekdays(first: date, count: int) -> list[date]:
    """Return weekdays in a row."""
    found: list[date] = []
    while len(found) < count:
        if first.weekday() < 5:
            found.append(first)
        first += timedelta(days=1)
    return found


def test_dates_and_the_same_dates_with_an_offset_are_one_series(project: Path) -> None:
    """One bar for a trading date; where the two files overlap, values that differ are reported."""
    june = [f"{day},544,545,543,544.3,1" for day in weekdays(date(2022, 6, 3), 20)]
    july = [f"{day} 00:00:00-05:00,100,101,99,100.3,1" for day in weekdays(date(2022, 6, 27), 20)]
    stored(project, file(*june))
    report = stored(project, file(*july))
    assert len(report.changed) == 4
    assert (report.added, report.unchanged) == (16, 0)
    found = opens(report)
    assert len(found) == len(set(found)) == 36
    assert all(time.endswith(" 00:00") for time in found)


def test_a_correction_changes_two_bars_and_removes_none(project: Path) -> None:
    """A file of two bars does not replace 1,258, unless that is said."""
    days = [one.day for one in sessions(market_of("AAPL.US"), date(2020, 1, 2), date(2024, 12, 30))]
    stored(project, file(*(f"{day},{FLAT}" for day in days)))
    correction = ("2020-01-02,100,110,90,100,5", "2024-12-30,100,110,90,100,5")
    report = stored(project, file(*correction))
    assert (len(report.changed), report.removed, len(report.stored)) == (2, 0, len(days))


def test_the_spellings_of_a_symbol_are_one_series(project: Path) -> None:
    """00700.HK and 700.HK are one, in the cache and in every command."""
    stored(project, file("2024-01-02,100,101,99,100,1000"), symbol="700.HK")
    report = stored(project, file("2024-01-03,100,101,99,100,1000"), symbol="00700.HK")
    assert opens(report) == ["2024-01-02 00:00", "2024-01-03 00:00"]
    done = quant_data("lock", "700.HK,00700.HK", "--source", "import:acme")
    assert "new in data.lock: 1 month of 1 series." in done.output
    assert quant_data("show", "0700.HK").output.startswith("700.HK 1d of import:acme\n")
    assert "700.HK   1d" not in quant_data("verify", "--gaps").output  # one row, not two


def test_a_bar_that_still_forms_is_dropped_and_counted(project: Path) -> None:
    """Read, stored and dropped add up."""
    report = stored(project, file("2026-11-24,1,2,1,1,5", "2026-11-25,1,2,1,1,5"))
    assert (report.rows, report.added) == (2, 1)
    assert report.dropped == {"not closed yet": 1}
    assert opens(report) == ["2026-11-24 00:00"]


def test_a_file_of_forming_bars_only_is_refused(project: Path) -> None:
    """Nothing is stored, and the sentence says why."""
    with pytest.raises(QuantError, match="no bar that has closed"):
        stored(project, file("2026-11-25,1,2,1,1,5"))
    assert cache.stored_series() == []


YAHOO = "Date,Open,High,Low,Close,Volume,Dividends,Stock Splits"
LONG = "symbol,timestamp,open,high,low,close,volume"
Case = tuple[str, tuple[str, str], dict[str, Any], list[str]]
READ: dict[str, Case] = {
    "midnights of New York, before and after its summer time": (
        file(
            "2024-03-07 00:00:00-05:00,169.1,170.7,168.5,169.0,71765100,0.0,0.0",
            "2024-03-08 00:00:00-05:00,169.0,173.7,168.9,170.7,76114600,0.0,0.0",
            "2024-03-11 00:00:00-04:00,172.9,174.4,172.0,172.8,60139500,0.0,0.0",
            header=YAHOO,
        ),
        ("AAPL.US", "1d"),
        {},
        ["2024-03-07 00:00", "2024-03-08 00:00", "2024-03-11 00:00"],
    ),
    "one of two symbols": (
        file(
            "AAPL,2024-01-02T05:00:00Z,187,188,183,185,100",
            "MSFT,2024-01-04T05:00:00Z,370,371,369,370,100",
            header=LONG,
        ),
        ("AAPL.US", "1d"),
        {"select": ("symbol", "AAPL")},
        ["2024-01-02 00:00"],
    ),
    "ends of months": (
        file("2024-01-31,10,11,9,10,100", "2024-02-29,11,12,10,11,100"),
        ("AAPL.US", "1M"),
        {"stamp": "close"},
        ["2024-01-01 00:00", "2024-02-01 00:00"],
    ),
    "blank lines at the end": (
        file("2024-01-02,1,2,1,1,5", "2024-01-03,1,2,1,1,5", "", ""),
        ("AAPL.US", "1d"),
        {},
        ["2024-01-02 00:00", "2024-01-03 00:00"],
    ),
    "spaces after commas": (
        file("2024-01-02, 1.5, 2, 1, 1, 5", header="Date, Open, High, Low, Close, Volume"),
        ("AAPL.US", "1d"),
        {},
        ["2024-01-02 00:00"],
    ),
    "semicolons and decimal commas": (
        file("2024-01-02;187,1;188,4;183,9;185,6;82", header="Date;Open;High;Low;Close;Volume"),
        ("AAPL.US", "1d"),
        {},
        ["2024-01-02 00:00"],
    ),
    "seconds since 1970 and an indicator": (
        file("1704205800,187,188,183,185,100,NaN", header=f"{HEADER},Volume MA"),
        ("AAPL.US", "1h"),
        {},
        ["2024-01-02 14:30"],
    ),
    "milliseconds without a header": (
        "1704067200000,42283.58,42554.57,42261.02,42475.23,1271.68,1704070799999\n",
        ("BTCUSDT", "1h"),
        {},
        ["2024-01-01 00:00"],
    ),
}


@pytest.mark.parametrize("name", READ)
def test_a_file_is_read_right(project: Path, name: str) -> None:
    """Each time is the open of its bar: a trading date at 00:00 UTC, or the minute in UTC."""
    text, (symbol, interval), reading, expected = READ[name]
    assert opens(stored(project, text, symbol, interval, **reading)) == expected


REFUSED = {
    "a close above the high": (
        file("2024-01-02,187,188,183,250,100", "2024-01-03,100,188,183,185,100"),
        ("AAPL.US", "1d"),
        "row 1 (2024-01-02): close 250 is above high 188",
    ),
    "a close with a digit too much": (
        file("2024-01-03,185,188,183,185,1", "2024-01-04,185,188,183,850,1"),
        ("AAPL.US", "1d"),
        "row 2 (2024-01-04): close 850 is above high 188",
    ),
    "a price below zero": (
        file("2020-04-17,19.7,20.3,17.6,18.27,20", "2020-04-20,17.73,17.85,-40.32,-37.63,15"),
        ("CL2005", "1d"),
        "row 2 (2020-04-20): low -40.32 is not above 0",
    ),
    "two rows for one trading date": (
        file(
            "2020-08-14 00:00:00-04:00,10,11,9,10,100",
            "2020-08-17 00:00:00-04:00,10,11,9,10,4616400",
            "2020-08-17 16:00:02-04:00,10,11,9,10,4441207",
        ),
        ("AAPL.US", "1d"),
        "two rows for one date, 2 and 3",
    ),
    "two symbols": (
        file(
            "AAPL,2024-01-02T05:00:00Z,187,188,183,185,100",
            "MSFT,2024-01-04T05:00:00Z,370,371,369,370,100",
            header=LONG,
        ),
        ("AAPL.US", "1d"),
        "--select symbol=AAPL",
    ),
    "another symbol": (
        file("MSFT,2024-01-04T05:00:00Z,370,371,369,370,100", header=LONG),
        ("AAPL.US", "1d"),
        "the file says 'MSFT', not AAPL.US",
    ),
    "a bare date among times with an offset": (
        file(
            "2024-01-01 23:00:00-05:00,1,1,1,1,1",
            "2024-01-02,1,1,1,1,1",
            "2024-01-02 01:00:00-05:00,1,1,1,1,1",
        ),
        ("BTCUSDT", "1h"),
        "times with and without a time of day",
    ),
    "ends of months taken for opens": (
        file("2024-01-31,10,11,9,10,100", "2024-02-29,11,12,10,11,100"),
        ("AAPL.US", "1M"),
        "--stamp close",
    ),
    "a total below the rows": (
        file("2024-01-02,1,2,1,1,5", "Total,,,,,5"),
        ("AAPL.US", "1d"),
        "row 2: an unreadable time 'Total'",
    ),
    "two columns of one name": (
        file("1704205800,187,188,183,185,100,999", header=f"{HEADER},Volume"),
        ("AAPL.US", "1h"),
        "two columns for volume",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_file_is_refused_in_a_sentence_that_helps(project: Path, name: str) -> None:
    """It names the row and the field, or the option that reads the file; nothing is stored."""
    text, (symbol, interval), sentence = REFUSED[name]
    with pytest.raises(QuantError) as caught:
        stored(project, text, symbol, interval)
    assert sentence in str(caught.value)
    assert cache.stored_series() == []
