"""Numbers as files write them."""

from __future__ import annotations

import polars as pl
import pytest

from quant_team_data import import_numbers
from quant_team_data.formats import ImportFileError


def read(texts: list[str], delimiter: str = ",", decimal: str | None = None) -> list[float | None]:
    """Return a column of text as numbers."""
    rows = pl.Series(range(1, len(texts) + 1))
    column = pl.Series("close", texts, pl.String)
    found = import_numbers.read({"close": column}, rows, decimal, delimiter)
    return found["close"].to_list()


@pytest.mark.parametrize(
    ("texts", "delimiter", "decimal", "expected"),
    [
        (["1.5", " 2 ", "3e2"], ",", None, [1.5, 2.0, 300.0]),
        (["1,234.5", "12"], ",", None, [1234.5, 12.0]),
        (["1,234"], ",", None, [1234.0]),
        (["1,234,567"], ";", None, [1234567.0]),
        (["187,1"], ";", None, [187.1]),
        (["1.234,5", "1.000"], ";", None, [1234.5, 1000.0]),
        (["82.488.700"], ";", None, [82488700.0]),
        (["1,234"], ";", ",", [1.234]),
        (["1,234"], ";", ".", [1234.0]),
        (["187.1"], ";", None, [187.1]),
        (["$185.64", "€1"], ",", None, [185.64, 1.0]),
        (["81.96M", "1.2K", "3b"], ",", None, [81960000.0, 1200.0, 3e9]),
        (["81,96M"], ";", None, [81960000.0]),
        (["-", "", "null", "NaN"], ",", None, [None, None, None, None]),
    ],
)
def test_numbers_are_read(
    texts: list[str],
    delimiter: str,
    decimal: str | None,
    expected: list[float | None],
) -> None:
    """Decimal marks, thousands, currencies and units."""
    assert read(texts, delimiter, decimal) == expected


@pytest.mark.parametrize(
    ("texts", "delimiter", "sentence"),
    [
        (["1", "abc"], ",", "row 2: close 'abc' is not a number"),
        (["1,23"], ",", "row 1: close '1,23' is not a number"),
        (["12,34,567"], ",", "is not a number"),
        (["1,234"], ";", "does not settle whether the comma.*--decimal"),
        (["187.1", "82.488.700"], ";", "row 1: close '187.1' is not a number"),
        (["1.5X"], ",", "is not a number"),
        (["--5"], ",", "is not a number"),
    ],
)
def test_what_is_not_a_number_is_named(texts: list[str], delimiter: str, sentence: str) -> None:
    """Row, field and text; and the option, where the file does not settle it."""
    with pytest.raises(ImportFileError, match=sentence):
        read(texts, delimiter)


def test_missing_whole_numbers_are_missing() -> None:
    """Databento writes the largest number for a price that there is not."""
    column = pl.Series("close", [5, (1 << 63) - 1])
    found = import_numbers.read({"close": column}, pl.Series([1, 2]), None, "")
    assert found["close"].to_list() == [5.0, None]
