"""From the bytes of a CSV or Parquet file to a table of its columns, whatever wrote it.

A file is untrusted: its rows are counted before they are unpacked; a fault of it is one sentence.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import polars as pl

from quant_team_data import import_bytes, parquet_footer
from quant_team_data.formats import (
    BINANCE,
    METATRADER,
    NAMES,
    ImportFileError,
    is_index,
    plain,
    shown,
)
from quant_team_data.frames import VALUES

MOST_ROWS = 10_000_000
MOST_LINES = 20  # before the first bar
MOST_NAMED = 8  # columns that a summary lists
LONGEST_LINE = 1 << 16  # characters, of the lines before the first bar
DELIMITERS = ",;\t|"
PARQUET = b"PAR1"
TEXT = re.compile(rb"\S")
NUMBER = re.compile(r"[$€£¥]?[+-]?\.?\d[\d.,]*(e[+-]?\d+)?[KMBT%]?", re.IGNORECASE)
VALUE_NAMES = "|".join(NAMES[name] for name in VALUES).split("|")
WHOLE_NUMBERS = "ts event"  # a column of Databento, whose prices are whole numbers or not
HEADS = ("price", "ticker", "date", "datetime", "")  # how the header lines of yfinance begin
UNREADABLE = (
    pl.exceptions.PolarsError,
    pl.exceptions.PanicException,
    csv.Error,
    ValueError,
)
PREFACES = (
    "http://",
    "https://",
    "www.",
    "sep=",
    "#",
)


class Table(NamedTuple):
    """The columns of a file.

    Attributes:
        kind: "CSV" or "Parquet".
        header: names of the columns, as they are in the file.
        columns: anything for Parquet; for CSV String, but Float64 where all prices and volumes are
            plain numbers.
        tickers: where a second header line names an instrument for each column: that, else empty.
        delimiter: what separated the columns; empty for Parquet.
    """

    kind: str
    header: list[str]
    columns: list[pl.Series]
    tickers: list[str]
    delimiter: str


def read(
    path: Path,
    delimiter: str | None = None,
    *,
    as_text: bool = False,
) -> Table:
    """Return the table in a file.

    Args:
        path: a CSV file, in UTF-8, UTF-16 or Windows-1252, or a Parquet file.
        delimiter: of a CSV file; default: found in its first lines.
        as_text: read no column of a CSV file as numbers yet.

    Raises:
        ImportFileError: it cannot be read, is too large, or is not such a file.
    """
    content = import_bytes.read(path)
    try:
        if content[:4] == PARQUET:
            return _parquet(content)
        if path.suffix.lower() in (".parquet", ".pq"):
            raise ImportFileError("no Parquet in it: it cannot be read; check the file")
        return _csv(import_bytes.utf8(content), delimiter, as_text=as_text)
    except UNREADABLE:
        raise ImportFileError("it cannot be read as CSV or Parquet: check the file") from None


# Details: CSV


Schema = dict[str, type[pl.DataType]]


class _Head(NamedTuple):
    """The lines before the first bar: cells of the header lines, and where those after begin."""

    lines: list[list[str]]
    end: int
    delimiter: str


def _csv(
    content: bytes,
    delimiter: str | None,
    *,
    as_text: bool,
) -> Table:
    if TEXT.search(content) is None:
        raise ImportFileError("nothing in it: check the file")
    head = _head(content, delimiter)
    header, tickers = _header(head.lines)
    frame = None
    if not as_text:
        frame = _numbers(content, head, header)
    if frame is None:
        frame = _text(content, head, len(header))
    columns = frame.get_columns()
    return Table("CSV", header, columns, tickers, head.delimiter)


def _head(content: bytes, delimiter: str | None) -> _Head:
    """Return the header lines; for a file without one, names for its columns."""
    lines: list[list[str]] = []
    end = 0
    for line in _lines(content):
        if not lines and _is_preface(line.text):
            end = line.end
            continue
        if delimiter is None:
            delimiter = max(DELIMITERS, key=line.text.count)
        cells = _cells(line.text, delimiter)
        is_bar = any(map(NUMBER.fullmatch, cells[1:]))
        if is_bar and not lines:
            names = _names_of(cells)
            return _Head([names], line.begin, delimiter)
        is_header = plain(cells[0]) in HEADS
        if is_bar or (lines and not is_header):
            break
        lines.append(cells)
        end = line.end
    return _Head(lines or [[]], end, delimiter or ",")


class _Line(NamedTuple):
    """A line: its text, where it begins, and where the next begins."""

    text: str
    begin: int
    end: int


def _lines(content: bytes) -> Iterator[_Line]:
    """Yield the first lines that are not blank."""
    begin = 0
    for _ in range(MOST_LINES):
        end = content.find(b"\n", begin, begin + LONGEST_LINE)
        if end < 0:
            end = len(content)
        if end - begin > LONGEST_LINE:
            raise ImportFileError("a first line that does not end: it is not a table")
        line = content[begin:end]
        text = line.decode("utf-8").strip(" ")
        if text.strip():
            yield _Line(text, begin, end + 1)
        begin = end + 1
        if begin >= len(content):
            return


def _cells(text: str, delimiter: str) -> list[str]:
    reader = csv.reader([text], delimiter=delimiter)
    return [cell.strip() for cell in next(reader)]


def _is_preface(text: str) -> bool:
    """Tell whether a line is an address, a comment or a spreadsheet's note of its delimiter."""
    start = text.lower().lstrip('"')
    return start.startswith(PREFACES)


def _names_of(cells: Sequence[str]) -> list[str]:
    """Return the header that a file without one would have, by the shape of its first bar."""
    width = len(cells)
    binance = BINANCE.split(",")
    metatrader = METATRADER.split(",")
    is_epoch = re.fullmatch(r"\d{13,16}", cells[0])
    if is_epoch and 6 <= width <= len(binance):
        return binance[:width]
    is_dotted = re.fullmatch(r"\d{4}\.\d\d\.\d\d", cells[0])
    if is_dotted and width == len(metatrader):
        return metatrader
    return [f"column {number + 1}" for number in range(width)]


def _header(lines: list[list[str]]) -> tuple[list[str], list[str]]:
    """Return one name for each column, and the instruments of a second header line."""
    first = lines[0]
    width = len(first)
    nothing = [""] * width
    if len(lines) == 1:
        return first, nothing
    names: dict[str, list[str]] = {}
    for cells in lines:
        padded = cells + nothing
        name = plain(cells[0])
        names[name] = padded[:width]
    header = names.get("price", first)
    tickers = names.get("ticker", nothing)
    dates = [place for place in range(1, width) if plain(header[place]) in ("date", "datetime")]
    header[0] = "row" if dates else "Date"
    tickers[0] = ""
    return header, tickers


def _numbers(
    content: bytes,
    head: _Head,
    header: list[str],
) -> pl.DataFrame | None:
    """Return the rows with prices and volumes as numbers, or None if one is not a plain one."""
    names = list(map(plain, header))
    if WHOLE_NUMBERS in names:  # whether they are whole decides what they mean
        return None
    schema = _schema(len(names))
    for place, name in enumerate(names):
        if name in VALUE_NAMES:
            schema[str(place)] = pl.Float64
    try:
        return _body(content, head, schema)
    except pl.exceptions.PolarsError:
        return None


def _schema(width: int) -> Schema:
    return {str(place): pl.String for place in range(width)}


def _text(
    content: bytes,
    head: _Head,
    width: int,
) -> pl.DataFrame:
    """Return the rows as text."""
    try:
        return _body(content, head, _schema(width))
    except pl.exceptions.PolarsError:
        rest = content[head.end :]
        return _by_row(rest, width, head.delimiter)


def _body(
    content: bytes,
    head: _Head,
    schema: Schema,
) -> pl.DataFrame:
    """Return the rows after the header; a blank line is a row without values."""
    if TEXT.search(content, head.end) is None:
        return pl.DataFrame(schema=schema)
    lines = content.count(b"\n", 0, head.end)
    return pl.read_csv(
        content,
        has_header=False,
        schema=schema,
        separator=head.delimiter,
        skip_lines=lines,
        glob=False,
    )


def _by_row(
    content: bytes,
    width: int,
    delimiter: str,
) -> pl.DataFrame:
    """Return the rows as text, read one by one; a row with more cells than the header is named."""
    text = io.StringIO(content.decode("utf-8"), newline="")
    reader = csv.reader(text, delimiter=delimiter)
    rows = []
    for number, cells in enumerate(reader, 1):
        rest = "".join(cells[width:])
        if rest.strip():
            raise ImportFileError(
                f"row {number}: {len(cells)} cells, but the header has {width}: "
                "quote numbers with commas, or pass --delimiter"
            )
        padded = cells + [""] * width
        rows.append(padded[:width])
    return pl.DataFrame(rows, schema=_schema(width), orient="row")


# Details: Parquet


def _parquet(content: bytes) -> Table:
    size = parquet_footer.size_of(content)
    if size.rows > MOST_ROWS:
        raise ImportFileError(
            f"{size.rows:,} rows, and {MOST_ROWS:,} at most are read: split it by year"
        )
    if size.most > import_bytes.MOST_BYTES:
        raise ImportFileError(
            f"{size.most >> 20:,} MiB unpacked, and {import_bytes.MOST_BYTES >> 20} at most are "
            "read: split it by year"
        )
    lazy = pl.scan_parquet(io.BytesIO(content))
    names = lazy.collect_schema().names()
    frame = lazy.collect()
    columns = frame.get_columns()
    header = ["" if is_index(name) else name for name in names]
    nothing = [""] * len(names)
    return Table("Parquet", header, columns, nothing, "")


def describe(table: Table) -> str:
    """Return what a table is, for a summary of a file that is nobody's known export."""
    names = ", ".join(map(shown, table.header[:MOST_NAMED]))
    return f"{table.kind} ({names})"
