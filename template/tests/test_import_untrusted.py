"""A file is untrusted: every fault of it is one printable sentence, and nothing is stored."""

from __future__ import annotations

import gzip
import io
import re
import zipfile
from pathlib import Path

import polars as pl
import pytest

from quant_team_data import import_table
from quant_team_data.importing import ImportFileError, import_file

HEAD = b"time,open,high,low,close,volume\n"
ROW = b"2024-01-02,1,1,1,1,1\n"


@pytest.fixture(autouse=True)
def _own_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUANT_ROOT", str(tmp_path))


def refusal(folder: Path, content: bytes, name: str = "bars.csv") -> str:
    """Return the sentence that refuses a file."""
    path = folder / name
    path.write_bytes(content)
    with pytest.raises(ImportFileError) as caught:
        import_file(path, "AAPL.US", "1d", "acme")
    text = str(caught.value)
    assert text.isprintable()
    assert not (folder / "data").exists()
    return text


def zipped(content: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("bars.csv", content)
    return file.getvalue()


def parquet(**columns: object) -> bytes:
    file = io.BytesIO()
    pl.DataFrame(columns).write_parquet(file)
    return file.getvalue()


CONTENTS = {
    "empty": (b"", "nothing in it"),
    "blank": (b"\n \n\r\n", "nothing in it"),
    "a header only": (HEAD, "no rows"),
    "gzip": (gzip.compress(HEAD + ROW), "it is gzip: unpack it first"),
    "zip": (zipped(HEAD + ROW), "it is a zip archive: unpack it first"),
    "binary": (b"\x01\x02\x00\x03" * 100, "."),
    "half of a character": (b"\xff\xfe\x00\xd8", "."),
    "one endless line": (b"a" * 200_000, "does not end"),
    "page of a web site": (b"<!DOCTYPE html>\n<html><body>Sign in</body></html>\n", "no column"),
    "JSON": (b'{"bars": [{"t": 1, "o": 1}]}', "no column|no rows"),
    "cut Parquet": (parquet(time=[1])[:-9], "cannot be read"),
    "Parquet magic only": (b"PAR1PAR1", "cannot be read"),
    "more cells than names": (HEAD + b"2024-01-02,1,234,1,1,1,1\n", "row 1: 7 cells.*header has 6"),
    "an escape in the header": (b"\x1b[2Jtime,a\x07b\n1,2\n", r"\\x1b\[2Jtime', 'a\\x07b'"),
    "an escape in a time": (HEAD + b"\x1b[2J,1,1,1,1,1\n", r"'\\x1b\[2J'"),
    "an escape in a number": (HEAD + b"2024-01-02,\x1b[2J,1,1,1,1\n", r"open '\\x1b\[2J'"),
    "a line break in a cell": (HEAD + b'2024-01-02,"1\n2",1,1,1,1\n', r"open '1\\n2'"),
    "marks that turn text around": (HEAD + "2024-01-02,\u202e1,1,1,1,1\n".encode(), r"\\u202e1"),
    "an escape in a symbol": (
        b"symbol," + HEAD + b"\x1b[2JX," + ROW,
        r"the file says '\\x1b\[2JX', not AAPL\.US",
    ),
    "two symbols with escapes": (
        b"symbol," + HEAD + b"\x1bA," + ROW + b"\x1bB," + ROW,
        r"--select symbol=\\x1bA",
    ),
    "an unclosed quote": (HEAD + b'2024-01-02,"1,1,1,1,1\n' + ROW, "."),
    "a footer": (HEAD + ROW + b"Total,,,,,5\n", "row 2: an unreadable time 'Total'"),
    "underscores": (HEAD + b"2024-01-02,1_0,1,1,1,1\n", "open '1_0' is not a number"),
    "a truth value": (HEAD + b"2024-01-02,true,1,1,1,1\n", "open 'true' is not a number"),
    "hexadecimal": (HEAD + b"2024-01-02,0x10,1,1,1,1\n", "open '0x10' is not a number"),
    "an infinite price": (HEAD + b"2024-01-02,1,inf,1,1,1\n", "high inf"),
    "a time out of range": (HEAD + b"9223372036854775807,1,1,1,1,1\n", "unreadable time"),
    "a negative time": (HEAD + b"-9223372036854775808,1,1,1,1,1\n", "unreadable time"),
}


@pytest.mark.parametrize(("content", "sentence"), CONTENTS.values(), ids=CONTENTS)
def test_every_fault_is_a_sentence(tmp_path: Path, content: bytes, sentence: str) -> None:
    """No exception of a library, no control character, and the fault is named."""
    assert re.search(sentence, refusal(tmp_path, content))


def test_a_file_named_parquet_that_is_none(tmp_path: Path) -> None:
    """The content decides, and the sentence says what is wrong."""
    assert "cannot be read" in refusal(tmp_path, HEAD + ROW, "bars.parquet")


@pytest.mark.parametrize(
    "column",
    [
        [b"\x00"],
        [True],
        [{"a": 1}],
        [[1]],
    ],
)
def test_columns_of_other_types_are_refused(tmp_path: Path, column: list[object]) -> None:
    """A price is a number or the text of one."""
    content = parquet(time=["2024-01-02"], open=column, high=[1], low=[1], close=[1], volume=[1])
    assert "the column open holds" in refusal(tmp_path, content, "bars.parquet")


def test_a_small_file_of_very_many_rows_is_refused(tmp_path: Path) -> None:
    """A Parquet file of a few kilobytes may hold gigabytes: the rows are counted first."""
    count = import_table.MOST_ROWS + 1
    column = pl.Series("time", [0], pl.Int8).new_from_index(0, count)
    path = tmp_path / "bars.parquet"
    pl.DataFrame([column]).write_parquet(path)
    assert path.stat().st_size < 100_000
    text = refusal(tmp_path, path.read_bytes(), "bars.parquet")
    assert "10,000,001 rows, and 10,000,000 at most are read" in text


def test_a_small_file_of_very_many_values_is_refused(tmp_path: Path) -> None:
    """Fewer rows, but so many columns that they take more than half a gigabyte of memory."""
    column = pl.Series([0.5]).new_from_index(0, 1_000_000)
    path = tmp_path / "bars.parquet"
    pl.DataFrame([column.alias(f"c{number}") for number in range(70)]).write_parquet(path)
    assert path.stat().st_size < 300_000
    text = refusal(tmp_path, path.read_bytes(), "bars.parquet")
    assert "534 MiB unpacked, and 512 at most are read" in text


def test_a_path_with_control_characters_is_escaped(tmp_path: Path) -> None:
    """The name of a file is text of somebody else, too."""
    text = refusal(tmp_path, b"", "bars\x1b[2J.csv")
    assert r"bars\x1b[2J.csv" in text
