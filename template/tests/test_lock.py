"""data.lock: what the team agreed on, month by month, and what differs from it."""

from __future__ import annotations

import hashlib
import os
import struct
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from quant_team_data import cache, lock
from quant_team_data.frames import SCHEMA, VALUES
from quant_team_data.lock import LockError
from quant_team_data.markets import milliseconds
from quant_team_data.series import Series
from quant_team_utils import git

AAPL = Series.of("sandbox", "AAPL.US", "1d")
NOW = datetime(2024, 3, 15, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _own_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUANT_ROOT", str(tmp_path))
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")


def day(number: int, month: int = 1) -> datetime:
    return datetime(2024, month, number, tzinfo=UTC)


def fill(
    series: Series,
    first: datetime,
    stop: datetime,
    changed: dict[datetime, float] | None = None,
) -> None:
    """Fetch a range afresh: one bar for each day, whose price may be changed."""

    def fetch(begin: datetime, end: datetime) -> pl.DataFrame:
        times = [begin + timedelta(days=number) for number in range((end - begin).days)]
        prices = [float(time.day) for time in times]
        for number, time in enumerate(times):
            prices[number] = (changed or {}).get(time, prices[number])
        columns = dict.fromkeys(VALUES, prices) | {"volume": [1.0] * len(times)}
        return pl.DataFrame({"time": times, **columns}, schema=SCHEMA)

    cache.read_through(series, first, stop, fetch, refresh=True, now=NOW)


def agree(*series: Series) -> list[lock.Line]:
    return lock.lock(series or [AAPL], who="alice", now=NOW)


def states() -> set[str]:
    return {state for _, state in lock.verify()}


def rows(root: Path) -> list[list[str]]:
    """Return the fields of the lines of data.lock, which must be well-formed."""
    text = (root / "data.lock").read_text(encoding="utf-8")
    assert text.endswith("\n")
    assert "\r" not in text
    head, *lines = text.splitlines()
    assert head.startswith("# source type symbol interval month first last count digest who when")
    assert lines == sorted(lines)
    return [line.split(" ") for line in lines]


def test_a_line_for_each_month_says_who_agreed_to_what(tmp_path: Path) -> None:
    """Series, month, first, last, count, digest, who and when, in UTC; nothing before that."""
    fill(AAPL, day(20), day(11, 3))
    assert lock.read() == {}
    assert not (tmp_path / "data.lock").exists()
    agree()
    january, february, march = rows(tmp_path)
    assert january[:5] == ["sandbox", "stock", "AAPL.US", "1d", "2024-01"]
    assert january[5:8] == ["2024-01-20T00:00:00Z", "2024-01-31T00:00:00Z", "12"]
    assert january[9:] == ["alice", "2024-03-15T12:00:00Z"]
    assert (february[4], february[7]) == ("2024-02", "29")
    assert march[6] == "2024-03-10T00:00:00Z"


def test_the_digest_is_over_the_canonical_bytes() -> None:
    """64-bit milliseconds, then the five columns as 64-bit floats, all little-endian."""
    fill(AAPL, day(1), day(4))
    bars = cache.load(AAPL).bars
    times = [milliseconds(time) for time in bars["time"]]
    raw = struct.pack("<3q", *times)
    for name in VALUES:
        raw += struct.pack("<3d", *bars[name])
    assert lock.digest(bars) == f"sha256:{hashlib.sha256(raw).hexdigest()}"


def test_locking_again_changes_nothing_and_more_bars_extend_the_month(tmp_path: Path) -> None:
    """A running month is agreed on up to its last bar; new bars move that, older lines stay."""
    fill(AAPL, day(1), day(11, 2))
    agree()
    before = (tmp_path / "data.lock").read_bytes()
    assert agree() == []
    assert (tmp_path / "data.lock").read_bytes() == before
    fill(AAPL, day(1), day(20, 2))
    assert states() == {"same"}
    (extended,) = agree()
    assert (extended.month, extended.last) == ("2024-02", "2024-02-19T00:00:00Z")


def test_a_month_that_differs_is_not_locked_again() -> None:
    """The sentence names the month, and the line that accepts it."""
    fill(AAPL, day(1), day(11, 3))
    agree()
    fill(AAPL, day(1), day(11, 3), {day(9, 2): 5.0})
    with pytest.raises(LockError, match=r"2024-02.*--accept AAPL\.US 2024-02"):
        agree()


def test_a_revision_is_accepted_with_a_reason(tmp_path: Path) -> None:
    """The month gets a new line that says why; every other line stays as it was."""
    fill(AAPL, day(1), day(11, 3))
    agree()
    before = rows(tmp_path)
    with pytest.raises(LockError, match="differ"):
        lock.accept("AAPL.US", "2024-02", "why", who="bob")
    fill(AAPL, day(1), day(11, 3), {day(9, 2): 5.0})
    with pytest.raises(LockError, match="say why"):
        lock.accept("AAPL.US", "2024-02", " \n", who="bob")
    lock.accept("AAPL.US", "2024-02", "a late\nsplit", who="bob", now=NOW)
    after = rows(tmp_path)
    assert after[1][9] == "bob"
    assert after[1][11:] == ["a", "late", "split"]
    assert after[1][8] != before[1][8]
    assert [after[0], after[2]] == [before[0], before[2]]
    assert states() == {"same"}


def test_the_reason_of_a_revision_stays_when_the_month_goes_on() -> None:
    """A line that is extended by new bars keeps its reason."""
    fill(AAPL, day(1), day(11, 3))
    agree()
    changed = {day(9, 3): 5.0}
    fill(AAPL, day(1), day(11, 3), changed)
    lock.accept("AAPL.US", "2024-03", "another", who="bob", now=NOW)
    fill(AAPL, day(1), day(13, 3), changed)
    (extended,) = agree()
    assert (extended.month, extended.reason) == ("2024-03", "another")


def test_what_is_not_here_cannot_differ() -> None:
    """Without the bars of a line nothing is compared; locking others does not touch it."""
    fill(AAPL, day(1), day(1, 2))
    agree()
    AAPL.path.unlink()
    assert states() == {"absent"}
    fill(AAPL, day(10), day(20))
    assert agree() == []


def test_a_month_with_a_hole_is_not_locked(tmp_path: Path) -> None:
    """What was never fetched between two ranges is not agreed on; the sentence says how to."""
    fill(AAPL, day(1), day(5))
    fill(AAPL, day(20), day(25))
    with pytest.raises(LockError, match=r"only parts.*--start 2024-01-01 --end 2024-01-31"):
        agree()
    assert not (tmp_path / "data.lock").exists()


def test_nobody_locks_without_a_name() -> None:
    """A line says who: without `quant setup` there is none."""
    fill(AAPL, day(1), day(5))
    with pytest.raises(LockError, match="quant setup --as HANDLE"):
        lock.lock([AAPL])


Damage = Callable[[str], str]


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        (lambda text: "<<<<<<< HEAD\n" + text, "merge conflict at line 1"),
        (lambda text: text + "=======\n", "merge conflict at line 3"),
        (lambda text: text.replace("sha256:", "sha1:"), "malformed at line 2.*git checkout"),
        (lambda text: text + "x\n", "line 3"),
        (
            lambda text: text + text.replace(" 4 ", " 5 "),
            "has two different entries for AAPL.US 1d of sandbox 2024-01.*line 4",
        ),
        (lambda text: text.replace("AAPL", "\udcff"), "not readable text"),
    ],
)
def test_a_damaged_file_is_one_sentence(
    tmp_path: Path,
    damage: Damage,
    sentence: str,
) -> None:
    """Conflict markers, cut lines, contradictions and bytes that are not text name their line."""
    fill(AAPL, day(1), day(5))
    agree()
    path = tmp_path / "data.lock"
    text = damage(path.read_text(encoding="utf-8"))
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    for attempt in (lock.read, lock.verify, agree):
        with pytest.raises(LockError, match=sentence):
            attempt()


def test_the_same_line_twice_is_no_contradiction(tmp_path: Path) -> None:
    """A merge may leave both copies; unsorted lines are sorted when the file is next written."""
    fill(AAPL, day(1), day(11, 3))
    agree()
    path = tmp_path / "data.lock"
    head, *lines = path.read_text(encoding="utf-8").splitlines()
    doubled = "\n".join([head, *reversed(lines), lines[0], ""])
    path.write_text(doubled, encoding="utf-8", newline="\n")
    assert len(lock.verify()) == 3
    fill(AAPL, day(1), day(13, 3))
    agree()
    assert len(rows(tmp_path)) == 3


@pytest.mark.parametrize(
    ("attributes", "symbols"),
    [
        ("", ("AAPL.US", "TSLA.US")),
        ("data.lock merge=union\n", ("MSFT.US", "NVDA.US")),
    ],
)
def test_two_branches_that_lock_different_symbols_merge(
    tmp_path: Path,
    attributes: str,
    symbols: tuple[str, str],
) -> None:
    """Apart in the file they merge as they are; side by side with `data.lock merge=union`."""
    git.run(tmp_path, "init", "-q", "-b", "develop")
    for key in ("name", "email"):
        git.run(tmp_path, "config", f"user.{key}", "alice@users.noreply.invalid")
    (tmp_path / ".gitattributes").write_text(attributes, encoding="utf-8")

    def commit(symbol: str) -> None:
        series = Series.of("sandbox", symbol, "1d")
        fill(series, day(1), day(11, 3))
        agree(series)
        git.run(tmp_path, "add", "data.lock", ".gitattributes")
        git.run(tmp_path, "commit", "-q", "--no-verify", "-m", f"data: lock {symbol}")

    commit("GOOGL.US")
    git.run(tmp_path, "switch", "-q", "-c", "feature/alice/x")
    commit(symbols[0])
    git.run(tmp_path, "switch", "-q", "develop")
    commit(symbols[1])
    git.run(tmp_path, "merge", "-q", "--no-edit", "feature/alice/x")
    assert {line.symbol for line, _ in lock.verify()} == {"GOOGL.US", *symbols}
    assert states() == {"same"}
    assert len(lock.read()) == 9


def test_bars_of_a_backtest_are_compared_by_whole_months() -> None:
    """Part of a locked month is locked, if the cache has the rest; a bar beyond it is not."""
    fill(AAPL, day(1), day(11, 3))
    agree()
    fill(AAPL, day(1), day(13, 3))
    stored, lines = cache.load(AAPL), lock.read()
    bars = stored.bars
    assert lock.check(AAPL, bars[:-2], stored, lines) == (True, [])
    assert lock.check(AAPL, bars[40:50], stored, lines) == (True, [])
    assert lock.check(AAPL, bars, stored, lines) == (False, [])
    assert lock.check(AAPL, bars[40:50], stored, {}) == (False, [])
    other = Series.of("tickdb", "AAPL.US", "1d")
    assert lock.check(other, bars[:-2], stored, lines) == (False, [])
    nothing = cache.load(other)
    assert lock.check(AAPL, bars[40:50], nothing, lines) == (False, [])
    assert lock.check(AAPL, bars[31:60], nothing, lines) == (True, [])


def test_bars_of_a_backtest_that_differ_name_their_month() -> None:
    """Another price and a bar too few both differ."""
    fill(AAPL, day(1), day(11, 3))
    agree()
    stored, lines = cache.load(AAPL), lock.read()
    wrong = stored.bars[40:50].with_columns(close=pl.col("close") + 1)
    locked, (differing,) = lock.check(AAPL, wrong, stored, lines)
    assert (locked, differing.month) == (False, "2024-02")
    fewer = pl.concat([stored.bars[40:45], stored.bars[46:50]])
    assert lock.check(AAPL, fewer, stored, lines) == (False, [differing])


SYMBOLS = ["AAPL.US", "MSFT.US", "NVDA.US", "700.HK", "BTCUSDT", "EURUSD"]
SOURCES = ["import:a", "import:b", "import:c"]

# Ready, wait for the start, then agree to one series after the other.
CHILD = """
import sys
from datetime import UTC, datetime
from quant_team_data import lock
from quant_team_data.series import Series

symbol, *sources = sys.argv[1:]
print("ready", flush=True)
sys.stdin.readline()
for source in sources:
    series = Series.of(source, symbol, "1d")
    lock.lock([series], who="alice", now=datetime(2024, 3, 15, 12, tzinfo=UTC))
"""


def start(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", CHILD, *arguments],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def test_six_processes_lock_six_symbols_and_all_stand(tmp_path: Path) -> None:
    """All start at once, each writes three times: every line is there, and the same."""
    wanted = [Series.of(source, symbol, "1d") for symbol in SYMBOLS for source in SOURCES]
    for series in wanted:
        fill(series, day(1), day(11))
    running = [start(symbol, *SOURCES) for symbol in SYMBOLS]
    for process in running:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in running:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    for process in running:
        process.communicate(timeout=60)
    assert [process.returncode for process in running] == [0] * len(SYMBOLS)
    assert {series for series, _ in lock.read()} == set(wanted)
    assert states() == {"same"}
    assert not list(tmp_path.glob("*.tmp"))
