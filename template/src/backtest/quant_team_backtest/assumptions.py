"""What a simulation assumes: the capital, the costs, and how orders fill."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import NamedTuple

from quant_team_utils import typed
from quant_team_utils.errors import QuantError

NEXT_OPEN = "next_open"
NEXT_CLOSE = "next_close"
FILLS = (NEXT_OPEN, NEXT_CLOSE)


class EngineError(QuantError):
    """The engine was given bars, weights or assumptions that it cannot work with."""


@dataclass(frozen=True)
class Assumptions:
    """The account and the costs of a simulation.

    Numbers are checked and become floats when this is made: whole capital is not whole money.

    Attributes:
        initial_capital: money at the start, in the currency of the symbols; above 0.
        commission: fraction of each fill's notional, per side; from 0 to below 0.5.
        slippage: fraction of the price that a buy pays more and a sale gets less; 0 to below 0.5.
        fill: "next_open" or "next_close": where on the bar after the one that decided.
        participation: the largest fraction that a bar fills of the mean volume of the 20 bars up to
            the decision; None for no cap.
        borrow_rate: fraction per year (365 days) on the value of what is sold short; 0 or more.
        max_gross: what all positions together may be worth, as a multiple of equity, when they are
            decided; up to 1 the account never goes into debit to buy.
        interest_rate: fraction per year (365 days) on a debit; 0 or more.
        expire_after: bars that an order waits for volume before it is dropped; 1 or more.

    Raises:
        EngineError: a value is not a number, or out of range.
    """

    initial_capital: float = 100_000.0
    commission: float = 0.001
    slippage: float = 0.0005
    fill: str = NEXT_OPEN
    participation: float | None = 0.05
    borrow_rate: float = 0.01
    max_gross: float = 1.0
    interest_rate: float = 0.05
    expire_after: int = 5

    def __post_init__(self) -> None:
        """Check every value, and make its number the type of its field."""
        for field in fields(self):
            rule = _RULES.get(field.name)
            value = getattr(self, field.name)
            is_uncapped = field.name == "participation" and value is None
            if rule is not None and not is_uncapped:
                object.__setattr__(self, field.name, rule.checked(field.name, value))
        if self.fill not in FILLS:
            raise EngineError(f"fill is {self.fill!r}: expected {' or '.join(FILLS)}.")


class _Rule(NamedTuple):
    """The type of an assumption, the values it may have, and both in words."""

    kind: type[float] | type[int]
    words: str
    fits: Callable[[float], bool]

    def checked(self, name: str, value: object) -> float:
        """Return the value as a number of its type; raises EngineError."""
        try:
            number: float = typed.convert(value, self.kind)
        except typed.NotTypedError:
            number = float("nan")
        if not self.fits(number):
            raise EngineError(f"{name} is {value!r}: expected {self.words}.")
        return number


_PER_SIDE = _Rule(float, "a fraction from 0 to below 0.5", lambda x: 0 <= x < 0.5)
_RULES = {
    "initial_capital": _Rule(float, "a number above 0", lambda x: x > 0),
    "commission": _PER_SIDE,
    "slippage": _PER_SIDE,
    "participation": _Rule(float, "a fraction above 0 up to 1, or null", lambda x: 0 < x <= 1),
    "borrow_rate": _Rule(float, "a fraction per year, 0 or more", lambda x: x >= 0),
    "max_gross": _Rule(float, "a number above 0", lambda x: x > 0),
    "interest_rate": _Rule(float, "a fraction per year, 0 or more", lambda x: x >= 0),
    "expire_after": _Rule(int, "a whole number of bars, 1 or more", lambda x: x >= 1),
}
