"""The typed door for numbers."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from quant_team_utils import typed


@pytest.mark.parametrize(
    ("value", "kind", "text", "expected"),
    [
        (100000, float, False, 100000.0),
        (5.0, int, False, 5),
        (np.float32(0.5), float, False, 0.5),
        (np.int8(3), int, False, 3),
        ("20", int, True, 20),
        ("5.0", int, True, 5),
        (" 0.05 ", float, True, 0.05),
        ("1e-3", float, True, 0.001),
        ("TRUE", bool, True, True),
        ("false", bool, True, False),
        ("20", str, True, "20"),
    ],
)
def test_what_passes(value: Any, kind: Any, text: bool, expected: Any) -> None:
    """A number passes as exactly the type that is wanted. [money]"""
    found = typed.convert(value, kind, text=text)
    assert found == expected
    assert type(found) is kind


@pytest.mark.parametrize(
    ("value", "kind", "text"),
    [
        (True, float, False),
        (True, int, False),
        (1, bool, False),
        (1, bool, True),
        (np.True_, float, False),
        ("20", int, False),
        ("1_000", int, True),
        ("1", bool, True),
        ("", float, True),
        ("nan", float, True),
        ("inf", float, True),
        (math.nan, float, False),
        (math.inf, int, False),
        (2.5, int, False),
        (10**400, float, False),
        (None, float, False),
        (3, str, False),
        (object(), str, True),
    ],
)
def test_what_does_not(value: Any, kind: Any, text: bool) -> None:
    """Switches, text outside a command line, fractions and what is not finite are refused."""
    with pytest.raises(typed.NotTypedError, match="expected"):
        typed.convert(value, kind, text=text)
