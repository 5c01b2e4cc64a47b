"""The command `quant data import`: its summary, its options, and a dry run."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from quant_team_data import cache
from quant_team_data.commands import data
from quant_team_data.series import Series

SERIES = Series("import:acme", "stock", "AAPL.US", "1d")
WANTED = ("--symbol", "AAPL.US", "--interval", "1d", "--source", "acme")
HEAD = "Date,Open,High,Low,Close,Adj Close,Volume\n"
ROWS = (
    "2024-01-02,187,189,183,186,93,1000\n"
    "2024-01-03,184,186,183,184,92,1000\n"
    "2024-01-05,null,null,null,null,null,null\n"
    "2024-01-08,182,186,181,185,92.5,1000\n"
)


@pytest.fixture(autouse=True)
def _own_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUANT_ROOT", str(tmp_path))
    (tmp_path / "bars.csv").write_text(HEAD + ROWS, encoding="utf-8")


def quant_import(folder: Path, *options: str) -> Result:
    return CliRunner().invoke(data, ["import", str(folder / "bars.csv"), *WANTED, *options])


def rows_of(done: Result) -> dict[str, str]:
    """Return the summary as a dict."""
    found = {}
    for line in done.output.splitlines():
        name, _, value = line.partition("  ")
        found[name] = value.strip()
    return found


def test_the_summary_counts_every_row(tmp_path: Path) -> None:
    """Rows read are those added, changed, unchanged and dropped."""
    done = quant_import(tmp_path)
    assert done.exit_code == 0
    found = rows_of(done)
    assert found["read as"] == "Yahoo"
    assert found["rows read"] == "4"
    assert found["added"] == "3"
    assert found["dropped"] == "1 without values"
    assert found["range"] == "2024-01-02 to 2024-01-08"
    assert found["coverage"] == "60.0%, 3 of 5 bars that the calendar expects"
    assert found["prices"] == "unknown"
    assert "imported: 3 bars of AAPL.US 1d of import:acme" in done.output
    again = ROWS.replace("186,183,184", "186,183,185")
    (tmp_path / "bars.csv").write_text(HEAD + again, encoding="utf-8")
    found = rows_of(quant_import(tmp_path))
    assert (found["added"], found["changed"], found["unchanged"]) == ("0", "1 (2024-01)", "2")


def test_a_dry_run_shows_the_bars_as_they_would_be_stored(tmp_path: Path) -> None:
    """And stores nothing."""
    done = quant_import(tmp_path, "--dry-run")
    assert "2024-01-02 00:00  187   189   183  186    1000" in done.output
    assert "dry run: 3 bars of AAPL.US 1d of import:acme; nothing was stored." in done.output
    assert not (tmp_path / "data").exists()


def test_the_coverage_is_that_of_all_bars(tmp_path: Path) -> None:
    """Two files without a gap of their own leave one between them."""
    quant_import(tmp_path)
    later = "2024-12-30,252,254,251,252,252,9\n2024-12-31,252,253,249,250,250,9\n"
    (tmp_path / "bars.csv").write_text(HEAD + later, encoding="utf-8")
    found = rows_of(quant_import(tmp_path))
    assert found["range"] == "2024-12-30 to 2024-12-31"
    assert found["series now"] == "5 bars, 2024-01-02 to 2024-12-31"
    assert found["coverage"] == "2.0%, 5 of 252 bars that the calendar expects"


def test_one_bar_is_not_bars(tmp_path: Path) -> None:
    """The number is that of the bars that were stored, the noun fits it."""
    (tmp_path / "bars.csv").write_text(HEAD + ROWS.splitlines()[0], encoding="utf-8")
    assert "imported: 1 bar of" in quant_import(tmp_path).output


def test_adjusted_uses_the_adjusted_close(tmp_path: Path) -> None:
    """The other prices move by the same factor; without the option the column is left alone."""
    done = quant_import(tmp_path, "--adjusted")
    assert rows_of(done)["prices"] == "adjusted"
    assert rows_of(done)["read as"] == "Yahoo, adjusted by Adj Close"
    assert cache.load(SERIES).bars.row(0)[1:] == (93.5, 94.5, 91.5, 93.0, 1000.0)


def test_raw_and_adjusted_are_recorded_and_not_mixed(tmp_path: Path) -> None:
    """What prices are is said once and kept."""
    assert rows_of(quant_import(tmp_path, "--raw"))["prices"] == "raw"
    done = quant_import(tmp_path, "--adjusted")
    assert "is raw and these prices are adjusted" in str(done.exception)
    done = quant_import(tmp_path, "--adjusted", "--replace")
    assert rows_of(done)["prices"] == "adjusted"


def test_replace_counts_what_it_removes(tmp_path: Path) -> None:
    """The other meaning says what is gone."""
    quant_import(tmp_path)
    (tmp_path / "bars.csv").write_text(HEAD + ROWS.splitlines()[0], encoding="utf-8")
    assert rows_of(quant_import(tmp_path, "--replace"))["removed"] == "2"
    assert len(cache.load(SERIES).bars) == 1


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--adjusted", "--raw"), "exclude each other"),
        (("--columns", "Last"), "'Last' is not NAME=COLUMN"),
        (("--columns", "closed=Last"), "did you mean close?"),
        (("--columns", "close=Last"), "no column 'Last'"),
        (("--select", "AAPL"), "'AAPL' is not COLUMN=VALUE"),
        (("--select", "symbol=AAPL"), "no column 'symbol'"),
        (("--delimiter", "ab"), "not one character"),
        (("--scale", "0"), "a number above 0"),
        (("--scale", "nan"), "a number above 0"),
        (("--tz", "Mars/Base"), "no time zone 'Mars/Base'"),
        (("--stamp", "middle"), "'middle' is not one of"),
    ],
)
def test_options_that_say_nothing_are_refused(
    tmp_path: Path,
    options: tuple[str, ...],
    sentence: str,
) -> None:
    """One sentence, and nothing is stored."""
    done = quant_import(tmp_path, *options)
    assert done.exit_code != 0
    assert sentence in f"{done.output}{done.exception}"
    assert not (tmp_path / "data").exists()


def test_replace_is_never_suggested(tmp_path: Path) -> None:
    """A slip must not remove bars."""
    done = quant_import(tmp_path, "--replac")
    assert "--replace" not in done.output
