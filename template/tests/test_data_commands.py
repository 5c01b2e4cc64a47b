"""The commands `quant data`: what they print, how they end, and what to type next."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click
import polars as pl
import pytest
from click.testing import CliRunner, Result

from quant_team_data import cache, lock
from quant_team_data.commands import data, sandbox
from quant_team_data.frames import SCHEMA, VALUES
from quant_team_data.series import Series

AAPL = Series.of("sandbox", "AAPL.US", "1d")
MSFT = Series.of("sandbox", "MSFT.US", "1d")
NOW = datetime(2024, 3, 15, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _own_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work in an empty project, as the member bob, whatever the machine's git says."""
    monkeypatch.setenv("QUANT_ROOT", str(tmp_path))
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", "quant.member")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", "bob")


def day(number: int, month: int = 1) -> datetime:
    return datetime(2024, month, number, tzinfo=UTC)


def frame(
    first: datetime,
    stop: datetime,
    changed: dict[datetime, float],
) -> pl.DataFrame:
    times = [first + timedelta(days=number) for number in range((stop - first).days)]
    prices = [changed.get(time, float(time.day)) for time in times]
    columns = dict.fromkeys(VALUES, prices)
    return pl.DataFrame({"time": times, **columns}, schema=SCHEMA)


def fill(
    series: Series,
    first: datetime,
    stop: datetime,
    changed: dict[datetime, float] | None = None,
) -> None:
    """Put one bar for each day into the cache, whose price may be changed."""

    def fetch(begin: datetime, end: datetime) -> pl.DataFrame:
        return frame(begin, end, changed or {})

    cache.read_through(series, first, stop, fetch, refresh=True, now=NOW)


def quant_data(*arguments: str) -> Result:
    return CliRunner().invoke(data, arguments)


def test_fetch_fills_the_cache_once_and_works_offline() -> None:
    """It shows what came; offline it reads the disk, or exits with 1 and says what is missing."""
    asked = ["fetch", "AAPL.US,BTCUSDT", "--interval", "4h", "--start", "2024-01-02"]
    for more in ([], ["--offline"], ["--refresh"]):
        done = quant_data(*asked, "--end", "2024-01-05", *more)
        assert done.exit_code == 0, done.output
        assert "AAPL.US  4h        sandbox  8     2024-01-02 14:30  2024-01-05 18:30" in done.output
        assert "SYNTHETIC" in done.output
        assert "quant data lock AAPL.US BTCUSDT" in done.output
    done = quant_data(*asked, "--end", "2024-02-05", "--offline")
    assert done.exit_code == 1
    assert "The cache has no AAPL.US 4h of sandbox from 2024-01-06T00:00Z" in done.output
    assert "BTCUSDT" in done.output
    assert "2 of 2 symbols" in str(done.exception)


def test_one_symbol_that_fails_loses_no_other() -> None:
    """What came is shown; the sentence about the rest has the one prefix of errors."""
    done = quant_data("fetch", "AAPL.US", "NOSUCHTHING.US", "--start", "2024-01-02")
    assert done.exit_code == 1
    assert "AAPL.US  1d        sandbox" in done.output
    assert "quant: There is no market for the symbol 'NOSUCHTHING.US'" in done.output


def test_an_unknown_interval_is_one_sentence_for_all_symbols() -> None:
    """It is no fault of a symbol, so no symbol is tried."""
    done = quant_data("fetch", "AAPL.US", "MSFT.US", "--interval", "1H")
    assert done.exit_code == 1
    assert done.output == ""
    assert "did you mean 1h?" in str(done.exception)


def test_lock_writes_what_the_cache_holds_and_says_what_to_commit(tmp_path: Path) -> None:
    """The months that are new are listed; locking again adds nothing."""
    fill(AAPL, day(1), day(11, 2))
    done = quant_data("lock")
    assert done.exit_code == 0, done.output
    assert "AAPL.US  1d        sandbox  2024-01  31" in done.output
    assert "new in data.lock: 2 months of 1 series." in done.output
    assert 'git add data.lock && git commit -m "data: lock AAPL.US"' in done.output
    assert " bob " in (tmp_path / "data.lock").read_text(encoding="utf-8")
    assert "new in data.lock: 0 months" in quant_data("lock", "AAPL.US").output


@pytest.mark.parametrize(
    ("arguments", "lacking"),
    [
        ((), "any symbol from sandbox"),
        (("MSFT.US,NVDA.US",), "MSFT.US, NVDA.US from sandbox"),
        (("--source", "import:acme"), "any symbol from import:acme"),
    ],
)
def test_lock_names_what_the_cache_lacks(arguments: tuple[str, ...], lacking: str) -> None:
    """Nothing to lock is one sentence with the commands that get it."""
    done = quant_data("lock", *arguments)
    assert done.exit_code == 1
    assert lacking in str(done.exception)
    assert "`quant data fetch`" in str(done.exception)


@pytest.mark.parametrize("changed", [{day(9, 2): 5.0}, {day(29, 2): 28.999999999}])
def test_verify_names_the_month_of_the_symbol_that_differs(changed: dict[datetime, float]) -> None:
    """One bar of one symbol is revised: that month of that symbol is named, and no other."""
    for series in (AAPL, MSFT):
        fill(series, day(1), day(11, 3))
    lock.lock([AAPL, MSFT], who="alice")
    assert quant_data("verify").exit_code == 0
    fill(AAPL, day(1), day(11, 3), changed)
    done = quant_data("verify")
    assert done.exit_code == 1
    differing = [line.split() for line in done.output.splitlines() if "DIFFERS" in line]
    assert differing == [["AAPL.US", "1d", "sandbox", "2024-02", "29", "DIFFERS"]]
    assert "5 of 6" in done.output
    assert "AAPL.US 1d of sandbox 2024-02" in str(done.exception)


def test_a_revision_is_accepted_with_a_reason(tmp_path: Path) -> None:
    """`--accept SYMBOL MONTH --reason` puts the reason into the line."""
    fill(AAPL, day(1), day(11, 3))
    lock.lock([AAPL], who="alice")
    fill(AAPL, day(1), day(11, 3), {day(9, 2): 5.0})
    done = quant_data("lock", "--accept", "AAPL.US", "2024-02", "--reason", "a late\nsplit")
    assert done.exit_code == 0, done.output
    assert " a late split\n" in (tmp_path / "data.lock").read_text(encoding="utf-8")
    assert quant_data("verify").exit_code == 0


def test_verify_passes_where_the_bars_are_not_here() -> None:
    """On a clone without the bars, verify says so and exits with 0."""
    assert "There is no data.lock yet" in quant_data("verify").output
    fill(AAPL, day(1), day(1, 2))
    lock.lock([AAPL], who="alice")
    AAPL.path.unlink()
    done = quant_data("verify")
    assert done.exit_code == 0
    assert "not fetched" in done.output
    assert "0 of 1" in done.output


def test_verify_lists_gaps() -> None:
    """`--gaps` names symbol, kind and range, whether the range was fetched or not. [coverage]"""
    crypto = Series.of("sandbox", "BTCUSDT", "1d")
    fill(crypto, day(1), day(5))
    assert "0 gaps in 1 series" in quant_data("verify", "--gaps").output
    fill(crypto, day(10), day(12))
    done = quant_data("verify", "--gaps")
    row = "BTCUSDT  1d        sandbox  5 whole days  2024-01-05 00:00  2024-01-09 00:00"
    assert row in done.output
    assert "SYNTHETIC" in done.output
    assert done.exit_code == 0


def test_imported_bars_are_locked_and_verified_under_their_name(tmp_path: Path) -> None:
    """`quant data import` prints the next steps, and the lock carries the vendor's name."""
    path = tmp_path / "bars.csv"
    text = "time,open,high,low,close,volume\n2024-01-02T14:30Z,1,1,1,1,1\n"
    path.write_text(text, encoding="utf-8")
    options = ["--symbol", "AAPL.US", "--interval", "1h", "--source", "acme"]
    done = quant_data("import", str(path), *options)
    assert "imported: 1 bar of AAPL.US 1h of import:acme" in done.output
    assert "quant data lock AAPL.US --source import:acme" in done.output
    assert quant_data("lock", "AAPL.US").exit_code == 1  # the sandbox has none
    assert quant_data("lock", "AAPL.US", "--source", "import:acme").exit_code == 0
    assert "1 of 1 months" in quant_data("verify").output
    locked = (tmp_path / "data.lock").read_text(encoding="utf-8")
    assert "import:acme stock AAPL.US 1h 2024-01" in locked


def test_an_unknown_option_never_suggests_to_accept_a_revision() -> None:
    """`--accep` does not suggest `--accept`; `--reaso` suggests `--reason`."""
    assert "--accept" not in quant_data("lock", "--accep").output
    assert "--reason" in quant_data("lock", "--reaso").output


def commands() -> Iterator[click.Command]:
    yield data
    yield sandbox
    yield from data.commands.values()


def test_every_command_and_option_has_help() -> None:
    """Help begins with a capital letter and ends with a full stop."""
    for command in commands():
        helps = [command.help or ""]
        for parameter in command.params:
            if isinstance(parameter, click.Option):
                helps.append(parameter.help or "")
        for text in helps:
            assert text[:1].isupper(), (command.name, text)
            assert text.rstrip().endswith("."), (command.name, text)
