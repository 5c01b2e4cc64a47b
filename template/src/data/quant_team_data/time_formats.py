"""How files write times: the shapes that are known, and which order the days of a file have."""

from __future__ import annotations

import re
from typing import NamedTuple

import polars as pl

from quant_team_data.formats import ImportFileError, shown

EPOCH = re.compile(r"-?\d{9,19}(\.0+)?")
# Shapes of dates, and the format that reads each; the last depends on the order.
DATES = {
    r"\d{8}": "%Y%m%d",
    r"\d{4}-\d{1,2}-\d{1,2}": "%Y-%m-%d",
    r"\d{4}/\d{1,2}/\d{1,2}": "%Y/%m/%d",
    r"\d{4}\.\d{1,2}\.\d{1,2}": "%Y.%m.%d",
    r"\d{1,2}-[A-Za-z]{3}-\d{4}": "%d-%b-%Y",
    r"\d{1,2} [A-Za-z]{3} \d{4}": "%d %b %Y",
    r"[A-Za-z]{3} \d{1,2}, \d{4}": "%b %d, %Y",
}
ORDERED = r"\d{1,2}[-/.]\d{1,2}[-/.]\d{4}"
CLOCKS = {
    r"\d{1,2}:\d\d:\d\d\.\d{1,9}": "%H:%M:%S%.f",
    r"\d{1,2}:\d\d:\d\d": "%H:%M:%S",
    r"\d{1,2}:\d\d": "%H:%M",
    r"\d{6}": "%H%M%S",
    r"\d{1,2}:\d\d:\d\d [AP]M": "%I:%M:%S %p",
    r"\d{1,2}:\d\d [AP]M": "%I:%M %p",
    r"\d{1,2}:\d\d:\d\d[AP]M": "%I:%M:%S%p",
    r"\d{1,2}:\d\d[AP]M": "%I:%M%p",
}
ZONE = r"Z|[+-]\d\d:?\d\d| ?UTC| ?GMT| [A-Z][A-Za-z_]+/[A-Za-z_/]+"
DATE = "|".join([*DATES, ORDERED])
CLOCK = "|".join(CLOCKS)
MOMENT = re.compile(
    rf"(?P<date>{DATE})"
    rf"((?P<gap>T| {{1,2}})(?P<clock>{CLOCK})(?P<zone>{ZONE})?)?"
)
ORDERS = {
    "dmy": "%d{0}%m{0}%Y",
    "mdy": "%m{0}%d{0}%Y",
}
MONTHS = 12


class Shape(NamedTuple):
    """How a time is written.

    Attributes:
        pattern: its format without the zone, in the words of strptime.
        has_clock: it has a time of day.
        zone: what it ends with, such as "Z", "-05:00" or " US/Eastern", or None.
    """

    pattern: str
    has_clock: bool
    zone: str | None


def shape_of(
    example: str,
    text: pl.Series,
    order: str | None,
) -> Shape | None:
    """Return how an example is written, or None for a shape that is not known.

    Args:
        example: a time.
        text: the whole column, which settles whether days or months come first.
        order: "dmy" or "mdy", where it does not.

    Raises:
        ImportFileError: nothing settles it.
    """
    match = MOMENT.fullmatch(example)
    if match is None:
        return None
    pattern = _known(DATES, match["date"])
    if pattern is None:
        pattern = _ordered(match["date"], text, order)
    clock = match["clock"]
    if clock is None:
        return Shape(pattern, has_clock=False, zone=None)
    pattern += match["gap"]
    pattern += _known(CLOCKS, clock) or ""
    return Shape(pattern, has_clock=True, zone=match["zone"])


# Details


def _known(shapes: dict[str, str], text: str) -> str | None:
    for shape, pattern in shapes.items():
        if re.fullmatch(shape, text):
            return pattern
    return None


def _ordered(
    date: str,
    text: pl.Series,
    order: str | None,
) -> str:
    """Return the format of a date such as 03/04/2024, as the whole file settles it."""
    separator = re.sub(r"\d", "", date)[0]
    mark = re.escape(separator)
    pattern = rf"^(\d{{1,2}}){mark}(\d{{1,2}}){mark}\d{{4}}"
    day_first = _above_twelve(text, pattern, 1)
    month_first = _above_twelve(text, pattern, 2)
    if day_first and month_first:
        raise ImportFileError(
            f"dates such as {shown(date)} with the day first and with the month first: "
            "write all of them the same way"
        )
    if day_first:
        order = "dmy"
    elif month_first:
        order = "mdy"
    elif order is None and separator == ".":
        order = "dmy"
    if order is None:
        raise ImportFileError(
            f"the date {shown(date)}: the file does not settle whether the day or the month comes "
            "first; pass --date-order mdy or --date-order dmy"
        )
    return ORDERS[order].format(separator)


def _above_twelve(
    text: pl.Series,
    pattern: str,
    group: int,
) -> bool:
    """Tell whether a part of some date is too large for a month."""
    parts = text.str.extract(pattern, group)
    numbers = parts.cast(pl.Int64)
    too_large = numbers > MONTHS
    return bool(too_large.any())
