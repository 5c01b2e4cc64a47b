"""Taking an import away: only imports, asked first, and what used it is named."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest
from click.testing import CliRunner, Result

from quant_team_data import cache, lock, removing
from quant_team_data.commands import data
from quant_team_data.frames import SCHEMA
from quant_team_data.series import Series
from quant_team_utils.errors import QuantError

SERIES = Series("import:acme", "crypto", "BTCUSDT", "1d")
RECORD = """\
experiment_id: exp_one
source: {source}
backtest_config:
  interval: {interval}
data:
  {symbol}: {{bars: 1}}
"""


@pytest.fixture(autouse=True)
def _own_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUANT_ROOT", str(tmp_path))
    bars = pl.DataFrame(
        [(datetime(2020, 1, 1, tzinfo=UTC), 2.0, 2.0, 2.0, 2.0, 1.0)], SCHEMA, orient="row"
    )
    cache.put(SERIES, bars)
    cache.put(Series("import:acme", "crypto", "BTCUSDT", "1h"), bars)


def quant_data(*arguments: str) -> Result:
    return CliRunner().invoke(data, arguments)


def record(root: Path, name: str, **fields: str) -> None:
    """Log a result that says which bars it used."""
    values = {"source": "import:acme", "interval": "1d", "symbol": "BTCUSDT"} | fields
    path = root / "results" / "momentum" / f"{name}.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(RECORD.format(**values), encoding="utf-8")


def test_results_and_lines_that_used_it_are_named(tmp_path: Path) -> None:
    """Those of this source, symbol and interval, and no others."""
    record(tmp_path, "one")
    record(tmp_path, "other_source", source="import:other")
    record(tmp_path, "other_symbol", symbol="ETHUSDT")
    record(tmp_path, "other_interval", interval="1h")
    (tmp_path / "results" / "momentum" / "broken.yaml").write_text("a: [", encoding="utf-8")
    lock.lock([SERIES], who="alice")
    found = removing.uses(SERIES)
    assert found.results == ["results/momentum/one.yaml"]
    assert [line.month for line in found.lines] == ["2020-01"]
    done = quant_data("remove", "BTCUSDT", "--source", "import:acme", "--interval", "1d", "--yes")
    assert "used by 1 result:\n    results/momentum/one.yaml" in done.output
    assert "named by 1 line of data.lock: 2020-01" in done.output
    assert "removed: BTCUSDT 1d of import:acme" in done.output
    assert not SERIES.path.exists()
    assert (tmp_path / "results" / "momentum" / "one.yaml").exists()


def test_all_intervals_unless_one_is_named() -> None:
    """Without --interval, every series of the symbol."""
    done = quant_data("remove", "BTCUSDT", "--source", "import:acme", "--yes")
    assert done.exit_code == 0
    assert cache.stored_series() == []


def test_without_a_terminal_nothing_is_removed_unless_told() -> None:
    """There is nobody to ask."""
    done = quant_data("remove", "BTCUSDT", "--source", "import:acme")
    assert isinstance(done.exception, QuantError)
    assert "pass --yes" in str(done.exception)
    assert SERIES.path.exists()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("BTCUSDT", "--source", "tickdb"), "is not an import"),
        (("BTCUSDT", "--source", "acme"), "is not an import"),
        (("ETHUSDT", "--source", "import:acme"), "no bars of ETHUSDT from import:acme"),
        (("BTCUSDT", "--source", "import:acme", "--interval", "1m"), "no 1m bars"),
        (("BTCUSDT", "--source", "import:../x"), "is not a name"),
    ],
)
def test_only_imports_that_are_there_can_be_removed(
    arguments: tuple[str, ...],
    sentence: str,
) -> None:
    """Bars of the service are fetched again, not removed."""
    done = quant_data("remove", *arguments, "--yes")
    assert isinstance(done.exception, QuantError)
    assert sentence in str(done.exception)
    assert SERIES.path.exists()
