"""The rows of a file of splits and dividends: which column means what, and what its cells say."""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import NamedTuple

import polars as pl

from quant_team_data import (
    calendars,
    formats,
    import_bytes,
    import_times,
    instruments,
    markets,
    parquet_footer,
)
from quant_team_data.formats import ImportFileError, Reading, plain, shown
from quant_team_data.import_times import Times

MOST_ROWS = 100_000
MOST_BYTES = 1 << 24
DELIMITERS = ",;\t|"
PARQUET = b"PAR1"
DAY_MS = 86_400_000
# What a column may mean, and its names: in lower case, with blanks for underscores, a bar between.
NAMES = {
    "date": "date|ex date|ex-date|exdate|ex dividend date|ex-dividend date|ex/eff date|time"
    "|execution date|effective date|timestamp",
    "ratio": "ratio|split|splits|split ratio|stock split|stock splits|split factor",
    "cash": "cash|dividend|dividends|amount|cash amount|dividend amount|cash dividend",
    "instrument": formats.NAMES["instrument"],
    "currency": "currency",
}
# What a vendor adds that decides nothing.
IGNORED = "type|dividend type|declaration date|record date|payment date|pay date|frequency|id"
ZERO_IS_NONE = "stock splits"  # where yfinance writes 0 for a day without a split
RATIO = re.compile(r"(\d+(?:\.\d+)?) ?(?::|/|-? ?for ?-?|to) ?(\d+(?:\.\d+)?)", re.IGNORECASE)
MONEY = "$€£¥ "
EXAMPLE = "the columns are date, ratio (4:1) and cash (0.22)"


class Row(NamedTuple):
    """One row of a file.

    Attributes:
        number: in the file, the header is 1.
        date: the ex-date.
        ratio: new shares for an old one, or None where the row says nothing of it.
        cash: dividend for an old share, or None.
    """

    number: int
    date: date
    ratio: float | None
    cash: float | None


class Table(NamedTuple):
    """What a file holds.

    Attributes:
        read_as: its kind and its columns.
        rows: in the order of the file.
    """

    read_as: str
    rows: list[Row]


def read(path: Path, symbol: str, reading: Reading) -> Table:
    """Return the rows of a CSV or Parquet file.

    Args:
        path: the file.
        symbol: TickDB's spelling of the stock whose actions are wanted.
        reading: `columns`, `delimiter`, `decimal` and `date_order` count.

    Raises:
        ImportFileError: it cannot be read; a column or a cell is not what it should be.
    """
    content = import_bytes.read(path)
    _require_small(len(content))
    is_parquet = content[:4] == PARQUET
    columns = _parquet(content) if is_parquet else _csv(content, reading.delimiter)
    header = list(columns)
    meanings = _chosen(header, reading.columns) if reading.columns else _meanings(header)
    _require(meanings, header)
    kind = "Parquet" if is_parquet else "CSV"
    named = ", ".join(map(shown, meanings.values()))
    used = {meaning: columns[name] for meaning, name in meanings.items()}
    _check_instrument(used, symbol)
    return Table(f"{kind} ({named})", _rows(used, meanings, symbol, reading))


# Details: the columns


def _csv(content: bytes, delimiter: str | None) -> dict[str, pl.Series]:
    text = import_bytes.utf8(content).decode("utf-8", errors="replace")
    first = text.lstrip("\n").partition("\n")[0]
    mark = delimiter or max(DELIMITERS, key=first.count)
    try:
        lines = [line for line in csv.reader(io.StringIO(text), delimiter=mark) if any(line)]
    except csv.Error:
        raise ImportFileError("it cannot be read as CSV: check the file") from None
    if not lines:
        raise ImportFileError(
            f"it is empty; {EXAMPLE}, and the header alone says that there are none"
        )
    header, *rows = lines
    _require_few(len(rows))
    width = len(header)
    for number, row in enumerate(rows, 2):
        if len(row) > width:
            raise ImportFileError(
                f"row {number}: {len(row)} cells where the header has {width}: correct it"
            )
        row += [""] * (width - len(row))
    names = _unique(header)
    columns = {}
    for place, name in enumerate(names):
        cells = [row[place].strip() for row in rows]
        columns[name] = pl.Series(name, cells, pl.String)
    return columns


def _parquet(content: bytes) -> dict[str, pl.Series]:
    size = parquet_footer.size_of(content)
    _require_few(size.rows)
    _require_small(size.most)
    frame = pl.read_parquet(io.BytesIO(content))
    return {column.name: column for column in frame.get_columns()}


def _require_few(count: int) -> None:
    if count > MOST_ROWS:
        raise ImportFileError(f"{count:,} rows: no stock has so many splits and dividends")


def _require_small(size: int) -> None:
    if size > MOST_BYTES:
        raise ImportFileError(f"{size:,} bytes: no stock has so many splits and dividends")


def _unique(header: Sequence[str]) -> list[str]:
    names = [name.strip() for name in header]
    for name in names:
        if names.count(name) > 1:
            raise ImportFileError(f"two columns are called {shown(name)}: rename one")
    return names


def _meanings(header: Sequence[str]) -> dict[str, str]:
    """Return which column has which meaning, by its name."""
    known = {}
    for which, names in NAMES.items():
        for name in names.split("|"):
            known[name] = which
    found: dict[str, str] = {}
    for name in header:
        meaning = known.get(plain(name))
        if meaning is None:
            _refuse_unknown(name)
        elif meaning in found:
            raise ImportFileError(
                f"two columns of {meaning}, {shown(found[meaning])} and {shown(name)}: choose "
                f"with --columns date=...,{meaning}=..."
            )
        else:
            found[meaning] = name
    return found


def _refuse_unknown(name: str) -> None:
    if formats.is_index(name) or plain(name) in IGNORED.split("|"):
        return
    raise ImportFileError(
        f"unknown column {shown(name)}: {EXAMPLE}; others are left out with --columns "
        "date=...,ratio=...,cash=..."
    )


def _chosen(header: Sequence[str], columns: Mapping[str, str]) -> dict[str, str]:
    """Return the columns that an option names."""
    found = {}
    for meaning, name in columns.items():
        if meaning not in NAMES:
            raise ImportFileError(f"--columns: {shown(meaning)} is not one of date, ratio, cash")
        if name != formats.NONE:
            found[meaning] = header[formats.position_of(header, name)]
    return found


def _require(meanings: Mapping[str, str], header: Sequence[str]) -> None:
    has_values = "ratio" in meanings or "cash" in meanings
    if "date" not in meanings or not has_values:
        there = ", ".join(map(shown, header[: formats.MOST_NAMED]))
        lacking = "ratio or cash" if "date" in meanings else "date"
        raise ImportFileError(f"no column {lacking} among {there}: {EXAMPLE}")


def _check_instrument(used: Mapping[str, pl.Series], symbol: str) -> None:
    """Refuse rows of another instrument, or in another currency than the market's."""
    for name in _texts(used, "instrument"):
        if not instruments.is_same(name, symbol):
            raise ImportFileError(f"it holds {shown(name)}, not {symbol}: check the file")
    wanted = markets.market_of(symbol).currency
    for name in _texts(used, "currency"):
        if name.upper() != wanted:
            raise ImportFileError(f"dividends in {shown(name)}; {symbol} needs them in {wanted}")


def _texts(used: Mapping[str, pl.Series], meaning: str) -> list[str]:
    cells = used[meaning].to_list() if meaning in used else []
    return [str(cell) for cell in cells if cell not in (None, "")]


# Details: the cells


def _rows(
    used: Mapping[str, pl.Series],
    meanings: Mapping[str, str],
    symbol: str,
    reading: Reading,
) -> list[Row]:
    count = len(used["date"])
    numbers = pl.Series(range(2, count + 2), dtype=pl.Int64)
    if not count:
        return []
    times = import_times.read(used["date"], numbers, reading.date_order)
    days = _days(times, symbol)
    nothing = [None] * count
    ratios = used["ratio"].to_list() if "ratio" in used else nothing
    amounts = used["cash"].to_list() if "cash" in used else nothing
    skips_zero = plain(meanings.get("ratio", "")) == ZERO_IS_NONE
    rows = []
    for number, day, ratio, amount in zip(numbers, days, ratios, amounts, strict=True):
        where = f"row {number} ({day})"
        part = _ratio(ratio, where, reading)
        if part == 0 and skips_zero:
            part = None
        if part is not None and part <= 0:
            raise ImportFileError(f"{where}: ratio {shown(ratio)} is not above 0")
        cash = _number(amount, "cash", where, reading)
        if cash is not None and cash < 0:
            raise ImportFileError(f"{where}: cash {shown(amount)} is below 0")
        rows.append(Row(number, day, part, cash))
    return rows


def _days(times: Times, symbol: str) -> list[date]:
    """Return the trading date of each time; a time that names its zone is read in the market's."""
    stamps = times.stamps.to_numpy()
    if times.kind == "aware":
        stamps = calendars.trading_dates(stamps, markets.market_of(symbol), "1d")
    days = pl.Series(stamps // DAY_MS).cast(pl.Int32).cast(pl.Date)
    found: list[date] = days.to_list()
    return found


def _ratio(cell: object, where: str, reading: Reading) -> float | None:
    """Return a ratio: a number, or two as in 4:1, 4/1, 4-for-1."""
    parts = RATIO.fullmatch(cell.strip()) if isinstance(cell, str) else None
    if parts is None:
        return _number(cell, "ratio", where, reading)
    new, old = float(parts[1]), float(parts[2])
    return new / old if old else 0.0


def _number(
    cell: object,
    name: str,
    where: str,
    reading: Reading,
) -> float | None:
    """Return a number, or None for a cell without one."""
    text = "" if cell is None else str(cell).strip().strip(MONEY)
    if not text:
        return None
    if reading.decimal == ",":
        text = text.replace(".", "").replace(",", ".")
    is_number = re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", text, re.IGNORECASE)
    value = float(text) if is_number else math.nan
    if not math.isfinite(value):
        raise ImportFileError(
            f"{where}: {name} {shown(cell)} is not a number; leave the cell empty for none"
        )
    return value
