"""Backtests: engine, metrics, runner (which logs every run) and result files.

    from quant_team_backtest import run_backtest

The names below are loaded when they are first used, so that importing this package costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from quant_team_backtest.assumptions import Assumptions, EngineError
    from quant_team_backtest.engine import simulate
    from quant_team_backtest.metrics import Metrics, Undefined, measure
    from quant_team_backtest.result import Result, ResultError
    from quant_team_backtest.run import Run
    from quant_team_backtest.runner import log_backtest_result, run_backtest
    from quant_team_backtest.simulation import Bars, Fill, Simulation, Trade

__all__ = [
    "Assumptions",
    "Bars",
    "EngineError",
    "Fill",
    "Metrics",
    "Result",
    "ResultError",
    "Run",
    "Simulation",
    "Trade",
    "Undefined",
    "log_backtest_result",
    "measure",
    "run_backtest",
    "simulate",
]

_HOME = {
    "Assumptions": "assumptions",
    "Bars": "simulation",
    "EngineError": "assumptions",
    "Fill": "simulation",
    "Metrics": "metrics",
    "Result": "result",
    "ResultError": "result",
    "Run": "run",
    "Simulation": "simulation",
    "Trade": "simulation",
    "Undefined": "metrics",
    "log_backtest_result": "runner",
    "measure": "metrics",
    "run_backtest": "runner",
    "simulate": "engine",
}


def __getattr__(name: str) -> object:
    """Load a public name from the module that holds it."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    module = importlib.import_module(f"{__name__}.{_HOME[name]}")
    value: object = getattr(module, name)
    return value
