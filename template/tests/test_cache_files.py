"""The files of the cache: read once, whole or not at all, whoever writes or dies meanwhile."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from quant_team_data import cache, lock
from quant_team_data.frames import SCHEMA, VALUES
from quant_team_data.series import Series

SERIES = Series.of("sandbox", "BTCUSDT", "1h")
NOW = datetime(2024, 7, 20, tzinfo=UTC)
HOUR = timedelta(hours=1)

# Kills itself in the middle of a write, or fetches nine days and prints how often it had to.
CHILD = """
import os, signal, sys
import test_cache_files as t
from quant_team_data import cache

def die(descriptor):
    os.kill(os.getpid(), signal.SIGKILL)

asked = []

def fetch(first, stop):
    asked.append(first)
    return t.frame(first, stop)

last = 10
if sys.argv[1] == "kill":
    os.fsync = die
    last = 2
for number in range(1, last):
    cache.read_through(t.SERIES, t.day(number), t.day(number + 1), fetch, now=t.NOW)
print(len(asked))
"""


@pytest.fixture(autouse=True)
def _own_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUANT_ROOT", str(tmp_path))


def day(number: int) -> datetime:
    return datetime(2024, 7, number, tzinfo=UTC)


def frame(first: datetime, stop: datetime) -> pl.DataFrame:
    """Return one bar for each hour."""
    times = [first + number * HOUR for number in range((stop - first) // HOUR)]
    columns = {name: [1.0 + time.hour for time in times] for name in VALUES}
    return pl.DataFrame({"time": times, **columns}, schema=SCHEMA)


def get(
    first: datetime,
    stop: datetime,
    series: Series = SERIES,
) -> pl.DataFrame:
    return cache.read_through(series, first, stop, frame, now=NOW).bars


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


@contextmanager
def counting(opened: list[str]) -> Iterator[None]:
    """Note which Parquet files this process opens."""
    is_on = True

    def note(event: str, arguments: tuple[object, ...]) -> None:
        name = str(arguments[0]) if event == "open" and is_on else ""
        if name.endswith(".parquet"):
            opened.append(Path(name).name)

    sys.addaudithook(note)
    try:
        yield
    finally:
        is_on = False


def test_bars_are_read_and_compared_with_one_look_at_the_file() -> None:
    """A range and its comparison with data.lock take one read of a file, cached or imported."""
    get(day(1), day(10))
    lock.lock([SERIES], who="alice", now=NOW)
    lines = lock.read()
    opened: list[str] = []
    with counting(opened):
        found = cache.read_through(SERIES, day(2), day(5), frame, now=NOW)
        assert lock.check(SERIES, found.bars, found.stored, lines) == (True, [])
    assert opened == ["BTCUSDT.parquet"]
    opened.clear()
    with counting(opened):
        found = cache.read(SERIES, day(2), day(5))
        assert lock.check(SERIES, found.bars, found.stored, lines) == (True, [])
    assert opened == ["BTCUSDT.parquet"]


def cut(content: bytes) -> bytes:
    return content[: len(content) // 2]


def scramble(content: bytes) -> bytes:
    return content[:4] + b"\xff" * 200 + content[204:]


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: b"",
        lambda content: b"PAR1",
        lambda content: b"not Parquet",
        lambda content: b"PAR1" + b"\x00" * 64 + b"PAR1",
        cut,
        scramble,
    ],
)
def test_a_damaged_file_is_fetched_again(
    damage: Callable[[bytes], bytes],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Whatever is in the file: a warning, the bars, no traceback."""
    expected = get(day(1), day(3))
    path = SERIES.path
    path.write_bytes(damage(path.read_bytes()))
    assert get(day(1), day(3)).equals(expected)
    assert "damaged or not of this cache" in caplog.text
    assert cache.load(SERIES).bars.equals(expected)


def test_a_foreign_file_is_fetched_again(caplog: pytest.LogCaptureFixture) -> None:
    """Parquet without a manifest, and the file of another series, count as nothing."""
    expected = get(day(1), day(3))
    expected.write_parquet(SERIES.path)
    assert get(day(1), day(3)).equals(expected)
    assert "damaged or not of this cache" in caplog.text
    other = Series.of("sandbox", "ETHUSDT", "1h")
    get(day(1), day(4), other)
    SERIES.path.write_bytes(other.path.read_bytes())
    assert cache.load(SERIES).bars.is_empty()
    assert get(day(1), day(3)).equals(expected)


@pytest.mark.skipif(os.name != "posix", reason="there is no kill -9")
@pytest.mark.parametrize("before", [0, 1])
def test_a_kill_in_the_middle_of_a_write_leaves_the_cache_readable(before: int) -> None:
    """A process killed with its file half-written leaves the old file, or none, and no lock."""
    for number in range(before):
        get(day(5 + number), day(6 + number))
    done = child("kill")
    done.communicate(timeout=60)
    assert done.returncode == -signal.SIGKILL
    assert len(drafts()) == 1
    assert cache.load(SERIES).bars.height == 24 * before
    assert len(get(day(1), day(6))) == 5 * 24
    assert drafts() == []


def test_four_processes_fill_one_cache() -> None:
    """All want the same nine days: each day is fetched by one of them, and no bar is lost."""
    running = [child("fill") for _ in range(4)]
    asked = [int(process.communicate(timeout=120)[0]) for process in running]
    assert [process.returncode for process in running] == [0] * 4
    assert sum(asked) == 9
    assert cache.load(SERIES).bars.equals(frame(day(1), day(10)))


def test_a_folder_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    """A file where the folder should be."""
    (tmp_path / "data").write_text("x", encoding="utf-8")
    with pytest.raises(cache.CacheError, match="Cannot"):
        get(day(1), day(3))
