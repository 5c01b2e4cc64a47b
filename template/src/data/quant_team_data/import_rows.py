"""The rows of a file that are bars of one instrument: no blank lines, no others, some values."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import polars as pl

from quant_team_data import import_numbers, instruments
from quant_team_data.formats import ImportFileError, Reading, shown
from quant_team_data.frames import VALUES
from quant_team_utils.console import printable

MOST_NAMED = 5  # instruments that an error lists
BLANK = r"^\s*$"

Columns = dict[str, pl.Series]


class Rows(NamedTuple):
    """Rows of a file.

    Attributes:
        columns: what is read of them, by what it means, and "select" for `Reading.select`.
        numbers: the number of each row in the file, from 1, without the header.
        dropped: how many were left out, by reason.
    """

    columns: Columns
    numbers: pl.Series
    dropped: dict[str, int]

    def kept(
        self,
        mask: pl.Series,
        reason: str | None = None,
    ) -> Rows:
        """Return the rows of a mask; what is left out is counted where there is a reason."""
        count = int((~mask).sum())
        if not count:
            return self
        columns = {}
        for name, column in self.columns.items():
            columns[name] = column.filter(mask)
        dropped = dict(self.dropped)
        if reason:
            dropped[reason] = count
        return Rows(columns, self.numbers.filter(mask), dropped)


def of(columns: Columns) -> Rows:
    """Return the rows of columns without blank lines, which are allowed.

    Raises:
        ImportFileError: there are none.
    """
    height = len(next(iter(columns.values())))
    numbers = pl.int_range(1, height + 1, eager=True)
    rows = Rows(columns, numbers, {})
    # Values first: where they are numbers, that is quick.
    names = sorted(columns, key=_is_slow)
    rows = rows.kept(~_all_are(_is_blank, columns, names))
    if rows.numbers.is_empty():
        raise ImportFileError("no rows: there is nothing to import")
    return rows


def selected(rows: Rows, reading: Reading) -> Rows:
    """Return the rows that the user selects.

    Raises:
        ImportFileError: there are none.
    """
    if reading.select is None:
        return rows
    name, value = reading.select
    column = rows.columns["select"].cast(pl.String)
    mask = (column == value).fill_null(value=False)
    if not mask.any():
        values = column.unique().sort()[:MOST_NAMED]
        has = ", ".join(map(shown, values))
        wanted = shown(value)
        raise ImportFileError(f"no row whose {shown(name)} is {wanted}: it holds {has}")
    return rows.kept(mask, "not selected")


def with_values(rows: Rows) -> Rows:
    """Return the rows that have a value: Yahoo writes `null` for days without a trade.

    Raises:
        ImportFileError: there are none.
    """
    names = [name for name in VALUES if name in rows.columns]
    rows = rows.kept(
        ~_all_are(_is_nothing, rows.columns, names),
        "without values",
    )
    if rows.numbers.is_empty():
        raise ImportFileError("no row with values: there is nothing to import")
    return rows


def require_instrument(
    column: pl.Series,
    header: str,
    symbol: str,
) -> None:
    """Refuse rows of several instruments, or of another one.

    Args:
        column: the name of the instrument in each row.
        header: the name of that column.
        symbol: the one asked for, in TickDB's spelling.

    Raises:
        ImportFileError: the names are not all of that symbol.
    """
    named = column.cast(pl.String).fill_null("")
    names = named.unique().sort().to_list()
    if len(names) > 1 or not instruments.is_same(names[0], symbol):
        refuse_instruments(names, header, symbol)


def refuse_instruments(
    names: list[str],
    header: str,
    symbol: str,
) -> None:
    """Refuse a file that names these instruments.

    Raises:
        ImportFileError: always.
    """
    if len(names) == 1:
        raise ImportFileError(
            f"the file says {shown(names[0])}, not {symbol}: pass the --symbol that it names, or "
            "--columns instrument=none if both are one"
        )
    listed = " and ".join(map(shown, names[:MOST_NAMED]))
    if len(names) > MOST_NAMED:
        listed += f" and {len(names) - MOST_NAMED} more"
    fitting = [name for name in names if instruments.is_same(name, symbol)]
    example = printable([*fitting, *names][0])
    raise ImportFileError(
        f"the column {shown(header)} holds {listed}: "
        f"take one as in --select {printable(header)}={example}"
    )


# Details


def _is_slow(name: str) -> bool:
    return name not in VALUES


def _all_are(
    test: Callable[[pl.Series], pl.Series],
    columns: Columns,
    names: list[str],
) -> pl.Series:
    """Return in which rows all of these columns pass a test."""
    every = test(columns[names[0]])
    for name in names[1:]:
        if not every.any():
            break
        every &= test(columns[name])
    return every


def _is_blank(column: pl.Series) -> pl.Series:
    missing = column.is_null()
    if column.dtype == pl.String:
        blank = column.str.contains(BLANK)
        missing |= blank.fill_null(value=False)
    return missing


def _is_nothing(column: pl.Series) -> pl.Series:
    missing = column.is_null()
    if column.dtype == pl.String:
        text = column.str.strip_chars()
        return missing | text.is_in(import_numbers.EMPTY)
    if column.dtype.is_float():
        return missing | column.is_nan()
    return missing
