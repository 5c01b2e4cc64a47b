"""Columns of times, as files write them, to milliseconds UTC.

The shape of the first time that is not read yet says how to read all that look like it, so a
million rows take one pass. A file that mixes dates, times and times with a zone is refused.
"""

from __future__ import annotations

import re
import zoneinfo
from typing import NamedTuple

import polars as pl

from quant_team_data import time_formats
from quant_team_data.formats import ImportFileError, shown

SHAPES = 12  # so many ways of writing a time may stand in one file
EARLIEST = -2_208_988_800_000  # 1900
LATEST = 7_258_118_400_000  # 2200
LEAST_EPOCH = 10**8  # seconds: March 1973; anything smaller is not a time since 1970
MOST_SECONDS = 10**11
# From which size on numbers are micro- or nanoseconds, and how many of them are a millisecond.
COARSER = (
    (10**14, 1000),
    (10**17, 1_000_000),
)
SECOND = 1000  # milliseconds
MINUTE = 60 * SECOND
DIGITS = r"^\d{1,6}$"
OFFSET = re.compile(r"([+-])(\d\d):?(\d\d)")
UTC_NAMES = ("Z", "UTC", "GMT")


class Times(NamedTuple):
    """A column of times.

    Attributes:
        stamps: Int64, milliseconds since 1970: UTC for "aware", else as if the clock were UTC's.
        kind: "date", "naive" (a time of day without a zone) or "aware".
    """

    stamps: pl.Series
    kind: str


def read(
    column: pl.Series,
    rows: pl.Series,
    order: str | None = None,
    clock: pl.Series | None = None,
) -> Times:
    """Return the times of a column.

    Args:
        column: text, whole seconds, milli-, micro- or nanoseconds since 1970, dates or times.
        rows: the number of each row in the file.
        order: "dmy" or "mdy", for dates such as 03/04/2024.
        clock: a second column with the time of day.

    Raises:
        ImportFileError: a time is missing or unreadable, or they are not all of one kind.
    """
    if column.dtype == pl.Date or isinstance(column.dtype, pl.Datetime):
        times = _typed(column)
    else:
        column = _text(column, clock)
        times = _of_text(column, rows, order)
    known = times.stamps.is_between(EARLIEST, LATEST)
    wrong = ~known.fill_null(value=False)
    if wrong.any():
        row = wrong.arg_max() or 0
        _unreadable(rows[row], column[row])
    return times


def localize(
    times: Times,
    zone: zoneinfo.ZoneInfo,
    rows: pl.Series,
) -> Times:
    """Return naive times or dates as the clocks of a zone showed them.

    Raises:
        ImportFileError: the zone has a time twice or never.
    """
    clocks = times.stamps.cast(pl.Datetime("ms"))
    aware = clocks.dt.replace_time_zone(
        zone.key,
        ambiguous="null",
        non_existent="null",
    )
    missing = aware.is_null()
    if missing.any():
        row = missing.arg_max() or 0
        raise ImportFileError(
            f"row {rows[row]}: the time {clocks[row]:%Y-%m-%d %H:%M}, which {zone} has twice "
            "or never: export times in UTC"
        )
    utc = aware.dt.convert_time_zone("UTC")
    return Times(_milliseconds(utc), "aware")


def zone_of(name: str) -> zoneinfo.ZoneInfo:
    """Return a time zone by its IANA name.

    Raises:
        ImportFileError: there is none.
    """
    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, OSError, ValueError):
        raise ImportFileError(
            f"there is no time zone {shown(name)}: name it as in --tz America/New_York"
        ) from None


# Details: columns


def _typed(column: pl.Series) -> Times:
    kind = column.dtype
    if not isinstance(kind, pl.Datetime):
        midnights = column.cast(pl.Datetime("ms"))
        return Times(_milliseconds(midnights), "date")
    moments = column.dt.cast_time_unit("ms")
    name = "aware" if kind.time_zone else "naive"
    return Times(_milliseconds(moments), name)


def _milliseconds(column: pl.Series) -> pl.Series:
    numbers = column.to_physical()
    return numbers.cast(pl.Int64)


def _text(column: pl.Series, clock: pl.Series | None) -> pl.Series:
    """Return a column as text, with the time of day behind the date if it has its own column."""
    if column.dtype.is_float():
        column = _whole(column)
    text = column.cast(pl.String)
    text = text.str.strip_chars()
    if clock is None:
        return text
    clocks = clock.cast(pl.String)
    clocks = clocks.str.strip_chars()
    is_digits = clocks.str.contains(DIGITS)
    if is_digits.all():  # a spreadsheet drops the zeros in front
        clocks = clocks.str.zfill(6)
    if (clocks == "000000").all():
        return text
    return text + " " + clocks


def _whole(column: pl.Series) -> pl.Series:
    """Return floats as whole numbers; one that is not is missing."""
    is_whole = column == column.floor()
    whole = column.cast(pl.Int64, strict=False)
    return whole.set(~is_whole, None)


def _unreadable(row: int, text: object) -> None:
    if text is None or text == "":
        raise ImportFileError(f"row {row}: an unreadable time: it is missing")
    raise ImportFileError(
        f"row {row}: an unreadable time {shown(text)}: write it as 2024-01-31 14:30"
    )


# Details: text


def _of_text(
    text: pl.Series,
    rows: pl.Series,
    order: str | None,
) -> Times:
    """Return times from their text; each round reads all that look like the first one left."""
    stamps = _nothing(text)
    kinds: dict[str, int] = {}
    for _ in range(SHAPES):
        left = stamps.is_null() & text.is_not_null()
        if not left.any():
            break
        first = left.arg_max() or 0
        found = _like(text[first], text, order)
        if found.stamps[first] is None:
            _unreadable(rows[first], text[first])
        stamps = found.stamps.zip_with(left, stamps)
        kinds.setdefault(found.kind, first)
    if len(kinds) > 1:
        _refuse_mixture(kinds, text, rows)
    kind = next(iter(kinds), "date")
    return Times(stamps, kind)


def _nothing(text: pl.Series) -> pl.Series:
    empty = pl.Series(text.name, [None], pl.Int64)
    return empty.new_from_index(0, len(text))


def _refuse_mixture(
    kinds: dict[str, int],
    text: pl.Series,
    rows: pl.Series,
) -> None:
    first, second, *_ = kinds.values()
    part = "time of day" if "date" in kinds else "zone"
    raise ImportFileError(
        f"times with and without a {part}, {shown(text[first])} in row {rows[first]} "
        f"and {shown(text[second])} in row {rows[second]}: write all of them the same way"
    )


def _like(
    example: str,
    text: pl.Series,
    order: str | None,
) -> Times:
    """Return the times that look like an example, null elsewhere."""
    if time_formats.EPOCH.fullmatch(example):
        return Times(_since_1970(text), "aware")
    shape = time_formats.shape_of(example, text, order)
    if shape is None:
        return Times(_nothing(text), "date")
    if shape.zone is None:
        kind = "naive" if shape.has_clock else "date"
        return Times(_parsed(text, shape.pattern), kind)
    if OFFSET.fullmatch(shape.zone):
        return Times(_with_offsets(text, shape.pattern, len(shape.zone)), "aware")
    clocks = _parsed(text, shape.pattern + shape.zone)
    name = shape.zone.strip()
    if name in UTC_NAMES:
        return Times(clocks, "aware")
    return Times(_in_zone(clocks, name), "aware")


def _parsed(text: pl.Series, pattern: str) -> pl.Series:
    try:
        moments = text.str.to_datetime(
            pattern,
            strict=False,
            time_unit="ms",
            cache=False,
        )
    except pl.exceptions.PolarsError:
        return _nothing(text)
    return _milliseconds(moments)


def _with_offsets(
    text: pl.Series,
    pattern: str,
    width: int,
) -> pl.Series:
    """Return times that end in an offset such as -05:00, of so many characters."""
    clocks = _parsed(text.str.head(-width), pattern)
    zones = text.str.tail(width)
    offsets: dict[str, int] = {}
    for zone in zones.drop_nulls().unique():
        match = OFFSET.fullmatch(zone)
        if match:
            minutes = 60 * int(match[2]) + int(match[3])
            sign = 1 if match[1] == "+" else -1
            offsets[zone] = sign * minutes * MINUTE
    ahead = zones.replace_strict(offsets, default=None, return_dtype=pl.Int64)
    return clocks - ahead


def _in_zone(clocks: pl.Series, name: str) -> pl.Series:
    """Return what clocks in a zone showed, as UTC; what is null stays null."""
    known = clocks.is_not_null()
    places = known.arg_true()
    numbers = places + 1
    naive = Times(clocks.filter(known), "naive")
    there = localize(naive, zone_of(name), numbers)
    utc = clocks.clone()
    return utc.scatter(places, there.stamps)


def _since_1970(text: pl.Series) -> pl.Series:
    """Return numbers since 1970 as milliseconds; each one's size tells its unit."""
    digits = text.str.strip_suffix(".0")
    numbers = digits.cast(pl.Int64, strict=False)
    sizes = numbers.abs()
    found = numbers.set(sizes < LEAST_EPOCH, None)
    for least, unit in COARSER:
        is_finer = sizes >= least
        if is_finer.any():
            found = (numbers // unit).zip_with(is_finer, found)
    is_seconds = sizes < MOST_SECONDS
    if is_seconds.any():
        found = (found * SECOND).zip_with(is_seconds, found)
    return found
