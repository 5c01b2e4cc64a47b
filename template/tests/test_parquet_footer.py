"""The footer of a Parquet file says how large the file is, before anything of it is unpacked."""

from __future__ import annotations

import contextlib
import io

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quant_team_data import parquet_footer
from quant_team_data.parquet_footer import FooterError, size_of


def written(frame: pl.DataFrame, **options: object) -> bytes:
    file = io.BytesIO()
    frame.write_parquet(file, **options)  # type: ignore[arg-type]
    return file.getvalue()


FRAME = pl.DataFrame({
    "time": pl.datetime_range(pl.datetime(2024, 1, 1), pl.datetime(2024, 1, 9), "1h", eager=True),
    "open": [1.5] * 193,
    "name": ["A"] * 193,
    "none": pl.Series([None] * 193, dtype=pl.Float64),
    "flag": [True] * 193,
    "list": [[1, 2, 3]] * 193,
    "decimal": pl.Series(["1.5"] * 193).cast(pl.Decimal(10, 2)),
})  # fmt: skip


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"compression": "uncompressed"},
        {"compression": "gzip"},
        {"row_group_size": 50},
        {"statistics": "full"},
        {"statistics": False},
        {"metadata": {"note": "of a person"}},
    ],
)
def test_rows_and_bytes_are_what_polars_reads(options: dict[str, object]) -> None:
    """However the file was written: never less than its values take."""
    size = size_of(written(FRAME, **options))
    assert size.rows == 193
    assert size.most >= 8 * 193 * (6 + 3)


def test_an_empty_table_has_no_rows() -> None:
    """And its footer is one like any other."""
    assert size_of(written(FRAME.clear())).rows == 0


def test_a_table_that_shares_its_values_is_as_large_as_it_will_be() -> None:
    """A million rows of one number are a few kilobytes in the file."""
    column = pl.Series([0.5]).new_from_index(0, 1_000_000)
    frame = pl.DataFrame([column.alias(str(number)) for number in range(10)])
    content = written(frame)
    assert len(content) < 100_000
    size = size_of(content)
    assert size.rows == 1_000_000
    assert 80_000_000 <= size.most < 80_100_000


def test_long_texts_count_with_their_bytes() -> None:
    """Texts that compress well take what they take unpacked."""
    texts = [f"{number:05}" + "x" * 1000 for number in range(2000)]
    content = written(pl.DataFrame({"name": texts}), compression="zstd")
    assert len(content) < 200_000
    assert size_of(content).most >= 2_000_000


@given(st.binary(max_size=80))
def test_any_footer_is_read_or_refused(footer: bytes) -> None:
    """No other exception."""
    length = len(footer).to_bytes(4, "little")
    with contextlib.suppress(FooterError):
        size_of(b"PAR1" + footer + length + b"PAR1")


@given(st.data())
def test_any_damage_is_read_or_refused(data: st.DataObject) -> None:
    """One byte of the footer is another."""
    content = bytearray(written(FRAME.head(1)))
    place = data.draw(st.integers(1, min(2000, len(content) - 1)))
    content[-place] = data.draw(st.integers(0, 255))
    with contextlib.suppress(FooterError):
        size_of(bytes(content))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"PAR1",
        b"PAR1PAR1",
        b"PAR1" + b"\xff\xff\xff\x7f" + b"PAR1",
        b"PAR1" + b"\x1c" * 9000 + (9000).to_bytes(4, "little") + b"PAR1",
        b"PAR1" + b"\x19\xf8\xff\xff\xff\xff\x0f" + (7).to_bytes(4, "little") + b"PAR1",
    ],
)
def test_what_is_not_a_footer_is_refused(content: bytes) -> None:
    """Cut, endless, or nested without end."""
    with pytest.raises(FooterError):
        size_of(content)


def test_a_footer_has_a_limit() -> None:
    """It is read in Python, byte by byte."""
    length = parquet_footer.LONGEST + 1
    content = b"PAR1" + bytes(length) + length.to_bytes(4, "little") + b"PAR1"
    with pytest.raises(FooterError):
        size_of(content)
