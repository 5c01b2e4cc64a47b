"""The runner: one backtest from a name, logged as one result file.

In a notebook:

    from quant_team_backtest.runner import run_backtest
    run_backtest("momentum")
"""

from __future__ import annotations

import difflib
import html
import importlib.metadata
import platform
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from quant_team_backtest import results
from quant_team_backtest.engine import Assumptions, Backtest, Bars, EngineError, backtest
from quant_team_backtest.metrics import Metrics, measure
from quant_team_data import SYNTHETIC
from quant_team_utils import git, roster, settings
from quant_team_utils.errors import QuantError
from quant_team_utils.paths import project_root

if TYPE_CHECKING:
    import polars as pl

    from quant_team_data.markets import Market

RESULTS = "results"
ENVIRONMENTS = "config/environments"
MARGIN = 31  # days without bars at either end of a range that need no word: holidays, the length of a month


class RunError(QuantError):
    """A backtest was asked for that cannot be run."""


@dataclass(frozen=True, repr=False)
class Run:
    """One finished backtest; in a notebook it shows itself as a table.

    Attributes:
        locked: all bars are those of data.lock.
        metrics: the numbers of `quant_team_backtest.metrics`, None where one has no meaning.
        reasons: why a metric is None.
        assumptions: fill, costs, days per year, calendars, adjustment and currency, as they are
            logged.
        warnings: what to know before the numbers are believed, one sentence each.
        simulation: equity, fills and trades.
        experiment_id: what the result is called, or None if it was not logged.
        path: the result file, or None.
    """

    strategy: str
    parameters: dict[str, Any]
    config: dict[str, Any]
    source: str
    locked: bool
    metrics: dict[str, float | int | None]
    reasons: dict[str, str]
    assumptions: dict[str, Any]
    warnings: list[str]
    simulation: Backtest
    experiment_id: str | None = None
    path: Path | None = None

    @property
    def equity(self) -> pl.DataFrame:
        """The equity at each bar's close: `time` (Datetime ms UTC) and `equity` in the account's currency."""
        import polars as pl

        moments = pl.Series("time", self.simulation.time).cast(pl.Datetime("ms", "UTC"))
        return pl.DataFrame([moments, pl.Series("equity", self.simulation.equity)])

    def title(self) -> str:
        config = self.config
        what = f"{self.strategy} on {', '.join(config['symbols'])}, {config['interval']} bars"
        return f"{what}, {config['start_date']} to {config['end_date']}"

    def rows(self) -> list[tuple[str, str, str]]:
        """Return the table: label, value, remark."""
        probability = self.metrics["probabilistic_sharpe"]
        trust = f"{self.metrics['sharpe_n']} daily returns"
        if probability is not None:
            trust += f"; above zero with a probability of {probability:.0%}"
        table = (
            ("total return", "total_return", "{:.2%}", ""),
            ("Sharpe ratio", "sharpe_ratio", "{:.2f}", trust),
            ("max drawdown", "max_drawdown", "{:.2%}", ""),
            ("win rate", "win_rate", "{:.1%}", ""),
            ("profit factor", "profit_factor", "{:.2f}", ""),
            ("trades", "num_trades", "{}", ""),
        )
        shown = []
        for label, name, form, remark in table:
            value = self.metrics[name]
            shown.append(
                (
                    label,
                    "-" if value is None else form.format(value),
                    self.reasons.get(name, remark),
                )
            )
        return shown

    def notes(self) -> list[str]:
        """Return what stands below the table: assumptions in a line, then the warnings."""
        known, config = self.assumptions, self.config
        line = (
            f"{config['initial_capital']:,.0f} {known['currency']}; fills at the {known['fill'].replace('_', ' ')}; "
            f"per side {config['commission']:.3%} commission and {config['slippage']:.3%} slippage; "
            f"prices {known['adjustment']}, {'' if self.locked else 'not '}in data.lock; "
            f"{known['periods_per_year']} days a year"
        )
        return [line, *(f"warning: {warning}" for warning in self.warnings if warning != SYNTHETIC)]

    def __repr__(self) -> str:
        stamp = [SYNTHETIC] if SYNTHETIC in self.warnings else []
        width = max(len(value) for _, value, _ in self.rows())
        table = [
            f"  {label:<15}{value:>{width}}   {remark}".rstrip()
            for label, value, remark in self.rows()
        ]
        return "\n".join([self.title(), *stamp, "", *table, "", *self.notes()])

    def _repr_html_(self) -> str:
        def cells(row: Iterable[str]) -> str:
            label, value, remark = (html.escape(text) for text in row)
            return f"<tr><th>{label}</th><td style='text-align:right'>{value}</td><td>{remark}</td></tr>"

        stamp = f"<p><strong>{SYNTHETIC}</strong></p>" if SYNTHETIC in self.warnings else ""
        below = [*self.notes(), f"logged: {self.path}" if self.path else "not logged"]
        return (
            f"<p>{html.escape(self.title())}</p>{stamp}<table>{''.join(map(cells, self.rows()))}</table>"
            f"<p>{'<br>'.join(html.escape(line) for line in below)}</p>"
        )


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
) -> Run:
    """Fetch bars, simulate a strategy on them, and log the result.

    Args:
        strategy: name of a module in `quant_team_strategies`.
        symbols: what to trade; the strategy's own unless given.
        start: first day (UTC), included; `DEFAULT_BACKTEST_START` unless given.
        end: last day, included; `DEFAULT_BACKTEST_END` unless given.
        parameters: values that differ from the strategy's defaults.
        interval: bar length such as "1h"; the strategy's own unless given.
        environment: name of a file in config/environments: capital, costs, how orders fill.
        name: middle part of the result's name, instead of the first symbol and the strategy.
        conclusion: what was learned, if that is known already.
        next_steps: what to try next.
        log: write the result file; without it nothing is written and nobody need be set as analyst.
        results_dir: where results are; the repository's `results/` unless given.
        source: "import:NAME" for bars that `quant data import` put into the cache; else what the
            settings say.
        allow_unlocked: run even if bars differ from data.lock; the result then says so.

    Raises:
        QuantError: the subclass that says what to correct; nothing has been written then.
    """
    from quant_team_data import data_client, markets
    from quant_team_strategies import load

    began, root = time.perf_counter(), project_root()
    loaded = load(strategy)
    chosen = loaded.parameters(parameters)
    rules = load_environment(root, environment)
    first = _day("start", start or settings.get("DEFAULT_BACKTEST_START"))
    last = _day("end", end or settings.get("DEFAULT_BACKTEST_END"))
    if first > last:
        raise RunError(f"The start {first} is after the end {last}: swap them.")
    bar = markets.check_interval(interval or loaded.interval)
    traded = list(dict.fromkeys(loaded.symbols if symbols is None else symbols))
    if not traded:
        raise RunError(
            "There are no symbols to trade: name at least one, as in --symbols AAPL.US,MSFT.US."
        )
    places = {symbol: markets.market_of(symbol) for symbol in traded}
    currency = _one_currency(places)
    if log:  # before the work, not after it
        results.check_name("analyst", _analyst(root, None))
        results.check_name("family", loaded.family)
        results.check_name("name", name or _default_name(strategy, {"symbols": traded}))

    source = source or data_client.source()
    frames = _frames(source, traded, bar, first, last)
    data, doubts = _compared(frames, source, bar, allow_unlocked)
    locked = all(facts["locked"] for facts in data.values())
    weights = loaded.target_weights(dict(frames), dict(chosen))
    if not isinstance(weights, Mapping):
        raise EngineError(
            f"The strategy {strategy} gave no weights: return a dict of one series for each symbol."
        )
    step = markets.INTERVALS[bar]
    bars = {
        symbol: _bars(frame, step, places[symbol].fractional) for symbol, frame in frames.items()
    }
    simulation = backtest(
        bars, {symbol: np.asarray(values) for symbol, values in weights.items()}, rules
    )
    days = max(place.periods_per_year for place in places.values())
    measured: Metrics = measure(simulation, days)

    config: dict[str, Any] = {
        "start_date": first.isoformat(),
        "end_date": last.isoformat(),
        "symbols": traded,
        "initial_capital": rules.initial_capital,
        "commission": rules.commission,
        "slippage": rules.slippage,
        "interval": bar,
        "environment": environment,
    }
    assumptions = {
        "fill": rules.fill,
        "costs": "per side, fractions of the notional",
        "participation": rules.participation,
        "borrow_rate": rules.borrow_rate,
        "expire_after": rules.expire_after,
        "periods_per_year": days,
        "calendars": sorted({place.calendar or "24/7" for place in places.values()}),
        "adjustment": "unadjusted",
        "currency": currency,
    }
    path = None
    warnings = _stamped(source, [*doubts, *_short(frames, first, last), *simulation.warnings])
    if log:
        command = ["quant", "run", strategy, "--symbols", ",".join(traded), "--interval", bar]
        command += [
            "--start",
            first.isoformat(),
            "--end",
            last.isoformat(),
            "--environment",
            environment,
        ]
        command += [part for key, value in chosen.items() for part in ("--set", f"{key}={value}")]
        command += ["--name", name] if name else []
        command += ["--source", source] if source.startswith("import:") else []
        command += ["--unlocked"] if allow_unlocked else []
        experiment = {
            "strategy": strategy,
            "family": loaded.family,
            "name": name,
            "parameters": chosen,
            "backtest_config": config,
            "conclusion": conclusion,
            "next_steps": next_steps,
            "source": source,
            "reasons": measured.reasons,
            "assumptions": assumptions,
            "data": data,
            "locked": locked,
            "argv": command,
            "duration_seconds": round(time.perf_counter() - began, 3),
            "warnings": warnings,
        }
        path, warnings = _write(results_dir or root / RESULTS, experiment, measured.values)
    return Run(
        strategy=strategy,
        parameters=dict(chosen),
        config=config,
        source=source,
        locked=locked,
        metrics=measured.values,
        reasons=measured.reasons,
        assumptions=assumptions,
        warnings=warnings,
        simulation=simulation,
        experiment_id=f"exp_{path.stem}" if path else None,
        path=path,
    )


def log_backtest_result(
    results_dir: Path, experiment: Mapping[str, Any], metrics: Mapping[str, Any]
) -> str:
    """Write one backtest as a new file `results_dir/<family>/<date>_<name>_v<N>_<handle>-<6
    hex>.yaml`.

    Nothing is ever overwritten. Numpy values become plain numbers, NaN and infinity null.

    Args:
        results_dir: the folder of all results.
        experiment: `strategy`, `parameters` and `backtest_config`; whatever else is known of
            `family` (the strategy's name unless given), `name` (the first symbol and the strategy
            unless given), `version` (the lowest number to take), `analyst` (who `quant setup`
            stored unless given), `conclusion`, `next_steps`, `source`, `reasons`, `assumptions`,
            `data`, `locked`, `seed`, `argv`, `duration_seconds`, `warnings`.
        metrics: what was measured, such as `total_return` and `sharpe_ratio`.

    Returns:
        The experiment id: `exp_` and the name of the file without its ending.

    Raises:
        RunError: nobody is set as the analyst, or the experiment lacks one of its three parts.
        ResultError: a name cannot be part of a file name, or the file cannot be written.
    """
    return f"exp_{_write(Path(results_dir), experiment, metrics)[0].stem}"


def _write(
    results_dir: Path, experiment: Mapping[str, Any], metrics: Mapping[str, Any]
) -> tuple[Path, list[str]]:
    """Write a result and return its path and the warnings that stand in it."""
    for part in ("strategy", "parameters", "backtest_config"):
        if part not in experiment:
            raise RunError(
                f"The experiment has no {part!r}: give strategy, parameters and backtest_config."
            )
    root, now = project_root(), datetime.now(UTC)
    strategy, source = str(experiment["strategy"]), experiment.get("source") or _source()
    warnings = _stamped(source, experiment.get("warnings") or [])
    analyst = _analyst(root, experiment.get("analyst"))
    code = _code(root)
    if code["commit"] is None:
        warnings.append("There is no commit that holds this code: the result cannot be reproduced.")
    elif code["dirty"]:
        warnings.append(
            "The code had changes that are in no commit: the result cannot be reproduced as it is."
        )
    document = {
        "experiment_id": None,  # set when the file is claimed, like the version
        "strategy": strategy,
        "version": experiment.get("version"),
        "date": now.date(),
        "timestamp": now,
        "analyst": analyst,
        "source": source,
        "parameters": experiment["parameters"],
        "backtest_config": experiment["backtest_config"],
        "results": metrics,
        "reasons": experiment.get("reasons") or {},
        "conclusion": experiment.get("conclusion"),
        "next_steps": experiment.get("next_steps"),
        "assumptions": experiment.get("assumptions"),
        "data": experiment.get("data"),
        "locked": experiment.get("locked"),
        "code": code,
        "seed": experiment.get("seed"),
        "versions": _versions(),
        "platform": platform.platform(),
        "argv": experiment.get("argv"),
        "duration_seconds": experiment.get("duration_seconds"),
        "warnings": warnings,
    }
    name = experiment.get("name") or _default_name(strategy, experiment["backtest_config"])
    return results.write(
        results_dir, experiment.get("family") or strategy, name, analyst, document
    ), warnings


def load_environment(root: Path, name: str) -> Assumptions:
    """Return the account of `config/environments/<name>.yaml`; a key that is left out has its
    default.

    Raises:
        RunError: there is no such file, it is no YAML mapping, or it holds an unknown key.
        EngineError: a value is out of range.
    """
    import yaml

    known = sorted(path.stem for path in (root / ENVIRONMENTS).glob("*.yaml"))
    if name not in known:
        hint = f"known: {', '.join(known)}." if known else f"make {ENVIRONMENTS}/{name}.yaml."
        raise RunError(f"There is no environment {name!r} in {ENVIRONMENTS}: {hint}")
    file = f"{ENVIRONMENTS}/{name}.yaml"
    try:
        content = yaml.safe_load((root / file).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError):
        content = None
    if not isinstance(content, dict):
        raise RunError(
            f"{file} is not readable YAML of `name: value` lines: correct it, or restore it from git."
        )
    names = [field.name for field in fields(Assumptions)]
    for key in content:
        if key not in names:
            near = difflib.get_close_matches(str(key), names, n=1)
            hint = f"did you mean {near[0]}?" if near else f"it may hold {', '.join(names)}."
            raise RunError(f"{file} holds an unknown key {key!r}: {hint}")
    try:
        return Assumptions(**content)
    except EngineError as error:
        raise EngineError(f"In {file}, {error}") from None


def _stamped(source: str | None, warnings: Iterable[str]) -> list[str]:
    """Return warnings with the stamp of synthetic prices before them, once, if the prices are."""
    others = [warning for warning in warnings if warning != SYNTHETIC]
    return [SYNTHETIC, *others] if source == "sandbox" else others


def _analyst(root: Path, given: str | None) -> str:
    handle = given or roster.me(root)
    if not handle:
        raise RunError(
            "Nobody is set as the analyst here: run `quant setup --as HANDLE`, then this again."
        )
    return handle


def _day(what: str, value: date | str | None) -> date:
    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, date):
        return value
    try:
        return date.fromisoformat(value or "")
    except ValueError:
        raise RunError(f"The {what} {value!r} is no date: write it as 2020-01-31.") from None


def _one_currency(places: Mapping[str, Market]) -> str:
    """Return the currency of an account that trades these symbols; USDT counts as USD."""
    found = {symbol: place.currency for symbol, place in places.items()}
    if len(set(found.values())) > 1:
        listed = ", ".join(f"{symbol} in {currency}" for symbol, currency in found.items())
        raise RunError(
            f"An account has one currency, and these symbols have several ({listed}): run them apart."
        )
    return next(iter(found.values()))


def _bars(frame: pl.DataFrame, seconds: int | None, fractional: bool) -> Bars:
    """Return bars as arrays; a bar closes after its length, or when the next one opens if that is earlier."""
    opened = frame["time"].to_physical().to_numpy()
    length = np.iinfo(np.int64).max // 4 if seconds is None else seconds * 1000
    following = np.append(opened[1:], np.iinfo(np.int64).max)
    closed = np.minimum(opened + length, following)
    if seconds is None:  # a month: the last one counts as long as the longest
        closed[-1] = opened[-1] + 31 * 86_400_000
    prices = {name: frame[name].to_numpy() for name in ("open", "close", "volume")}
    return Bars(opened, closed, **prices, fractional=fractional)


def _frames(
    source: str, symbols: list[str], bar: str, first: date, last: date
) -> dict[str, pl.DataFrame]:
    """Return the bars of each symbol: those of another vendor from the cache, else what the shared client gives."""
    from quant_team_data import cache, data_client
    from quant_team_data.markets import DAY

    if source.startswith("import:"):
        begin, stop = (
            datetime(day.year, day.month, day.day, tzinfo=UTC) for day in (first, last + DAY)
        )
        frames = {
            symbol: cache.read(cache.Series.of(source, symbol, bar), begin, stop).bars
            for symbol in symbols
        }
    elif source == data_client.source():
        frames = data_client.fetch_many(symbols, bar, first, last).complete()
    else:
        raise RunError(
            f"The source is {data_client.source()} by TICKDB_BASE_URL, not {source!r}: change it in .env."
        )
    for symbol, frame in frames.items():
        if frame.is_empty():
            raise RunError(
                f"There are no {bar} bars of {symbol} from {first} to {last}: choose another range."
            )
    return frames


def _compared(
    frames: Mapping[str, pl.DataFrame], source: str, bar: str, allow_unlocked: bool
) -> tuple[dict[str, dict[str, Any]], list[str]]:
    """Return what tells these bars from others, and a warning if they differ from data.lock.

    Raises:
        LockError: they differ, and that is not allowed.
    """
    from quant_team_data import cache, lock
    from quant_team_data.cache import Series

    data, differing, lines = {}, [], lock.read()
    for symbol, frame in frames.items():
        series = Series.of(source, symbol, bar)
        locked, different = lock.check(series, frame, cache.load(series), lines)
        differing += different
        facts = {"bars": len(frame), "first": frame["time"][0], "last": frame["time"][-1]}
        data[symbol] = {**facts, "digest": lock.digest(frame), "locked": locked}
    if differing and not allow_unlocked:
        raise lock.LockError(
            f"{lock.difference(differing)[:-1]}; `quant run --unlocked` runs anyway."
        )
    return data, [lock.difference(differing)] if differing else []


def _short(frames: Mapping[str, pl.DataFrame], first: date, last: date) -> list[str]:
    """Return a warning for each symbol whose bars begin or end well inside the range, or an empty list."""
    warnings = []
    for symbol, frame in frames.items():
        begin, end = frame["time"][0].date(), frame["time"][-1].date()
        if (begin - first).days > MARGIN or (last - end).days > MARGIN:
            warnings.append(f"The bars of {symbol} reach only from {begin} to {end}.")
    return warnings


def _code(root: Path) -> dict[str, Any]:
    """Return the commit, whether anything but results and notebooks differs from it, and its two tree hashes."""
    if not (git.is_repository(root) and git.has_commits(root)):
        return {"commit": None, "dirty": None, "tree": {"src": None, "config": None}}
    changed = git.run(
        root,
        "status",
        "--porcelain",
        "--untracked-files=normal",
        "--",
        ".",
        ":(exclude)results",
        ":(exclude)notebooks",
    )
    tree: dict[str, str | None] = {}
    for folder in ("src", "config"):
        try:
            tree[folder] = git.run(root, "rev-parse", "--verify", "--quiet", f"HEAD:{folder}")
        except git.GitError:
            tree[folder] = None
    return {"commit": git.run(root, "rev-parse", "HEAD"), "dirty": bool(changed), "tree": tree}


def _source() -> str | None:
    """Return where bars come from by the settings of this moment, or None if they do not say."""
    from quant_team_data import data_client

    try:
        return data_client.source()
    except QuantError:
        return None


def _versions() -> dict[str, str | None]:
    found: dict[str, str | None] = {"python": platform.python_version()}
    for package in ("numpy", "polars", "exchange_calendars"):
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            found[package] = None
    return found


def _default_name(strategy: str, config: Mapping[str, Any]) -> str:
    """Return the first symbol without its market, lower case, and the strategy: `aapl_momentum`."""
    symbols = config.get("symbols") or []
    first = str(symbols[0]).rsplit(".", 1)[0].lower() if len(symbols) else ""
    first = "".join(
        letter if letter.isascii() and letter.isalnum() else "_" for letter in first
    ).strip("_")
    return f"{first}_{strategy}" if first else strategy
