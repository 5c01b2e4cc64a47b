"""Columns of times, as files write them, to milliseconds UTC.

The shape of the first time that is not read yet says how to read all that look like it, so a
million rows take one pass. A file that mixes dates, times and times with a zone is refused.
"""

from __future__ import annotations

import re
import zoneinfo
from collections.abc import Callable
from datetime import UTC, datetime
from typing import NamedTuple

import polars as pl

from quant_team_data.formats import ImportFileError, shown

SHAPES = 12  # so many ways of writing a time may stand in one file
EPOCH = re.compile(r"-?\d{9,19}(\.0+)?")
MIDNIGHT = 86_400_000
EARLIEST = -2_208_988_800_000  # 1900
LATEST = 7_258_118_400_000  # 2200
EPOCH_DAY = 719_163  # 1970-01-01 as an ordinal
DATE = {
    r"\d{8}": "%Y%m%d",
    r"\d{4}-\d{1,2}-\d{1,2}": "%Y-%m-%d",
    r"\d{4}/\d{1,2}/\d{1,2}": "%Y/%m/%d",
    r"\d{4}\.\d{1,2}\.\d{1,2}": "%Y.%m.%d",
    r"\d{1,2}[-/.]\d{1,2}[-/.]\d{4}": "",  # the order decides
    r"\d{1,2}-[A-Za-z]{3}-\d{4}": "%d-%b-%Y",
    r"\d{1,2} [A-Za-z]{3} \d{4}": "%d %b %Y",
    r"[A-Za-z]{3} \d{1,2}, \d{4}": "%b %d, %Y",
}
CLOCK = {
    r"\d{1,2}:\d\d:\d\d\.\d{1,9}": "%H:%M:%S%.f",
    r"\d{1,2}:\d\d:\d\d": "%H:%M:%S",
    r"\d{1,2}:\d\d": "%H:%M",
    r"\d{1,2}:\d\d:\d\d ?[AP]M": "%I:%M:%S",
    r"\d{1,2}:\d\d ?[AP]M": "%I:%M",
    r"\d{6}": "%H%M%S",
}
ZONE = r"Z|[+-]\d\d:?\d\d| ?UTC| ?GMT| [A-Z][A-Za-z_]+/[A-Za-z_/]+"
MOMENT = re.compile(
    rf"(?P<date>{'|'.join(DATE)})"
    rf"((?P<gap>T| {{1,2}})(?P<clock>{'|'.join(CLOCK)})(?P<zone>{ZONE})?)?"
)
# Numbers since 1970: from which size to which, and how they become milliseconds.
UNITS: tuple[tuple[int, int, Callable[[pl.Series], pl.Series]], ...] = (
    (10**8, 10**11, lambda seconds: seconds * 1000),
    (10**11, 10**14, lambda milliseconds: milliseconds),
    (10**14, 10**17, lambda microseconds: microseconds // 1000),
    (10**17, (1 << 63) - 1, lambda nanoseconds: nanoseconds // 1_000_000),
)
ORDERS = {"dmy": "%d{0}%m{0}%Y", "mdy": "%m{0}%d{0}%Y"}


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
    kind = column.dtype
    if kind == pl.Date:
        return _checked(Times(_physical(column.cast(pl.Datetime("ms"))), "date"), column, rows)
    if isinstance(kind, pl.Datetime):
        stamps = _physical(column.dt.cast_time_unit("ms"))
        return _checked(Times(stamps, "aware" if kind.time_zone else "naive"), column, rows)
    if kind.is_float():
        column = _whole(column)
    text = column.cast(pl.String).str.strip_chars()
    if clock is not None:
        text = _with_clock(text, clock.cast(pl.String).str.strip_chars())
    return _checked(_of_text(text, rows, order), text, rows)


def localize(times: Times, zone: zoneinfo.ZoneInfo, rows: pl.Series) -> Times:
    """Return naive times or dates as the clocks of a zone showed them.

    Raises:
        ImportFileError: the zone has a time twice or never.
    """
    shown_there = times.stamps.cast(pl.Datetime("ms"))
    aware = shown_there.dt.replace_time_zone(zone.key, ambiguous="null", non_existent="null")
    if aware.null_count():
        row = aware.is_null().arg_max() or 0
        raise ImportFileError(
            f"row {rows[row]}: the time {shown_there[row]:%Y-%m-%d %H:%M}, which {zone} has twice "
            "or never: export times in UTC"
        )
    return Times(_physical(aware.dt.convert_time_zone("UTC")), "aware")


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


# Details


def _physical(column: pl.Series) -> pl.Series:
    return column.to_physical().cast(pl.Int64)


def _whole(column: pl.Series) -> pl.Series:
    """Return floats as whole numbers; one that is not is missing."""
    whole = column.cast(pl.Int64, strict=False)
    frame = pl.DataFrame({"whole": whole, "given": column})
    is_whole = pl.col("given") == pl.col("given").floor()
    return frame.select(pl.when(is_whole).then("whole")).to_series()


def _with_clock(dates: pl.Series, clocks: pl.Series) -> pl.Series:
    """Return dates and times of day as one text; digits of a spreadsheet get their zeros back."""
    if clocks.str.contains(r"^\d{1,6}$").all():
        if (clocks.cast(pl.Int64) == 0).all():
            return dates
        clocks = clocks.str.zfill(6)
    return dates + " " + clocks


def _checked(times: Times, column: pl.Series, rows: pl.Series) -> Times:
    """Refuse what is missing or out of range."""
    wrong = ~times.stamps.is_between(EARLIEST, LATEST)
    wrong = wrong.fill_null(value=True)
    if wrong.any():
        row = wrong.arg_max() or 0
        _unreadable(rows[row], column[row])
    return times


def _unreadable(row: int, text: object) -> None:
    if text is None or text == "":
        raise ImportFileError(f"row {row}: an unreadable time: it is missing")
    raise ImportFileError(
        f"row {row}: an unreadable time {shown(text)}: write it as 2024-01-31 14:30"
    )


def _of_text(text: pl.Series, rows: pl.Series, order: str | None) -> Times:
    """Return times from their text; each round reads all that look like the first one left."""
    stamps = pl.Series(text.name, [None], pl.Int64).extend_constant(None, len(text) - 1)
    kinds: dict[str, int] = {}
    for _ in range(SHAPES):
        left = stamps.is_null() & text.is_not_null()
        if not left.any():
            break
        first = left.arg_max() or 0
        found = _like(text[first], text, order)
        if found is None or found.stamps[first] is None:
            _unreadable(rows[first], text[first])
            break
        stamps = stamps.zip_with(~left, found.stamps) if kinds else found.stamps
        kinds.setdefault(found.kind, first)
    if len(kinds) > 1:
        _refuse_mixture(kinds, text, rows)
    return Times(stamps, next(iter(kinds), "date"))


def _refuse_mixture(kinds: dict[str, int], text: pl.Series, rows: pl.Series) -> None:
    examples = []
    for at in list(kinds.values())[:2]:
        examples.append(f"{shown(text[at])} in row {rows[at]}")
    with_zone = "zone" if "date" not in kinds else "time of day"
    raise ImportFileError(
        f"times with and without a {with_zone}, {' and '.join(examples)}: "
        "write all of them the same way"
    )


def _like(example: str, text: pl.Series, order: str | None) -> Times | None:
    """Return the times that look like an example, null elsewhere; None for an unknown shape."""
    if EPOCH.fullmatch(example):
        return Times(_since_1970(text), "aware")
    match = MOMENT.fullmatch(example)
    if match is None:
        return None
    date = _date_format(match["date"], text, order)
    if match["clock"] is None:
        return Times(_parsed(text, date), "date")
    clock = _clock_format(match["clock"])
    whole = date + match["gap"] + clock
    return _zoned(text, whole, match["zone"])


def _zoned(text: pl.Series, whole: str, zone: str | None) -> Times:
    if zone is None:
        return Times(_parsed(text, whole), "naive")
    if zone[0] in "+-":
        there = _parsed(text.str.head(-len(zone)), whole)
        return Times(there - _offsets(text.str.tail(len(zone))), "aware")
    stamps = _parsed(text, whole + zone)
    name = zone.strip()
    if name in ("Z", "UTC", "GMT"):
        return Times(stamps, "aware")
    known = stamps.is_not_null()
    numbers = pl.int_range(1, len(text) + 1, eager=True)
    there = localize(Times(stamps.filter(known), "naive"), zone_of(name), numbers.filter(known))
    spread = pl.Series(stamps.name, stamps).scatter(known.arg_true(), there.stamps)
    return Times(spread, "aware")


def _offsets(zones: pl.Series) -> pl.Series:
    """Return how far zones such as -05:00 are ahead of UTC, in milliseconds; null for others."""
    offsets: dict[str, int] = {}
    for zone in zones.drop_nulls().unique():
        match = re.fullmatch(r"([+-])(\d\d):?(\d\d)", zone)
        if match:
            minutes = 60 * int(match[2]) + int(match[3])
            offsets[zone] = 60_000 * (minutes if match[1] == "+" else -minutes)
    return zones.replace_strict(offsets, default=None, return_dtype=pl.Int64)


def _parsed(text: pl.Series, whole: str) -> pl.Series:
    try:
        parsed = text.str.to_datetime(whole, strict=False, time_unit="ms", cache=False)
    except pl.exceptions.PolarsError:
        return pl.Series(text.name, [None] * len(text), pl.Int64)
    return _physical(parsed)


def _since_1970(text: pl.Series) -> pl.Series:
    """Return numbers since 1970 as milliseconds; each one's size tells its unit."""
    numbers = text.str.strip_suffix(".0").cast(pl.Int64, strict=False)
    sizes = numbers.abs()
    found = numbers
    for least, most, to_milliseconds in UNITS:
        is_such = (sizes >= least) & (sizes < most)
        if is_such.all() and not numbers.null_count():
            return to_milliseconds(numbers)
        found = found.zip_with(~is_such.fill_null(value=False), to_milliseconds(numbers))
    is_epoch = (sizes >= UNITS[0][0]).fill_null(value=False)
    nothing = pl.Series(text.name, [None], pl.Int64).new_from_index(0, len(text))
    return found.zip_with(is_epoch, nothing)


def _clock_format(clock: str) -> str:
    for shape, known in CLOCK.items():
        if re.fullmatch(shape, clock):
            if not clock.endswith("M"):
                return known
            return f"{known} %p" if " " in clock else f"{known}%p"
    return ""


def _date_format(date: str, text: pl.Series, order: str | None) -> str:
    for shape, known in DATE.items():
        if known and re.fullmatch(shape, date):
            return known
    separator = next(letter for letter in date if not letter.isdecimal())
    settled = _order(separator, date, text, order)
    return ORDERS[settled].format(separator)


def _order(separator: str, date: str, text: pl.Series, order: str | None) -> str:
    """Return whether days or months come first, as the whole file settles it.

    Raises:
        ImportFileError: it does not.
    """
    mark = re.escape(separator)
    pattern = rf"^(?<first>\d{{1,2}}){mark}(?<second>\d{{1,2}}){mark}\d{{4}}"
    parts = text.str.extract_groups(pattern).struct.unnest()
    numbers = parts.cast(pl.Int64, strict=False)
    day_first = bool((numbers["first"] > 12).any())
    month_first = bool((numbers["second"] > 12).any())
    if day_first and month_first:
        raise ImportFileError(
            f"dates such as {shown(date)} with the day first and with the month first: "
            "write all of them the same way"
        )
    if day_first or month_first:
        return "dmy" if day_first else "mdy"
    if order or separator == ".":
        return order or "dmy"
    raise ImportFileError(
        f"the date {shown(date)}: the file does not settle whether the day or the month comes "
        "first; pass --date-order mdy or --date-order dmy"
    )


def now_ms(now: datetime) -> int:
    """Return an aware time in milliseconds UTC."""
    return int(now.astimezone(UTC).timestamp() * 1000)
