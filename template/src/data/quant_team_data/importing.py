"""Bars of other vendors: a CSV or Parquet file, checked, into the same cache as everything else.

They get the source `import:<vendor>`, a series of their own, so they never mix with bars from
elsewhere.
"""

from __future__ import annotations

import itertools
import re
import zoneinfo
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl

from quant_team_data import cache
from quant_team_data.cache import SCHEMA, VALUES, Series
from quant_team_data.markets import INTERVALS, check_interval, milliseconds
from quant_team_utils.errors import QuantError

PREFIX = "import:"
NAMES = dict.fromkeys(("time", "timestamp", "datetime", "date", "open_time"), "time")
NAMES |= {name[0]: name for name in VALUES} | {name: name for name in VALUES}


class ImportFileError(QuantError):
    """A file cannot be imported; nothing was stored."""


def import_file(
    path: Path, symbol: str, interval: str, source: str, tz: str | None = None
) -> tuple[Series, int]:
    """Store the bars of a file and return their series and how many they are.

    Columns are found by their names, in upper or lower case: one of time, timestamp, datetime,
    date; open, high, low, close, volume (or o, h, l, c, v). Times are bar opens: ISO text, dates
    (00:00 UTC, as daily bars have it), or seconds, milli-, micro- or nanoseconds since 1970. Rows
    may be in any order.

    Args:
        path: a file that ends in .csv or .parquet.
        symbol: TickDB's spelling, such as "AAPL.US".
        interval: one of `quant_team_data.markets.INTERVALS`.
        source: name of the vendor: lower-case letters, digits, - and _.
        tz: IANA name of the zone of times that name none, such as "America/New_York".

    Raises:
        ImportFileError: the file cannot be read, or what is in it are no bars; the sentence names
            the first fault.
        QuantError: symbol or interval are none.
    """
    vendor = source.removeprefix(PREFIX)
    if not re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,31}", vendor):
        raise ImportFileError(
            f"The source {source!r} is no name: use lower-case letters, digits, - and _."
        )
    series = Series.of(PREFIX + vendor, symbol, check_interval(interval))
    try:
        zone = zoneinfo.ZoneInfo(tz) if tz else None
    except (zoneinfo.ZoneInfoNotFoundError, OSError, ValueError):
        raise ImportFileError(
            f"There is no time zone {tz!r}: name it as in --tz America/New_York."
        ) from None
    try:
        content = path.read_bytes()
        parquet = path.suffix.lower() == ".parquet"
        table = pl.read_parquet(content) if parquet else pl.read_csv(content, infer_schema=False)
        bars = _bars(table, zone)
        _check(bars, INTERVALS[interval] or 28 * 86400)
    except (OSError, pl.exceptions.PolarsError, pl.exceptions.PanicException):
        raise ImportFileError(
            f"{path} cannot be read as CSV or Parquet: check the path and the file."
        ) from None
    except ValueError as error:
        raise ImportFileError(f"{path} has {error}.") from None
    cache.put(series, bars.sort("time"))
    return series, len(bars)


def _bars(table: pl.DataFrame, zone: zoneinfo.ZoneInfo | None) -> pl.DataFrame:
    """Return the rows as bars, in their order; a ValueError says what the file has."""
    found = [(NAMES.get(column.name.strip().lower()), column) for column in table]
    columns = {name: column for name, column in found if name}
    if missing := [name for name in SCHEMA if name not in columns]:
        raise ValueError(
            f"no column {', '.join(missing)}: its columns are {', '.join(table.columns)}"
        )
    if len([name for name, _ in found if name]) > len(columns) or table.is_empty():
        raise ValueError(
            "no rows: there is nothing to import"
            if table.is_empty()
            else "two columns of one meaning"
        )
    times, naive = [], set()
    for row, value in enumerate(columns["time"].to_list(), 1):
        try:
            opened, local = _open(value.strip() if isinstance(value, str) else value, zone)
        except ValueError as error:
            raise ValueError(f"{error} in row {row}") from None
        times.append(milliseconds(opened))
        naive.add(local)
    if len(naive) > 1:
        raise ValueError("times with and without a zone: write all of them the same way")
    values = [
        columns[name].cast(pl.Float64, strict=False).fill_null(float("nan")).alias(name)
        for name in VALUES
    ]
    return pl.DataFrame([pl.Series("time", times).cast(SCHEMA["time"]), *values])


def _open(value: Any, zone: zoneinfo.ZoneInfo | None) -> tuple[datetime, bool]:
    """Return a time as aware, and whether it was without a zone."""
    text = str(value)
    if re.fullmatch(r"\d{9,19}", text):
        number = int(text)
        while number >= 1e11:  # nano-, micro- or milliseconds
            number //= 1000
        return datetime.fromtimestamp(number, UTC), False
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(
            f"an unreadable time {text[:40]!r}: write it as 2024-01-31 14:30"
        ) from None
    if len(text) <= 10:
        return moment.replace(tzinfo=UTC), False
    if moment.tzinfo:
        return moment, False
    if zone is None:
        raise ValueError("a time without a zone: say which, as in --tz America/New_York")
    if (
        moment.replace(tzinfo=zone, fold=0).utcoffset()
        != moment.replace(tzinfo=zone, fold=1).utcoffset()
    ):
        raise ValueError(f"the time {text}, which {zone} has twice or never: write times in UTC")
    return moment.replace(tzinfo=zone), True


def _check(bars: pl.DataFrame, step: int) -> None:
    """Raise a ValueError that says what the rows have if they cannot be bars of this length in seconds."""
    faults = {
        "a number that is missing or none": ~pl.all_horizontal(
            pl.col(name).is_finite() for name in VALUES
        ),
        "a high below its low": pl.col("high") < pl.col("low"),
        "a volume below zero": pl.col("volume") < 0,
        "a time that another row has, too,": pl.col("time").is_duplicated(),
        "a time that has not come yet": pl.col("time") > datetime.now(UTC),
    }
    for fault, rule in faults.items():
        if wrong := bars.select(rule.arg_true()).to_series().to_list():
            raise ValueError(
                f"{fault} in row {wrong[0] + 1} ({bars['time'][wrong[0]]:%Y-%m-%d %H:%M} UTC)"
            )
    apart = [
        later - earlier for earlier, later in itertools.pairwise(sorted(bars["time"].to_list()))
    ]
    nearest = min(apart, default=timedelta(seconds=step)).total_seconds() / step
    # After a lunch break the next bar opens early; only where there are few, may all of them lie
    # far apart.
    if nearest < 0.75 or (nearest > 1.5 and len(bars) >= 10):
        raise ValueError(f"bars {min(apart)} apart: give the --interval that they have")
