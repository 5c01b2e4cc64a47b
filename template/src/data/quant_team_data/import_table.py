"""From the bytes of a CSV or Parquet file to a table of its columns, whatever wrote it.

A file is untrusted: its size is limited, also after decompression; a fault of it is one sentence.
"""

from __future__ import annotations

import csv
import io
import itertools
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import polars as pl

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

MOST_BYTES = 1 << 29  # of a file: 512 MiB
MOST_ROWS = 10_000_000
LONGEST_LINE = 1 << 16  # characters, of the lines before the first bar
DELIMITERS = ",;\t|"
PACKED = {
    b"\x1f\x8b": "gzip",
    b"PK\x03\x04": "a zip archive",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"BZh": "bzip2",
    b"\xfd7zXZ": "xz",
}
PARQUET = b"PAR1"
TEXT = re.compile(rb"\S")
NUMBER = re.compile(r"[$€£¥]?[+-]?\.?\d[\d.,]*(e[+-]?\d+)?[KMBT%]?", re.IGNORECASE)
VALUE_NAMES = frozenset(itertools.chain.from_iterable(NAMES[name] for name in VALUES))
WHOLE_NUMBERS = "ts event"  # a column of Databento, whose prices are whole numbers or not
HEADS = ("price", "ticker", "date", "datetime", "")  # how the header lines of yfinance begin


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

    def __len__(self) -> int:
        """Return how many rows there are."""
        return len(self.columns[0]) if self.columns else 0


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
    content = _content(path)
    try:
        if content[:4] == PARQUET:
            return _parquet(content)
        if path.suffix.lower() in (".parquet", ".pq"):
            raise ImportFileError("no Parquet in it: it cannot be read; check the file")
        return _csv(_utf8(content), delimiter, as_text=as_text)
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, csv.Error, ValueError):
        raise ImportFileError("it cannot be read as CSV or Parquet: check the file") from None


# Details: bytes


def _content(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            size = min(os.fstat(file.fileno()).st_size, MOST_BYTES)
            content = file.read(size + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "not a path"
        raise ImportFileError(f"it cannot be read ({reason}): check the path") from None
    if len(content) > MOST_BYTES:
        raise ImportFileError(f"more than {MOST_BYTES >> 20} MiB: split it by year")
    for start, name in PACKED.items():
        if content.startswith(start):
            raise ImportFileError(f"it is {name}: unpack it first")
    return content


def _utf8(content: bytes) -> bytes:
    """Return text in UTF-8, without a byte order mark and with line feeds."""
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        content = content.decode("utf-16").encode()
    elif content[1:2] == b"\0":
        content = content.decode("utf-16-le").encode()
    elif content[:1] == b"\0":
        content = content.decode("utf-16-be").encode()
    elif not content.isascii():
        content = _from_western(content.removeprefix(b"\xef\xbb\xbf"))
    if b"\0" in content:
        raise ImportFileError("it is not text: check the file")
    if b"\r" in content:
        content = content.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    return content


def _from_western(content: bytes) -> bytes:
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        return content.decode("cp1252", errors="replace").encode()
    return content


# Details: CSV


class _Head(NamedTuple):
    """The lines before the first bar: cells of the header lines, and where those after begin."""

    lines: list[list[str]]
    end: int
    delimiter: str


def _csv(content: bytes, delimiter: str | None, *, as_text: bool) -> Table:
    if TEXT.search(content) is None:
        raise ImportFileError("nothing in it: check the file")
    head = _head(content, delimiter)
    header, tickers = _header(head.lines)
    frame = None if as_text else _numbers(content, head, header)
    if frame is None:
        frame = _text(content, head, len(header))
    return Table("CSV", header, frame.get_columns(), tickers, head.delimiter)


def _head(content: bytes, delimiter: str | None) -> _Head:
    """Return the header lines, none if the first line is a bar."""
    lines: list[list[str]] = []
    end = 0
    for text, begin, stop in _lines(content):
        if text.lower().startswith("sep="):
            delimiter = text[4:5] or delimiter
            end = stop
            continue
        if not lines and _is_preface(text):
            end = stop
            continue
        if not lines:
            delimiter = delimiter or max(DELIMITERS, key=text.count)
        cells = next(csv.reader([text], delimiter=delimiter or ","))
        cells = [cell.strip() for cell in cells]
        is_bar = any(NUMBER.fullmatch(cell) for cell in cells[1:])
        if lines and (is_bar or plain(cells[0]) not in HEADS):
            break
        if is_bar:
            lines.append(_names_of(cells))
            end = begin
            break
        lines.append(cells)
        end = stop
    return _Head(lines or [[]], end, delimiter or ",")


def _lines(content: bytes) -> Iterator[tuple[str, int, int]]:
    """Yield the first lines that are not blank: text, where they begin, where the next begins."""
    begin = 0
    for _ in range(20):
        stop = content.find(b"\n", begin, begin + LONGEST_LINE)
        if stop < 0:
            stop = len(content)
        if stop - begin > LONGEST_LINE:
            raise ImportFileError("a first line that does not end: it is not a table")
        text = content[begin:stop].decode("utf-8").strip(" ")
        if text.strip():
            yield text, begin, stop + 1
        begin = stop + 1
        if begin >= len(content):
            return


def _is_preface(text: str) -> bool:
    """Tell whether a line is an address or a comment, as CryptoDataDownload begins with."""
    return text.lower().lstrip('"').startswith(("http://", "https://", "www.", "#"))


def _names_of(cells: Sequence[str]) -> list[str]:
    """Return the header that a file without one would have, by the shape of its first bar."""
    if re.fullmatch(r"\d{13,16}", cells[0]) and 6 <= len(cells) <= len(BINANCE):
        return list(BINANCE[: len(cells)])
    if re.fullmatch(r"\d{4}\.\d\d\.\d\d", cells[0]) and len(cells) == len(METATRADER):
        return list(METATRADER)
    return [f"column {number}" for number in range(1, len(cells) + 1)]


def _header(lines: list[list[str]]) -> tuple[list[str], list[str]]:
    """Return one name for each column, and the instruments of a second header line."""
    first = lines[0]
    if len(lines) == 1:
        return first, [""] * len(first)
    names: dict[str, list[str]] = {}
    for cells in lines:
        padded = cells + [""] * (len(first) - len(cells))
        names[plain(cells[0])] = padded[: len(first)]
    fields = names.get("price", first)
    tickers = names.get("ticker", [""] * len(first))
    header = [*fields]
    header[0] = "Date"
    for place, name in enumerate(fields[1:], 1):
        if plain(name) in ("date", "datetime"):  # the index was written as numbers
            header[0] = "row"
        header[place] = name
    return header, ["", *tickers[1:]]


def _numbers(content: bytes, head: _Head, header: list[str]) -> pl.DataFrame | None:
    """Return the rows with prices and volumes as numbers, or None if one is not a plain one."""
    schema: dict[str, type[pl.DataType]] = {}
    names = [plain(name) for name in header]
    for place, name in enumerate(names):
        schema[str(place)] = pl.Float64 if name in VALUE_NAMES else pl.String
    if WHOLE_NUMBERS in names:  # whether they are whole decides what they mean
        return None
    try:
        return _body(content, head, schema)
    except pl.exceptions.PolarsError:
        return None


def _text(content: bytes, head: _Head, width: int) -> pl.DataFrame:
    """Return the rows as text."""
    schema: dict[str, type[pl.DataType]] = {str(place): pl.String for place in range(width)}
    try:
        return _body(content, head, schema)
    except pl.exceptions.PolarsError:
        return _refuse_wide(content[head.end :], width, head.delimiter)


def _body(
    content: bytes,
    head: _Head,
    schema: dict[str, type[pl.DataType]],
) -> pl.DataFrame:
    """Return the rows after the header; a blank line is a row without values."""
    if TEXT.search(content, head.end) is None:
        return pl.DataFrame(schema=schema)
    return pl.read_csv(
        content,
        has_header=False,
        schema=schema,
        separator=head.delimiter,
        skip_lines=content.count(b"\n", 0, head.end),
        glob=False,
    )


def _refuse_wide(content: bytes, width: int, delimiter: str) -> pl.DataFrame:
    """Name the first row that has more cells than the header; cells without a value are none."""
    text = io.StringIO(content.decode("utf-8"), newline="")
    rows: list[list[str | None]] = []
    for number, cells in enumerate(csv.reader(text, delimiter=delimiter), 1):
        if any(cell.strip() for cell in cells[width:]):
            raise ImportFileError(
                f"row {number}: {len(cells)} cells, but the header has {width}: "
                "quote numbers with commas, or pass --delimiter"
            )
        known: list[str | None] = [cell or None for cell in cells[:width]]
        rows.append(known + [None] * (width - len(known)))
    schema = {str(place): pl.String() for place in range(width)}
    return pl.DataFrame(rows, schema=schema, orient="row")


# Details: Parquet


def _parquet(content: bytes) -> Table:
    lazy = pl.scan_parquet(io.BytesIO(content))
    names = lazy.collect_schema().names()
    count = lazy.select(pl.len()).collect().item()
    if count > MOST_ROWS:
        raise ImportFileError(
            f"{count:,} rows, and {MOST_ROWS:,} at most are read: split it by year"
        )
    frame = lazy.collect()
    header = ["" if is_index(name) else name for name in names]
    return Table("Parquet", header, frame.get_columns(), [""] * len(names), "")


def describe(table: Table) -> str:
    """Return what a table is, for a summary of a file that is nobody's known export."""
    names = ", ".join(shown(name) for name in table.header[:8])
    return f"{table.kind} ({names})"
