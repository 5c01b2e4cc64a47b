"""A series has one file, whose name is legal everywhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from quant_team_data.series import Series

FORBIDDEN = set('<>:"/\\|?*')


@pytest.fixture(autouse=True)
def _own_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUANT_ROOT", str(tmp_path))


def test_file_names_are_legal_and_apart_on_every_system() -> None:
    """A minute is not a month where case does not count; Windows reserves none of the names."""
    names = [
        Series.of("sandbox", "AAPL.US", "1m"),
        Series.of("sandbox", "AAPL.US", "1M"),
        Series.of("import:x", "AAPL.US", "1m"),
        Series.of("import%3ax", "AAPL.US", "1m"),
        Series.of("sandbox", "CON.US", "1m"),
        Series.of("sandbox", "BRK-B.US", "1m"),
        Series("sandbox", "stock", "a/../b\\c:*?é", "1m"),
        Series("sandbox", "stock", "A", "1m"),
        Series("sandbox", "stock", "a", "1m"),
    ]
    paths = [series.path for series in names]
    assert len({str(path).lower() for path in paths}) == len(names)
    for path in paths:
        tail = path.parts[-5:]
        assert tail[0] == "data"
        for part in tail:
            assert part.isascii()
            assert not set(part) & FORBIDDEN
        assert tail[-1].split(".")[0].upper() != "CON"


def test_two_spellings_of_a_symbol_are_one_series() -> None:
    """00700.HK is 700.HK."""
    long = Series.of("sandbox", "00700.HK", "1d")
    assert long == Series.of("sandbox", "700.HK", "1d")


def test_a_symbol_tells_its_type() -> None:
    """The asset class comes from the spelling; imported series say so."""
    assert Series.of("sandbox", "BTCUSDT", "1d").type == "crypto"
    assert Series.of("import:acme", "BTCUSDT", "1d").is_imported
    assert not Series.of("tickdb", "BTCUSDT", "1d").is_imported
