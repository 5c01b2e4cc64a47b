"""`quant data lock` and `quant data verify`: what they print, and how they end."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from quant_team_data import lock
from quant_team_data.series import Series
from tests.cached import AAPL, MSFT, fill, quant_data

pytestmark = pytest.mark.usefixtures("project")


def test_lock_prints_a_line_for_each_series(project: Path) -> None:
    """Many months are one line with the first and the last; locking again adds nothing."""
    fill(AAPL, "2024-01-01", "2024-02-11")
    fill(MSFT, "2024-02-01", "2024-02-11")
    done = quant_data("lock")
    assert done.exit_code == 0, done.output
    rows = [line.split() for line in done.output.splitlines() if ".US  " in line]
    assert rows == [
        ["AAPL.US", "1d", "sandbox", "2", "2024-01", "2024-02"],
        ["MSFT.US", "1d", "sandbox", "1", "2024-02", "2024-02"],
    ]
    assert "SYNTHETIC" in done.output
    assert "new in data.lock: 3 months of 2 series." in done.output
    assert 'git add data.lock && git commit -m "data: lock AAPL.US"' in done.output
    assert " bob " in (project / "data.lock").read_text(encoding="utf-8")
    assert "new in data.lock: 0 months of 0 series." in quant_data("lock", "AAPL.US").output


def test_one_month_is_one_month() -> None:
    """Whole numbers have their grammar."""
    fill(AAPL, "2024-01-01", "2024-01-11")
    assert "new in data.lock: 1 month of 1 series." in quant_data("lock").output


def test_the_spellings_of_a_symbol_are_one() -> None:
    """00700.HK and 700.HK are locked once."""
    fill(Series.of("sandbox", "700.HK", "1d"), "2024-01-01", "2024-01-11")
    done = quant_data("lock", "00700.HK", "700.HK,0700.HK")
    assert "new in data.lock: 1 month of 1 series." in done.output


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


@pytest.mark.parametrize(
    ("date", "price"),
    [("2024-02-09", 5.0), ("2024-02-29", 28.999999999)],
)
def test_verify_names_the_month_of_the_symbol_that_differs(date: str, price: float) -> None:
    """One bar of one symbol is revised: that month of that symbol is named, and no other."""
    for series in (AAPL, MSFT):
        fill(series, "2024-01-01", "2024-03-11")
    lock.lock([AAPL, MSFT], who="alice")
    assert quant_data("verify").exit_code == 0
    fill(AAPL, "2024-01-01", "2024-03-11", {date: price})
    done = quant_data("verify")
    assert done.exit_code == 1
    differing = [line.split() for line in done.output.splitlines() if "DIFFERS" in line]
    assert differing == [["AAPL.US", "1d", "sandbox", "2024-02", "29", "DIFFERS"]]
    assert "5 of 6" in done.output
    assert "AAPL.US 1d of sandbox 2024-02" in str(done.exception)


def test_a_revision_is_accepted_with_a_reason(project: Path) -> None:
    """`--accept SYMBOL MONTH --reason` puts the reason into the line."""
    fill(AAPL, "2024-01-01", "2024-03-11")
    lock.lock([AAPL], who="alice")
    fill(AAPL, "2024-01-01", "2024-03-11", {"2024-02-09": 5.0})
    done = quant_data("lock", "--accept", "AAPL.US", "2024-02", "--reason", "a late\nsplit")
    assert done.exit_code == 0, done.output
    assert " a late split\n" in (project / "data.lock").read_text(encoding="utf-8")
    assert quant_data("verify").exit_code == 0


def test_verify_passes_where_the_bars_are_not_here() -> None:
    """On a clone without the bars, verify says so and exits with 0."""
    assert "There is no data.lock yet" in quant_data("verify").output
    fill(AAPL, "2024-01-01", "2024-02-01")
    lock.lock([AAPL], who="alice")
    AAPL.path.unlink()
    done = quant_data("verify")
    assert done.exit_code == 0
    assert "not fetched here, so not compared: 1 month of AAPL.US 1d of sandbox" in done.output
    assert "0 of 1" in done.output


def cut(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])


def overwrite_the_middle(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[8:60] = bytes(52)
    path.write_bytes(content)


def empty(path: Path) -> None:
    path.write_bytes(b"")


def take_another_series(path: Path) -> None:
    shutil.copyfile(MSFT.path, path)


@pytest.mark.parametrize("damage", [cut, overwrite_the_middle, empty, take_another_series])
def test_verify_fails_where_a_locked_file_is_damaged(damage: object) -> None:
    """A file that is cut, overwritten, empty or another's is not "not fetched": exit 1."""
    for series in (AAPL, MSFT):
        fill(series, "2024-01-01", "2024-02-11")
    lock.lock([AAPL, MSFT], who="alice")
    assert callable(damage)
    damage(AAPL.path)
    done = quant_data("verify")
    assert done.exit_code == 1
    assert "DAMAGED here: 2 months of AAPL.US 1d of sandbox" in done.output
    assert "not fetched" not in done.output
    assert "2 of 4 months are the same here." in done.output
    fix = "`quant data fetch AAPL.US --interval 1d --start 2024-01-01 --end 2024-02-10` replaces it"
    assert fix in str(done.exception)


def test_verify_fails_where_a_locked_file_cannot_be_read() -> None:
    """A folder in its place is an error of one sentence."""
    fill(AAPL, "2024-01-01", "2024-01-11")
    lock.lock([AAPL], who="alice")
    AAPL.path.unlink()
    AAPL.path.mkdir()
    done = quant_data("verify")
    assert done.exit_code == 1
    assert "Cannot read" in str(done.exception)


def test_a_damaged_import_is_imported_again() -> None:
    """The command names the import, and both faults are reported at once."""
    series = Series.of("import:acme", "AAPL.US", "1d")
    for one in (series, MSFT):
        fill(one, "2024-01-01", "2024-01-11")
    lock.lock([series, MSFT], who="alice")
    fill(MSFT, "2024-01-01", "2024-01-11", {"2024-01-03": 9.0})
    empty(series.path)
    done = quant_data("verify")
    assert done.exit_code == 1
    fix = "`quant data import FILE --symbol AAPL.US --interval 1d --source acme` replaces it."
    assert fix in str(done.exception)
    assert "The bars differ from data.lock in MSFT.US 1d of sandbox 2024-01" in str(done.exception)
