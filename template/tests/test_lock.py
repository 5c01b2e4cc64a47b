"""data.lock: what the team agreed on, month by month, and what differs from it."""

from __future__ import annotations

import hashlib
import struct
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from click.testing import CliRunner, Result

from quant_team_data import cache, lock, markets
from quant_team_data.cache import Series
from quant_team_data.commands import data
from quant_team_data.lock import LockError
from quant_team_data.markets import bar_opens, market_of, milliseconds, sessions
from quant_team_data.messages import SCHEMA, VALUES
from quant_team_utils import git, roster

AAPL = Series.of("sandbox", "AAPL.US", "1d")
NOW = datetime(2024, 3, 15, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _own_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUANT_ROOT", str(tmp_path))
    monkeypatch.setattr(roster, "me", lambda root: "alice")


def day(number: int, month: int = 1) -> datetime:
    return datetime(2024, month, number, tzinfo=UTC)


def fill(
    series: Series, first: datetime, stop: datetime, changed: dict[datetime, float] | None = None
) -> None:
    """Fetch a range afresh: one bar for each day, whose close may be changed."""

    def fetch(begin: datetime, end: datetime) -> pl.DataFrame:
        times = [begin + timedelta(days=n) for n in range((end - begin).days)]
        close = [(changed or {}).get(time, float(time.day)) for time in times]
        prices = {"open": close, "high": close, "low": close, "close": close}
        return pl.DataFrame({"time": times, **prices, "volume": [1.0] * len(times)}, schema=SCHEMA)

    cache.read_through(series, first, stop, fetch, refresh=True, now=NOW)


def quant_data(*arguments: str) -> Result:
    return CliRunner().invoke(data, arguments)


def rows(root: Path) -> list[list[str]]:
    text = (root / "data.lock").read_text(encoding="utf-8")
    assert text.endswith("\n")
    assert "\r" not in text
    head, *lines = text.splitlines()
    assert head.startswith("# source type symbol interval month first last count digest who when")
    assert lines == sorted(lines)
    return [line.split(" ") for line in lines]


def test_a_line_for_each_month_says_who_agreed_to_what(tmp_path: Path) -> None:
    """Source, type, symbol, interval, month, first, last, count, digest, who and when, in UTC; nothing before that."""
    fill(AAPL, day(20), day(11, 3))
    assert lock.read() == {}
    assert not (tmp_path / "data.lock").exists()
    lock.lock([AAPL])
    january, february, march = rows(tmp_path)
    assert january[:5] == ["sandbox", "stock", "AAPL.US", "1d", "2024-01"]
    assert january[5:8] == ["2024-01-20T00:00:00Z", "2024-01-31T00:00:00Z", "12"]
    assert january[9] == "alice"
    assert datetime.fromisoformat(january[10]).tzinfo
    assert (february[4], february[7]) == ("2024-02", "29")
    assert march[6] == "2024-03-10T00:00:00Z"


def test_the_digest_is_over_the_canonical_bytes() -> None:
    """Little-endian 64-bit milliseconds, then the five columns as 64-bit floats: anybody can compute it."""
    fill(AAPL, day(1), day(4))
    bars = cache.load(AAPL).bars
    times = [milliseconds(time) for time in bars["time"]]
    raw = struct.pack("<3q", *times) + b"".join(
        struct.pack("<3d", *bars[name]) for name in VALUES
    )
    assert lock.digest(bars) == f"sha256:{hashlib.sha256(raw).hexdigest()}"


def test_locking_again_changes_nothing_and_more_bars_extend_the_month(tmp_path: Path) -> None:
    """A running month is agreed on up to its last bar; new bars move that, older months keep their line."""
    fill(AAPL, day(1), day(11, 2))
    lock.lock([AAPL])
    before = (tmp_path / "data.lock").read_bytes()
    assert lock.lock([AAPL]) == []
    assert (tmp_path / "data.lock").read_bytes() == before
    fill(AAPL, day(1), day(20, 2))
    assert {state for _, state in lock.verify()} == {"same"}
    (extended,) = lock.lock([AAPL])
    assert (extended.month, extended.last) == ("2024-02", "2024-02-19T00:00:00Z")


@pytest.mark.parametrize("changed", [{day(9, 2): 5.0}, {day(29, 2): 28.999999999}])
def test_verify_names_the_month_of_the_symbol_that_differs(changed: dict[datetime, float]) -> None:
    """One bar of one symbol is revised: that month of that symbol is named, exit 1, and no other."""
    other = Series.of("sandbox", "MSFT.US", "1d")
    for series in (AAPL, other):
        fill(series, day(1), day(11, 3))
    lock.lock([AAPL, other])
    assert quant_data("verify").exit_code == 0
    fill(AAPL, day(1), day(11, 3), changed)
    done = quant_data("verify")
    assert done.exit_code == 1
    assert [line.split() for line in done.output.splitlines() if "DIFFERS" in line] == [
        ["AAPL.US", "1d", "sandbox", "2024-02", "29", "DIFFERS"]
    ]
    assert "5 of 6" in done.output
    assert "AAPL.US 1d of sandbox 2024-02" in str(done.exception)
    with pytest.raises(LockError, match=r"2024-02.*--accept AAPL\.US 2024-02"):
        lock.lock([AAPL])


def test_a_revision_is_accepted_with_a_reason(tmp_path: Path) -> None:
    """The month gets a new line that says why; every other line stays as it was."""
    fill(AAPL, day(1), day(11, 3))
    lock.lock([AAPL])
    before = rows(tmp_path)
    with pytest.raises(LockError, match="differ"):
        lock.accept("AAPL.US", "2024-02", "why")
    fill(AAPL, day(1), day(11, 3), {day(9, 2): 5.0})
    with pytest.raises(LockError, match="say why"):
        lock.accept("AAPL.US", "2024-02", " \n")
    done = quant_data("lock", "--accept", "AAPL.US", "2024-02", "--reason", "a late\nsplit")
    assert done.exit_code == 0, done.output
    after = rows(tmp_path)
    assert after[1][11:] == ["a", "late", "split"]
    assert after[1][8] != before[1][8]
    assert [after[0], after[2]] == [before[0], before[2]]
    assert {state for _, state in lock.verify()} == {"same"}
    fill(AAPL, day(1), day(11, 3), {day(9, 2): 5.0, day(9, 3): 5.0})
    lock.accept("AAPL.US", "2024-03", "another")
    fill(AAPL, day(1), day(13, 3), {day(9, 2): 5.0, day(9, 3): 5.0})
    (extended,) = lock.lock([AAPL])
    assert (extended.month, extended.reason) == ("2024-03", "another")


def test_what_is_not_here_cannot_differ() -> None:
    """On a clone without the bars, verify says so and passes; locking the rest does not touch the line."""
    fill(AAPL, day(1), day(1, 2))
    lock.lock([AAPL])
    AAPL.path.unlink()
    done = quant_data("verify")
    assert done.exit_code == 0
    assert "not fetched" in done.output
    assert "0 of 1" in done.output
    fill(AAPL, day(10), day(20))
    assert lock.lock([AAPL]) == []


def test_a_month_with_a_hole_is_not_locked(tmp_path: Path) -> None:
    """What was never fetched between two ranges is no agreement; the sentence says how to get it."""
    fill(AAPL, day(1), day(5))
    fill(AAPL, day(20), day(25))
    with pytest.raises(LockError, match=r"only parts.*--start 2024-01-01 --end 2024-01-31"):
        lock.lock([AAPL])
    assert not (tmp_path / "data.lock").exists()


def test_nobody_locks_without_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """A line says who: without `quant setup` there is none."""
    fill(AAPL, day(1), day(5))
    monkeypatch.setattr(roster, "me", lambda root: None)
    with pytest.raises(LockError, match="quant setup --as HANDLE"):
        lock.lock([AAPL])


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
def test_a_damaged_file_is_one_sentence(tmp_path: Path, damage, sentence: str) -> None:  # type: ignore[no-untyped-def]
    """Conflict marks, cut lines, contradictions and bytes that are no text are named with their line."""
    fill(AAPL, day(1), day(5))
    lock.lock([AAPL])
    path = tmp_path / "data.lock"
    path.write_bytes(damage(path.read_text(encoding="utf-8")).encode("utf-8", "surrogateescape"))
    for attempt in (lock.read, lock.verify, lambda: lock.lock([AAPL])):
        with pytest.raises(LockError, match=sentence):
            attempt()


def test_the_same_line_twice_is_no_contradiction(tmp_path: Path) -> None:
    """A merge may leave both copies; unsorted lines are sorted when the file is next written."""
    fill(AAPL, day(1), day(11, 3))
    lock.lock([AAPL])
    path = tmp_path / "data.lock"
    head, *lines = path.read_text(encoding="utf-8").splitlines()
    path.write_text(
        "\n".join([head, *reversed(lines), lines[0], ""]), encoding="utf-8", newline="\n"
    )
    assert len(lock.verify()) == 3
    fill(AAPL, day(1), day(13, 3))
    lock.lock([AAPL])
    assert len(rows(tmp_path)) == 3


@pytest.mark.parametrize("union", [False, True])
def test_two_branches_that_lock_different_symbols_merge(tmp_path: Path, union: bool) -> None:
    """Real git: apart in the file they merge as they are; side by side with `data.lock merge=union`."""
    kept, first, second = "GOOGL.US", *(("MSFT.US", "NVDA.US") if union else ("AAPL.US", "TSLA.US"))
    git.run(tmp_path, "init", "-q", "-b", "develop")
    for key in ("name", "email"):
        git.run(tmp_path, "config", f"user.{key}", "alice@users.noreply.invalid")
    (tmp_path / ".gitattributes").write_text(
        "data.lock merge=union\n" if union else "", encoding="utf-8"
    )

    def commit(symbol: str) -> None:
        series = Series.of("sandbox", symbol, "1d")
        fill(series, day(1), day(11, 3))
        lock.lock([series])
        git.run(tmp_path, "add", "data.lock", ".gitattributes")
        git.run(tmp_path, "commit", "-q", "--no-verify", "-m", f"data: lock {symbol}")

    commit(kept)
    git.run(tmp_path, "switch", "-q", "-c", "feature/alice/x")
    commit(first)
    git.run(tmp_path, "switch", "-q", "develop")
    commit(second)
    git.run(tmp_path, "merge", "-q", "--no-edit", "feature/alice/x")
    assert {line.symbol for line, _ in lock.verify()} == {kept, first, second}
    assert {state for _, state in lock.verify()} == {"same"}
    assert len(lock.read()) == 9


def check(series: Series, bars: pl.DataFrame, lines: lock.Lines) -> tuple[bool, list[lock.Line]]:
    return lock.check(series, bars, cache.load(series), lines)


def test_bars_of_a_backtest_are_compared_by_whole_months() -> None:
    """Part of a locked month is locked, if the cache has the rest; one bar more than locked is not."""
    fill(AAPL, day(1), day(11, 3))
    lock.lock([AAPL])
    fill(AAPL, day(1), day(13, 3))
    bars, lines = cache.load(AAPL).bars, lock.read()
    assert check(AAPL, bars[:-2], lines) == (True, [])
    assert check(AAPL, bars[40:50], lines) == (True, [])
    assert check(AAPL, bars, lines) == (False, [])
    assert check(AAPL, bars[40:50], {}) == (False, [])
    assert check(Series.of("tickdb", "AAPL.US", "1d"), bars[:-2], lines) == (False, [])
    wrong = bars[40:50].with_columns(close=pl.col("close") + 1)
    locked, (differing,) = check(AAPL, wrong, lines)
    assert (locked, differing.month) == (False, "2024-02")
    assert check(AAPL, pl.concat([bars[:45], bars[46:50]]), lines)[1] == [differing]
    AAPL.path.unlink()
    assert check(AAPL, bars[40:50], lines) == (False, [])
    assert check(AAPL, bars[31:60], lines) == (True, [])


def opens(symbol: str, interval: str, first: datetime, stop: datetime) -> list[int]:
    days = sessions(market_of(symbol), first.date(), stop.date())
    found = {at for one in days for at in bar_opens(one, interval)}
    return sorted(at for at in found if milliseconds(first) <= at < milliseconds(stop))


@pytest.mark.parametrize(
    ("symbol", "interval", "lost", "expected"),
    [
        ("AAPL.US", "1h", [], []),
        ("AAPL.US", "1h", [(11, 12)], [("01-11 14:30", "01-11 20:30", 7, 1)]),
        (
            "AAPL.US",
            "1h",
            [(11, 17)],
            [("01-11 14:30", "01-16 20:30", 21, 3)],
        ),  # a weekend and a holiday between
        ("AAPL.US", "1h", [(11.61, 11.7)], [("01-11 15:30", "01-11 16:30", 2, 0)]),
        (
            "AAPL.US",
            "1h",
            [(11.8, 13)],
            [("01-11 19:30", "01-11 20:30", 2, 0), ("01-12 14:30", "01-12 20:30", 7, 1)],
        ),
        (
            "AAPL.US",
            "1d",
            [(11, 12), (17, 19)],
            [("01-11 00:00", "01-11 00:00", 1, 1), ("01-17 00:00", "01-18 00:00", 2, 2)],
        ),
        ("AAPL.US", "1w", [(8, 9)], [("01-08 00:00", "01-08 00:00", 1, 1)]),
        (
            "700.HK",
            "1h",
            [(11, 11.2)],
            [("01-11 01:30", "01-11 03:30", 3, 0)],
        ),  # up to the lunch break
        ("BTCUSDT", "4h", [(13, 14)], [("01-13 00:00", "01-13 20:00", 6, 1)]),  # a Saturday
    ],
)
def test_gaps_are_those_of_the_calendar(
    symbol: str,
    interval: str,
    lost: list[tuple[float, float]],
    expected: list[tuple[str, str, int, int]],
) -> None:
    """Whole days in a row are one gap, weekends and holidays are none, bars within a day are told apart."""
    first, stop = day(2), day(31)
    spans = [
        (
            milliseconds(day(1) + timedelta(days=low - 1)),
            milliseconds(day(1) + timedelta(days=high - 1)),
        )
        for low, high in lost
    ]
    there = [
        at
        for at in opens(symbol, interval, first, stop)
        if not any(low <= at < high for low, high in spans)
    ]
    found = markets.gaps(
        market_of(symbol), interval, there, milliseconds(first), milliseconds(stop)
    )
    assert [
        (f"{gap.first:%m-%d %H:%M}", f"{gap.last:%m-%d %H:%M}", gap.bars, gap.days) for gap in found
    ] == expected


def test_daily_bars_may_carry_the_midnight_of_their_exchange() -> None:
    """Neither UTC's nor the exchange's midnight makes a gap."""
    for symbol, hours in (("AAPL.US", 5), ("700.HK", -8)):
        there = [at + hours * 3_600_000 for at in opens(symbol, "1d", day(2), day(31))]
        assert not markets.gaps(
            market_of(symbol), "1d", there, milliseconds(day(2)), milliseconds(day(31))
        )


def test_verify_lists_gaps() -> None:
    """`--gaps` names symbol, kind and range where the cache is proven, and only there."""
    crypto = Series.of("sandbox", "BTCUSDT", "1d")
    fill(crypto, day(1), day(5))
    fill(crypto, day(10), day(12))
    assert "0 gaps in 1 series" in quant_data("verify", "--gaps").output
    bars = cache.load(crypto).bars
    cache.read_through(crypto, day(1), day(12), lambda *_: bars, refresh=True, now=NOW)
    done = quant_data("verify", "--gaps")
    assert (
        "BTCUSDT  1d        sandbox  5 whole days  2024-01-05 00:00  2024-01-09 00:00"
        in done.output
    )
    assert "SYNTHETIC" in done.output
    assert done.exit_code == 0
