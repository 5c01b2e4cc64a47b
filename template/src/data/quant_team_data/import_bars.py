"""From the table in a file to bars: which columns they are, and what the numbers mean."""

from __future__ import annotations

import dataclasses
from typing import NamedTuple

import polars as pl

from quant_team_data import (
    formats,
    import_numbers,
    import_rows,
    import_table,
    import_times,
    instruments,
)
from quant_team_data.formats import (
    FIXED_POINT,
    ImportFileError,
    Layout,
    Reading,
)
from quant_team_data.frames import VALUES
from quant_team_data.import_rows import Columns, Rows
from quant_team_data.import_table import Table
from quant_team_data.import_times import Times

PRICES = ("open", "high", "low", "close")
LEAST_FIXED = 1_000_000  # below it, a whole number is a price and no multiple of 1e-9
NO_VALUES = (pl.Object, pl.Binary, pl.Boolean)  # types that hold no number, time or name
LAST_DIGITS = 1e-9  # of a price: what rounding may cost


class Content(NamedTuple):
    """The bars in a file, as they stand there.

    Attributes:
        read_as: whose export it is, or its kind and its columns.
        rows: the number of each row, from 1, without the header.
        times: their stamps.
        values: Float64 columns open, high, low, close and volume; a missing value is null.
        dropped: how many rows were left out, by reason.
    """

    read_as: str
    rows: pl.Series
    times: Times
    values: pl.DataFrame
    dropped: dict[str, int]

    @property
    def row_count(self) -> int:
        """How many rows of the file are not blank."""
        left_out = sum(self.dropped.values())
        return len(self.rows) + left_out


def content(
    table: Table,
    symbol: str,
    reading: Reading,
) -> Content:
    """Return the bars in a table.

    Args:
        table: from `import_table.read`.
        symbol: the one asked for, in TickDB's spelling.
        reading: how to read what the file does not say.

    Raises:
        ImportFileError: the table does not hold bars of that symbol; the sentence names the first
            fault and the option that helps.
    """
    if any(table.tickers):
        table, reading = _of_ticker(table, symbol, reading)
    layout = formats.layout(table.header, reading, symbol)
    layout = _with_volume(layout, table)
    rows = import_rows.of(_used(table, layout, reading))
    rows = import_rows.selected(rows, reading)
    place = layout.positions.get("instrument")
    if place is not None:
        named = rows.columns["instrument"]
        import_rows.require_instrument(named, table.header[place], symbol)
    read_as = _name(table, layout, rows)
    rows = import_rows.with_values(rows)
    values, note = _values(rows, layout, reading, table.delimiter)
    return Content(
        read_as=read_as + note,
        rows=rows.numbers,
        times=_times(rows, layout, reading),
        values=values,
        dropped=rows.dropped,
    )


# Details: columns


def _of_ticker(
    table: Table,
    symbol: str,
    reading: Reading,
) -> tuple[Table, Reading]:
    """Return the columns of one instrument, where a header line names one for each column."""
    named = sorted(set(table.tickers) - {""})
    select = reading.select
    if select and formats.plain(select[0]) == "ticker":
        named = [select[1]]
        reading = dataclasses.replace(reading, select=None)
    if len(named) > 1 or not instruments.is_same(named[0], symbol):
        import_rows.refuse_instruments(named, "Ticker", symbol)
    header = []
    columns = []
    for place, ticker in enumerate(table.tickers):
        if ticker in ("", named[0]):
            header.append(table.header[place])
            columns.append(table.columns[place])
    part = table._replace(header=header, columns=columns)
    return part, reading


def _with_volume(layout: Layout, table: Table) -> Layout:
    """Return a layout whose volume is MetaTrader's ticks where that is all there is."""
    names = list(map(formats.plain, table.header))
    place = layout.positions.get("volume")
    if layout.name != "MetaTrader" or place is None:
        return layout
    if "<tickvol>" not in names:
        return layout
    volume = table.columns[place].cast(pl.String)
    if volume.str.contains("[1-9]").any():
        return layout
    positions = dict(layout.positions)
    positions["volume"] = names.index("<tickvol>")
    name = f"{layout.name}, ticks as volume"
    return layout._replace(name=name, positions=positions)


def _used(
    table: Table,
    layout: Layout,
    reading: Reading,
) -> Columns:
    """Return the columns that mean something, and the one to select by."""
    positions = dict(layout.positions)
    if reading.select:
        name = reading.select[0]
        positions["select"] = formats.position_of(table.header, name)
    columns = {}
    for meaning, place in positions.items():
        column = table.columns[place].alias(meaning)
        columns[meaning] = _plain(column)
    return columns


def _plain(column: pl.Series) -> pl.Series:
    """Return a column as text, numbers or times.

    Raises:
        ImportFileError: it holds something else.
    """
    kind = column.dtype
    if kind.is_nested() or kind in NO_VALUES:
        raise ImportFileError(f"the column {column.name} holds {kind}: name another one")
    if kind in (pl.Categorical, pl.Enum):
        column = column.cast(pl.String)
    is_name = column.name in ("instrument", "select")
    if is_name and column.dtype == pl.String:
        return column.str.strip_chars()
    return column


def _name(
    table: Table,
    layout: Layout,
    rows: Rows,
) -> str:
    """Return whose export a table is, or what it is."""
    if any(table.tickers):
        return "Yahoo"
    if layout.name:
        return layout.name
    time = str(_stamps(rows)[0])
    delimiter = table.delimiter or ","
    known = formats.likeness(table.header, time, delimiter)
    return known or import_table.describe(table)


# Details: times and numbers


def _stamps(rows: Rows) -> pl.Series:
    name = "date" if "date" in rows.columns else "time"
    return rows.columns[name]


def _times(
    rows: Rows,
    layout: Layout,
    reading: Reading,
) -> Times:
    return import_times.read(
        _stamps(rows),
        rows.numbers,
        reading.date_order or layout.order,
        rows.columns.get("clock"),
    )


def _values(
    rows: Rows,
    layout: Layout,
    reading: Reading,
    delimiter: str,
) -> tuple[pl.DataFrame, str]:
    """Return the values as a frame, and what was done to them, for the summary."""
    note = ""
    is_adjusted = reading.prices == "adjusted" and "adjusted" in rows.columns
    frame = _numbers(rows, reading, delimiter, is_adjusted=is_adjusted)
    if "volume" not in frame.columns:
        frame = frame.with_columns(volume=pl.lit(0.0))
        note += ", volume 0"
    scale = reading.scale
    if scale is None and layout.name == "Databento" and _is_fixed(rows, frame):
        scale = FIXED_POINT
    if scale is not None:
        frame = _scaled(frame, scale)
        note += f", prices x {scale:g}"
    if is_adjusted:
        frame = _adjusted(frame)
        note += ", adjusted by Adj Close"
    return frame.select(VALUES), note


def _numbers(
    rows: Rows,
    reading: Reading,
    delimiter: str,
    *,
    is_adjusted: bool,
) -> pl.DataFrame:
    """Return the columns of numbers that are wanted."""
    wanted = [*VALUES, "adjusted"] if is_adjusted else VALUES
    texts = {}
    for name in wanted:
        if name in rows.columns:
            texts[name] = rows.columns[name]
    numbers = import_numbers.read(texts, rows.numbers, reading.decimal, delimiter)
    return pl.DataFrame(numbers)


def _is_fixed(rows: Rows, frame: pl.DataFrame) -> bool:
    """Tell whether prices are whole numbers of 1e-9."""
    for name in PRICES:
        column = rows.columns[name]
        if column.dtype.is_float() or column.dtype == pl.Decimal:
            return False
        text = column.cast(pl.String)
        if text.str.contains(".", literal=True).any():
            return False
    is_large = frame["close"] >= LEAST_FIXED
    return bool(is_large.all())


def _scaled(frame: pl.DataFrame, scale: float) -> pl.DataFrame:
    """Return prices times a scale; divided where it is one over a whole number, which is exact."""
    inverse = round(1 / scale)
    rest = abs(inverse * scale - 1)
    is_inverse = inverse > 1 and rest < 1e-12
    scaled = []
    for name in PRICES:
        numbers = frame[name].to_numpy()  # polars divides by multiplying, which is not exact
        prices = numbers / inverse if is_inverse else numbers * scale
        column = pl.Series(name, prices)
        scaled.append(column)
    return frame.with_columns(scaled)


def _adjusted(frame: pl.DataFrame) -> pl.DataFrame:
    """Return prices that the factor of Adj Close to Close moves."""
    factor = frame["adjusted"] / frame["close"]
    opened = frame["open"] * factor
    high = frame["high"] * factor
    low = frame["low"] * factor
    close = frame["adjusted"]
    # Rounding may put a price that was the low or the high out of its range.
    ends = pl.DataFrame([opened, close.alias("close")])
    bottom = ends.min_horizontal()
    top = ends.max_horizontal()
    near = close * LAST_DIGITS
    low = _drawn(low, bottom, near)
    high = _drawn(high, top, near)
    return frame.with_columns(open=opened, high=high, low=low, close=close)


def _drawn(
    price: pl.Series,
    end: pl.Series,
    near: pl.Series,
) -> pl.Series:
    """Return prices, where they are very near to an end that end."""
    is_far = (price - end).abs() > near
    return price.zip_with(is_far, end)
