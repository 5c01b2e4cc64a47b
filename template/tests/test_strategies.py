"""Strategies and features: found by name, typed parameters, nothing known too early."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import quant_team_strategies
from quant_team_backtest import lookahead, weights
from quant_team_backtest.weights import Targets
from quant_team_features import FeatureError
from quant_team_features.momentum import momentum
from quant_team_strategies import StrategyError, load, names


def frame(closes: list[float]) -> pl.DataFrame:
    start = datetime(2024, 1, 1, tzinfo=UTC)
    times = [start + timedelta(days=i) for i in range(len(closes))]
    return pl.DataFrame({"time": times, "close": closes})


def test_momentum_by_hand() -> None:
    """Two bars of look-back, one skipped: on bar 3 close[2] / close[0] - 1, nothing before."""
    values = frame([100, 110, 120, 60, 90]).select(momentum(2, 1).alias("m"))["m"].to_list()
    assert values == [None, None, None, pytest.approx(0.2), pytest.approx(60 / 110 - 1)]


@pytest.mark.parametrize(("lookback", "skip"), [(0, 0), (-1, 0), (5, -1)])
def test_momentum_refuses_counts_without_meaning(lookback: int, skip: int) -> None:
    """A look-back of no bars, or a skip into the future, is refused."""
    with pytest.raises(FeatureError, match="lookback"):
        momentum(lookback, skip)


def test_momentum_holds_what_has_risen() -> None:
    """Half the account each: long above the threshold, flat or short below it, flat before."""
    bars = {"UP": frame([100, 101, 102, 103]), "DOWN": frame([100, 99, 98, 97])}
    strategy = load("momentum")
    flat = strategy.target_weights(bars, strategy.parameters({"lookback": 1, "skip": 1}))
    assert flat["UP"].to_list() == [0, 0, 0.5, 0.5]
    assert flat["DOWN"].to_list() == [0, 0, 0, 0]
    short = strategy.target_weights(
        bars, strategy.parameters({"lookback": 1, "skip": 1, "short": True})
    )
    assert short["DOWN"].to_list() == [0, 0, -0.5, -0.5]


@pytest.mark.parametrize("name", names())
def test_weights_do_not_look_ahead(name: str) -> None:
    """Weights on shorter histories are the beginning of those on the whole one. [decide]"""
    strategy = load(name)
    parameters = strategy.parameters()
    closes = [100 + (i * 7919 % 101) / 5 for i in range(400)]
    close = pl.col("close")
    bars = frame(closes).with_columns(open=close, high=close, low=close, volume=pl.lit(1e6))

    def compute(frames: Mapping[str, pl.DataFrame]) -> Targets:
        counts = {symbol: len(bars) for symbol, bars in frames.items()}
        returned = strategy.target_weights(dict(frames), dict(parameters))
        return weights.read(returned, name, counts)

    whole = dict.fromkeys(strategy.symbols, bars)
    found = lookahead.check(compute, whole, compute(whole))
    assert found.found == lookahead.CLEAN


def test_an_unknown_strategy_gets_the_nearest() -> None:
    """A misspelled name is answered with the nearest one."""
    with pytest.raises(StrategyError, match=r"did you mean momentum\?"):
        load("momentun")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Let strategies be found in a folder of the test's own; what it imports is forgotten."""
    monkeypatch.setattr(quant_team_strategies, "__path__", [str(tmp_path)])
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        if name.startswith("quant_team_strategies."):
            del sys.modules[name]


def test_listing_imports_nothing(folder: Path) -> None:
    """A strategy that cannot be imported is listed all the same, a helper (_x) is not."""
    (folder / "broken.py").write_text("raise RuntimeError\n", encoding="utf-8")
    (folder / "_helper.py").write_text("", encoding="utf-8")
    assert names() == ["broken"]


def test_a_half_written_strategy_says_what_it_lacks(folder: Path) -> None:
    """A module without the parts of a strategy is refused by the names of the parts."""
    (folder / "half_written.py").write_text("SYMBOLS = ()\nDEFAULTS = {}\n", encoding="utf-8")
    with pytest.raises(StrategyError, match="lacks INTERVAL, target_weights"):
        load("half_written")


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"lookback": "20"}, 20),
        ({"threshold": "0.05"}, 0.05),
        ({"threshold": 1}, 1.0),
        ({"short": "true"}, True),
        ({"short": False}, False),
    ],
)
def test_parameters_take_the_type_of_their_default(given: dict[str, Any], expected: Any) -> None:
    """Text from a command line becomes the type of the default."""
    found = load("momentum").parameters(given)[next(iter(given))]
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"lookbak": 20}, "has no parameter 'lookbak': did you mean lookback"),
        ({"lookback": "long"}, "lookback takes int"),
        ({"lookback": 20.5}, "lookback takes int"),
        ({"lookback": True}, "lookback takes int"),
        ({"threshold": "nan"}, "threshold takes float"),
        ({"short": "maybe"}, "short takes bool"),
        ({"short": 1}, "short takes bool"),
    ],
)
def test_parameters_that_do_not_fit_are_refused(given: dict[str, Any], sentence: str) -> None:
    """An unknown name gets the nearest one; a value of the wrong type names what is wanted."""
    with pytest.raises(StrategyError, match=sentence):
        load("momentum").parameters(given)
