"""Bars on disk: one Parquet file per series and source, so that no bar is fetched twice.

The file is `data/<source>/<type>/<interval>/<symbol>.parquet`. Its own metadata hold the manifest:
which ranges of time are *proven*, requested and answered in full. Bars and manifest are thus one
file, replaced in one step: a reader finds the old pair or the new pair, whenever the writer is
killed. A range that is proven and has no bars in it has no bars; a range that is not proven has
not been fetched.

Only raw, closed bars are kept. Adjusted prices are computed from them and the factors, never
stored.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import polars as pl

from quant_team_data import adding, frames, proof, ranges
from quant_team_data.adding import UNKNOWN, Addition, Basis
from quant_team_data.bridges import bridged
from quant_team_data.cache_files import CacheError as CacheError
from quant_team_data.cache_files import Stored as Stored
from quant_team_data.cache_files import load as load
from quant_team_data.cache_files import save
from quant_team_data.cache_files import stored_series as stored_series
from quant_team_data.frames import SCHEMA
from quant_team_data.markets import bar_end, milliseconds
from quant_team_data.proof import Found
from quant_team_data.ranges import FOREVER, Range, joined, without
from quant_team_data.series import FACTORS as FACTORS
from quant_team_data.series import Series as Series
from quant_team_utils import files

REREAD = 3  # bars before a new range that are fetched again, to notice a revision
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

logger = logging.getLogger(__name__)

Fetch = Callable[[datetime, datetime], Found | pl.DataFrame]


class Slice(NamedTuple):
    """The bars of a range, and all that the cache holds of their series.

    Attributes:
        bars: a frame of `time` (Datetime ms UTC, the bar's open), `open`, `high`, `low`, `close`,
            `volume` (Float64), in time order.
        stored: the whole content of the file, for `lock.check`.
    """

    bars: pl.DataFrame
    stored: Stored


def read_through(
    series: Series,
    first: datetime,
    stop: datetime,
    fetch: Fetch,
    *,
    offline: bool = False,
    refresh: bool = False,
    now: datetime | None = None,
) -> Slice:
    """Return the closed bars with `first` <= time < `stop`, fetching only what is not proven yet.

    A request that extends what is there fetches the last bars before it again; if the vendor has
    changed them, a warning names symbol and month, and the cache takes the new values (data.lock
    then differs there). Of several processes that want the same, one fetches and the others wait.

    Args:
        series: what to read.
        first: aware; the first time, included.
        stop: aware; the first time left out.
        fetch: called with two aware times, first and stop; returns all closed bars between them,
            raw, and up to when it is sure of that, if it knows more than the bars say.
        offline: never call `fetch`.
        refresh: fetch the whole range again.
        now: aware; default: the clock.

    Returns:
        The bars of the range, and all that the file holds now.

    Raises:
        CacheError: offline, and part of the range is missing; `fetch` returned a bar that is not
            valid, see `frames.fault`; or the file cannot be read.
        FileError: the file cannot be written.
        QuantError: whatever `fetch` raises; what was fetched before that is kept.
    """
    now = now or datetime.now(UTC)
    low = milliseconds(first)
    high = min(milliseconds(stop), ranges.first_open_bar(series.interval, now))
    stored = load(series)
    missing = stored.lacks(low, high)
    if refresh and not offline:
        missing = without([(low, high)], [])
    if missing and offline:
        raise CacheError(_sentence(series, missing))
    if missing:
        with files.locked(series.path):
            stored = load(series)  # another process may have filled it meanwhile
            if not refresh:
                missing = stored.lacks(low, high)
            for begin, end in missing:
                begin = _reread_from(stored, begin)
                answer = _answer(fetch(moment(begin), moment(end)), begin)
                stored = _merged(series, stored, answer, (begin, end), now)
                save(series, stored)
    return Slice(between(stored.bars, low, high), stored)


def read(
    series: Series,
    first: datetime,
    stop: datetime,
) -> Slice:
    """Return what the cache holds of a range, as `read_through` does, without fetching.

    It may be less than the range.

    Raises:
        CacheError: there are no bars of this series at all, or the file cannot be read.
    """
    low = milliseconds(first)
    high = milliseconds(stop)
    stored = load(series)
    if stored.bars.is_empty():
        raise CacheError(_sentence(series, [(low, high)]))
    return Slice(between(stored.bars, low, high), stored)


def put(
    series: Series,
    bars: pl.DataFrame,
    *,
    prices: str = UNKNOWN,
    replace: bool = False,
    dry_run: bool = False,
    now: datetime | None = None,
    span: Range | None = None,
) -> Addition:
    """Add bars that come from a file; of two with one time, the new one stays.

    From the first to the last of them, the series is proven. Splits and dividends come whole: they
    replace what is there.

    Args:
        series: whose bars.
        bars: a frame of `SCHEMA`, at least one row, in time order.
        prices: "raw", "adjusted" or "unknown".
        replace: remove what is there.
        dry_run: store nothing.
        now: aware; default: the clock. A bar that has not closed by then is left out.
        span: the range, in milliseconds UTC, that is then proven; default: from first to last.

    Returns:
        What it made of the bars that are there.

    Raises:
        CacheError: the file that is there cannot be read, or a bar is not valid.
        AddingError: the prices are on another adjustment basis than those that are there, or
            those are of an older version and off the grid.
        FileError: the file cannot be written.
    """
    now = now or datetime.now(UTC)
    if series.type == FACTORS:
        replace = True
    else:
        bars = _valid(series, bars, now, series.interval)
    lock = contextlib.nullcontext() if dry_run else files.locked(series.path)
    with lock:
        stored = load(series)
        known = Basis(stored.bars, stored.prices)
        new = Basis(bars, prices)
        if not replace:
            adding.require_grid(str(series), stored.bars, series.interval)
            adding.require_same_basis(str(series), known, new)
        addition = adding.add(known, new, replace=replace)
        proven = stored.proven if addition.has_kept else []
        proven = bridged(series, joined([*proven, span or _span(bars)]), now)
        if not dry_run:
            save(series, Stored(addition.bars, proven, addition.prices))
    return addition


def between(
    bars: pl.DataFrame,
    low: int,
    high: int,
) -> pl.DataFrame:
    """Return the bars that open in a range of milliseconds UTC, `high` left out."""
    times = bars["time"].to_physical().to_numpy()
    begin, end = times.searchsorted([low, high]).tolist()
    return bars[begin : max(begin, end)]


def moment(milliseconds: int) -> datetime:
    """Return a time in milliseconds UTC as an aware datetime."""
    return _EPOCH + timedelta(milliseconds=milliseconds)


def closed(bars: pl.DataFrame, interval: str, now: datetime) -> pl.DataFrame:
    """Return bars, which are in time order, without those that have not closed yet."""
    while len(bars) and bar_end(bars["time"][-1], interval) > now:
        bars = bars[:-1]
    return bars


# Details: ranges of time


def _reread_from(stored: Stored, begin: int) -> int:
    """Return where a request starts that covers the last bars proven right before `begin`."""
    for low, high in stored.proven:
        known = between(stored.bars, low, high)
        if high == begin and len(known):
            return milliseconds(known["time"][-REREAD:][0])
    return begin


# Details: the content of a file


def _merged(
    series: Series,
    stored: Stored,
    answer: Found,
    span: Range,
    now: datetime,
) -> Stored:
    """Return the content after an answer for a range; warn if it contradicts what was proven."""
    low, high = span
    came = between(_in_schema(answer.bars), low, high)
    bars = _valid(series, came, now, series.interval)
    _warn_of_revisions(series, stored, bars, span)
    is_whole = len(bars) == len(came)
    until = answer.until if is_whole else low  # what was dropped is not proven
    found = Found(bars, until)
    end = proof.reached(series, found, span, now)
    proven = without(stored.proven, [span])
    proven.append((low, end))
    before = between(stored.bars, FOREVER[0], low)
    after = between(stored.bars, high, FOREVER[1])
    whole = pl.concat([before, bars, after])
    return stored._replace(bars=whole, proven=joined(proven))


def _answer(given: Found | pl.DataFrame, low: int) -> Found:
    return given if isinstance(given, Found) else Found(given, low)


def _span(bars: pl.DataFrame) -> Range:
    """Return the range from the first bar to the last; an empty one for none."""
    if bars.is_empty():
        return 0, 0
    first = bars["time"][0]
    last = bars["time"][-1]
    return milliseconds(first), milliseconds(last) + 1


def _valid(
    series: Series,
    bars: pl.DataFrame,
    now: datetime,
    interval: str | None,
) -> pl.DataFrame:
    """Return the bars of a frame that have closed, in time order; refuse what is not a bar."""
    bars = closed(_in_schema(bars), series.interval, now)
    fault = frames.fault(bars, interval)
    if fault is None:
        return bars
    advice = "correct the file"
    if not series.is_imported:
        advice = "report it to the vendor, or fetch a range without it"
    raise CacheError(f"Nothing was stored: {fault.of(str(series))}: {advice}.")


def _in_schema(bars: pl.DataFrame) -> pl.DataFrame:
    columns = [pl.col(name).cast(kind) for name, kind in SCHEMA.items()]
    bars = bars.select(columns)
    return bars if bars["time"].is_sorted() else bars.sort("time")


def _warn_of_revisions(
    series: Series,
    stored: Stored,
    bars: pl.DataFrame,
    span: Range,
) -> None:
    """Name the months in which new bars are not those that were proven."""
    rows = bars.clear()
    for low, high in stored.proven:
        known = between(stored.bars, low, high)
        again = between(bars, low, high)
        rows = pl.concat([rows, between(known, *span), again])
    revised = rows.filter(~rows.is_duplicated())  # in one of the two only
    months = set(revised["time"].dt.strftime("%Y-%m"))
    for month in sorted(months):
        logger.warning(
            "%s: the vendor has revised bars of %s; the cache takes the new ones.", series, month
        )


# Details: sentences


def _sentence(series: Series, missing: list[Range]) -> str:
    spans = ", ".join(_span_text(*span) for span in missing)
    options = f"--interval {series.interval}"
    if series.is_imported:
        fix = f"quant data import FILE --symbol {series.symbol} {options} --source NAME"
    else:
        first, _ = missing[0]
        _, stop = missing[-1]
        begin = moment(first).date()
        end = moment(stop - 1).date()
        fix = f"quant data fetch {series.symbol} {options} --start {begin} --end {end}"
    return f"The cache has no {series} from {spans}: `{fix}` gets it."


def _span_text(low: int, high: int) -> str:
    return f"{moment(low):%Y-%m-%dT%H:%MZ} to {moment(high):%Y-%m-%dT%H:%MZ}"
