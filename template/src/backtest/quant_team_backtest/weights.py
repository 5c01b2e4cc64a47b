"""What a strategy returns, checked and as arrays: weights, and how positions are left."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from quant_team_backtest.assumptions import EngineError
from quant_team_backtest.simulation import Exits, Floats
from quant_team_utils.errors import did_you_mean

WEIGHT = "weight"
EXITS = [field.name for field in fields(Exits)]
COLUMNS = [WEIGHT, *EXITS]
EXPECTED = "return a series or an array of one number per bar, or a frame with the column `weight`"


class Targets(NamedTuple):
    """What a strategy returned.

    Attributes:
        weights: for each symbol float64, one per bar; NaN means "as before".
        exits: for some symbols how their positions are left beside their targets.
    """

    weights: dict[str, Floats]
    exits: dict[str, Exits]


def read(
    returned: object,
    strategy: str,
    counts: Mapping[str, int],
) -> Targets:
    """Return what a strategy returned as arrays.

    Args:
        returned: for each symbol a polars or pandas Series, a numpy array of one dimension, or a
            frame of one column or of `weight` and some of `stop`, `target`, `trail`, `max_bars`.
        strategy: its name.
        counts: how many bars each symbol has.

    Raises:
        EngineError: it is anything else; the sentence names strategy and symbol, and what came.
    """
    if not isinstance(returned, Mapping):
        raise EngineError(
            f"The strategy {strategy} returned {_named(returned)}: return a dict with a series of "
            "weights for each symbol."
        )
    for symbol in returned:
        if symbol not in counts:
            raise EngineError(
                f"The strategy {strategy} returned weights for {symbol!r}, which it was given no "
                "bars of."
            )
    weights = {}
    exits = {}
    for symbol, count in counts.items():
        if symbol not in returned:
            raise EngineError(
                f"The strategy {strategy} returned no weights for {symbol}: return one series for "
                "each symbol."
            )
        where = f"The strategy {strategy} returned for {symbol}"
        columns = _columns(returned[symbol], where)
        arrays = {name: _array(column, where, count) for name, column in columns.items()}
        weights[symbol] = arrays.pop(WEIGHT)
        if arrays:
            exits[symbol] = Exits(**_checked(arrays, where))
    return Targets(weights, exits)


# Details


def _columns(value: Any, where: str) -> dict[str, Any]:
    """Return what came for a symbol as columns, by name.

    Raises:
        EngineError: a frame has columns that mean nothing here.
    """
    names = _names(value)
    if names is None:
        return {WEIGHT: value}
    if len(names) == 1 and names[0] not in COLUMNS:
        return {WEIGHT: value[names[0]]}
    for name in names:
        if name not in COLUMNS:
            raise EngineError(
                f"{where} a frame with the column {name!r}: {did_you_mean(str(name), COLUMNS)}"
            )
    if WEIGHT not in names:
        raise EngineError(f"{where} a frame without the column `weight`: add it.")
    return {name: value[name] for name in names}


def _names(value: Any) -> list[Any] | None:
    """Return the columns of a frame of polars or pandas; None for anything else."""
    if isinstance(value, pl.DataFrame):
        return value.columns
    if type(value).__name__ == "DataFrame" and _is_pandas(value):
        return list(value.columns)
    return None


def _array(column: Any, where: str, count: int) -> Floats:
    """Return a column as float64, missing values as NaN.

    Raises:
        EngineError: it is not one number per bar.
    """
    if isinstance(column, pl.Series) and (column.dtype.is_numeric() or column.dtype == pl.Null):
        column = column.cast(pl.Float64).to_numpy()
    elif type(column).__name__ == "Series" and _is_pandas(column):
        column = column.to_numpy(dtype=None, na_value=np.nan)
    if not isinstance(column, np.ndarray) or column.ndim != 1:
        raise EngineError(f"{where} {_named(column)}: {EXPECTED}.")
    if column.dtype.kind not in "fiu":
        raise EngineError(f"{where} values of type {column.dtype}, not numbers: {EXPECTED}.")
    if len(column) != count:
        raise EngineError(f"{where} {len(column):,} values for {count:,} bars: return one per bar.")
    array = column.astype(np.float64)
    if np.isinf(array).any():
        raise EngineError(f"{where} an infinite value: weights are fractions of equity.")
    return array


def _checked(arrays: dict[str, Floats], where: str) -> dict[str, Floats]:
    """Return exits that can be.

    Raises:
        EngineError: a fraction is not above 0, or a number of bars is not 1 or more.
    """
    for name, array in arrays.items():
        wrong = array <= 0
        words = "above 0"
        if name == "max_bars":
            wrong = array < 1
            words = "1 or more"
        if wrong.any():
            value = array[wrong][0]
            raise EngineError(f"{where} a {name} of {value:g}: it is {words}, or null for none.")
    return arrays


def _is_pandas(value: object) -> bool:
    return type(value).__module__.partition(".")[0] == "pandas"


def _named(value: object) -> str:
    """Return what came, in words."""
    if value is None:
        return "nothing"
    if isinstance(value, np.ndarray):
        return f"an array of {value.ndim} dimensions"
    if isinstance(value, pl.Series):
        return f"a series of {value.dtype}"
    return f"a {type(value).__name__}"
