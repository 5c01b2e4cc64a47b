"""Whatever is read in whatever order, the cache gives what one fetch of it all would give."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from quant_team_data.cache import Stored, load, read_through
from quant_team_data.markets import milliseconds
from quant_team_data.messages import SCHEMA, VALUES
from quant_team_data.series import Series

SERIES = Series.of("sandbox", "AAPL.US", "1h")
HOUR = timedelta(hours=1)

# First hour, hours, hours that pass before the request, whether it refreshes.
REQUESTS = st.tuples(
    st.integers(0, 60),
    st.integers(1, 30),
    st.integers(0, 40),
    st.booleans(),
)


def at(hour: int) -> datetime:
    return datetime(2024, 7, 1, tzinfo=UTC) + hour * HOUR


class Vendor:
    """Has bars of some hours only, and of none that has not passed."""

    def __init__(self, held: set[int]) -> None:
        self.held = sorted(held)
        self.clock = 40
        self.known = Stored(SCHEMA.to_frame(), [])
        self.may_repeat = False

    def bars(self, first: datetime, stop: datetime) -> pl.DataFrame:
        closed = [at(hour) for hour in self.held if hour + 1 <= self.clock]
        times = [time for time in closed if first <= time < stop]
        columns = {name: [1.0 + time.hour for time in times] for name in VALUES}
        return pl.DataFrame({"time": times, **columns}, schema=SCHEMA)

    def fetch(self, first: datetime, stop: datetime) -> pl.DataFrame:
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
    vendor = Vendor(held)
    for start, length, later, refresh in requests:
        vendor.clock += later
        vendor.known = load(SERIES)
        vendor.may_repeat = refresh
        first, stop, now = at(start), at(start + length), at(vendor.clock)
        found = read_through(SERIES, first, stop, vendor.fetch, refresh=refresh, now=now)
        stored = load(SERIES)
        assert found.bars.equals(vendor.bars(first, stop))
        assert stored.bars["time"].is_sorted()
        assert stored.bars["time"].n_unique() == len(stored.bars)
        assert stored.proven == sorted(stored.proven)
        assert all(end <= milliseconds(now) for _, end in stored.proven)
