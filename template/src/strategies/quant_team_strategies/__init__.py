"""Strategies: one file each, found by its name.

A strategy is a module of this package. `momentum.py` is the one to copy; it holds

- `SYMBOLS` and `INTERVAL`: what it trades unless told otherwise;
- `DEFAULTS`: its parameters and their values, whose types are the parameters' types;
- `target_weights(bars, parameters)`: for each symbol one weight per bar, as a fraction of the
  account's equity (0.5 is half of it long, -0.5 half of it short, null is "as before"). A weight
  may use everything up to and including its bar's close; the engine fills it later, never on that
  bar;
- `FAMILY` (optional): the folder of its results, the module's name unless given.

A name that begins with an underscore is a helper and not a strategy.
"""

from __future__ import annotations

import contextlib
import difflib
import importlib
import math
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from quant_team_utils.errors import QuantError

if TYPE_CHECKING:
    import polars as pl

Parameter = int | float | str | bool


class StrategyError(QuantError):
    """A strategy is not there, is not complete, or does not know a parameter."""


@dataclass(frozen=True)
class Strategy:
    """A loaded strategy module."""

    name: str
    family: str
    symbols: tuple[str, ...]
    interval: str
    defaults: Mapping[str, Parameter]
    target_weights: Callable[[dict[str, pl.DataFrame], dict[str, Any]], dict[str, pl.Series]]

    def parameters(self, given: Mapping[str, Any] | None = None) -> dict[str, Parameter]:
        """Return all parameters: the defaults, with the given values in their place.

        Text is converted to the type of the default, so that `name=value` from a command line
        works.

        Raises:
            StrategyError: a name is unknown, or a value does not fit the type of the default.
        """
        merged = dict(self.defaults)
        for name, value in (given or {}).items():
            if name not in merged:
                raise StrategyError(
                    f"The strategy {self.name} has no parameter {name!r}: it knows {', '.join(merged) or 'none'}."
                )
            merged[name] = _convert(name, value, merged[name])
        return merged


def names() -> list[str]:
    """Return the names of all strategies, without importing them."""
    return sorted(
        module.name for module in pkgutil.iter_modules(__path__) if not module.name.startswith("_")
    )


def load(name: str) -> Strategy:
    """Import a strategy by its name.

    Raises:
        StrategyError: there is none of that name (the text suggests the nearest), or its module is
            not complete.
    """
    known = names()
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1)
        hint = f"did you mean {near[0]}? " if near else ""
        raise StrategyError(f"There is no strategy {name!r}: {hint}Known: {', '.join(known)}.")
    module = importlib.import_module(f"{__name__}.{name}")
    missing = [
        part
        for part in ("SYMBOLS", "INTERVAL", "DEFAULTS", "target_weights")
        if not hasattr(module, part)
    ]
    if missing:
        raise StrategyError(
            f"The strategy {name} lacks {', '.join(missing)}: see momentum.py for what a strategy has."
        )
    return Strategy(
        name=name,
        family=getattr(module, "FAMILY", name),
        symbols=tuple(module.SYMBOLS),
        interval=module.INTERVAL,
        defaults=module.DEFAULTS,
        target_weights=module.target_weights,
    )


def _convert(name: str, value: Any, default: Parameter) -> Parameter:
    """Return a value as the type of the default; a whole number passes for a fraction, nothing else is guessed."""
    kind, given = type(default), value
    if isinstance(value, str) and kind is bool:
        given = {"true": True, "false": False}.get(value.lower())
    elif isinstance(value, str) and kind in (int, float):
        with contextlib.suppress(ValueError):
            given = kind(value)
    if kind is float and type(given) is int:
        given = float(given)
    if type(given) is not kind or (isinstance(given, float) and not math.isfinite(given)):
        raise StrategyError(
            f"The parameter {name} takes {kind.__name__}, like {default!r}, and {value!r} is none."
        )
    converted: Parameter = given
    return converted
