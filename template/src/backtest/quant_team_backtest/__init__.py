"""Backtests: engine, metrics, runner (which logs every run) and result files."""
