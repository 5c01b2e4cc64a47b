"""Columns of numbers, as files write them: 187.1 and 187,1, "1,000", $185.64, 81.96M."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from quant_team_data.formats import ImportFileError, shown

EMPTY = (
    "",
    "null",
    "-",
    "n/a",
    "N/A",
    "nan",
    "NaN",
    "None",
    "#N/A",
)
UNITS = {
    "K": "e3",
    "M": "e6",
    "B": "e9",
    "T": "e12",
}
UNIT = "(?i)([KMBT])$"
SIGNS = "[$€£¥\u00a0 ]"
# Numbers with marks between thousands, by the mark of decimals.
GROUPED = {
    ".": r"^[+-]?\d{1,3}(,\d{3})+(\.\d*)?$",
    ",": r"^[+-]?\d{1,3}(\.\d{3})+(,\d*)?$",
}
GROUP_OR_DECIMAL = r"^[+-]?\d{1,3},\d{3}$"
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
    if decimal != ",":
        plain = _all_plain(columns)
        if plain is not None:
            return plain
    texts = {}
    for name, column in columns.items():
        texts[name] = _cleaned(column)
    mark = decimal or _decimal(texts, delimiter)
    found = {}
    for name, text in texts.items():
        numbers = _numbers(text, mark).alias(name)
        _require_numbers(numbers, text, columns[name], rows)
        found[name] = numbers
    return found


# Details


def _all_plain(columns: Mapping[str, pl.Series]) -> dict[str, pl.Series] | None:
    """Return columns if all of their values are plain numbers, else None."""
    found = {}
    for name, column in columns.items():
        numbers = _plain(column)
        if numbers is None:
            return None
        found[name] = numbers
    return found


def _plain(column: pl.Series) -> pl.Series | None:
    kind = column.dtype
    if kind == pl.Int64:
        known = column != MISSING
        return column.cast(pl.Float64).set(~known, None)
    if kind.is_numeric():
        return column.cast(pl.Float64).fill_nan(None)
    if kind != pl.String:
        return None
    numbers = column.cast(pl.Float64, strict=False)
    missing = numbers.null_count()
    return numbers if missing == column.null_count() else None


def _cleaned(column: pl.Series) -> pl.Series:
    """Return text without blanks and currency signs; what stands for nothing is null."""
    text = column.cast(pl.String, strict=False)
    text = text.str.replace_all(SIGNS, "")
    return text.set(text.is_in(EMPTY), None)


def _decimal(texts: Mapping[str, pl.Series], delimiter: str) -> str:
    """Return the mark of decimals, as all columns together settle it."""
    columns = [text.alias("text") for text in texts.values()]
    every = pl.concat(columns).drop_nulls()
    numbers = every.cast(pl.Float64, strict=False)
    odd = every.filter(numbers.is_null())
    odd = odd.str.replace(UNIT, "")
    if _any_has(odd, r"\..*[.,]"):  # the last mark is the decimal one
        return "," if not _any_has(odd, r",.*\.") else "."
    if delimiter == "," or not _any_has(odd, ","):
        return "."
    if _any_has(odd, r",.*[.,]"):
        return "."
    with_comma = odd.filter(odd.str.contains(","))
    could_be_group = with_comma.str.contains(GROUP_OR_DECIMAL)
    if not could_be_group.all():
        return ","
    raise ImportFileError(
        f"the number {shown(with_comma[0])}: the file does not settle whether the comma is a "
        "decimal mark; pass --decimal , or --decimal ."
    )


def _any_has(texts: pl.Series, pattern: str) -> bool:
    found = texts.str.contains(pattern)
    return bool(found.any())


def _numbers(text: pl.Series, mark: str) -> pl.Series:
    """Return text as numbers; other text is null."""
    thousands = "," if mark == "." else "."
    digits = text.str.replace(UNIT, "")
    unit = text.str.extract(UNIT).str.to_uppercase()
    power = unit.replace_strict(UNITS, default="", return_dtype=pl.String)
    is_grouped = digits.str.contains(GROUPED[mark])
    joined = digits.str.replace_all(thousands, "", literal=True)
    bare = joined.zip_with(is_grouped, digits)
    if mark == ",":
        foreign = bare.str.contains(".", literal=True)
        bare = bare.str.replace(",", ".", literal=True)
        bare = bare.set(foreign, None)
    return (bare + power).cast(pl.Float64, strict=False)


def _require_numbers(
    numbers: pl.Series,
    text: pl.Series,
    given: pl.Series,
    rows: pl.Series,
) -> None:
    """Refuse text that is not a number."""
    wrong = numbers.is_null() & text.is_not_null()
    if wrong.any():
        row = wrong.arg_max() or 0
        raise ImportFileError(
            f"row {rows[row]}: {given.name} {shown(given[row])} is not a number: correct it, "
            "or pass --decimal or --columns"
        )
