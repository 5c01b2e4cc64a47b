"""From the table in a file to bars: which columns, which rows, which instrument, which numbers."""

from __future__ import annotations

import dataclasses
from typing import NamedTuple

import polars as pl

from quant_team_data import formats, import_numbers, import_table, import_times, instruments
from quant_team_data.formats import FIXED_POINT, ImportFileError, Layout, Reading, shown
from quant_team_data.frames import VALUES
from quant_team_data.import_table import Table
from quant_team_data.import_times import Times

PRICES = ("open", "high", "low", "close")
MOST_NAMED = 5  # instruments that an error lists
LEAST_FIXED = 1_000_000  # below it, a whole number is a price and no multiple of 1e-9


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
        return len(self.rows) + sum(self.dropped.values())


def content(table: Table, symbol: str, reading: Reading) -> Content:
    """Return the bars in a table.

    Args:
        table: from `import_table.read`.
        symbol: the one asked for, in TickDB's spelling.
        reading: how to read what the file does not say.

    Raises:
        ImportFileError: the table does not hold bars of that symbol; the sentence names the first
            fault and the option that helps.
    """
    table, reading = _of_ticker(table, symbol, reading)
    layout = formats.layout(table.header, reading, symbol)
    layout = _with_volume(layout, table)
    rows = pl.Series("row", range(1, len(table) + 1), pl.Int64)
    columns = _used(table, layout, reading)
    columns, rows = _filled(columns, rows)
    columns, rows, dropped = _selected(columns, rows, reading)
    if rows.is_empty():
        raise ImportFileError("no rows: there is nothing to import")
    if "instrument" in layout.positions:
        _require_instrument(columns["instrument"], table, layout, symbol)
    read_as = _name(table, layout, columns)
    columns, rows, empty = _with_values(columns, rows)
    dropped |= empty
    if rows.is_empty():
        raise ImportFileError("no row with values: there is nothing to import")
    order = reading.date_order or layout.order
    time = columns["date" if "date" in columns else "time"]
    times = import_times.read(time, rows, order, columns.get("clock"))
    values, note = _values(columns, rows, layout, reading, table.delimiter)
    return Content(read_as + note, rows, times, values, dropped)


# Details: columns


def _of_ticker(table: Table, symbol: str, reading: Reading) -> tuple[Table, Reading]:
    """Return the columns of one instrument, where a header line names one for each column."""
    named = sorted({ticker for ticker in table.tickers if ticker})
    if not named:
        return table, reading
    wanted = named
    select = reading.select
    if select and formats.plain(select[0]) == "ticker":
        wanted = [select[1]]
        reading = _without_select(reading)
    fitting = [ticker for ticker in wanted if instruments.is_same(ticker, symbol)]
    if len(wanted) > 1 or not fitting:
        _refuse_instruments(wanted, "Ticker", symbol)
    places = []
    for place, ticker in enumerate(table.tickers):
        if ticker in ("", fitting[0]):
            places.append(place)
    return (
        Table(
            table.kind,
            [table.header[place] for place in places],
            [table.columns[place] for place in places],
            [fitting[0]],
            table.delimiter,
        ),
        reading,
    )


def _without_select(reading: Reading) -> Reading:
    return dataclasses.replace(reading, select=None)


def _with_volume(layout: Layout, table: Table) -> Layout:
    """Return a layout whose volume is MetaTrader's ticks where that is all there is."""
    if layout.name != "MetaTrader":
        return layout
    names = [formats.plain(name) for name in table.header]
    place = layout.positions.get("volume")
    if place is None or "<tickvol>" not in names:
        return layout
    has_volume = table.columns[place].cast(pl.String).str.contains("[1-9]").any()
    if has_volume:
        return layout
    ticks = layout.positions | {"volume": names.index("<tickvol>")}
    return Layout("MetaTrader, ticks as volume", ticks, layout.order)


def _used(table: Table, layout: Layout, reading: Reading) -> dict[str, pl.Series]:
    """Return the columns that mean something, and the one to select by."""
    columns = {}
    for meaning, place in layout.positions.items():
        columns[meaning] = table.columns[place].alias(meaning)
    if reading.select:
        place = formats.position_of(table.header, reading.select[0])
        columns["select"] = table.columns[place].alias("select")
    for meaning, column in columns.items():
        if column.dtype.is_nested() or column.dtype in (pl.Object, pl.Binary, pl.Boolean):
            raise ImportFileError(f"the column {meaning} holds {column.dtype}: name another one")
        if column.dtype in (pl.Categorical, pl.Enum):
            columns[meaning] = column.cast(pl.String)
        if column.dtype == pl.String and meaning in ("instrument", "select"):
            columns[meaning] = column.str.strip_chars()
    return columns


def _name(table: Table, layout: Layout, columns: dict[str, pl.Series]) -> str:
    first = columns.get("time", columns.get("date"))
    text = str(first[0]) if first is not None else ""
    if any(table.tickers):
        return "Yahoo"
    known = layout.name or formats.shape(table.header, text, table.delimiter or ",")
    return known or import_table.describe(table)


# Details: rows


def _filled(
    columns: dict[str, pl.Series],
    rows: pl.Series,
) -> tuple[dict[str, pl.Series], pl.Series]:
    """Return columns without blank lines, which are no fault."""
    every = pl.Series([True]).new_from_index(0, len(rows))
    # Values first: where they are numbers, that is quick.
    for name in sorted(columns, key=lambda name: name not in VALUES):
        every &= _is_empty(columns[name])
        if not every.any():
            return columns, rows
    return _kept(columns, ~every), rows.filter(~every)


def _is_empty(column: pl.Series) -> pl.Series:
    missing = column.is_null()
    if column.dtype == pl.String:
        missing |= column.str.contains(r"^\s*$").fill_null(value=False)
    return missing


def _kept(columns: dict[str, pl.Series], mask: pl.Series) -> dict[str, pl.Series]:
    if mask.all():
        return columns
    return {name: column.filter(mask) for name, column in columns.items()}


def _selected(
    columns: dict[str, pl.Series],
    rows: pl.Series,
    reading: Reading,
) -> tuple[dict[str, pl.Series], pl.Series, dict[str, int]]:
    """Return the rows that the user selects."""
    if reading.select is None:
        return columns, rows, {}
    name, value = reading.select
    column = columns.pop("select").cast(pl.String)
    mask = (column == value).fill_null(value=False)
    if not mask.any():
        has = ", ".join(shown(text) for text in column.unique().sort()[:MOST_NAMED])
        raise ImportFileError(f"no row whose {shown(name)} is {shown(value)}: it holds {has}")
    left_out = len(mask) - int(mask.sum())
    dropped = {"not selected": left_out} if left_out else {}
    return _kept(columns, mask), rows.filter(mask), dropped


def _with_values(
    columns: dict[str, pl.Series],
    rows: pl.Series,
) -> tuple[dict[str, pl.Series], pl.Series, dict[str, int]]:
    """Return the rows that have values: Yahoo writes `null` for days without a trade."""
    every = pl.Series([True]).new_from_index(0, len(rows))
    for name in VALUES:
        if name in columns:
            every &= _is_nothing(columns[name])
        if not every.any():
            return columns, rows, {}
    count = int(every.sum())
    dropped = {"without values": count} if count else {}
    return _kept(columns, ~every), rows.filter(~every), dropped


def _is_nothing(column: pl.Series) -> pl.Series:
    if column.dtype == pl.String:
        return column.is_null() | column.str.strip_chars().is_in(import_numbers.EMPTY)
    if column.dtype.is_float():
        return column.is_null() | column.is_nan()
    return column.is_null()


def _require_instrument(
    column: pl.Series,
    table: Table,
    layout: Layout,
    symbol: str,
) -> None:
    """Refuse a file that holds several instruments, or another one."""
    named = column.cast(pl.String).unique().sort().to_list()
    names = ["" if name is None else name for name in named]
    header = table.header[layout.positions["instrument"]]
    if len(names) > 1 or not instruments.is_same(names[0], symbol):
        _refuse_instruments(names, header, symbol)


def _refuse_instruments(names: list[str], header: str, symbol: str) -> None:
    if len(names) == 1:
        raise ImportFileError(
            f"the file says {shown(names[0])}, not {symbol}: pass the --symbol that it names, or "
            "--columns instrument=none if both are one"
        )
    listed = " and ".join(shown(name) for name in names[:MOST_NAMED])
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    example = next((name for name in names if instruments.is_same(name, symbol)), names[0])
    raise ImportFileError(
        f"the column {shown(header)} holds {listed}{more}: "
        f"take one as in --select {formats.printable(header)}={formats.printable(example)}"
    )


# Details: numbers


def _values(
    columns: dict[str, pl.Series],
    rows: pl.Series,
    layout: Layout,
    reading: Reading,
    delimiter: str,
) -> tuple[pl.DataFrame, str]:
    """Return the values as a frame, and what was done to them, for the summary."""
    wanted = [name for name in VALUES if name in columns]
    note = ""
    is_adjusted = reading.prices == "adjusted" and "adjusted" in columns
    if is_adjusted:
        wanted.append("adjusted")
    texts = {name: columns[name] for name in wanted}
    numbers = import_numbers.read(texts, rows, reading.decimal, delimiter)
    frame = pl.DataFrame([column.alias(name) for name, column in numbers.items()])
    if "volume" not in frame.columns:
        frame = frame.with_columns(volume=pl.lit(0.0))
        note += ", volume 0"
    scale = reading.scale
    if scale is None and layout.name == "Databento" and _is_fixed(columns, frame):
        scale = FIXED_POINT
    if scale is not None:
        frame = _scaled(frame, scale)
        note += f", prices x {scale:g}"
    if is_adjusted:
        factor = pl.col("adjusted") / pl.col("close")
        others = [(pl.col(name) * factor).alias(name) for name in ("open", "high", "low")]
        frame = frame.with_columns(*others, close=pl.col("adjusted"))
        frame = _within(frame)
        note += ", adjusted by Adj Close"
    return frame.select(VALUES), note


def _is_fixed(columns: dict[str, pl.Series], frame: pl.DataFrame) -> bool:
    """Tell whether prices are whole numbers of 1e-9."""
    for name in PRICES:
        column = columns[name]
        if column.dtype.is_float() or column.dtype == pl.Decimal:
            return False
        if column.dtype == pl.String and column.str.contains(".", literal=True).any():
            return False
    return bool((frame["close"] >= LEAST_FIXED).all())


def _scaled(frame: pl.DataFrame, scale: float) -> pl.DataFrame:
    """Return prices times a scale; divided where it is one over a whole number, which is exact."""
    inverse = round(1 / scale)
    is_inverse = inverse > 1 and abs(inverse * scale - 1) < 1e-12
    scaled = []
    for name in PRICES:
        numbers = frame[name].to_numpy()  # polars divides by multiplying, which is not exact
        prices = numbers / inverse if is_inverse else numbers * scale
        scaled.append(pl.Series(name, prices))
    return frame.with_columns(scaled)


def _within(frame: pl.DataFrame) -> pl.DataFrame:
    """Return prices whose last digits, rounded, do not leave the range from low to high."""
    ends = pl.min_horizontal("open", "low", "close"), pl.max_horizontal("open", "high", "close")
    near = 1e-9 * pl.col("close")
    low = pl.when(pl.col("low") - ends[0] <= near).then(ends[0]).otherwise("low")
    high = pl.when(ends[1] - pl.col("high") <= near).then(ends[1]).otherwise("high")
    return frame.with_columns(low=low, high=high)
