"""The cache: no bar is fetched twice, none is missed, revisions are reported."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from quant_team_data import frames, messages, sandbox
from quant_team_data.cache import CacheError, Stored, load, read, read_through, stored_series
from quant_team_data.frames import SCHEMA, VALUES
from quant_team_data.markets import milliseconds
from quant_team_data.series import Series

SERIES = Series.of("sandbox", "AAPL.US", "1h")
NOW = datetime(2024, 7, 10, 15, 7, tzinfo=UTC)
HOUR = timedelta(hours=1)


def day(number: int, month: int = 7) -> datetime:
    return datetime(2024, month, number, tzinfo=UTC)


class Vendor:
    """Answers like TickDB, closed bars only, and remembers what it was asked for.

    Attributes:
        now: its clock.
        asked: the ranges of all requests.
        changed: what a bar's volume becomes; None takes the bar away.
    """

    def __init__(self, now: datetime = NOW) -> None:
        self.now = now
        self.asked: list[tuple[datetime, datetime]] = []
        self.changed: dict[datetime, float | None] = {}

    def __call__(
        self,
        first: datetime,
        stop: datetime,
    ) -> pl.DataFrame:
        self.asked.append((first, stop))
        params = {
            "symbol": "AAPL.US",
            "interval": "1h",
            "limit": "1000",
            "start_time": str(milliseconds(first)),
            "end_time": str(milliseconds(stop) - 1),
        }
        status, body = sandbox.answer("/v1/market/kline", params, {}, now=milliseconds(self.now))
        assert status == 200
        bars = frames.frame_of(map(typed, body["data"]["klines"]))
        for time, volume in self.changed.items():
            is_it = pl.col("time") == time
            if volume is None:
                bars = bars.filter(~is_it)
            else:
                bars = bars.with_columns(volume=pl.when(is_it).then(volume).otherwise("volume"))
        return bars.filter(pl.col("time") + HOUR <= self.now)


def typed(kline: dict[str, str]) -> messages.Bar:
    return msgspec.convert(kline, messages.Bar, strict=False)


@pytest.fixture(autouse=True)
def _own_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUANT_ROOT", str(tmp_path))


@pytest.fixture
def vendor() -> Vendor:
    return Vendor()


def get(
    vendor: Vendor,
    first: datetime,
    stop: datetime,
    *,
    refresh: bool = False,
) -> pl.DataFrame:
    return read_through(SERIES, first, stop, vendor, refresh=refresh, now=vendor.now).bars


def test_a_second_read_asks_nobody(vendor: Vendor) -> None:
    """What is proven comes from disk, the same bars, for the range or a part of it."""
    first = get(vendor, day(1), day(6))
    assert len(first) == 7 * 3 + 4  # a half day and a holiday
    assert first.schema == SCHEMA
    assert get(vendor, day(1), day(6)).equals(first)
    assert get(vendor, day(2), day(3)).equals(first.filter(pl.col("time").dt.day() == 2))
    assert len(vendor.asked) == 1


def test_no_bars_is_not_the_same_as_not_fetched(vendor: Vendor) -> None:
    """A holiday is proven to be empty; the day after it is still unknown."""
    assert get(vendor, day(4), day(5)).is_empty()
    assert get(vendor, day(4), day(5)).is_empty()
    assert len(vendor.asked) == 1
    fourth, fifth, sixth = [milliseconds(day(number)) for number in (4, 5, 6)]
    assert load(SERIES).lacks(fourth, sixth) == [(fifth, sixth)]


def test_a_hole_between_two_ranges_is_all_that_is_asked_for(vendor: Vendor) -> None:
    """The request starts with the last bars before the hole and ends with it."""
    get(vendor, day(1), day(2))
    get(vendor, day(5), day(6))
    vendor.asked.clear()
    whole = get(vendor, day(1), day(6))
    ((begin, end),) = vendor.asked
    assert (begin, end) == (datetime(2024, 7, 1, 17, 30, tzinfo=UTC), day(5))
    assert whole.equals(Vendor()(day(1), day(6)))
    assert len(load(SERIES).proven) == 1


def test_nothing_after_the_last_closed_bar_is_proven(vendor: Vendor) -> None:
    """The bar that forms is neither stored nor proven; an hour later one request brings it."""
    bars = get(vendor, day(10), day(20))
    last = datetime(2024, 7, 10, 13, 30, tzinfo=UTC)
    assert bars["time"].to_list() == [last]
    _, end = load(SERIES).proven[-1]
    assert end == milliseconds(last) + 1
    vendor.now += HOUR
    assert len(get(vendor, day(10), day(20))) == 2
    assert max(stop for _, stop in vendor.asked) <= vendor.now


def test_a_forming_bar_from_a_careless_source_is_left_out() -> None:
    """Even if the source gives a bar whose hour is not over, it does not get in. [closed]"""
    eager = Vendor(NOW + HOUR)

    def fetch(first: datetime, stop: datetime) -> pl.DataFrame:
        return eager(first, day(20))

    found = read_through(SERIES, day(10), day(20), fetch, now=NOW)
    assert len(found.bars) == 1


def test_a_month_that_runs_is_left_out() -> None:
    """On 30 January the bar of January is not over, nor is its absence proven."""
    series = Series.of("sandbox", "AAPL.US", "1M")
    december = datetime(2023, 12, 1, tzinfo=UTC)
    columns = {name: [1.0, 2.0] for name in VALUES}
    months = pl.DataFrame({"time": [december, day(1, 1)], **columns}, schema=SCHEMA)

    def fetch(first: datetime, stop: datetime) -> pl.DataFrame:
        return months

    january = read_through(series, december, day(1), fetch, now=day(30, 1))
    assert len(january.bars) == 1
    february = read_through(series, december, day(1), fetch, now=day(1, 2))
    assert len(february.bars) == 2


def test_a_bar_that_is_withdrawn_and_comes_back_is_not_missed(vendor: Vendor) -> None:
    """What is no longer there right before now is no longer proven either."""
    last = datetime(2024, 7, 10, 13, 30, tzinfo=UTC)
    assert len(get(vendor, day(9), day(20))) == 8
    vendor.changed = {last: None}
    assert len(get(vendor, day(9), day(20), refresh=True)) == 7
    vendor.changed = {}
    assert len(get(vendor, day(9), day(20))) == 8


def test_a_bar_that_comes_late_is_not_missed(vendor: Vendor) -> None:
    """Shortly after a close, no bar is no proof that there was none."""
    last = datetime(2024, 7, 10, 13, 30, tzinfo=UTC)
    vendor.changed = {last: None}
    assert get(vendor, day(10), day(20)).is_empty()
    vendor.changed = {}
    assert get(vendor, day(10), day(20))["time"].to_list() == [last]


def test_a_revision_is_reported_and_taken(vendor: Vendor, caplog: pytest.LogCaptureFixture) -> None:
    """An extension fetches the last bars again: a change is named by symbol and month."""
    get(vendor, day(1), day(3))
    vendor.changed = {datetime(2024, 7, 2, 19, 30, tzinfo=UTC): 1.0}
    bars = get(vendor, day(1), day(6))
    assert bars.filter(pl.col("volume") == 1.0).height == 1
    assert "AAPL.US 1h of sandbox" in caplog.text
    assert "2024-07" in caplog.text


@pytest.mark.parametrize("change", [1.0, None])
def test_refresh_asks_again_and_finds_old_revisions(
    vendor: Vendor,
    caplog: pytest.LogCaptureFixture,
    change: float | None,
) -> None:
    """`refresh` finds a bar far back that was changed or withdrawn, among the proven ones."""
    get(vendor, day(1), day(3))
    vendor.changed = {datetime(2024, 7, 1, 13, 30, tzinfo=UTC): change}
    get(vendor, day(1), day(9))
    assert not caplog.records
    assert get(vendor, day(1), day(9), refresh=True).equals(vendor(day(1), day(9)))
    assert [record.levelno for record in caplog.records] == [logging.WARNING]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (pl.col("low").alias("close") - 1, "close is below low"),
        (pl.lit(float("nan")).alias("open"), "open is not a finite number"),
        (pl.col("time").min().alias("time"), "time is not after the bar before it"),
    ],
)
def test_a_bar_that_is_not_valid_is_not_stored(
    vendor: Vendor,
    change: pl.Expr,
    reason: str,
) -> None:
    """What was there stays; the sentence names the bar, the field and what is wrong with it."""
    get(vendor, day(1), day(3))
    before = load(SERIES)

    def fetch(first: datetime, stop: datetime) -> pl.DataFrame:
        return vendor(first, stop).with_columns(change)

    told = f"Nothing was stored: the bar of AAPL.US 1h of sandbox at 2024-07-02T.*: {reason}"
    with pytest.raises(CacheError, match=told):
        read_through(SERIES, day(2), day(6), fetch, now=NOW)
    after = load(SERIES)
    assert after.proven == before.proven
    assert after.bars.equals(before.bars)


def test_offline_answers_or_says_what_is_missing(vendor: Vendor) -> None:
    """Offline nobody is asked; the sentence names series, range and the command that gets it."""
    get(vendor, day(1), day(3))
    found = read_through(SERIES, day(1), day(3), vendor, offline=True, now=NOW)
    assert len(found.bars) == 14
    missing = r"no AAPL\.US 1h .* 2024-07-03T00:00Z to 2024-07-05T00:00Z"
    fix = "--start 2024-07-03 --end 2024-07-04"
    with pytest.raises(CacheError, match=f"{missing}.*{fix}"):
        read_through(SERIES, day(1), day(5), vendor, offline=True, now=NOW)
    with pytest.raises(CacheError, match="quant data import"):
        read(Series.of("import:x", "AAPL.US", "1h"), day(1), day(5))
    assert len(vendor.asked) == 1


def test_an_error_keeps_what_was_there(vendor: Vendor) -> None:
    """A request that fails changes nothing, and the next one starts afresh."""

    def fail(first: datetime, stop: datetime) -> pl.DataFrame:
        raise CacheError("away")

    get(vendor, day(1), day(3))
    with pytest.raises(CacheError, match="away"):
        read_through(SERIES, day(1), day(6), fail, now=NOW)
    assert len(get(vendor, day(1), day(3))) == 14
    assert len(vendor.asked) == 1


def test_sources_are_kept_apart(vendor: Vendor) -> None:
    """The same symbol from elsewhere is another series, with its own file."""
    get(vendor, day(1), day(3))
    other = Series.of("tickdb", "AAPL.US", "1h")
    assert load(other).bars.is_empty()
    assert stored_series() == [SERIES]


# First hour, hours, hours that pass before the request, whether it refreshes.
REQUESTS = st.tuples(
    st.integers(0, 60),
    st.integers(1, 30),
    st.integers(0, 40),
    st.booleans(),
)


def at(hour: int) -> datetime:
    return datetime(2024, 7, 1, tzinfo=UTC) + hour * HOUR


class Patchy:
    """Has bars of some hours only, and of none that has not passed."""

    def __init__(self, held: set[int]) -> None:
        self.held = sorted(held)
        self.clock = 40
        self.known = Stored(SCHEMA.to_frame(), [])
        self.may_repeat = False

    def bars(
        self,
        first: datetime,
        stop: datetime,
    ) -> pl.DataFrame:
        closed = [at(hour) for hour in self.held if hour + 1 <= self.clock]
        times = [time for time in closed if first <= time < stop]
        columns = {name: [1.0 + time.hour for time in times] for name in VALUES}
        return pl.DataFrame({"time": times, **columns}, schema=SCHEMA)

    def fetch(
        self,
        first: datetime,
        stop: datetime,
    ) -> pl.DataFrame:
        lacking = self.known.lacks(milliseconds(first), milliseconds(stop))
        assert self.may_repeat or lacking
        return self.bars(first, stop)


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    requests=st.lists(REQUESTS, max_size=7),
    held=st.sets(st.integers(0, 100), min_size=1),
)
def test_any_order_of_ranges_gives_what_one_fetch_would(
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
    requests: list[tuple[int, int, int, bool]],
    held: set[int],
) -> None:
    """A vendor with holes, a moving clock: each bar once, no proven range fetched again."""
    monkeypatch.setenv("QUANT_ROOT", str(tmp_path_factory.mktemp("cache")))
    vendor = Patchy(held)
    for start, length, later, refresh in requests:
        vendor.clock += later
        vendor.known = load(SERIES)
        vendor.may_repeat = refresh
        first = at(start)
        stop = at(start + length)
        now = at(vendor.clock)
        found = read_through(SERIES, first, stop, vendor.fetch, refresh=refresh, now=now)
        stored = load(SERIES)
        assert found.bars.equals(vendor.bars(first, stop))
        assert stored.bars["time"].is_sorted()
        assert stored.bars["time"].n_unique() == len(stored.bars)
        assert stored.proven == sorted(stored.proven)
        assert all(end <= milliseconds(now) for _, end in stored.proven)
