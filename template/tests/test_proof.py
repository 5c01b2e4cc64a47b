"""Only what an answer reached is proven, and an older cache is believed no further."""

from __future__ import annotations

import io
import json
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from quant_team_data import cache, calendars, markets
from quant_team_data.cache import CacheError, load, read_through
from quant_team_data.frames import SCHEMA, VALUES
from quant_team_data.markets import milliseconds
from quant_team_data.proof import Found
from quant_team_data.series import Series

NOW = datetime(2024, 7, 20, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
FIRST = datetime(2024, 7, 1, tzinfo=UTC)
STOP = datetime(2024, 7, 11, tzinfo=UTC)
BITCOIN = Series.of("tickdb", "BTCUSDT", "1h")
APPLE = Series.of("tickdb", "AAPL.US", "1h")
APPLE_DAYS = Series.of("tickdb", "AAPL.US", "1d")


@pytest.fixture(autouse=True)
def _own_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUANT_ROOT", str(tmp_path))


def frame(times: list[datetime]) -> pl.DataFrame:
    columns = {name: [1.0] * len(times) for name in VALUES}
    return pl.DataFrame({"time": times, **columns}, schema=SCHEMA)


def due(series: Series) -> list[datetime]:
    """Return when the bars of the range open by the calendar."""
    market = markets.market_of(series.symbol)
    low, high = milliseconds(FIRST), milliseconds(STOP)
    opens = calendars.due(market, series.interval, low, high, today=NOW.date()).opens
    return [datetime.fromtimestamp(at / 1000, UTC) for at in opens.tolist()]


class Vendor:
    """Gives some bars, and counts the requests."""

    def __init__(self, times: list[datetime]) -> None:
        self.times = times
        self.asked: list[tuple[datetime, datetime]] = []

    def __call__(self, first: datetime, stop: datetime) -> pl.DataFrame:
        self.asked.append((first, stop))
        return frame([time for time in self.times if first <= time < stop])


def get(series: Series, vendor: Any, **options: Any) -> pl.DataFrame:
    return read_through(series, FIRST, STOP, vendor, now=NOW, **options).bars


@pytest.mark.parametrize("series", [BITCOIN, APPLE, APPLE_DAYS], ids=str)
@pytest.mark.parametrize("count", [0, 1, 5])
def test_a_short_answer_proves_what_it_reaches(series: Series, count: int) -> None:
    """The bars that did not come are fetched at the next read. [proven]"""
    whole = due(series)
    assert len(get(series, Vendor(whole[:count]))) == count
    vendor = Vendor(whole)
    assert get(series, vendor)["time"].to_list() == whole
    assert get(series, vendor)["time"].to_list() == whole
    assert len(vendor.asked) == 1


@pytest.mark.parametrize("series", [BITCOIN, APPLE], ids=str)
def test_a_bar_proves_the_hole_before_it(series: Series) -> None:
    """A late listing and a halt are fetched once. [proven]"""
    times = due(series)
    vendor = Vendor(times[10:20] + times[30:])
    for _ in range(2):
        assert len(get(series, vendor)) == len(times) - 20
    assert len(vendor.asked) == 1


def test_what_a_source_is_sure_of_is_proven() -> None:
    """Nothing came, but it has later bars. [proven]"""
    asked = []

    def fetch(first: datetime, stop: datetime) -> Found:
        asked.append(first)
        return Found(frame([]), milliseconds(stop))

    for _ in range(2):
        assert get(BITCOIN, fetch).is_empty()
    assert len(asked) == 1


def test_what_was_dropped_is_not_proven() -> None:
    """A bar that had not closed is fetched again, whatever the source is sure of. [proven]"""

    def fetch(first: datetime, stop: datetime) -> Found:
        return Found(frame([FIRST]), milliseconds(stop))

    early = FIRST + HOUR / 2
    assert read_through(BITCOIN, FIRST, FIRST + HOUR, fetch, now=early).bars.is_empty()
    assert len(read_through(BITCOIN, FIRST, FIRST + HOUR, fetch, now=NOW).bars) == 1


def test_a_symbol_of_no_market_is_proven_by_its_bars_alone() -> None:
    """No calendar says when it trades. [proven]"""
    series = Series("tickdb", "stock", "STRANGE", "1h")
    vendor = Vendor([FIRST, FIRST + 5 * HOUR])
    for _ in range(2):
        assert len(get(series, vendor)) == 2
    assert [first for first, _ in vendor.asked] == [FIRST, FIRST]


def test_bars_off_the_grid_are_not_stored() -> None:
    """What opens ten minutes after the hour is not the bar of an hour."""
    vendor = Vendor([FIRST + HOUR / 6])
    with pytest.raises(CacheError, match="time is not the open of a 1h bar"):
        get(BITCOIN, vendor)
    assert load(BITCOIN).bars.is_empty()


# Older versions: manifests of 0.2.0 to 0.4.0 have no version.


def old_file(series: Series, times: list[datetime], **more: Any) -> None:
    """Write a file as 0.2.0 did: the whole range is proven."""
    proven = [(milliseconds(FIRST), milliseconds(STOP))]
    manifest = {"series": asdict(series), "proven": proven, **more}
    content = io.BytesIO()
    frame(times).write_parquet(content, metadata={"quant": json.dumps(manifest)})
    series.path.parent.mkdir(parents=True)
    series.path.write_bytes(content.getvalue())


@pytest.mark.parametrize("series", [BITCOIN, APPLE, APPLE_DAYS], ids=str)
def test_a_complete_file_of_an_older_version_is_believed(series: Series) -> None:
    """Nothing is fetched, and the bars are those of the file."""
    old_file(series, due(series))
    vendor = Vendor([])
    assert get(series, vendor)["time"].to_list() == due(series)
    assert vendor.asked == []


@pytest.mark.parametrize("series", [BITCOIN, APPLE, APPLE_DAYS], ids=str)
@pytest.mark.parametrize("gone", [slice(0, None), slice(0, 2), slice(3, 4), slice(-2, None)])
@pytest.mark.parametrize("version", ["0.2.0", "0.4.0"])
def test_a_hole_in_a_file_of_an_older_version_is_fetched_again(
    caplog: pytest.LogCaptureFixture,
    series: Series,
    gone: slice,
    version: str,
) -> None:
    """What it believed of an empty or short answer is found, fetched, and then believed."""
    times = due(series)
    left = [time for time in times if time not in times[gone]]
    old_file(series, left, **({"prices": "unknown"} if version == "0.4.0" else {}))
    vendor = Vendor(times)
    for _ in range(2):
        assert get(series, vendor)["time"].to_list() == times
    assert len(vendor.asked) == 1
    assert "revised" not in caplog.text


def test_days_at_the_vendors_stamps_are_fetched_again() -> None:
    """Older versions kept the exchange's midnight."""
    old_file(APPLE_DAYS, [time + 4 * HOUR for time in due(APPLE_DAYS)])
    vendor = Vendor(due(APPLE_DAYS))
    assert get(APPLE_DAYS, vendor)["time"].to_list() == due(APPLE_DAYS)


def test_an_import_of_an_older_version_stays() -> None:
    """Nobody can fetch it again."""
    series = Series.of("import:acme", "AAPL.US", "1d")
    times = due(APPLE_DAYS)[::3]
    old_file(series, times)
    assert cache.read(series, FIRST, STOP).bars["time"].to_list() == times
    assert load(series).proven
