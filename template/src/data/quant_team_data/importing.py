"""Bars of other vendors: a CSV or Parquet file, checked, into the same cache as everything else.

They get the source `import:<vendor>`, a series of their own, so they never mix with bars from elsewhere.
"""

from __future__ import annotations

import itertools
import math
import re
import zoneinfo
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from quant_team_data import cache
from quant_team_data.cache import VALUES, Series
from quant_team_data.markets import INTERVALS, check_interval, milliseconds
from quant_team_utils.errors import QuantError

if TYPE_CHECKING:
    import polars as pl

PREFIX = "import:"
NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")
TIMES = ("time", "timestamp", "datetime", "date", "open_time", "time_utc")
SHORT = {"o": "open", "h": "high", "l": "low", "c": "close", "v": "volume", "vol": "volume"}
UNITS: dict[float, Literal["s", "ms", "us", "ns"]] = {
    1e11: "s",
    1e14: "ms",
    1e17: "us",
    math.inf: "ns",
}  # of a time since 1970 that is below this


class ImportFileError(QuantError):
    """A file cannot be imported; nothing was stored."""


def import_file(path: Path, symbol: str, interval: str, source: str, tz: str | None = None) -> tuple[Series, int]:
    """Store the bars of a file and return their series and how many they are.

    Columns are found by their names, in upper or lower case: one of time, timestamp, datetime, date; open, high, low,
    close, volume (or o, h, l, c, v). Times are bar opens: ISO text, dates (00:00 UTC, as daily bars have it), or
    seconds, milli-, micro- or nanoseconds since 1970. Rows may be in any order.

    Args:
        path: a file that ends in .csv or .parquet.
        symbol: TickDB's spelling, such as "AAPL.US".
        interval: one of `quant_team_data.markets.INTERVALS`.
        source: name of the vendor: lower-case letters, digits, - and _.
        tz: IANA name of the zone of times that name none, such as "America/New_York".

    Raises:
        ImportFileError: the file cannot be read, or what is in it are no bars; the sentence names the first fault.
        QuantError: symbol or interval are none.
    """
    import polars as pl

    vendor = source.removeprefix(PREFIX)
    if not NAME.fullmatch(vendor):
        raise ImportFileError(f"The source {source!r} is no name: use lower-case letters, digits, - and _.")
    series = Series.of(PREFIX + vendor, symbol, check_interval(interval))
    try:
        table = pl.read_parquet(path) if path.suffix.lower() == ".parquet" else pl.read_csv(path, infer_schema=False)
    except (OSError, pl.exceptions.PolarsError, pl.exceptions.PanicException):
        raise ImportFileError(f"{path} cannot be read as CSV or Parquet: check the path and the file.") from None
    columns = _columns(path, table)
    numbers = [columns[name].cast(pl.Float64, strict=False).fill_null(math.nan).alias(name) for name in VALUES]
    bars = pl.DataFrame([_times(path, columns["time"], tz), *numbers])
    _check(path, bars, INTERVALS[interval] or 28 * 86400)
    bars = bars.sort("time")
    cache.put(series, bars)
    return series, len(bars)


def _columns(path: Path, table: pl.DataFrame) -> dict[str, pl.Series]:
    """Return the six columns by our names."""
    found: dict[str, pl.Series] = {}
    for column in table:
        name = column.name.strip().lower().replace(" ", "_")
        name = "time" if name in TIMES else SHORT.get(name, name)
        if name in found and name in ("time", *VALUES):
            raise ImportFileError(f"{path} has two columns for {name}: keep one.")
        found[name] = column
    if missing := [name for name in ("time", *VALUES) if name not in found]:
        raise ImportFileError(f"{path} has no column {', '.join(missing)}: it has {', '.join(table.columns)}.")
    if table.is_empty():
        raise ImportFileError(f"{path} has no rows: there is nothing to import.")
    return found


def _times(path: Path, column: Any, tz: str | None) -> pl.Series:
    """Return a column of times as bar opens in UTC."""
    import polars as pl

    if column.null_count():
        raise ImportFileError(
            f"{path} has no time in row {column.is_null().arg_max() + 1}: fill it, or delete the row."
        )
    if column.dtype == pl.String:
        column = _parsed(path, column.str.strip_chars())
    if column.dtype.is_integer():
        unit = next(unit for below, unit in UNITS.items() if abs(column).max() < below)
        column = (column * unit).cast(pl.Int64).cast(pl.Datetime("ms", "UTC"))
    if column.dtype == pl.Date:
        column = column.cast(pl.Datetime("ms")).dt.replace_time_zone("UTC")
    if not isinstance(column.dtype, pl.Datetime):
        raise ImportFileError(f"{path} has times of the type {column.dtype}: write them as ISO text or whole numbers.")
    if column.dtype.time_zone is None:
        if tz is None:
            raise ImportFileError(f"{path} has times without a zone: say which, as in --tz America/New_York.")
        try:
            column = column.dt.replace_time_zone(str(zoneinfo.ZoneInfo(tz)))
        except (zoneinfo.ZoneInfoNotFoundError, ValueError):
            raise ImportFileError(f"There is no time zone {tz!r}: name it as in --tz America/New_York.") from None
        except pl.exceptions.PolarsError:
            raise ImportFileError(f"{path} has a time that {tz} has twice or never: give times in UTC.") from None
    return column.dt.convert_time_zone("UTC").cast(pl.Datetime("ms", "UTC")).alias("time")


def _parsed(path: Path, texts: pl.Series) -> pl.Series:
    """Return texts as dates or datetimes; all must be of one kind."""
    import polars as pl

    if texts.str.contains(r"^[0-9]{9,}$").all():
        numbers = texts.cast(pl.Int64)
        unit = next(unit for below, unit in UNITS.items() if numbers.to_numpy().max() < below)
        return pl.from_epoch(numbers, time_unit=unit).dt.replace_time_zone("UTC")
    values: list[Any] = []
    for row, text in enumerate(texts, 1):
        try:
            values.append(datetime.fromisoformat(text))
        except ValueError:
            raise ImportFileError(
                f"{path} has an unreadable time {text!r} in row {row}: write 2024-01-31 14:30."
            ) from None
    if max(map(len, texts)) <= 10:
        return pl.Series(values, dtype=pl.Datetime("ms")).cast(pl.Date)
    if len({value.tzinfo is None for value in values}) > 1:
        raise ImportFileError(f"{path} has times with and without a zone: write all of them the same way.")
    if values[0].tzinfo is None:
        return pl.Series(values, dtype=pl.Datetime("ms"))
    return pl.Series([milliseconds(value) for value in values]).cast(pl.Datetime("ms", "UTC"))


def _check(path: Path, bars: pl.DataFrame, step: int) -> None:
    """Refuse what cannot be bars of this length."""
    import polars as pl

    finite = pl.all_horizontal(pl.col(name).is_finite() for name in VALUES)
    faults = {
        "a number that is missing or none": ~finite,
        "a high below its low": pl.col("high") < pl.col("low"),
        "a volume below zero": pl.col("volume") < 0,
        "a time that another row has, too": pl.col("time").is_duplicated(),
        "a time that has not come yet": pl.col("time") > datetime.now(UTC),
    }
    for fault, rule in faults.items():
        wrong = bars.select(rule.alias("wrong"))["wrong"]
        if wrong.any():
            row = int(wrong.arg_true()[0])
            raise ImportFileError(f"{path} has {fault} in row {row + 1} ({bars['time'][row]:%Y-%m-%d %H:%M} UTC).")
    times = sorted(bars["time"].to_list())
    nearest = min((later - earlier for earlier, later in itertools.pairwise(times)), default=timedelta(seconds=step))
    seconds = nearest.total_seconds()
    # After a lunch break the next bar opens early; only a few bars may all lie far apart.
    if seconds < 0.75 * step or (len(bars) >= 10 and seconds > 1.5 * step):
        raise ImportFileError(f"{path} has bars {nearest} apart: give the --interval that they really have.")
