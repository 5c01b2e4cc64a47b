"""Bars of other vendors: a CSV or Parquet file, checked, into the same cache as everything else.

They get the source `import:<vendor>`, a series of their own, so they never mix with bars from
elsewhere. A file is read in steps: `import_table` (bytes to columns), `import_bars` (columns to
rows), `import_opens` (stamps to opens); what is left is judged here and added to the cache.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import polars as pl

from quant_team_data import (
    cache,
    coverage,
    frames,
    import_bars,
    import_opens,
    import_table,
    import_times,
    markets,
)
from quant_team_data.calendars import CalendarError
from quant_team_data.coverage import Coverage
from quant_team_data.formats import ImportFileError as ImportFileError
from quant_team_data.formats import Reading as Reading
from quant_team_data.frames import COLUMNS, SCHEMA, Fault
from quant_team_data.import_bars import Content
from quant_team_data.markets import SECONDS_OF_A_DAY, Market, shortest
from quant_team_data.series import IMPORT, Series
from quant_team_utils.console import printable

if TYPE_CHECKING:
    from numpy.typing import NDArray

FEW = 10  # rows: so many may lie far apart
PERIODS = {"1d": "date", "1w": "week", "1M": "month"}
NEAR = 0.75  # of an interval
FAR = 1.5
UNREADABLE = (
    pl.exceptions.PolarsError,
    pl.exceptions.PanicException,
)
FORMING = "not closed yet"
CLOSED_MARKET = "outside the market's sessions"


class Report(NamedTuple):
    """What an import made of a file.

    Attributes:
        series: the bars it is part of.
        read_as: whose export the file is, or its kind and its columns.
        rows: how many rows the file has.
        added: bars that were not there before.
        changed: the bars that were there with other values, as they are now.
        unchanged: bars that were there already.
        removed: bars that `replace` took away.
        dropped: rows that were left out, by reason.
        bars: the bars of the file, a frame of `frames.SCHEMA`.
        stored: all bars of the series now, such a frame.
        coverage: of all these bars, by the market's calendar; None where the installed calendar
            ends before they do.
        prices: what all their prices are: "raw", "adjusted" or "unknown".
    """

    series: Series
    read_as: str
    rows: int
    added: int
    changed: pl.DataFrame
    unchanged: int
    removed: int
    dropped: dict[str, int]
    bars: pl.DataFrame
    stored: pl.DataFrame
    coverage: Coverage | None
    prices: str


def import_file(
    path: Path,
    symbol: str,
    interval: str,
    source: str,
    tz: str | None = None,
    *,
    reading: Reading | None = None,
    replace: bool = False,
    dry_run: bool = False,
    now: datetime | None = None,
) -> Report:
    """Add the closed bars of a file to those of its series.

    Columns and times are found as the vendor writes them, see `formats`; rows may be in any order.
    A bar that has not closed yet is left out. A bar of a day or longer is kept at 00:00 UTC of its
    trading date.

    Args:
        path: a CSV or Parquet file.
        symbol: TickDB's spelling, such as "AAPL.US".
        interval: one of `quant_team_data.markets.INTERVALS`.
        source: name of the vendor: lower-case letters, digits, - and _.
        tz: IANA name of the zone of times that do not name one, such as "America/New_York".
        reading: how to read what the file does not say.
        replace: remove what is there of the series.
        dry_run: store nothing.
        now: aware; default: the clock. No bar may open after it.

    Raises:
        ImportFileError: the file cannot be read, or it does not contain such bars; the sentence
            names the first fault.
        AddingError: the prices are on another adjustment basis than those that are there.
        BadRequestError: TickDB does not have the interval.
        SymbolNotFoundError: the symbol fits no market.
        AmbiguousSymbolError: it fits two.
    """
    series = Series.of(IMPORT + vendor(source), symbol, markets.check_interval(interval))
    reading = reading or Reading(tz=tz)
    now = now or datetime.now(UTC)
    found, bars = _read(path, series, reading, now)
    done = cache.put(
        series,
        bars,
        prices=reading.prices,
        replace=replace,
        dry_run=dry_run,
        now=now,
    )
    return Report(
        series=series,
        read_as=found.read_as,
        rows=found.row_count,
        added=done.added,
        changed=done.changed,
        unchanged=done.unchanged,
        removed=done.removed,
        dropped=found.dropped,
        bars=bars,
        stored=done.bars,
        coverage=_coverage(series, done.bars, now),
        prices=done.prices,
    )


def vendor(source: str) -> str:
    """Return the name of a vendor, without "import:".

    Raises:
        ImportFileError: it is not a name.
    """
    name = source.removeprefix(IMPORT)
    if not re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,31}", name):
        raise ImportFileError(
            f"The source {source!r} is not a name: use lower-case letters, digits, - and _."
        )
    return name


# Details


def _coverage(
    series: Series,
    bars: pl.DataFrame,
    now: datetime,
) -> Coverage | None:
    market = markets.market_of(series.symbol)
    try:
        return coverage.measure(bars, market, series.interval, today=now.date())
    except CalendarError:
        return None


def _read(
    path: Path,
    series: Series,
    reading: Reading,
    now: datetime,
) -> tuple[Content, pl.DataFrame]:
    """Return what stands in a file, and its closed bars in time order."""
    name = printable(str(path))
    try:
        return _parsed(path, series, reading, now)
    except ImportFileError as error:
        raise ImportFileError(f"{name}: {error}.") from None
    except UNREADABLE:
        raise ImportFileError(f"{name}: it does not hold bars: check the file.") from None


def _parsed(
    path: Path,
    series: Series,
    reading: Reading,
    now: datetime,
) -> tuple[Content, pl.DataFrame]:
    if reading.tz:
        import_times.zone_of(reading.tz)
    interval = series.interval
    market = markets.market_of(series.symbol)
    as_text = reading.decimal is not None
    table = import_table.read(path, reading.delimiter, as_text=as_text)
    found = import_bars.content(table, series.symbol, reading)
    stamps = import_opens.opens(found.times, found.rows, market, interval, reading)
    _check_distance(stamps, interval)
    found, stamps = _in_sessions(found, stamps, market, interval, reading)
    time = pl.Series("time", stamps).cast(SCHEMA["time"])
    numbered = found.values.with_columns(time, found.rows.alias("row"))
    if not time.is_sorted():
        numbered = numbered.sort("time", maintain_order=True)
    _check(numbered, interval, now)
    bars = numbered.select(COLUMNS)
    closed = cache.closed(bars, interval, now)
    forming = len(bars) - len(closed)
    if closed.is_empty():
        raise ImportFileError("no bar that has closed: import it again later")
    if forming:
        found.dropped[FORMING] = forming
        found = found._replace(rows=found.rows.head(len(closed)))  # those that are left
    return found, closed


def _in_sessions(
    found: Content,
    stamps: NDArray[np.int64],
    market: Market,
    interval: str,
    reading: Reading,
) -> tuple[Content, NDArray[np.int64]]:
    """Refuse intraday bars while the market is closed, or leave them out where that is wanted."""
    wrong = import_opens.outside(stamps, market, interval)
    if not wrong.any():
        return found, stamps
    if not reading.regular_hours or wrong.all():
        import_opens.refuse_outside(wrong, stamps, found.rows, market, interval)
    kept = pl.Series(~wrong)
    dropped = found.dropped | {CLOSED_MARKET: int(wrong.sum())}
    rest = found._replace(
        rows=found.rows.filter(kept),
        values=found.values.filter(kept),
        dropped=dropped,
    )
    return rest, stamps[~wrong]


def _check(numbered: pl.DataFrame, interval: str, now: datetime) -> None:
    """Refuse rows, in time order, that are not bars of an interval, each time once."""
    stamps = frames.times_of(numbered)
    latest = markets.milliseconds(now)
    if stamps[-1] > latest:
        place = int(np.argmax(stamps > latest))
        raise ImportFileError(f"{_row(numbered, place, interval)}: a time that has not come yet")
    again = np.flatnonzero(np.diff(stamps) == 0)
    if len(again):
        _refuse_twice(numbered, int(again[0]), interval)
    fault = frames.fault(numbered.select(COLUMNS), interval)
    if fault is not None:
        where = _row(numbered, fault.row, interval)
        raise ImportFileError(f"{where}: {_of(fault, numbered)}")
    _check_neighbours(numbered, interval)


def _refuse_twice(numbered: pl.DataFrame, place: int, interval: str) -> None:
    others = sorted([numbered["row"][place], numbered["row"][place + 1]])
    what = PERIODS.get(interval, "time")
    advice = "remove one"
    if interval in ("1w", "1M"):
        advice += ", or pass their --interval"
    raise ImportFileError(
        f"{_row(numbered, place, interval)}: two rows for one {what}, {others[0]} and {others[1]}: "
        f"{advice}"
    )


def _row(numbered: pl.DataFrame, place: int, interval: str) -> str:
    """Return which row of the file it is, and its time."""
    pattern = "%Y-%m-%d" if shortest(interval) >= SECONDS_OF_A_DAY else "%Y-%m-%d %H:%M UTC"
    return f"row {numbered['row'][place]} ({numbered['time'][place]:{pattern}})"


def _of(fault: Fault, numbered: pl.DataFrame) -> str:
    """Return what is wrong, with the numbers that are."""
    if fault.field == "time":
        return f"time {fault.reason}"
    value = numbered[fault.field][fault.row]
    if value is None or value != value:
        return f"{fault.field} is missing"
    text = f"{fault.field} {value:.15g} {fault.reason}"
    other = fault.reason.rpartition(" ")[2]
    if other in frames.VALUES:
        text += f" {numbered[other][fault.row]:.15g}"
    return text


def _check_distance(stamps: NDArray[np.int64], interval: str) -> None:
    """Refuse bars that lie nearer or farther apart than their interval says."""
    distances = np.diff(stamps)
    if (distances < 0).any():
        distances = np.diff(np.sort(stamps))
    distances = distances[distances > 0]
    if not len(distances):
        return
    step = 1000 * markets.shortest(interval)
    nearest = int(distances.min())
    is_near = np.count_nonzero(distances < NEAR * step) > len(distances) / 2
    # Only where there are few, may all of them lie far apart.
    is_far = nearest > FAR * step and len(stamps) >= FEW
    if is_near or is_far:
        distance = timedelta(milliseconds=int(np.median(distances)))
        raise ImportFileError(f"bars {distance} apart: pass their --interval")


def _check_neighbours(numbered: pl.DataFrame, interval: str) -> None:
    """Refuse a bar that begins before the one in front of it can have ended.

    After a lunch break the next bar may open a little early.
    """
    step = 1000 * markets.shortest(interval)
    distances = np.diff(frames.times_of(numbered))
    near = distances < NEAR * step
    if near.any():
        place = int(near.argmax()) + 1
        distance = timedelta(milliseconds=int(distances[place - 1]))
        raise ImportFileError(
            f"{_row(numbered, place, interval)}: {distance} after the bar before it, too near for "
            f"{interval}: remove one, or pass their --interval"
        )
