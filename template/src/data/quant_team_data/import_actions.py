"""Splits and dividends from a file: a CSV or Parquet table of date, ratio and cash.

They are kept under the import's source, `import:<vendor>`, beside its bars. A list that was
imported counts as whole up to the day of the import: where it names nothing, there was nothing. So
a file with a header and no rows declares that a stock had no splits and no dividends.
"""

from __future__ import annotations

import contextlib
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import polars as pl

from quant_team_data import action_table, actions, formats, markets
from quant_team_data.action_table import Row, Table
from quant_team_data.actions import Action, Known
from quant_team_data.formats import ImportFileError, Reading
from quant_team_data.importing import vendor
from quant_team_data.series import IMPORT
from quant_team_utils import files

AHEAD = timedelta(days=366)  # how far an announced action may lie in the future
FUTURE = "not ex yet"
NOTHING = "no split and no dividend"
UNREADABLE = (
    pl.exceptions.PolarsError,
    pl.exceptions.PanicException,
    ValueError,
)


class Report(NamedTuple):
    """What an import made of a file.

    Attributes:
        known: all actions of the symbol now.
        read_as: what the file is.
        rows: how many rows it has.
        added: actions on dates that had none.
        changed: actions, as they are now, on dates that had others.
        unchanged: actions that were there already.
        removed: actions that `replace` took away.
        dropped: rows that were left out, by reason.
    """

    known: Known
    read_as: str
    rows: int
    added: list[Action]
    changed: list[Action]
    unchanged: int
    removed: int
    dropped: dict[str, int]


def import_actions(
    path: Path,
    symbol: str,
    source: str,
    *,
    reading: Reading | None = None,
    replace: bool = False,
    dry_run: bool = False,
    now: datetime | None = None,
) -> Report:
    """Add the splits and dividends of a file to those of its symbol.

    A cell without a value says nothing: a file of dividends leaves the splits that are known.

    Args:
        path: a CSV or Parquet file, with a header; no rows: there are no actions.
        symbol: TickDB's spelling of a stock, such as "AAPL.US".
        source: name of the vendor: lower-case letters, digits, - and _.
        reading: how to read what the file does not say.
        replace: remove the actions that are there.
        dry_run: store nothing.
        now: aware; default: the clock.

    Raises:
        ImportFileError: the file cannot be read, or it does not contain actions; the sentence
            names the first fault.
        SymbolNotFoundError: the symbol fits no market.
        AmbiguousSymbolError: it fits two.
    """
    now = now or datetime.now(UTC)
    series = actions.series_of(IMPORT + vendor(source), symbol)
    table = _read(path, series.symbol, reading or Reading(), now)
    one_at_a_time = files.locked(series.path.with_suffix(".merge"))
    with contextlib.nullcontext() if dry_run else one_at_a_time:
        before = actions.load(series.source, series.symbol)
        report = _merged(before, table, now, replace=replace)
        if dry_run:
            return report
        known = actions.keep(series, report.known.actions, now)
    return report._replace(known=known)


# Details


def _read(
    path: Path,
    symbol: str,
    reading: Reading,
    now: datetime,
) -> Table:
    name = formats.printable(str(path))
    try:
        if markets.market_of(symbol).type != "stock":
            raise ImportFileError(f"{symbol} is not a stock: it has no splits and dividends")
        table = action_table.read(path, symbol, reading)
        _check(table.rows, now)
    except ImportFileError as error:
        raise ImportFileError(f"{name}: {error}.") from None
    except UNREADABLE:
        raise ImportFileError(f"{name}: it cannot be read: check the file.") from None
    return table


def _check(rows: list[Row], now: datetime) -> None:
    """Refuse two rows of one date, and dates beyond reason."""
    latest = now.date() + AHEAD
    seen: dict[date, int] = {}
    for row in rows:
        where = f"row {row.number} ({row.date})"
        if row.date > latest:
            raise ImportFileError(f"{where}: more than a year ahead: correct the date")
        other = seen.setdefault(row.date, row.number)
        if other != row.number:
            raise ImportFileError(
                f"{where}: two rows for one date, {other} and {row.number}: put split and "
                "dividend into one row, or remove one"
            )


def _merged(
    before: Known,
    table: Table,
    now: datetime,
    *,
    replace: bool,
) -> Report:
    """Return what becomes of known actions when the rows of a file are added."""
    known = {action.date: action for action in before.actions}
    after = {} if replace else dict(known)
    report = Report(before, table.read_as, len(table.rows), [], [], 0, 0, {})
    for row in table.rows:
        base = after.get(row.date, Action(row.date))
        action = _filled(row, base)
        old = known.get(row.date)
        if row.date > now.date():
            _count(report.dropped, FUTURE)
        elif old is None and action.is_nothing:
            _count(report.dropped, NOTHING)
        else:
            after[row.date] = action
            report = _counted(report, action, old)
    removed = len(known.keys() - after.keys())
    left = sorted(action for action in after.values() if not action.is_nothing)
    whole = before._replace(actions=left)
    return report._replace(known=whole, removed=removed)


def _counted(report: Report, action: Action, old: Action | None) -> Report:
    """Return a report that has counted an action, which may be known."""
    if action == old:
        return report._replace(unchanged=report.unchanged + 1)
    which = report.added if old is None else report.changed
    which.append(action)
    return report


def _count(dropped: dict[str, int], reason: str) -> None:
    dropped[reason] = dropped.get(reason, 0) + 1


def _filled(row: Row, base: Action) -> Action:
    """Return the action of a row; what its cells do not say is as it was."""
    ratio = base.ratio if row.ratio is None else row.ratio
    cash = base.cash if row.cash is None else row.cash
    return Action(row.date, ratio, cash)
