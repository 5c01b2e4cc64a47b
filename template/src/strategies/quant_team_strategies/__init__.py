"""Strategies: one file each, found by its name.

A strategy is a module of this package with the shape of `StrategyModule`; `momentum.py` is the one
to copy. A name that begins with an underscore is a helper and not a strategy.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, cast

from quant_team_utils import typed
from quant_team_utils.errors import QuantError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable

    import polars as pl

__all__ = ["Parameter", "Strategy", "StrategyError", "StrategyModule", "load", "names"]

Parameter = int | float | str | bool


class StrategyError(QuantError):
    """A strategy does not exist, is not complete, or does not know a parameter."""


class StrategyModule(Protocol):
    """What a strategy's module holds; `FAMILY`, which is optional, is not in this list.

    Attributes:
        SYMBOLS: what it trades by default.
        INTERVAL: length of its bars by default, such as "1d".
        DEFAULTS: its parameters and their values, whose types are the parameters' types.
        FAMILY: the folder of its results; default: the module's name.
    """

    SYMBOLS: tuple[str, ...]
    INTERVAL: str
    DEFAULTS: dict[str, Parameter]

    def target_weights(
        self,
        bars: dict[str, pl.DataFrame],
        parameters: dict[str, Any],
    ) -> Mapping[str, pl.Series | pl.DataFrame]:
        """Return for each symbol one weight per bar, and how its positions are left.

        Args:
            bars: for each symbol a frame of `time` (Datetime ms UTC, the bar's open), `open`,
                `high`, `low`, `close`, `volume` (Float64), in time order. Prices of a stock move as
                if splits had not been and dividends were reinvested, from the raw first bar on:
                use their changes, not their levels.
            parameters: all parameters, by name.

        Returns:
            Fractions of the account's equity: 0.5 is half of it long, -0.5 half of it short, null
            is "as before". A weight may use everything up to and including its bar's close; the
            engine fills it later, never on that bar.

            Instead of a series, a frame of `weight` and some of `stop`, `target` and `trail`
            (fractions of the entry price: 0.05 leaves 5 percent from it) and `max_bars`. What the
            deciding bar says of them holds for the position; null for none.
        """
        ...


@dataclass(frozen=True)
class Strategy:
    """A loaded strategy.

    Attributes:
        name: of the module.
        family: the folder of its results.
        symbols: what it trades by default.
        interval: length of its bars by default.
        defaults: its parameters and their values.
        target_weights: see `StrategyModule`.
    """

    name: str
    family: str
    symbols: tuple[str, ...]
    interval: str
    defaults: Mapping[str, Parameter]
    target_weights: Callable[[dict[str, pl.DataFrame], dict[str, Any]], Mapping[str, Any]]

    def parameters(self, given: Mapping[str, Any] | None = None) -> dict[str, Parameter]:
        """Return all parameters: the defaults, with the given values in their place.

        Text becomes the type of the default, so that `name=value` from a command line works.

        Raises:
            StrategyError: a name is unknown, or a value is not of the type of the default.
        """
        merged = dict(self.defaults)
        for name, value in (given or {}).items():
            if name not in merged:
                hint = did_you_mean(name, merged)
                raise StrategyError(
                    f"The strategy {self.name} has no parameter {name!r}: {hint}",
                )
            merged[name] = _converted(name, value, merged[name])
        return merged


def names() -> list[str]:
    """Return the names of all strategies, sorted, without importing them."""
    modules = [module.name for module in pkgutil.iter_modules(__path__)]
    return sorted(name for name in modules if not name.startswith("_"))


def load(name: str) -> Strategy:
    """Import a strategy by its name.

    Raises:
        StrategyError: there is none of that name (the text suggests the nearest), or its module is
            not complete.
    """
    known = names()
    if name not in known:
        raise StrategyError(f"There is no strategy {name!r}: {did_you_mean(name, known)}")
    module = importlib.import_module(f"{__name__}.{name}")
    missing = [part for part in _PARTS if not hasattr(module, part)]
    if missing:
        raise StrategyError(
            f"The strategy {name} lacks {', '.join(missing)}: see momentum.py for an example."
        )
    shape = cast("StrategyModule", module)
    return Strategy(
        name=name,
        family=getattr(module, "FAMILY", name),
        symbols=tuple(shape.SYMBOLS),
        interval=shape.INTERVAL,
        defaults=shape.DEFAULTS,
        target_weights=shape.target_weights,
    )


# Details

_PARTS = ("SYMBOLS", "INTERVAL", "DEFAULTS", "target_weights")


def _converted(name: str, value: object, default: Parameter) -> Parameter:
    kind = type(default)
    try:
        converted: Parameter = typed.convert(value, kind, text=True)
    except typed.NotTypedError:
        raise StrategyError(
            f"The parameter {name} takes {kind.__name__}, like {default!r}, not {value!r}."
        ) from None
    return converted
