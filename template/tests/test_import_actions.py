"""Splits and dividends from files: what is read, what is refused, what is added to what."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
import pytest
from click.testing import CliRunner, Result

from quant_team_data import actions, lock
from quant_team_data.actions import Action
from quant_team_data.commands import data
from quant_team_data.formats import ImportFileError, Reading
from quant_team_data.import_actions import Report, import_actions

NOW = datetime(2025, 3, 3, 12, tzinfo=UTC)
SPLIT = Action(date(2020, 8, 31), 4.0, 0.0)
DIVIDEND = Action(date(2020, 8, 7), 1.0, 0.82)


@pytest.fixture(autouse=True)
def _own_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUANT_ROOT", str(tmp_path))


def take(folder: Path, text: str, *, replace: bool = False, **reading: object) -> Report:
    """Import a CSV text as actions of AAPL.US from acme."""
    path = folder / "actions.csv"
    path.write_text(text, encoding="utf-8")
    how = Reading(**reading)  # type: ignore[arg-type]
    return import_actions(path, "AAPL.US", "acme", reading=how, replace=replace, now=NOW)


def quant_data(*arguments: str) -> Result:
    return CliRunner().invoke(data, arguments)


@pytest.mark.parametrize(
    "text",
    [
        "date,ratio,cash\n2020-08-31,4,\n2020-08-07,,0.82\n",
        "date,ratio,cash\n2020-08-07,1,0.82\n2020-08-31,4:1,0\n",
        "Ex-Date;Split Ratio;Dividend\n2020-08-07;;$0.82\n2020-08-31;4-for-1;\n",
        "execution_date,ratio,cash_amount,pay_date\n"
        "2020-08-31,4/1,,\n2020-08-07,,0.82,2020-08-13\n",
        "Date,Dividends,Stock Splits\n2020-08-07 00:00:00-04:00,0.82,0.0\n"
        "2020-08-31 00:00:00-04:00,0.0,4.0\n",
        "date,ratio,symbol,cash,currency\n08/07/2020,,AAPL,.82,USD\n08/31/2020,4 for 1,AAPL,,USD\n",
    ],
)
def test_a_split_and_a_dividend_are_read_as_vendors_write_them(tmp_path: Path, text: str) -> None:
    """Names, dates, ratios and blanks of the usual kinds say the same."""
    report = take(tmp_path, text, date_order="mdy")
    assert report.known.actions == [DIVIDEND, SPLIT]
    assert (len(report.added), report.changed, report.unchanged) == (2, [], 0)
    assert actions.load("import:acme", "AAPL.US").actions == [DIVIDEND, SPLIT]


def test_a_parquet_file_is_read_too(tmp_path: Path) -> None:
    """Typed columns say what text does."""
    path = tmp_path / "actions.parquet"
    days = [DIVIDEND.date, SPLIT.date]
    frame = pl.DataFrame({"date": days, "ratio": [None, 4.0], "cash": [0.82, None]})
    frame.write_parquet(path)
    assert import_actions(path, "AAPL.US", "acme", now=NOW).known.actions == [DIVIDEND, SPLIT]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("date,ratio\n2020-08-31,4\n2020-08-31,2\n", "two rows for one date, 2 and 3"),
        ("date,ratio\n2020-08-31,0\n", "ratio '0' is not above 0"),
        ("date,ratio\n2020-08-31,-4\n", "ratio '-4' is not above 0"),
        ("date,ratio\n2020-08-31,4:0\n", "is not above 0"),
        ("date,ratio\n2020-08-31,NaN\n", "ratio 'NaN' is not a number"),
        ("date,ratio\n2020-08-31,inf\n", "ratio 'inf' is not a number"),
        ("date,ratio\n2020-08-31,1_0\n", "is not a number"),
        ("date,cash\n2020-08-31,-1\n", "row 2 .2020-08-31.: cash '-1' is below 0"),
        ("date,cash\n2029-08-31,1\n", "more than a year ahead"),
        ("date,cash\nsoon,1\n", "row 2: "),
        ("date,cash,colour\n2020-08-31,1,red\n", "unknown column 'colour'.*--columns"),
        ("date,split,ratio\n2020-08-31,1,2\n", "two columns of ratio, 'split' and 'ratio'"),
        ("date,cash,cash\n2020-08-31,1,2\n", "two columns are called 'cash'"),
        ("date\n2020-08-31\n", "no column ratio or cash"),
        ("ratio\n2\n", "no column date"),
        ("date,cash,symbol\n2020-08-31,1,MSFT\n", "it holds 'MSFT', not AAPL.US"),
        ("date,cash,currency\n2020-08-31,1,EUR\n", "dividends in 'EUR'; AAPL.US needs them in USD"),
        ("date,cash\n2020-08-31,1,2\n", "row 2: 3 cells"),
        ("", "it is empty; the columns are date"),
    ],
)
def test_what_is_not_an_action_is_refused(tmp_path: Path, text: str, words: str) -> None:
    """The sentence names row, column or value, and nothing is stored."""
    with pytest.raises(ImportFileError, match=words):
        take(tmp_path, text)
    assert not actions.load("import:acme", "AAPL.US").is_known


def test_a_header_alone_says_that_there_are_none(tmp_path: Path) -> None:
    """No actions is known, up to the day of the import, and differs from unknown."""
    assert not actions.load("import:acme", "AAPL.US").is_known
    report = take(tmp_path, "date,ratio,cash\n")
    known = actions.load("import:acme", "AAPL.US")
    assert (report.rows, known.actions, known.until) == (0, [], NOW.date())
    assert known.covers(NOW.date())
    assert not known.covers(date(2025, 3, 4))


def test_an_import_adds_and_a_blank_says_nothing(tmp_path: Path) -> None:
    """A file of splits leaves the dividends that are known, on the same date too."""
    take(tmp_path, "date,cash\n2020-08-07,0.82\n2020-08-31,0.5\n")
    report = take(tmp_path, "date,ratio\n2020-08-31,4\n2014-06-09,7\n2020-08-07,1\n")
    assert report.added == [Action(date(2014, 6, 9), 7.0)]
    assert report.changed == [Action(SPLIT.date, 4.0, 0.5)]
    assert report.unchanged == 1
    assert len(report.known.actions) == 3
    report = take(tmp_path, "date,cash\n2020-08-31,0.6\n")
    assert report.changed == [Action(SPLIT.date, 4.0, 0.6)]
    report = take(tmp_path, "date,ratio\n2020-08-31,4\n", replace=True)
    assert (report.known.actions, report.removed) == ([SPLIT], 2)


def test_rows_without_an_action_and_those_not_ex_yet_are_dropped(tmp_path: Path) -> None:
    """A date that comes may still change, a row of nothing is none; both are counted."""
    report = take(tmp_path, "date,ratio,cash\n2025-05-05,,1\n2020-01-02,1,0\n2020-08-31,4,\n")
    assert report.known.actions == [SPLIT]
    assert report.dropped == {"not ex yet": 1, "no split and no dividend": 1}


def test_only_stocks_have_actions(tmp_path: Path) -> None:
    """A coin has none."""
    path = tmp_path / "a.csv"
    path.write_text("date,ratio\n2020-08-31,4\n", encoding="utf-8")
    with pytest.raises(ImportFileError, match="BTCUSDT is not a stock"):
        import_actions(path, "BTCUSDT", "acme", now=NOW)


def test_the_command_needs_no_interval(tmp_path: Path) -> None:
    """It prints a summary; a dry run stores nothing; bars still need their interval."""
    path = tmp_path / "a.csv"
    path.write_text("date,ratio,cash\n2020-08-31,4:1,\n2020-08-07,,0.82\n", encoding="utf-8")
    arguments = ["import", "--actions", str(path), "--symbol", "AAPL.US", "--source", "acme"]
    dry = quant_data(*arguments, "--dry-run")
    assert dry.exit_code == 0, dry.output
    assert "nothing was stored" in dry.output
    assert not actions.load("import:acme", "AAPL.US").is_known
    done = quant_data(*arguments)
    assert done.exit_code == 0, done.output
    assert "1 split and 1 dividend, 2020-08-07 to 2020-08-31" in done.output
    assert "quant data lock AAPL.US --source import:acme" in done.output
    wrong = quant_data(*arguments, "--adjusted")
    assert "--actions and --adjusted exclude each other" in wrong.output
    bars = quant_data("import", str(path), "--symbol", "AAPL.US", "--source", "acme")
    assert bars.exit_code == 2
    assert "--interval" in bars.output


def test_a_damaged_list_is_imported_again(tmp_path: Path) -> None:
    """`quant data verify` names the command that replaces it."""
    known = take(tmp_path, "date,ratio\n2020-08-31,4\n").known
    lock.lock([known.series], who="alice", now=NOW)
    known.series.path.write_bytes(b"broken")
    done = quant_data("verify")
    assert done.exit_code == 1
    assert "`quant data import --actions FILE --symbol AAPL.US --source acme`" in str(
        done.exception
    )


def test_imported_actions_are_locked_like_bars(tmp_path: Path) -> None:
    """A line for each month that has one; another list than the agreed one is not locked."""
    take(tmp_path, "date,ratio,cash\n2020-08-31,4,\n2020-08-07,,0.82\n")
    known = actions.load("import:acme", "AAPL.US")
    first, last = date(2020, 1, 2), date(2020, 12, 31)
    assert actions.check(known, lock.read(), first, last) == (False, [])
    lines = lock.lock([known.series], who="alice", now=NOW)
    assert [(line.type, line.interval, line.month, line.number) for line in lines] == [
        ("factors", "actions", "2020-08", "2")
    ]
    assert actions.check(known, lock.read(), first, last) == (True, [])
    changed = take(tmp_path, "date,cash\n2020-08-07,0.80\n").known
    assert actions.check(changed, lock.read(), first, last) == (False, lines)
    assert actions.check(
        changed,
        lock.read(),
        date(2020, 9, 1),
        last,
    ) == (True, [])
    none = take(tmp_path, "date,cash\n", replace=True).known
    assert actions.check(none, lock.read(), first, last) == (False, lines)
