"""When imported bars open: trading dates, sessions, and stamps that are the ends of bars."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from quant_team_data import cache
from quant_team_data.formats import Reading
from quant_team_data.importing import import_file
from quant_team_utils.errors import QuantError

HEAD = "time,open,high,low,close,volume\n"
NEW_YORK = "America/New_York"


@pytest.fixture(autouse=True)
def _own_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUANT_ROOT", str(tmp_path))


def opens(
    folder: Path,
    times: list[str],
    symbol: str,
    interval: str,
    **reading: Any,
) -> list[str]:
    """Import bars at these times, and return when those that were stored open."""
    path = folder / "bars.csv"
    path.write_text(HEAD + "".join(f"{time},1,1,1,1,1\n" for time in times), encoding="utf-8")
    report = import_file(path, symbol, interval, "acme", reading=Reading(**reading))
    return [f"{time:%Y-%m-%d %H:%M}" for time in cache.load(report.series).bars["time"]]


@pytest.mark.parametrize(
    ("symbol", "interval", "times", "reading", "expected"),
    [
        # The same two trading dates, however they are stamped.
        ("AAPL.US", "1d", ["2024-03-08", "2024-03-11"], {}, ["2024-03-08", "2024-03-11"]),
        (
            "AAPL.US",
            "1d",
            ["2024-03-08 00:00:00-05:00", "2024-03-11 00:00:00-04:00"],
            {},
            ["2024-03-08", "2024-03-11"],
        ),
        (
            "AAPL.US",
            "1d",
            ["2024-03-08T21:00:00Z", "2024-03-11T20:00:00Z"],
            {},
            ["2024-03-08", "2024-03-11"],
        ),
        (
            "AAPL.US",
            "1d",
            ["2024-03-08 16:00", "2024-03-11 16:00"],
            {"tz": NEW_YORK},
            ["2024-03-08", "2024-03-11"],
        ),
        (
            "700.HK",
            "1d",
            ["2024-03-07T16:00:00Z", "2024-03-10T16:00:00Z"],
            {},
            ["2024-03-08", "2024-03-11"],
        ),
        (
            "EURUSD",
            "1d",
            ["2024-03-07T22:00:00Z", "2024-03-10T21:00:00Z"],
            {},
            ["2024-03-08", "2024-03-11"],
        ),
        (
            "BTCUSDT",
            "1d",
            ["2024-03-09T00:00:00Z", "2024-03-10T00:00:00Z"],
            {"stamp": "close"},
            ["2024-03-08", "2024-03-09"],
        ),
        (
            "BTCUSDT",
            "1d",
            ["1709942399999", "1710028799999"],
            {"stamp": "close"},
            ["2024-03-08", "2024-03-09"],
        ),
        # Weeks and months.
        ("AAPL.US", "1w", ["2024-03-04", "2024-03-11"], {}, ["2024-03-04", "2024-03-11"]),
        ("AAPL.US", "1w", ["2024-02-20", "2024-02-26"], {}, ["2024-02-19", "2024-02-26"]),
        (
            "AAPL.US",
            "1w",
            ["2024-03-08", "2024-03-15"],
            {"stamp": "close"},
            ["2024-03-04", "2024-03-11"],
        ),
        (
            "AAPL.US",
            "1w",
            ["2024-03-10", "2024-03-17"],
            {"stamp": "close"},
            ["2024-03-04", "2024-03-11"],
        ),
        (
            "AAPL.US",
            "1w",
            ["2024-03-10", "2024-03-17"],
            {"stamp": "open"},
            ["2024-03-11", "2024-03-18"],
        ),
        ("AAPL.US", "1M", ["2024-01-02", "2024-02-01"], {}, ["2024-01-01", "2024-02-01"]),
        ("AAPL.US", "1M", ["1980-12-12", "1981-01-02"], {}, ["1980-12-01", "1981-01-01"]),
        (
            "AAPL.US",
            "1M",
            ["2024-01-31", "2024-02-29"],
            {"stamp": "close"},
            ["2024-01-01", "2024-02-01"],
        ),
    ],
)
def test_days_and_longer_are_trading_dates(
    tmp_path: Path,
    symbol: str,
    interval: str,
    times: list[str],
    reading: dict[str, Any],
    expected: list[str],
) -> None:
    """00:00 UTC of the trading date, whatever the stamp [date]."""
    stored = opens(tmp_path, times, symbol, interval, **reading)
    assert stored == [f"{day} 00:00" for day in expected]


@pytest.mark.parametrize(
    ("symbol", "interval", "times", "reading", "expected"),
    [
        (
            "AAPL.US",
            "1h",
            ["2024-01-02 15:30", "2024-01-02 16:00"],
            {"tz": NEW_YORK, "stamp": "close"},
            ["2024-01-02 19:30", "2024-01-02 20:30"],
        ),
        (
            "AAPL.US",
            "1h",
            ["2024-11-29 12:30", "2024-11-29 13:00"],  # a half day
            {"tz": NEW_YORK, "stamp": "close"},
            ["2024-11-29 16:30", "2024-11-29 17:30"],
        ),
        (
            "BTCUSDT",
            "1h",
            ["1704070799999", "1704074399999"],
            {"stamp": "close"},
            ["2024-01-01 00:00", "2024-01-01 01:00"],
        ),
        (
            "AAPL.US",
            "5m",
            ["2024-01-02T14:25Z", "2024-01-02T14:30Z", "2024-01-02T20:55Z", "2024-01-02T21:00Z"],
            {"regular_hours": True},
            ["2024-01-02 14:30", "2024-01-02 20:55"],
        ),
        (
            "EURUSD",
            "1h",
            ["2024-01-07T22:00Z", "2024-01-07T23:00Z"],  # Sunday, 17:00 in New York
            {},
            ["2024-01-07 22:00", "2024-01-07 23:00"],
        ),
        (
            "BTCUSDT",
            "1h",
            ["2024-01-06T00:00Z", "2024-01-06T01:00Z"],
            {},
            ["2024-01-06 00:00", "2024-01-06 01:00"],
        ),
        ("AAPL.US", "1h", ["1999-12-01T12:00Z"], {}, ["1999-12-01 12:00"]),  # before the calendars
    ],
)
def test_intraday_bars_open_in_a_session(
    tmp_path: Path,
    symbol: str,
    interval: str,
    times: list[str],
    reading: dict[str, Any],
    expected: list[str],
) -> None:
    """Half days, weekends and the ends of sessions count."""
    assert opens(tmp_path, times, symbol, interval, **reading) == expected


@pytest.mark.parametrize(
    ("symbol", "interval", "times", "sentence"),
    [
        ("AAPL.US", "1d", ["2024-03-09"], r"row 1 \(2024-03-09\).*closed on a Saturday.*--tz"),
        ("EURUSD", "1d", ["2024-03-10"], "closed on a Sunday"),
        ("AAPL.US", "1d", ["2024-03-08 16:00"], "row 1: a time without a zone.*--tz America"),
        ("AAPL.US", "1w", ["2024-03-04", "2024-03-15"], "row 2.*end of a week.*--stamp close"),
        ("AAPL.US", "1w", ["2024-03-10"], "--stamp close.*--stamp open"),
        ("AAPL.US", "1M", ["2024-01-31"], "row 1.*late in a month.*--stamp close"),
        (
            "AAPL.US",
            "1M",
            ["2024-01-02", "2024-01-03"],
            "two rows for one month, 1 and 2.*--interval",
        ),
        ("AAPL.US", "1w", ["2024-03-04", "2024-03-05", "2024-03-06"], "one week.*--interval"),
        ("AAPL.US", "1h", ["2024-01-02"], "row 1: a date without a time of day"),
        (
            "AAPL.US",
            "1h",
            ["2024-01-02T15:30Z", "2024-01-02T21:00Z"],
            r"row 2 \(2024-01-02 21:00 UTC\): the market is closed.*--stamp close",
        ),
        (
            "AAPL.US",
            "1h",
            ["2024-01-02T09:30Z", "2024-01-02T15:30Z"],
            "row 1.*the market is closed.*--tz America/New_York.*1 bar out with --regular-hours",
        ),
        ("AAPL.US", "1h", ["2024-07-04T14:30Z"], "the market is closed then"),
        ("700.HK", "30m", ["2024-01-02T04:00Z"], "the market is closed then"),  # lunch
        ("EURUSD", "1h", ["2024-01-06T12:00Z"], "the market is closed then"),
        ("BTCUSDT", "1h", ["2024-01-06T12:10Z"], r"row 1 .*time is not the open of a 1h bar"),
        ("BTCUSDT", "1m", ["2024-01-06T12:00:30Z"], "time is not the open of a 1m bar"),
        (
            "BTCUSDT",
            "1h",
            ["2024-01-06T12:00Z", "2024-01-06T13:00Z", "2024-01-06T13:30Z", "2024-01-06T14:30Z"],
            "row 3 .*0:30:00 after the bar before it",
        ),
        (
            "BTCUSDT",
            "1h",
            ["2024-01-06 12:00", "2024-01-06 13:00Z"],
            "with and without a zone, '2024-01-06 12:00' in row 1 and '2024-01-06 13:00Z' in row 2",
        ),
        ("BTCUSDT", "1d", ["1066-10-14"], "unreadable time '1066-10-14'"),
        ("BTCUSDT", "1d", ["2024-02-30"], "unreadable time '2024-02-30'"),
        ("BTCUSDT", "1d", ["45293"], "unreadable time '45293'"),  # a spreadsheet's number
        ("BTCUSDT", "1d", ["2024-01-01", "13/02/2024", "02/13/2024"], "day first and with the mon"),
    ],
)
def test_stamps_that_are_no_opens_are_refused(
    tmp_path: Path,
    symbol: str,
    interval: str,
    times: list[str],
    sentence: str,
) -> None:
    """The sentence names the row and the option that reads them."""
    with pytest.raises(QuantError, match=sentence):
        opens(tmp_path, times, symbol, interval)
    assert not (tmp_path / "data").exists()


def test_two_dates_that_are_one_trading_date(tmp_path: Path) -> None:
    """Midnight and the close of one day are two rows for it."""
    times = ["2020-08-14 00:00:00-04:00", "2020-08-17 00:00:00-04:00", "2020-08-17 16:00:02-04:00"]
    with pytest.raises(QuantError, match=r"row 2 \(2020-08-17\): two rows for one date, 2 and 3"):
        opens(tmp_path, times, "AAPL.US", "1d")


def test_a_second_file_with_offsets_meets_the_first(tmp_path: Path) -> None:
    """Dates, then midnights of New York: one bar a trading date."""
    dates = ["2022-06-27", "2022-06-28"]
    opens(tmp_path, dates, "AAPL.US", "1d")
    again = [f"{day} 00:00:00-05:00" for day in dates]
    assert opens(tmp_path, again, "AAPL.US", "1d") == [f"{day} 00:00" for day in dates]
    assert datetime(2022, 6, 27, tzinfo=UTC).weekday() == 0
