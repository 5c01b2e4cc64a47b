"""Imports add: what is new, what has changed, and what may not be mixed."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from quant_team_data import adding, cache
from quant_team_data.adding import AddingError, Basis
from quant_team_data.cache import CacheError
from quant_team_data.frames import SCHEMA
from quant_team_data.series import Series

START = datetime(2020, 1, 1, tzinfo=UTC)
SERIES = Series("import:acme", "crypto", "BTCUSDT", "1d")


@pytest.fixture(autouse=True)
def _own_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUANT_ROOT", str(tmp_path))


def bars(first: int, count: int, factor: float = 1.0) -> pl.DataFrame:
    """Return daily bars from the day with a number on."""
    rows = []
    for number in range(first, first + count):
        price = (100 + number % 7) * factor
        time = START + number * timedelta(days=1)
        rows.append((time, price, price + factor, price - factor, price, 10.0))
    return pl.DataFrame(rows, schema=SCHEMA, orient="row")


def test_new_bars_are_added_and_nothing_is_removed() -> None:
    """A file of two bars leaves the other hundred as they were."""
    cache.put(SERIES, bars(0, 100))
    addition = cache.put(SERIES, pl.concat([bars(0, 1), bars(120, 1)]))
    assert (addition.added, addition.unchanged, addition.removed) == (1, 1, 0)
    assert addition.changed.is_empty()
    assert cache.load(SERIES).bars.equals(pl.concat([bars(0, 100), bars(120, 1)]))


def test_a_correction_is_taken_and_reported() -> None:
    """A known time with another value: the new one stays."""
    cache.put(SERIES, bars(0, 100))
    corrected = bars(5, 2).with_columns(volume=pl.lit(11.0))
    addition = cache.put(SERIES, corrected)
    assert addition.changed.equals(corrected)
    stored = cache.load(SERIES).bars
    assert len(stored) == 100
    assert stored[5:7].equals(corrected)


def test_replace_removes_what_is_not_in_the_file() -> None:
    """The other meaning, when it is asked for; what is proven shrinks with it."""
    cache.put(SERIES, bars(0, 100))
    addition = cache.put(SERIES, bars(50, 2), replace=True)
    assert addition.removed == 98
    stored = cache.load(SERIES)
    assert stored.bars.equals(bars(50, 2))
    assert len(stored.proven) == 1


def test_a_hole_between_two_files_is_not_proven() -> None:
    """The second file says nothing of the days between."""
    cache.put(SERIES, bars(0, 3))
    cache.put(SERIES, bars(1000, 3))
    assert len(cache.load(SERIES).proven) == 2


@pytest.mark.parametrize("factor", [0.25, 0.5, 0.98, 1.013, 4.0])
def test_another_adjustment_basis_is_refused(factor: float) -> None:
    """Prices that are all shifted by a factor are not corrections."""
    cache.put(SERIES, bars(0, 100))
    with pytest.raises(AddingError, match=f"factor of about {factor:.4g}.*--replace"):
        cache.put(SERIES, bars(20, 90, factor))
    assert cache.load(SERIES).bars.equals(bars(0, 100))
    cache.put(SERIES, bars(20, 90, factor), replace=True)
    assert cache.load(SERIES).bars.equals(bars(20, 90, factor))


def test_a_basis_with_steps_is_refused() -> None:
    """Dividends move older prices more: the factor has steps."""
    cache.put(SERIES, bars(0, 100))
    steps = pl.concat([bars(0, 30, 0.95), bars(30, 30, 0.97), bars(60, 40, 0.99)])
    with pytest.raises(AddingError, match="another adjustment basis"):
        cache.put(SERIES, steps)


def test_rounded_prices_on_another_basis_are_refused() -> None:
    """Vendors round to cents: the factors of one bar then differ a little."""
    cache.put(SERIES, bars(0, 100))
    rounded = bars(0, 100, 0.25).with_columns(pl.col("open", "high", "low", "close").round(2))
    with pytest.raises(AddingError, match="another adjustment basis"):
        cache.put(SERIES, rounded)


def test_few_corrections_and_volumes_are_no_other_basis() -> None:
    """Ten wrong days of a hundred, or all volumes, may be corrected."""
    cache.put(SERIES, bars(0, 100))
    assert len(cache.put(SERIES, bars(0, 4, 2.0)).changed) == 4
    volumes = bars(0, 100).with_columns(volume=pl.lit(12.0))
    assert len(cache.put(SERIES, volumes).changed) == 100


def test_what_prices_are_is_recorded() -> None:
    """Raw stays raw while all says so, and raw and adjusted do not mix."""
    assert cache.put(SERIES, bars(0, 3), prices="raw").prices == "raw"
    assert cache.load(SERIES).prices == "raw"
    cache.put(SERIES, bars(3, 3), prices="raw")
    assert cache.load(SERIES).prices == "raw"
    with pytest.raises(AddingError, match="is raw and these prices are adjusted"):
        cache.put(SERIES, bars(6, 3), prices="adjusted")
    cache.put(SERIES, bars(6, 3))
    assert cache.load(SERIES).prices == "unknown"
    cache.put(SERIES, bars(0, 9), prices="adjusted")
    assert cache.load(SERIES).prices == "adjusted"


def test_a_file_of_an_older_version_says_nothing_of_prices() -> None:
    """Files of 0.2.0 and 0.3.0 have no such entry: they are read, as unknown."""
    cache.put(SERIES, bars(0, 3), prices="raw")
    metadata = pl.read_parquet_metadata(SERIES.path)
    manifest = json.loads(metadata["quant"])
    del manifest["prices"]
    older = {"quant": json.dumps(manifest)}
    bars(0, 3).write_parquet(SERIES.path, metadata=older)
    stored = cache.load(SERIES)
    assert (len(stored.bars), stored.prices) == (3, "unknown")


def test_no_room_accepts_what_another_refuses() -> None:
    """What is off the grid of its interval is refused by the cache as by the import."""
    late = bars(0, 3).with_columns(pl.col("time") + timedelta(minutes=1))
    with pytest.raises(CacheError, match="is not the open of a 1d bar"):
        cache.put(SERIES, late)


def test_bars_are_compared_in_time() -> None:
    """Added to nothing, everything is new."""
    addition = adding.add(Basis(SCHEMA.to_frame(), "unknown"), Basis(bars(0, 5), "raw"))
    assert (addition.added, addition.unchanged, addition.has_kept) == (5, 0, False)


def test_an_import_of_an_older_version_is_taken_again_as_a_whole() -> None:
    """Its days may lie at 05:00: beside them, the same trading date would be there twice."""
    cache.put(SERIES, bars(0, 3))
    manifest = {"quant": pl.read_parquet_metadata(SERIES.path)["quant"]}
    stamped = bars(0, 3).with_columns(pl.col("time") + timedelta(hours=5))
    stamped.write_parquet(SERIES.path, metadata=manifest)
    with pytest.raises(AddingError, match=r"from an older version.*--replace"):
        cache.put(SERIES, bars(2, 3))
    cache.put(SERIES, bars(2, 3), replace=True)
    assert cache.load(SERIES).bars.equals(bars(2, 3))
