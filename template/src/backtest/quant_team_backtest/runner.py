"""The runner: one backtest from a name, logged as one result file.

In a notebook:

    from quant_team_backtest.runner import run_backtest
    run_backtest("momentum")

It is four steps, each a function that can be called by itself: `prepare` checks the request and
gets the bars, `check` compares them with data.lock and the calendar, `simulate` runs the strategy,
`log` writes the result.
"""

from __future__ import annotations

import platform
import time
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import msgspec

from quant_team_backtest import adjusting, boards, dates, engine, idle, provenance
from quant_team_backtest import result as records
from quant_team_backtest.bar_checks import Checked, check
from quant_team_backtest.engine import Simulation
from quant_team_backtest.measures import measure
from quant_team_backtest.prepare import Prepared, RunError, prepare
from quant_team_backtest.result import Config, Conventions, LookAhead, Position, Result
from quant_team_backtest.run import Run
from quant_team_backtest.signals import Signals, warnings_of
from quant_team_backtest.simulation import Open
from quant_team_backtest.weights import Targets
from quant_team_utils.console import SYNTHETIC
from quant_team_utils.paths import project_root

__all__ = [
    "Checked",
    "Prepared",
    "Run",
    "RunError",
    "check",
    "log",
    "log_backtest_result",
    "prepare",
    "record",
    "run_backtest",
    "simulate",
]

RESULTS = "results"


def run_backtest(
    strategy: str,
    symbols: Iterable[str] | None = None,
    start: date | str | None = None,
    end: date | str | None = None,
    parameters: Mapping[str, Any] | None = None,
    *,
    interval: str | None = None,
    environment: str = "research",
    name: str | None = None,
    conclusion: str | None = None,
    next_steps: str | None = None,
    log: bool = True,
    results_dir: Path | None = None,
    source: str | None = None,
    allow_unlocked: bool = False,
    allow_incomplete: bool = False,
) -> Run:
    """Fetch bars, simulate a strategy on them, and log the result.

    Args:
        strategy: name of a module in `quant_team_strategies`.
        symbols: what to trade; default: the strategy's.
        start: first day (UTC), included; default: `DEFAULT_BACKTEST_START`.
        end: last day, included; default: `DEFAULT_BACKTEST_END`.
        parameters: values that differ from the strategy's defaults.
        interval: bar length such as "1h"; default: the strategy's.
        environment: name of a file in config/environments: capital, costs, how orders fill.
        name: middle part of the result's name; default: the first symbol and the strategy.
        conclusion: what was learned, if that is known already.
        next_steps: what to try next.
        log: write the result file; without it nothing is written, and no member need be set.
        results_dir: where results are; default: the repository's `results/`.
        source: "import:NAME" for bars that `quant data import` put into the cache; default: what
            the settings say.
        allow_unlocked: run even if bars differ from data.lock; the result then says so.
        allow_incomplete: run even if more than a tenth of the calendar's bars are missing; the
            result then says so.

    Raises:
        QuantError: the subclass that says what to correct; nothing has been written then.
    """
    from quant_team_strategies import load

    root = project_root()
    began = time.perf_counter()
    loaded = load(strategy)
    traded = loaded.symbols if symbols is None else list(symbols)
    file_name = name or default_name(strategy, traded)
    _check_names(root, loaded.family, file_name, is_logged=log)
    span = (start, end)
    prepared = prepare(root, loaded, traded, span, parameters, interval, environment, source)
    guards = {"allow_unlocked": allow_unlocked, "allow_incomplete": allow_incomplete}
    checked = check(prepared, **guards)
    signals = Signals(prepared, prepared.parameters)
    simulation = _simulated(prepared, signals.targets, prepared.parameters)
    result = msgspec.structs.replace(
        record(prepared, checked, simulation, signals.look_ahead()),
        conclusion=conclusion,
        next_steps=next_steps,
        argv=provenance.command(prepared, name, guards),
        duration_seconds=round(time.perf_counter() - began, 3),
    )
    run = Run(result, simulation)
    return _logged(run, root, results_dir, loaded.family, file_name) if log else run


def simulate(
    prepared: Prepared,
    parameters: Mapping[str, Any] | None = None,
) -> Simulation:
    """Run a strategy on prepared bars.

    Args:
        prepared: as `prepare` returns it.
        parameters: other values than the prepared ones, checked like those.

    Raises:
        StrategyError: a parameter is unknown or of the wrong type.
        EngineError: the strategy returned no weights, or wrong ones.
    """
    chosen = prepared.parameters
    if parameters is not None:
        chosen = prepared.strategy.parameters({**chosen, **parameters})
    return _simulated(prepared, Signals(prepared, chosen).targets, chosen)


def record(
    prepared: Prepared,
    checked: Checked,
    simulation: Simulation,
    lookahead: LookAhead | None = None,
) -> Result:
    """Return the record of a run, before it is logged.

    Args:
        prepared: what ran.
        checked: what was found about its bars.
        simulation: what came out.
        lookahead: whether the strategy saw the future, if that was checked.
    """
    sights = warnings_of(lookahead) if lookahead else []
    warnings = [*sights, *checked.warnings, *simulation.warnings]
    conventions = _conventions(prepared)
    measured = measure(simulation, conventions.periods_per_year)
    return Result(
        strategy=prepared.strategy.name,
        parameters=dict(prepared.parameters),
        backtest_config=msgspec.to_builtins(_config(prepared)),
        results=measured.values,
        reasons=measured.reasons,
        open=[_position(one) for one in simulation.open],
        assumptions=msgspec.to_builtins(conventions),
        source=prepared.source,
        data=checked.data,
        locked=checked.locked,
        lookahead=lookahead,
        warnings=_stamped(prepared.source, warnings),
    )


def log(
    result: Result,
    root: Path,
    results_dir: Path,
    family: str,
    name: str,
    *,
    now: datetime | None = None,
) -> tuple[Path, Result]:
    """Add who, when, and which code and versions to a result, and write it.

    Args:
        result: the record.
        root: the project whose commit is recorded.
        results_dir: the folder of all results.
        family: the folder of this one.
        name: middle part of the file's name.
        now: aware; default: the clock.

    Returns:
        The file, and the record as it stands there.

    Raises:
        AnalystError: no member is set for this clone, and the result names none.
        OriginError: the code that ran is not that of `root`.
        ResultError: a name cannot be part of a file name.
        FileError: the file cannot be written.
    """
    from quant_team_backtest import results

    moment = (now or datetime.now(UTC)).astimezone(UTC)
    analyst = provenance.analyst(root, result.analyst)
    ran = provenance.code(root, result.strategy)
    complete = msgspec.structs.replace(
        result,
        date=moment.date().isoformat(),
        timestamp=moment.isoformat(timespec="seconds").replace("+00:00", "Z"),
        analyst=analyst,
        code=ran,
        versions=provenance.versions(),
        platform=platform.platform(),
        warnings=_stamped(result.source, [*result.warnings, *provenance.warnings(ran)]),
    )
    return results.write(results_dir, family, name, complete)


def log_backtest_result(
    results_dir: Path,
    experiment: Mapping[str, Any],
    metrics: Mapping[str, Any],
) -> str:
    """Write one backtest as `results_dir/<family>/<date>_<name>_v<N>_<handle>-<6 hex>.yaml`.

    Nothing is ever overwritten. A value is kept as it is or refused, see
    `quant_team_backtest.values`; a metric that is NaN or infinite becomes null, with a reason.

    Args:
        results_dir: the folder of all results.
        experiment: `strategy`, `parameters` and `backtest_config`; and whatever else is known of
            `family` (default: the strategy's name), `name` (default: the first symbol and the
            strategy), `version` (the lowest number to take), `analyst` (default: the member set for
            this clone), `conclusion`, `next_steps`, `source`, `reasons`, `assumptions`, `data`,
            `locked`, `seed`, `argv`, `duration_seconds`, `warnings`.
        metrics: numbers by name, such as `total_return` and `sharpe_ratio`.

    Returns:
        The experiment id: `exp_` and the name of the file without its ending.

    Raises:
        AnalystError: no member is set for this clone, and the experiment names none.
        ResultError: a part is missing, unknown, or of the wrong type; or a name cannot be part of
            a file name.
        ValueRefusedError: a value cannot be kept as it is.
        FileError: the file cannot be written.
    """
    root = project_root()
    result = records.of_experiment(experiment, metrics)
    if result.source is None:
        result = msgspec.structs.replace(result, source=provenance.source())
    family = experiment.get("family") or result.strategy
    name = experiment.get("name")
    if not name:
        name = default_name(result.strategy, result.backtest_config.get("symbols"))
    path, _ = log(result, root, Path(results_dir), family, name)
    return f"exp_{path.stem}"


def default_name(strategy: str, symbols: Any) -> str:
    """Return the first symbol without its market, lower case, and the strategy: `aapl_momentum`."""
    if not symbols or not isinstance(symbols, (list, tuple)):
        return strategy
    base = str(symbols[0]).rsplit(".", 1)[0].lower()
    letters = [letter if letter.isascii() and letter.isalnum() else "_" for letter in base]
    first = "".join(letters).strip("_")
    return f"{first}_{strategy}" if first else strategy


# Details


def _simulated(
    prepared: Prepared,
    targets: Targets,
    parameters: Mapping[str, Any],
) -> Simulation:
    bars = engine.Prepared(boards.bars_of(prepared))
    done = engine.simulate(bars, targets.weights, prepared.assumptions, targets.exits)
    days = dates.dates_of(prepared, bars)
    return replace(
        done,
        dates=days[: len(done.time)],
        warnings=[*done.warnings, *idle.warnings_of(done, targets.weights, parameters)],
    )


def _check_names(
    root: Path,
    family: str,
    name: str,
    *,
    is_logged: bool,
) -> None:
    """Refuse what cannot be logged before the work, not after it."""
    from quant_team_backtest import results

    if not is_logged:
        return
    results.check_name("analyst", provenance.analyst(root))
    results.check_name("family", family)
    results.check_name("name", name)


def _logged(
    run: Run,
    root: Path,
    results_dir: Path | None,
    family: str,
    name: str,
) -> Run:
    folder = results_dir or root / RESULTS
    path, result = log(run.result, root, folder, family, name)
    return Run(result, run.simulation, path)


def _config(prepared: Prepared) -> Config:
    rates = prepared.assumptions
    return Config(
        start_date=prepared.first.isoformat(),
        end_date=prepared.last.isoformat(),
        symbols=list(prepared.markets),
        initial_capital=rates.initial_capital,
        commission=rates.commission,
        slippage=rates.slippage,
        interval=prepared.interval,
        environment=prepared.environment,
    )


def _conventions(prepared: Prepared) -> Conventions:
    rates = prepared.assumptions
    places = prepared.markets.values()
    return Conventions(
        fill=rates.fill,
        costs="per side, fractions of the notional; stamp duties beside",
        participation=rates.participation,
        borrow_rate=rates.borrow_rate,
        max_gross=rates.max_gross,
        interest_rate=rates.interest_rate,
        expire_after=rates.expire_after,
        periods_per_year=max(place.periods_per_year for place in places),
        calendars=sorted({place.calendar or "24/7" for place in places}),
        adjustment=adjusting.overall(prepared.adjustments),
        currency=prepared.currency,
    )


def _position(held: Open) -> Position:
    opened = datetime.fromtimestamp(held.opened / 1000, UTC)
    return Position(
        symbol=held.symbol,
        opened=opened.isoformat(timespec="seconds").replace("+00:00", "Z"),
        quantity=held.quantity,
        entry=held.entry,
        mark=held.mark,
        pnl=held.pnl,
    )


def _stamped(source: str | None, warnings: Iterable[str]) -> list[str]:
    """Return warnings with the stamp of synthetic prices before them, once, if the prices are."""
    others = [text for text in warnings if text != SYNTHETIC]
    return [SYNTHETIC, *others] if source == "sandbox" else others
