"""Environments and assumptions: every number through one typed door."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from quant_team_backtest import environment
from quant_team_backtest.assumptions import Assumptions, EngineError
from quant_team_utils.errors import QuantError


def write(root: Path, content: str) -> Path:
    folder = root / environment.ENVIRONMENTS
    folder.mkdir(parents=True)
    (folder / "research.yaml").write_text(content, encoding="utf-8")
    return root


def test_the_shipped_environment(root: Path) -> None:
    """`research` has the default of every assumption, each of the type of its field. [money]"""
    found = environment.load(root, "research")
    assert found == Assumptions()
    assert isinstance(found.initial_capital, float)


def test_whole_numbers_become_floats(tmp_path: Path) -> None:
    """A rate or a capital written without a point is a float all the same. [money]"""
    content = "initial_capital: 10\ncommission: 0\nexpire_after: 3\nparticipation: null\n"
    found = environment.load(write(tmp_path, content), "research")
    assert [type(found.initial_capital), type(found.commission)] == [float, float]
    assert type(found.expire_after) is int
    assert found.participation is None


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("comission: 0.001\n", "unknown key 'comission': did you mean commission"),
        ("commission: 10\n", "In config/environments/research.yaml, commission is 10"),
        ("commission: 1e-3\n", "commission is '1e-3'"),
        ("initial_capital: yes\n", "initial_capital is True"),
        ('initial_capital: "100000"\n', "initial_capital is '100000'"),
        ("initial_capital: .inf\n", "initial_capital is inf"),
        ("expire_after: 2.5\n", "expire_after is 2.5: expected a whole number"),
        ("fill: same_close\n", "next_open or next_close"),
        ("fill: next_open\nfill: next_close\n", "'fill' appears twice"),
        ("<<<<<<< HEAD\nfill: next_open\n", "conflict markers"),
        ("- a\n", "not YAML of `name: value` lines"),
        ("a: [\n", "not valid YAML"),
        ("", "not YAML of `name: value` lines"),
    ],
)
def test_an_environment_is_checked(tmp_path: Path, content: str, sentence: str) -> None:
    """An unknown key, a value of the wrong type or range, or broken YAML is named with its file."""
    with pytest.raises(QuantError, match=sentence):
        environment.load(write(tmp_path, content), "research")


def test_an_unknown_environment_gets_the_nearest(root: Path) -> None:
    """A misspelled name is answered with the nearest one, any other with all."""
    with pytest.raises(QuantError, match="did you mean research"):
        environment.load(root, "reserch")
    with pytest.raises(QuantError, match="known: research"):
        environment.load(root, "live")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("initial_capital", 0),
        ("initial_capital", "100"),
        ("initial_capital", 10**400),
        ("commission", 10),
        ("commission", math.nan),
        ("slippage", -0.1),
        ("participation", 0),
        ("participation", 5),
        ("borrow_rate", -1),
        ("borrow_rate", math.inf),
        ("borrow_rate", True),
        ("expire_after", 1.5),
        ("fill", "same_close"),
    ],
)
def test_assumptions_out_of_range_are_refused(name: str, value: Any) -> None:
    """A cost in percent or basis points, a negative rate, or text is refused by its name."""
    with pytest.raises(EngineError, match=name):
        Assumptions(**{name: value})


def test_numbers_of_numpy_are_numbers() -> None:
    """A grid made with numpy gives Python's own floats."""
    found = Assumptions(commission=np.float64(0.002), initial_capital=np.int64(5))  # type: ignore[arg-type]
    assert type(found.commission) is float
    assert found.initial_capital == 5.0
