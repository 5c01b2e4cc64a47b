"""What a backtest runs on: the strategy, the account, the bars; and whether they may be used."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from quant_team_backtest import environment, provenance
from quant_team_backtest.assumptions import Assumptions
from quant_team_backtest.result import Data
from quant_team_utils import settings
from quant_team_utils.errors import QuantError

if TYPE_CHECKING:
    from quant_team_data.cache import Slice
    from quant_team_data.markets import Market
    from quant_team_strategies import Parameter, Strategy

# Days without bars at either end of a range that need no word: holidays, the length of a month.
MARGIN = 31
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
        markets: of each symbol, in the order of the request.
        currency: of the account.
        source: "sandbox", "tickdb" or "import:NAME".
        slices: for each symbol its bars, and what the cache holds of it.
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


@dataclass(frozen=True)
class Checked:
    """What was found about the bars.

    Attributes:
        data: for each symbol what tells its bars from others.
        warnings: what to know of them, one sentence each.
    """

    data: dict[str, Data]
    warnings: list[str]

    @property
    def locked(self) -> bool:
        """All bars are those of data.lock."""
        return all(facts.locked for facts in self.data.values())


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
        slices=_slices(used, list(places), length, first, last),
    )


def check(prepared: Prepared, *, allow_unlocked: bool = False) -> Checked:
    """Compare the bars with data.lock and with the range.

    Args:
        prepared: what will run.
        allow_unlocked: bars that differ from data.lock are a warning.

    Raises:
        LockError: they differ, and that is not allowed.
    """
    from quant_team_data import lock
    from quant_team_data.cache import Series

    data = {}
    differing = []
    lines = lock.read()
    for symbol, (bars, stored) in prepared.slices.items():
        series = Series.of(prepared.source, symbol, prepared.interval)
        locked, different = lock.check(series, bars, stored, lines)
        differing += different
        data[symbol] = Data(
            bars=len(bars),
            first=_text(bars["time"][0]),
            last=_text(bars["time"][-1]),
            digest=lock.digest(bars),
            locked=locked,
        )
    short = _short(prepared)
    if not differing:
        return Checked(data, short)
    difference = lock.difference(differing)
    if not allow_unlocked:
        raise lock.LockError(f"{difference[:-1]}; `quant run --unlocked` runs anyway.")
    return Checked(data, [difference, *short])


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

    places = {symbol: markets.market_of(symbol) for symbol in symbols}
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


def _short(prepared: Prepared) -> list[str]:
    """Return a warning for each symbol whose bars begin or end well inside the range."""
    warnings = []
    for symbol, (bars, _) in prepared.slices.items():
        begin = bars["time"][0].date()
        end = bars["time"][-1].date()
        late = (begin - prepared.first).days
        early = (prepared.last - end).days
        if max(late, early) > MARGIN:
            warnings.append(f"The bars of {symbol} only cover {begin} to {end}.")
    return warnings


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
