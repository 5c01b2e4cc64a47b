"""A strategy that never trades is told why."""

from __future__ import annotations

import pytest

from quant_team_backtest import idle

from . import accounts

NULL = float("nan")


@pytest.mark.parametrize(
    ("weights", "volume", "parameters", "reason"),
    [
        ([NULL] * 3, 1e9, {}, "all its weights are null."),
        ([NULL] * 3, 1e9, {"slow": 200}, "null, and `slow` of 200 needs more than the 3 bars"),
        ([0.0] * 3, 1e9, {}, "all its weights are zero."),
        ([0.01] * 3, 1e9, {}, "less than one lot"),
        ([0.0, 0.0, 1.0], 1e9, {}, "no bar was left"),
        ([1.0] * 12, 0.0, {}, "no bar had the volume"),
    ],
)
def test_why(
    weights: list[float],
    volume: float,
    parameters: dict[str, int],
    reason: str,
) -> None:
    """All null, all zero, all too small, a lookback longer than the data. [idle]"""
    bars = accounts.make([100.0] * len(weights), volume=volume)
    run = accounts.run(bars, weights)
    (text,) = idle.warnings_of(run, {"X": run.equity * 0 + weights}, parameters)
    assert text.startswith("The strategy never traded: ")
    assert reason in text


def test_who_trades_is_told_nothing() -> None:
    """One fill is enough. [idle]"""
    run = accounts.run(accounts.make([100.0] * 3), [1.0] * 3)
    assert idle.warnings_of(run, {"X": run.equity}, {}) == []
