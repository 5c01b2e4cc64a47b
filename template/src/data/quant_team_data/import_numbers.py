"""Columns of numbers, as files write them: 187.1 and 187,1, "1,000", $185.64, 81.96M."""

from __future__ import annotations

import re
from collections.abc import Mapping

import polars as pl

from quant_team_data.formats import ImportFileError, shown

EMPTY = ("", "null", "-", "n/a", "N/A", "nan", "NaN", "None", "#N/A")
UNITS = {"K": "e3", "M": "e6", "B": "e9", "T": "e12"}
SIGNS = "[$€£¥\u00a0 ]"
GROUPS = {
    ".": r"^[+-]?\d{1,3}(,\d{3})+(\.\d*)?$",
    ",": r"^[+-]?\d{1,3}(\.\d{3})+(,\d*)?$",
}
MISSING = (1 << 63) - 1  # how Databento writes a price that there is not


def read(
    columns: Mapping[str, pl.Series],
    rows: pl.Series,
    decimal: str | None,
    delimiter: str,
) -> dict[str, pl.Series]:
    """Return columns as Float64; a missing value is null.

    Args:
        columns: text or numbers, by what they mean.
        rows: the number of each row in the file.
        decimal: "." or ","; default: what the file settles.
        delimiter: of the file; where it is a comma, "1,000" is a thousand.

    Raises:
        ImportFileError: a value is not a number, or the file does not settle what its commas are.
    """
    plain = {name: _plain(column) for name, column in columns.items()}
    if decimal != "," and all(column is not None for column in plain.values()):
        return {name: column for name, column in plain.items() if column is not None}
    texts = {name: _cleaned(column) for name, column in columns.items()}
    mark = decimal or _decimal(texts, delimiter)
    return {name: _numbers(name, text, columns[name], rows, mark) for name, text in texts.items()}


# Details


def _plain(column: pl.Series) -> pl.Series | None:
    """Return a column whose values are all plain numbers, else None."""
    if column.dtype.is_integer():
        known = pl.col(column.name) != MISSING
        whole = column.to_frame().select(pl.when(known).then(pl.col(column.name)))
        return whole.to_series().cast(pl.Float64)
    if column.dtype.is_numeric():
        return column.cast(pl.Float64).fill_nan(None)
    if column.dtype != pl.String:
        return None
    numbers = column.cast(pl.Float64, strict=False)
    return numbers if numbers.null_count() == column.null_count() else None


def _cleaned(column: pl.Series) -> pl.Series:
    """Return text without blanks and currency signs; what stands for nothing is null."""
    text = column.cast(pl.String, strict=False).str.replace_all(SIGNS, "")
    frame = pl.DataFrame({"text": text})
    is_empty = pl.col("text").is_in(EMPTY)
    return frame.select(pl.when(~is_empty).then("text")).to_series()


def _decimal(texts: Mapping[str, pl.Series], delimiter: str) -> str:
    """Return the mark of decimals, as all columns together settle it."""
    every = pl.concat([text.alias("text") for text in texts.values()]).drop_nulls()
    odd = every.filter(every.cast(pl.Float64, strict=False).is_null())
    odd = odd.str.strip_chars_end("KMBTkmbt")
    has_comma = odd.str.contains(",", literal=True)
    if _both(odd, r"\..*,") or _both(odd, r"\..*\."):
        return ","
    if not has_comma.any() or delimiter == "," or _both(odd, r",.*[.,]"):
        return "."
    with_comma = odd.filter(has_comma)
    if not with_comma.str.contains(r"^[+-]?\d{1,3},\d{3}$").all():
        return ","
    raise ImportFileError(
        f"the number {shown(with_comma[0])}: the file does not settle whether the comma is a "
        "decimal mark; pass --decimal , or --decimal ."
    )


def _both(texts: pl.Series, pattern: str) -> bool:
    return bool(texts.str.contains(pattern).any())


def _numbers(
    name: str,
    text: pl.Series,
    given: pl.Series,
    rows: pl.Series,
    mark: str,
) -> pl.Series:
    """Return text as numbers.

    Raises:
        ImportFileError: a value is not one.
    """
    thousands = "," if mark == "." else "."
    digits = pl.col("text").str.replace("(?i)[KMBT]$", "")
    unit = pl.col("text").str.extract("(?i)([KMBT])$").str.to_uppercase()
    power = unit.replace_strict(UNITS, default="", return_dtype=pl.String)
    is_grouped = digits.str.contains(GROUPS[mark])
    joined = digits.str.replace_all(re.escape(thousands), "")
    bare = pl.when(is_grouped).then(joined).otherwise(digits)
    if mark == ",":
        foreign = bare.str.contains(".", literal=True)
        bare = pl.when(~foreign).then(bare.str.replace(",", ".", literal=True))
    numbers = (bare + power).cast(pl.Float64, strict=False)
    found = pl.DataFrame({"text": text}).select(numbers.alias(name)).to_series()
    wrong = found.is_null() & text.is_not_null()
    if wrong.any():
        row = wrong.arg_max() or 0
        raise ImportFileError(
            f"row {rows[row]}: {name} {shown(given[row])} is not a number: correct it, "
            "or pass --decimal or --columns"
        )
    return found
