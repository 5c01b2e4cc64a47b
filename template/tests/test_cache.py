"""The cache: no bar is asked for twice, none is lost, whoever writes or dies meanwhile."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from quant_team_data import cache, sandbox
from quant_team_data.cache import (
    CacheError,
    Series,
    load,
    read,
    read_through,
    stored_series,
)
from quant_team_data.commands import data
from quant_team_data.markets import milliseconds
from quant_team_data.messages import SCHEMA, VALUES

SERIES = Series.of("sandbox", "AAPL.US", "1h")
NOW = datetime(2024, 7, 10, 15, 7, tzinfo=UTC)
HOUR = timedelta(hours=1)


def day(number: int, month: int = 7) -> datetime:
    return datetime(2024, month, number, tzinfo=UTC)


class Vendor:
    """Answers like TickDB, closed bars only, and remembers what it was asked for."""

    def __init__(self, now: datetime = NOW) -> None:
        self.now, self.asked = now, list[tuple[datetime, datetime]]()
        self.changed: dict[
            datetime, float | None
        ] = {}  # what a bar's close becomes; None takes the bar away

    def __call__(self, first: datetime, stop: datetime) -> pl.DataFrame:
        self.asked.append((first, stop))
        params = {"symbol": "AAPL.US", "interval": "1h", "limit": "1000"}
        params |= {"start_time": str(milliseconds(first)), "end_time": str(milliseconds(stop) - 1)}
        status, body = sandbox.answer("/v1/market/kline", params, {}, now=milliseconds(self.now))
        assert status == 200
        rows = [[float(bar[name]) for name in SCHEMA] for bar in body["data"]["klines"]]
        frame = pl.DataFrame(rows, schema=list(SCHEMA), orient="row").cast(pl.Float64)
        frame = frame.with_columns(pl.col("time").cast(pl.Int64).cast(SCHEMA["time"]))
        for time, close in self.changed.items():
            frame = (
                frame.filter(pl.col("time") != time)
                if close is None
                else frame.with_columns(
                    close=pl.when(pl.col("time") == time).then(close).otherwise("close")
                )
            )
        return frame.filter(pl.col("time") + HOUR <= self.now)


@pytest.fixture(autouse=True)
def _own_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUANT_ROOT", str(tmp_path))


@pytest.fixture
def vendor() -> Vendor:
    return Vendor()


def get(vendor: Vendor, first: datetime, stop: datetime, *, refresh: bool = False) -> pl.DataFrame:
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
    assert load(SERIES).lacks(milliseconds(day(4)), milliseconds(day(6))) == [
        (milliseconds(day(5)), milliseconds(day(6)))
    ]


def test_a_hole_between_two_ranges_is_all_that_is_asked_for(vendor: Vendor) -> None:
    """The request starts with the last bars before the hole and ends where the next range begins."""
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
    assert bars["time"].to_list() == [datetime(2024, 7, 10, 13, 30, tzinfo=UTC)]
    assert load(SERIES).proven[-1][1] == milliseconds(datetime(2024, 7, 10, 13, 30, tzinfo=UTC)) + 1
    vendor.now += HOUR
    assert len(get(vendor, day(10), day(20))) == 2
    assert max(stop for _, stop in vendor.asked) <= vendor.now


def test_a_forming_bar_from_a_careless_source_is_left_out() -> None:
    """Even if the source gives a bar whose hour is not over, it does not get in."""
    eager, now = Vendor(NOW + HOUR), NOW
    bars = read_through(
        SERIES, day(10), day(20), lambda first, stop: eager(first, day(20)), now=now
    ).bars
    assert len(bars) == 1


def test_a_month_that_runs_is_left_out() -> None:
    """Months differ in length: on 30 January the bar of January is not over, nor is its absence proven."""
    series, now = Series.of("sandbox", "AAPL.US", "1M"), datetime(2024, 1, 30, 12, tzinfo=UTC)
    times = [datetime(2023, 12, 1, tzinfo=UTC), datetime(2024, 1, 1, tzinfo=UTC)]
    months = pl.DataFrame(
        {"time": times, **{name: [1.0, 2.0] for name in VALUES}}, schema=SCHEMA
    )
    first, stop = datetime(2023, 12, 1, tzinfo=UTC), day(1)
    for later, count in ((0, 1), (2, 2)):
        assert (
            len(
                read_through(
                    series, first, stop, lambda *_: months, now=now + timedelta(days=later)
                ).bars
            )
            == count
        )


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
    """When a series is extended, its last bars are read again: what changed is named by symbol and month."""
    get(vendor, day(1), day(3))
    vendor.changed = {datetime(2024, 7, 2, 19, 30, tzinfo=UTC): 1.0}
    bars = get(vendor, day(1), day(6))
    assert bars.filter(pl.col("close") == 1.0).height == 1
    assert "AAPL.US 1h of sandbox" in caplog.text
    assert "2024-07" in caplog.text


@pytest.mark.parametrize("change", [1.0, None])
def test_refresh_asks_again_and_finds_old_revisions(
    vendor: Vendor, caplog: pytest.LogCaptureFixture, change: float | None
) -> None:
    """A bar far back that was changed or taken away is found by `refresh`, and only what was proven is compared."""
    get(vendor, day(1), day(3))
    vendor.changed = {datetime(2024, 7, 1, 13, 30, tzinfo=UTC): change}
    get(vendor, day(1), day(9))
    assert not caplog.records
    assert get(vendor, day(1), day(9), refresh=True).equals(vendor(day(1), day(9)))
    assert [record.levelno for record in caplog.records] == [logging.WARNING]


def test_offline_answers_or_says_what_is_missing(vendor: Vendor) -> None:
    """Offline nobody is asked; the sentence names series, range and the command that gets it."""
    get(vendor, day(1), day(3))
    assert len(read_through(SERIES, day(1), day(3), vendor, offline=True, now=NOW).bars) == 14
    with pytest.raises(
        CacheError,
        match=r"no AAPL\.US 1h .* 2024-07-03T00:00Z to 2024-07-05T00:00Z.*--start 2024-07-03 --end 2024-07-04",
    ):
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


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    ranges=st.lists(
        st.tuples(st.integers(0, 60), st.integers(1, 30), st.integers(0, 40), st.booleans()),
        max_size=7,
    ),
    held=st.sets(st.integers(0, 100), min_size=1),
)
def test_any_order_of_ranges_gives_what_one_fetch_would(
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
    ranges: list[tuple[int, int, int, bool]],
    held: set[int],
) -> None:
    """Over a vendor with holes and a moving clock: each bar once, no range asked for that was proven before."""
    monkeypatch.setenv("QUANT_ROOT", str(tmp_path_factory.mktemp("cache")))
    clock = 40

    def at(hour: int) -> datetime:
        return day(1) + hour * HOUR

    def model(first: datetime, stop: datetime) -> pl.DataFrame:
        times = [
            at(hour) for hour in sorted(held) if first <= at(hour) < stop and hour + 1 <= clock
        ]
        columns = {name: [float(time.hour) for time in times] for name in VALUES}
        return pl.DataFrame({"time": times, **columns}, schema=SCHEMA)

    for start, length, later, refresh in ranges:
        clock += later
        before = load(SERIES)

        def fetch(
            first: datetime, stop: datetime, known: cache.Stored = before, again: bool = refresh
        ) -> pl.DataFrame:
            assert again or known.lacks(milliseconds(first), milliseconds(stop))
            return model(first, stop)

        found = read_through(
            SERIES, at(start), at(start + length), fetch, refresh=refresh, now=at(clock)
        ).bars
        assert found.equals(model(at(start), at(start + length)))
        stored = load(SERIES)
        assert stored.bars["time"].is_sorted()
        assert stored.bars["time"].n_unique() == len(stored.bars)
        assert stored.proven == sorted(stored.proven)
        assert all(stop <= milliseconds(at(clock)) for _, stop in stored.proven)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"PAR1",
        b"not Parquet",
        b"PAR1" + b"\x00" * 64 + b"PAR1",
        "foreign",
        "other series",
        "cut",
        "scrambled",
    ],
)
def test_a_damaged_or_foreign_file_is_fetched_again(
    vendor: Vendor,
    content: bytes | str,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """Whatever lies where the file should be: a warning, the bars, no traceback."""
    expected = get(vendor, day(1), day(3))
    path = SERIES.path
    good = path.read_bytes()
    if content == "foreign":
        expected.write_parquet(path)
    elif content == "other series":
        other = Series.of("sandbox", "MSFT.US", "1h")
        read_through(other, day(1), day(3), vendor, now=NOW)
        path.write_bytes(other.path.read_bytes())
    elif content == "cut":
        path.write_bytes(good[: len(good) // 2])
    elif content == "scrambled":
        path.write_bytes(good[:4] + b"\xff" * 200 + good[204:])
    elif isinstance(content, bytes):
        path.write_bytes(content)
    assert get(vendor, day(1), day(3)).equals(expected)
    assert "damaged or not of this cache" in caplog.text
    assert load(SERIES).bars.equals(expected)


def test_file_names_are_legal_and_apart_on_every_system() -> None:
    """A minute is not a month where case does not count, and no name is one that Windows reserves."""
    names = [
        Series.of("sandbox", "AAPL.US", "1m"),
        Series.of("sandbox", "AAPL.US", "1M"),
        Series.of("import:x", "AAPL.US", "1m"),
        Series.of("import%3ax", "AAPL.US", "1m"),
        Series.of("sandbox", "CON.US", "1m"),
        Series.of("sandbox", "BRK-B.US", "1m"),
        Series("sandbox", "stock", "a/../b\\c:*?é", "1m"),
        Series("sandbox", "stock", "A", "1m"),
        Series("sandbox", "stock", "a", "1m"),
    ]
    paths = [series.path for series in names]
    assert len({str(path).lower() for path in paths}) == len(names)
    for path in paths:
        tail = path.parts[-5:]
        assert tail[0] == "data"
        assert all(part.isascii() and not set(part) & set('<>:"/\\|?*') for part in tail)
        assert tail[-1].split(".")[0].upper() != "CON"


def test_two_spellings_of_a_symbol_are_one_series() -> None:
    """00700.HK is 700.HK."""
    assert Series.of("sandbox", "00700.HK", "1d") == Series.of("sandbox", "700.HK", "1d")


def test_sources_are_kept_apart(vendor: Vendor) -> None:
    """The same symbol from elsewhere is another series, with its own file."""
    get(vendor, day(1), day(3))
    other = Series.of("tickdb", "AAPL.US", "1h")
    assert load(other).bars.is_empty()
    assert stored_series() == [SERIES]


CHILD = """
import os, signal, sys
from datetime import timedelta
import test_cache as t
from quant_team_data import cache

mode = sys.argv[1]
if mode == "kill":
    def die(descriptor):
        os.kill(os.getpid(), signal.SIGKILL)
    os.fsync = die
vendor = t.Vendor()
for first in range(1, 10) if mode != "kill" else [1]:
    t.read_through(t.SERIES, t.day(first), t.day(first + 1), vendor, now=t.NOW)
print(len(vendor.asked))
"""


def child(mode: str) -> subprocess.Popen[str]:
    path = os.pathsep.join([str(Path(__file__).parent), *sys.path])
    return subprocess.Popen(
        [sys.executable, "-c", CHILD, mode],
        env={**os.environ, "PYTHONPATH": path},
        stdout=subprocess.PIPE,
        text=True,
    )


def drafts() -> list[Path]:
    return list(SERIES.path.parent.glob(".*.tmp"))


@pytest.mark.skipif(os.name != "posix", reason="there is no kill -9")
@pytest.mark.parametrize("before", [False, True])
def test_a_kill_in_the_middle_of_a_write_leaves_the_cache_readable(
    vendor: Vendor, before: bool
) -> None:
    """A process that is killed with its file half-written leaves the old file, or none, and holds no lock."""
    expected = get(vendor, day(5), day(6)) if before else None
    done = child("kill")
    done.communicate(timeout=60)
    assert done.returncode == -signal.SIGKILL
    assert len(drafts()) == 1
    assert load(SERIES).bars.height == (len(expected) if expected is not None else 0)
    assert len(get(vendor, day(1), day(6))) == 25
    assert drafts() == []


def test_four_processes_fill_one_cache(vendor: Vendor) -> None:
    """All want the same nine days: each day is asked for by one of them, and no bar is lost or doubled."""
    running = [child("fill") for _ in range(4)]
    asked = [int(process.communicate(timeout=120)[0]) for process in running]
    assert [process.returncode for process in running] == [0] * 4
    assert sum(asked) == 9
    assert load(SERIES).bars.equals(Vendor()(day(1), day(10)))


def test_a_folder_that_cannot_be_written_is_one_sentence(vendor: Vendor, tmp_path: Path) -> None:
    """A file where the folder should be."""
    (tmp_path / "data").write_text("x", encoding="utf-8")
    with pytest.raises(CacheError, match="Cannot"):
        get(vendor, day(1), day(3))


def test_the_command_fetches_once_and_works_offline() -> None:
    """`quant data fetch` shows what came; offline it answers from disk, or exits 1 and says what is missing."""
    asked = [
        "fetch",
        "AAPL.US,BTCUSDT",
        "--interval",
        "4h",
        "--start",
        "2024-01-02",
        "--end",
        "2024-01-05",
    ]
    for more in ([], ["--offline"], ["--refresh"]):
        done = CliRunner().invoke(data, [*asked, *more])
        assert done.exit_code == 0, done.output
        assert "AAPL.US  4h        sandbox  8     2024-01-02 14:30  2024-01-05 18:30" in done.output
        assert "SYNTHETIC" in done.output
        assert "quant data lock AAPL.US BTCUSDT" in done.output
    done = CliRunner().invoke(data, [*asked, "--offline", "--end", "2024-02-05"])
    assert done.exit_code == 1
    assert "The cache has no AAPL.US 4h of sandbox from 2024-01-06T00:00Z" in done.output
    assert "BTCUSDT" in done.output
    assert "2 of 2 symbols" in str(done.exception)
