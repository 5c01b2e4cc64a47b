"""What strategies return: what is read, and what is refused in which words."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest

from quant_team_backtest.engine import EngineError
from quant_team_backtest.weights import read

pd: Any = pytest.importorskip("pandas")
COUNTS = {"X": 3}
VALUES = [0.0, 0.5, None]


def named(value: Any) -> Any:
    """Return what a strategy called "mine" returned for X."""
    return read({"X": value}, "mine", COUNTS)


@pytest.mark.parametrize(
    "value",
    [
        pl.Series(VALUES),
        pl.DataFrame({"anything": VALUES}),
        pl.DataFrame({"weight": VALUES}),
        np.array([0, 0.5, np.nan]),
        pd.Series(VALUES, dtype=float),
        pd.DataFrame({"w": [0, 0.5, np.nan]}),
    ],
)
def test_one_number_per_bar_is_read(value: Any) -> None:
    """As a series, an array or a frame of one column, of polars or pandas; null is "as before"."""
    found = named(value)
    assert found.weights["X"].dtype == np.float64
    np.testing.assert_array_equal(found.weights["X"], [0, 0.5, np.nan])
    assert found.exits == {}


@pytest.mark.parametrize("frame", [pl.DataFrame, pd.DataFrame])
def test_a_frame_may_say_how_positions_are_left(frame: Any) -> None:
    """Its columns beside `weight` are the exits of that symbol. [exits]"""
    found = named(frame({"weight": [1, 0, 0], "stop": [0.05, 0.1, np.nan], "max_bars": [3, 3, 4]}))
    exits = found.exits["X"]
    np.testing.assert_array_equal(exits.stop, [0.05, 0.1, np.nan])
    np.testing.assert_array_equal(exits.max_bars, [3, 3, 4])
    assert exits.target is None


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        (None, "for X nothing: return a series"),
        (0.5, "for X a float"),
        ([0, 1, 0], "for X a list"),
        (np.zeros((3, 1)), "an array of 2 dimensions"),
        (np.array(0.5), "an array of 0 dimensions"),
        (pl.Series(["a", "b", "c"]), "a series of String"),
        (pl.Series([True, False, True]), "a series of Boolean"),
        (np.array(["a", "b", "c"]), "values of type <U1"),
        (np.zeros(2), "2 values for 3 bars"),
        (np.array([0, np.inf, 0]), "an infinite value"),
        (pl.DataFrame({"weigth": [1], "stop": [1]}), "column 'weigth': did you mean weight"),
        (pl.DataFrame({"target": [1, 1, 1]}), "without the column `weight`"),
        (pl.DataFrame({"weight": [1, 1, 1], "stop": [0.1, 0, 0.1]}), "a stop of 0: it is above 0"),
        (pl.DataFrame({"weight": [1, 1, 1], "max_bars": [0, 1, 1]}), "max_bars of 0: it is 1 or"),
    ],
)
def test_what_is_not_a_weight_is_refused(value: Any, sentence: str) -> None:
    """One sentence names the strategy, the symbol and what came."""
    with pytest.raises(EngineError, match=sentence) as raised:
        named(value)
    assert str(raised.value).startswith("The strategy mine returned for X ")


@pytest.mark.parametrize(
    ("returned", "sentence"),
    [
        (None, "returned nothing: return a dict"),
        (pl.Series([1]), "returned a series of Int64"),
        ({}, "no weights for X"),
        ({"X": np.zeros(3), "Y": np.zeros(3)}, "'Y', which it was given no bars of"),
    ],
)
def test_every_symbol_and_no_other(returned: Any, sentence: str) -> None:
    """A dict with the symbols that the strategy was given."""
    with pytest.raises(EngineError, match=sentence):
        read(returned, "mine", COUNTS)
