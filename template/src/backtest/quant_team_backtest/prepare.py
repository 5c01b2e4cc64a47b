"""What a backtest runs on: the strategy, the account, the bars."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from quant_team_backtest import adjusting, environment, provenance
from quant_team_backtest.assumptions import Assumptions
from quant_team_utils import settings
from quant_team_utils.errors import QuantError

if TYPE_CHECKING:
    from quant_team_backtest.adjusting import Adjustment
    from quant_team_data.cache import Slice
    from quant_team_data.markets import Market
    from quant_team_strategies import Parameter, Strategy

Day = date | str | None


class RunError(QuantError):
    """A backtest was requested that cannot be run."""


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """Everything that a simulation needs; `simulate` may be called on it many times.

    Attributes:
        root: the project.
        strategy: the loaded strategy.
        parameters: all of its parameters, by name.
        environment: name of the file in config/environments.
        assumptions: what that file says.
        first: first day (UTC), included.
        last: last day (UTC), included.
        interval: bar length such as "1d".
        markets: of each symbol, in TickDB's spelling and the order of the request.
        currency: of the account.
        source: "sandbox", "tickdb" or "import:NAME".
        slices: for each symbol its bars, and what the cache holds of it.
        adjustments: how the splits and dividends of each symbol enter the run.
    """

    root: Path
    strategy: Strategy
    parameters: dict[str, Parameter]
    environment: str
    assumptions: Assumptions
    first: date
    last: date
    interval: str
    markets: dict[str, Market]
    currency: str
    source: str
    slices: dict[str, Slice]
    adjustments: dict[str, Adjustment]


def prepare(
    root: Path,
    strategy: Strategy,
    symbols: Iterable[str] | None = None,
    days: tuple[Day, Day] = (None, None),
    parameters: Mapping[str, Any] | None = None,
    interval: str | None = None,
    environment_name: str = "research",
    source: str | None = None,
) -> Prepared:
    """Check a request and get its bars.

    Args:
        root: the project.
        strategy: as `quant_team_strategies.load` returns it.
        symbols: what to trade; default: the strategy's.
        days: first and last (UTC), both included; default: `DEFAULT_BACKTEST_START` and
            `DEFAULT_BACKTEST_END`.
        parameters: values that differ from the strategy's defaults.
        interval: bar length such as "1h"; default: the strategy's.
        environment_name: name of a file in config/environments.
        source: "import:NAME" for imported bars; default: what the settings say.

    Raises:
        QuantError: the subclass that says what to correct.
    """
    from quant_team_data import markets

    provenance.check_origin(root)
    chosen = strategy.parameters(parameters)
    assumptions = environment.load(root, environment_name)
    first = _day(days[0], "DEFAULT_BACKTEST_START")
    last = _day(days[1], "DEFAULT_BACKTEST_END")
    if first > last:
        raise RunError(f"The start {first} is after the end {last}: swap them.")
    length = markets.check_interval(interval or strategy.interval)
    places = _markets(strategy.symbols if symbols is None else symbols)
    currency = _one_currency(places)
    used = _source(source)
    slices = _slices(used, list(places), length, first, last)
    return Prepared(
        root=root,
        strategy=strategy,
        parameters=chosen,
        environment=environment_name,
        assumptions=assumptions,
        first=first,
        last=last,
        interval=length,
        markets=places,
        currency=currency,
        source=used,
        slices=slices,
        adjustments=adjusting.find(used, length, places, slices),
    )


# Details


def _day(given: Day, variable: str) -> date:
    """Return a given day, else that of a setting."""
    value = given or settings.get(variable)
    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, date):
        return value
    if not value:
        raise RunError(f"{variable} is not set: put it into .env, or give the day.")
    try:
        return date.fromisoformat(value)
    except ValueError:
        raise RunError(f"{value!r} is not a date; use YYYY-MM-DD.") from None


def _markets(symbols: Iterable[str]) -> dict[str, Market]:
    from quant_team_data import markets

    names = [markets.canonical(symbol) for symbol in symbols]  # aliases are one symbol
    places = {symbol: markets.market_of(symbol) for symbol in names}
    if not places:
        raise RunError(
            "There are no symbols to trade: name at least one, as in --symbols AAPL.US,MSFT.US."
        )
    return places


def _one_currency(places: Mapping[str, Market]) -> str:
    """Return the currency of an account that trades these symbols; USDT counts as USD."""
    found = {symbol: place.currency for symbol, place in places.items()}
    currencies = set(found.values())
    if len(currencies) > 1:
        listed = ", ".join(f"{symbol} in {currency}" for symbol, currency in found.items())
        raise RunError(
            f"These symbols trade in different currencies ({listed}); "
            "run one backtest per currency."
        )
    return currencies.pop()


def _source(wanted: str | None) -> str:
    from quant_team_data import clients

    if wanted is not None and wanted.startswith("import:"):
        return wanted
    used = clients.source()
    if wanted not in (None, used):
        raise RunError(
            f"TICKDB_BASE_URL makes the source {used}, not {wanted!r}: change it in .env."
        )
    return used


def _slices(
    source: str,
    symbols: list[str],
    interval: str,
    first: date,
    last: date,
) -> dict[str, Slice]:
    """Return the bars of each symbol: from the cache, and what it lacks from the source."""
    from quant_team_data import history, many
    from quant_team_data.cache import Series

    span = history.span_of(first, last)

    def read(symbol: str) -> Slice:
        series = Series.of(source, symbol, interval)
        return history.read(series, span.first, span.stop)

    slices = many.each(symbols, read).complete()
    for symbol, (bars, _) in slices.items():
        if bars.is_empty():
            raise RunError(
                f"There are no {interval} bars of {symbol} from {first} to {last}: "
                "choose another range."
            )
    return slices
