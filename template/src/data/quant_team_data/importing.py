"""Bars of other vendors: a CSV or Parquet file, checked, into the same cache as everything else.

They get the source `import:<vendor>`, a series of their own, so they never mix with bars from
elsewhere.
"""

from __future__ import annotations

import logging
import re
import zoneinfo
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import cast

import polars as pl

from quant_team_data import cache, frames, markets
from quant_team_data.frames import COLUMNS, SCHEMA, VALUES
from quant_team_data.series import IMPORT, Series
from quant_team_utils.errors import QuantError

# Names of columns, in lower case, and the columns that they mean.
NAMES = {
    "time": "time",
    "timestamp": "time",
    "datetime": "time",
    "date": "time",
    "open_time": "time",
    "open": "open",
    "o": "open",
    "high": "high",
    "h": "high",
    "low": "low",
    "l": "low",
    "close": "close",
    "c": "close",
    "volume": "volume",
    "v": "volume",
}
FEW = 10  # rows: so many may lie far apart

logger = logging.getLogger(__name__)


class ImportFileError(QuantError):
    """A file cannot be imported; nothing was stored."""


def import_file(
    path: Path,
    symbol: str,
    interval: str,
    source: str,
    tz: str | None = None,
    *,
    now: datetime | None = None,
) -> tuple[Series, int]:
    """Store the closed bars of a file and return their series and how many they are.

    Columns are found by their names, in upper or lower case: one of time, timestamp, datetime,
    date; open, high, low, close, volume (or o, h, l, c, v). Times are bar opens: ISO text, dates
    (00:00 UTC, as daily bars have it), or seconds, milli-, micro- or nanoseconds since 1970. Rows
    may be in any order. A bar that has not closed yet is left out, with a warning.

    Args:
        path: a file that ends in .csv or .parquet.
        symbol: TickDB's spelling, such as "AAPL.US".
        interval: one of `quant_team_data.markets.INTERVALS`.
        source: name of the vendor: lower-case letters, digits, - and _.
        tz: IANA name of the zone of times that do not name one, such as "America/New_York".
        now: aware; default: the clock. No bar may open after it.

    Raises:
        ImportFileError: the file cannot be read, or it does not contain bars; the sentence names
            the first fault.
        BadRequestError: TickDB does not have the interval.
        SymbolNotFoundError: the symbol fits no market.
        AmbiguousSymbolError: it fits two.
    """
    vendor = _vendor(source)
    series = Series.of(IMPORT + vendor, symbol, markets.check_interval(interval))
    zone = _zone(tz)
    now = now or datetime.now(UTC)
    try:
        bars = _bars(_table(path), zone)
        _check(bars, interval, now)
    except (OSError, pl.exceptions.PolarsError, pl.exceptions.PanicException):
        raise ImportFileError(
            f"{path} cannot be read as CSV or Parquet: check the path and the file."
        ) from None
    except ValueError as error:
        raise ImportFileError(f"{path} has {error}.") from None
    closed = cache.closed(bars.sort("time"), interval, now)
    if closed.is_empty():
        raise ImportFileError(f"{path} has no bar that has closed: import it again later.")
    if len(closed) < len(bars):
        logger.warning("%s: the newest bar has not closed yet and is left out.", path)
    cache.put(series, closed, now=now)
    return series, len(closed)


def _vendor(source: str) -> str:
    vendor = source.removeprefix(IMPORT)
    if not re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,31}", vendor):
        raise ImportFileError(
            f"The source {source!r} is not a name: use lower-case letters, digits, - and _."
        )
    return vendor


def _zone(name: str | None) -> zoneinfo.ZoneInfo | None:
    if not name:
        return None
    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, OSError, ValueError):
        raise ImportFileError(
            f"There is no time zone {name!r}: name it as in --tz America/New_York."
        ) from None


# Details: reading. A ValueError says what the file has.


def _table(path: Path) -> pl.DataFrame:
    content = path.read_bytes()
    if path.suffix.lower() == ".parquet":
        return pl.read_parquet(content)
    return pl.read_csv(content, infer_schema=False)


def _bars(table: pl.DataFrame, zone: zoneinfo.ZoneInfo | None) -> pl.DataFrame:
    """Return the rows as bars, in their order."""
    columns = _columns(table)
    times = _times(columns["time"], zone)
    values = []
    for name in VALUES:
        numbers = columns[name].cast(pl.Float64, strict=False)
        values.append(numbers.fill_null(float("nan")).alias(name))
    return pl.DataFrame([pl.Series("time", times).cast(SCHEMA["time"]), *values])


def _columns(table: pl.DataFrame) -> dict[str, pl.Series]:
    """Return the columns of a table by what they mean; others are left out."""
    columns: dict[str, pl.Series] = {}
    for column in table:
        name = NAMES.get(column.name.strip().lower())
        if name in columns:
            raise ValueError(f"two columns for {name}")
        if name:
            columns[name] = column
    missing = [name for name in COLUMNS if name not in columns]
    if missing:
        has = ", ".join(table.columns)
        raise ValueError(f"no column {', '.join(missing)}: its columns are {has}")
    if table.is_empty():
        raise ValueError("no rows: there is nothing to import")
    return columns


def _times(column: pl.Series, zone: zoneinfo.ZoneInfo | None) -> list[int]:
    """Return times in milliseconds UTC."""
    times: list[int] = []
    kinds: set[bool] = set()
    for row, value in enumerate(column.to_list(), 1):
        try:
            opened, is_naive = _parse_time(str(value).strip(), zone)
        except ValueError as error:
            raise ValueError(f"{error} in row {row}") from None
        times.append(markets.milliseconds(opened))
        kinds.add(is_naive)
    if len(kinds) > 1:
        raise ValueError("times with and without a zone: write all of them the same way")
    return times


def _parse_time(text: str, zone: zoneinfo.ZoneInfo | None) -> tuple[datetime, bool]:
    """Return a time as aware, and whether it was without a zone."""
    if re.fullmatch(r"\d{9,19}", text):
        return _since_1970(int(text)), False
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(
            f"an unreadable time {text[:40]!r}: write it as 2024-01-31 14:30"
        ) from None
    if len(text) <= len("2024-01-31"):
        return moment.replace(tzinfo=UTC), False
    if moment.tzinfo:
        return moment, False
    if zone is None:
        raise ValueError("a time without a zone: name it as in --tz America/New_York")
    earlier = moment.replace(tzinfo=zone, fold=0)
    later = moment.replace(tzinfo=zone, fold=1)
    if earlier.utcoffset() != later.utcoffset():
        raise ValueError(f"the time {text}, which {zone} has twice or never: write times in UTC")
    return earlier, True


def _since_1970(number: int) -> datetime:
    while number >= 1e11:  # nano-, micro- or milliseconds
        number //= 1000
    return datetime.fromtimestamp(number, UTC)


# Details: checks. A ValueError says what the file has.


def _check(
    bars: pl.DataFrame,
    interval: str,
    now: datetime,
) -> None:
    """Refuse rows that are not closed bars of an interval, each time once."""
    times = bars["time"]
    if times.is_duplicated().any():
        raise ValueError(f"a time that another row has too{_place(bars, times.is_duplicated())}")
    if (times > now).any():
        raise ValueError(f"a time that has not come yet{_place(bars, times > now)}")
    ordered = bars.with_row_index("row").sort("time")
    fault = frames.fault(ordered.select(COLUMNS))
    if fault is not None:
        wrong = pl.Series([row == ordered["row"][fault.row] for row in range(len(bars))])
        raise ValueError(f"a bar whose {fault.field} {fault.reason}{_place(bars, wrong)}")
    _check_distance(times.sort(), interval)


def _place(bars: pl.DataFrame, wrong: pl.Series) -> str:
    """Return where the first wrong row is."""
    row = wrong.arg_true()[0]
    return f" in row {row + 1} ({bars['time'][row]:%Y-%m-%d %H:%M} UTC)"


def _check_distance(times: pl.Series, interval: str) -> None:
    """Refuse bars that lie nearer or farther apart than their interval says."""
    nearest = cast("timedelta | None", times.diff().min())
    if nearest is None:  # one bar
        return
    step = markets.shortest(interval)
    ratio = nearest.total_seconds() / step
    # After a lunch break the next bar opens early; only where there are few, may all of them lie
    # far apart.
    if ratio < 0.75 or (ratio > 1.5 and len(times) >= FEW):
        raise ValueError(f"bars {nearest} apart: pass their --interval")
