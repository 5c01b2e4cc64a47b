"""What the columns of other people's files mean, and whose exports are recognised.

One table of column names, one table of exports. A file that is in neither is read with `Reading`,
the options of `quant data import`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from quant_team_utils.console import printable as printable
from quant_team_utils.errors import QuantError, did_you_mean

LONGEST = 40  # characters of a file's text that are shown
MOST_NAMED = 20  # columns that an error lists
NONE = "none"  # as in --columns volume=none: there is no such column
# What a column may mean, and its names: in lower case, with blanks for underscores, a bar between.
NAMES: dict[str, str] = {
    "time": "timestamp|datetime|date time|open time|ts event|unix|t",
    "date": "date|<date>|trade date",
    "clock": "time|<time>",
    "open": "open|<open>|o",
    "high": "high|<high>|h",
    "low": "low|<low>|l",
    "close": "close|<close>|c|close/last",
    "volume": "volume|<vol>|v|vol|vol.",
    "adjusted": "adj close|adj. close|adjusted close|adjclose",
    "instrument": "symbol|ticker|<ticker>|instrument|ts code",
}
# What files without a header hold.
BINANCE = (
    "open_time,open,high,low,close,volume,close_time,quote_volume,count,taker_buy_volume,"
    "taker_buy_quote_volume,ignore"
)
METATRADER = "<DATE>,<TIME>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<VOL>"
FIXED_POINT = 1e-9  # Databento's whole numbers


class ImportFileError(QuantError):
    """A file cannot be imported; nothing was stored."""


@dataclass(frozen=True)
class Reading:
    """How a file is read where it does not say so itself.

    Attributes:
        columns: the name of a column, or its number from 1, by what it means (a key of `NAMES`);
            "none" for a column that there is not.
        delimiter: what separates the columns of a CSV file.
        decimal: "." or ",".
        stamp: whether times are the "open" or the "close" of bars.
        tz: IANA name of the zone of times that do not name one.
        select: a column and the value of the rows to take, such as ("symbol", "AAPL").
        scale: what prices are multiplied by.
        date_order: "mdy" or "dmy", for dates such as 03/04/2024.
        prices: "raw", "adjusted" or "unknown".
        regular_hours: leave out bars outside the market's sessions.
    """

    columns: Mapping[str, str] = field(default_factory=dict)
    delimiter: str | None = None
    decimal: str | None = None
    stamp: str | None = None
    tz: str | None = None
    select: tuple[str, str] | None = None
    scale: float | None = None
    date_order: str | None = None
    prices: str = "unknown"
    regular_hours: bool = False


class Export(NamedTuple):
    """What a vendor's files look like.

    Attributes:
        name: the vendor.
        marks: names of columns, as in `NAMES`, that no other vendor has together.
        columns: what columns mean here, where `NAMES` says something else; None: nothing.
        order: of the parts of dates such as 03/04/2024.
    """

    name: str
    marks: str
    columns: Mapping[str, str | None] = {}
    order: str | None = None


# The first whose marks are all there is the one.
EXPORTS = (
    Export("Binance", "open time|close time"),
    Export("CryptoDataDownload", "unix|date|symbol", {"date": None}),
    Export(
        "CryptoDataDownload",
        "unix timestamp|date|symbol",
        {
            "unix timestamp": "time",
            "date": None,
        },
    ),
    Export("Databento", "ts event|rtype"),
    Export("Databento", "ts event|instrument id"),
    Export("nasdaq.com", "close/last", order="mdy"),
    Export("investing.com", "price|vol.|change %", {"price": "close"}),
    Export("Stooq", "<ticker>|<per>|<date>"),
    Export("MetaTrader", "<date>|<open>|<tickvol>"),
    Export("MetaTrader", "<date>|<time>|<open>|<vol>"),
    Export(
        "Polygon",
        "window start|transactions",
        {"window start": "time"},
    ),
    Export("Polygon", "transactions|vwap"),
    Export("Alpaca", "trade count|vwap"),
    Export("Yahoo", "date|adj close"),
    Export("Yahoo", "dividends|stock splits"),
    Export("Interactive Brokers", "date|average|barcount"),
    Export("Interactive Brokers", "date|wap|count"),
)


class Likeness(NamedTuple):
    """What a vendor's files look like whose columns have the usual names, as expressions.

    Attributes:
        name: the vendor.
        header: the first line, to the letter.
        time: the first time.
    """

    name: str
    header: str
    time: str


SHORT = r"(?=.*\bvw\b)(?=.*\bt\b)(?=.*\bo\b).*"  # names of one letter
LIKENESSES = (
    Likeness("Interactive Brokers", ".*", r"\d{8} {1,2}\d\d:\d\d:\d\d.*"),
    Likeness("TradingView", "time,open,high,low,close(,Volume.*)?", ".*"),
    Likeness("Polygon", SHORT, r"\d{13}"),
    Likeness("Alpaca", SHORT, r"\d{4}-.*"),
    Likeness("Stooq", "Date,Open,High,Low,Close(,Volume)?", r"\d{4}-\d\d-\d\d"),
)


class Layout(NamedTuple):
    """What the columns of a file are.

    Attributes:
        name: whose export it is, or None for a file that is read by its columns' names.
        positions: the column of each meaning, from 0.
        order: of the parts of dates, where the vendor has always the same.
    """

    name: str | None
    positions: dict[str, int]
    order: str | None


def layout(
    header: Sequence[str],
    reading: Reading,
    symbol: str,
) -> Layout:
    """Return what the columns of a header mean.

    Args:
        header: names of the columns, as they are in the file.
        reading: whose `columns` come first.
        symbol: the one asked for: its coin names the column of the volume at CryptoDataDownload.

    Raises:
        ImportFileError: a column is missing, or two mean the same.
    """
    names = list(map(plain, header))
    export = _export(names)
    meanings = _meanings(names, export, symbol)
    found: Places = {}
    for place, name in enumerate(names):
        meaning = meanings.get(name)
        if meaning:
            found.setdefault(meaning, []).append(place)
    _choose(found, header, reading.columns)
    _resolve_time(found, header)
    positions = _single(found, header)
    _require(positions, header, reading.columns)
    if export is None:
        return Layout(None, positions, None)
    return Layout(export.name, positions, export.order)


def likeness(
    header: Sequence[str],
    first_time: str,
    delimiter: str,
) -> str | None:
    """Return whose export has this header to the letter and such a first time, or None.

    Args:
        header: names of the columns, as they are in the file.
        first_time: the first time, as it is in the file.
        delimiter: what separates the columns; a comma for Parquet.
    """
    line = delimiter.join(header)
    for known in LIKENESSES:
        is_header = re.fullmatch(known.header, line)
        if is_header and re.fullmatch(known.time, first_time):
            return known.name
    return None


def plain(name: str) -> str:
    """Return the name of a column in lower case, with single blanks for blanks and underscores."""
    return " ".join(name.lower().replace("_", " ").split())


def shown(text: object) -> str:
    """Return a text of a file as it can be printed: quoted, short, control characters escaped."""
    whole = str(text)
    if len(whole) > LONGEST:
        whole = whole[:LONGEST] + "…"
    return repr(whole)


def position_of(header: Sequence[str], name: str) -> int:
    """Return the place, from 0, of the column with a name, or with a number from 1.

    Raises:
        ImportFileError: there is none, or the name is that of two.
    """
    exact = [place for place, text in enumerate(header) if text == name]
    wanted = plain(name)
    names = map(plain, header)
    alike = [place for place, text in enumerate(names) if text == wanted]
    places = exact or alike
    if len(places) > 1:
        _refuse_two(name, header, places)
    if places:
        return places[0]
    if name.isdecimal():
        place = int(name) - 1
        if 0 <= place < len(header):
            return place
    raise ImportFileError(f"no column {shown(name)}: {_known(header)}")


def is_index(name: str) -> bool:
    """Tell whether a column is the index of a pandas frame, which has no name of its own."""
    return name.strip() in ("", "__index_level_0__")


# Details

Places = dict[str, list[int]]


def _export(names: Iterable[str]) -> Export | None:
    there = set(names)
    for export in EXPORTS:
        marks = export.marks.split("|")
        if there.issuperset(marks):
            return export
    return None


def _meanings(
    names: Iterable[str],
    export: Export | None,
    symbol: str,
) -> dict[str, str | None]:
    """Return what names mean in an export."""
    meanings: dict[str, str | None] = {}
    for meaning, known in NAMES.items():
        for name in known.split("|"):
            meanings[name] = meaning
    if export is None:
        return meanings
    meanings.update(export.columns)
    if export.name == "CryptoDataDownload":
        for name in names:
            _, _, coin = name.partition("volume ")
            if coin and symbol.startswith(coin.upper()):
                meanings[name] = "volume"
    return meanings


def _choose(
    found: Places,
    header: Sequence[str],
    columns: Mapping[str, str],
) -> None:
    """Put the columns that the user named in the place of those that their names suggest."""
    for meaning, name in columns.items():
        if meaning not in NAMES:
            raise ImportFileError(f"--columns {meaning}={name}: {did_you_mean(meaning, NAMES)}")
        if name == NONE:
            found[meaning] = []
            continue
        chosen = position_of(header, name)
        for places in found.values():
            if chosen in places:
                places.remove(chosen)
        found[meaning] = [chosen]
        if meaning == "time":
            found.pop("date", None)
            found.pop("clock", None)


def _resolve_time(found: Places, header: Sequence[str]) -> None:
    """Leave `time` alone, or `date` and `clock` together: one of these two alone is the time."""
    times = found.pop("time", [])
    dates = found.pop("date", [])
    clocks = found.pop("clock", [])
    if dates and clocks and not times:
        found["date"] = dates
        found["clock"] = clocks
        return
    unnamed = [place for place, name in enumerate(header) if is_index(name)]
    found["time"] = times + dates + clocks or unnamed[:1]


def _single(found: Places, header: Sequence[str]) -> dict[str, int]:
    """Return the one column of each meaning."""
    positions = {}
    for meaning, places in found.items():
        if len(places) > 1:
            _refuse_two(meaning, header, places)
        if places:
            positions[meaning] = places[0]
    return positions


def _require(
    positions: Mapping[str, int],
    header: Sequence[str],
    columns: Mapping[str, str],
) -> None:
    wanted = ["open", "high", "low", "close"]
    if columns.get("volume") != NONE:
        wanted.append("volume")
    if "date" not in positions:
        wanted.insert(0, "time")
    missing = [name for name in wanted if name not in positions]
    if not missing:
        return
    example = ",".join(f"{name}=NAME" for name in missing)
    advice = f"name it as in --columns {example}"
    if missing == ["volume"]:
        advice += " (volume=none if there is no volume: 0 is stored)"
    raise ImportFileError(f"no column {', '.join(missing)}: {_known(header)}; {advice}")


def _known(header: Sequence[str]) -> str:
    names = ", ".join(map(shown, header[:MOST_NAMED]))
    more = ", ..." if len(header) > MOST_NAMED else ""
    return f"its columns are {names}{more}"


def _refuse_two(
    meaning: str,
    header: Sequence[str],
    places: Sequence[int],
) -> None:
    names = [shown(header[place]) for place in places]
    options = [f"--columns {meaning}={place + 1}" for place in places]
    raise ImportFileError(
        f"two columns for {meaning}, {' and '.join(names)}: choose one with {' or '.join(options)}"
    )
