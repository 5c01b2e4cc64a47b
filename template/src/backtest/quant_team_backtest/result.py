"""The typed record of a result: what a result file holds, field by field, in the order of the file.

`schema()` is its JSON schema; `of` turns what was read from a file, or given by a framework, into
the record, and names the field that does not fit.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import msgspec

from quant_team_backtest.values import Value, plain
from quant_team_utils.errors import QuantError, did_you_mean


class ResultError(QuantError):
    """A result cannot be written as it was given."""


class Config(msgspec.Struct, frozen=True, kw_only=True):
    """What was run: `backtest_config`.

    Attributes:
        start_date: first day, ISO 8601, included.
        end_date: last day, included.
        symbols: what was traded.
        initial_capital: money at the start, in the account's currency.
        commission: fraction of the notional, per side.
        slippage: fraction of the price, per side.
        interval: bar length such as "1d".
        environment: name of the file in config/environments.
    """

    start_date: str
    end_date: str
    symbols: list[str]
    initial_capital: float
    commission: float
    slippage: float
    interval: str
    environment: str


class Conventions(msgspec.Struct, frozen=True, kw_only=True):
    """What the numbers rest on: `assumptions`.

    Attributes:
        fill: "next_open" or "next_close".
        costs: how the rates are meant, in words.
        participation: largest fraction of a bar's volume that is filled; None for no cap.
        borrow_rate: fraction per year on what is short.
        max_gross: what all positions together may be worth, a multiple of equity; None in results
            of before 0.5.0, whose accounts went into debit free of interest.
        interest_rate: fraction per year on a debit; None in results of before 0.5.0.
        expire_after: bars that an order waits for volume.
        periods_per_year: days that the Sharpe ratio is annualised with.
        calendars: exchanges, or "24/7".
        adjustment: "flows": raw prices, splits and dividends applied to positions; "adjusted": the
            import says that its prices are; "unadjusted": raw prices, splits and dividends unknown.
        currency: of the account.
    """

    fill: str
    costs: str
    participation: float | None
    borrow_rate: float
    max_gross: float | None = None
    interest_rate: float | None = None
    expire_after: int
    periods_per_year: int
    calendars: list[str]
    adjustment: str
    currency: str


class Data(msgspec.Struct, frozen=True, kw_only=True):
    """The bars of one symbol.

    Attributes:
        bars: how many.
        expected: how many the market's calendar has from the first to the last; None in results of
            before 0.5.0.
        present: how many of those are there.
        first: open of the first, ISO 8601 UTC.
        last: open of the last.
        digest: "sha256:" and the digest of times and values.
        locked: they are those of data.lock, splits and dividends included.
        adjustment: as in `Conventions`; None in results of before 0.5.0.
        actions: how many splits and dividends were applied.
        actions_digest: "sha256:" and the digest of their dates, ratios and cash; None without any.
    """

    bars: int
    expected: int | None = None
    present: int | None = None
    first: str
    last: str
    digest: str
    locked: bool
    adjustment: str | None = None
    actions: int | None = None
    actions_digest: str | None = None


class Position(msgspec.Struct, frozen=True, kw_only=True):
    """What is still held at the end of a run, marked at the last close.

    Attributes:
        symbol: what is held.
        opened: time of the first fill, ISO 8601 UTC.
        quantity: units, negative when short.
        entry: mean price of what was entered, slippage included.
        mark: price at the last close.
        pnl: its part of the result, in money, after what it has cost.
    """

    symbol: str
    opened: str
    quantity: float
    entry: float
    mark: float
    pnl: float


class LookAhead(msgspec.Struct, frozen=True, kw_only=True):
    """Whether the strategy saw the future; see `lookahead`.

    Attributes:
        found: "none found", "looks ahead", "not deterministic" or "not checked".
        histories: how many shorter histories were compared with the whole one.
        symbol: of the value that betrays it; None for none.
        bar: open of its bar, ISO 8601: a date for bars of a day or longer, else UTC.
        end: open of the last bar of the history in which the value is another one.
    """

    found: str
    histories: int
    symbol: str | None = None
    bar: str | None = None
    end: str | None = None


class Tree(msgspec.Struct, frozen=True, kw_only=True):
    """Git's hashes of the two folders that decide a run, at the commit.

    Attributes:
        src: of `src`; None without a commit.
        config: of `config`; None without a commit.
    """

    src: str | None = None
    config: str | None = None


class Code(msgspec.Struct, frozen=True, kw_only=True):
    """The code that ran.

    Attributes:
        commit: HEAD, or None without one.
        dirty: anything but results and notebooks differed from it; None without a commit.
        tree: hashes of `src` and `config` at the commit.
        sources: "sha256:" and the digest of the imported modules that compute.
    """

    commit: str | None = None
    dirty: bool | None = None
    tree: Tree = Tree()
    sources: str | None = None


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """One result. What only the log knows has a default, and is set when the result is logged.

    Attributes:
        experiment_id: "exp_" and the file's stem; None until the file is claimed.
        strategy: its name.
        version: "v" and the number within family and name; None until the file is claimed.
        date: UTC day of logging, ISO 8601.
        timestamp: UTC time of logging, ISO 8601.
        analyst: handle of the member.
        source: "sandbox", "tickdb" or "import:NAME".
        parameters: the strategy's, or whatever a framework calls so.
        backtest_config: `Config` as a mapping, or whatever a framework calls so.
        results: the numbers, by name; None where one has no meaning.
        reasons: for each None, why.
        open: what is still held at the end; None in results of before 0.5.0.
        conclusion: what was learned.
        next_steps: what to try next.
        assumptions: `Conventions` as a mapping, or whatever a framework calls so.
        data: the bars, by symbol.
        locked: all of them are those of data.lock.
        lookahead: whether the strategy saw the future; None in results of before 0.5.0.
        code: what ran; see `Code`.
        seed: of random numbers, or several.
        versions: of Python and the packages that can change a number.
        platform: operating system and machine.
        argv: the command that runs the same again.
        duration_seconds: of the run.
        warnings: what to know before the numbers are believed, one sentence each.
    """

    experiment_id: str | None = None
    strategy: str
    version: str | None = None
    date: str = ""
    timestamp: str = ""
    analyst: str | None = None
    source: str | None = None
    parameters: dict[str, Any]
    backtest_config: dict[str, Any]
    results: dict[str, float | int | None]
    reasons: dict[str, str] = {}
    open: list[Position] | None = None
    conclusion: str | list[str] | None = None
    next_steps: str | list[str] | None = None
    assumptions: dict[str, Any] | None = None
    data: dict[str, Data] | None = None
    locked: bool | None = None
    lookahead: LookAhead | None = None
    code: Code = Code()
    seed: int | list[int] | None = None
    versions: dict[str, str | None] = {}
    platform: str = ""
    argv: list[str] | None = None
    duration_seconds: float | None = None
    warnings: list[str] = []


def of(document: Mapping[str, Any]) -> Result:
    """Return the content of a result file as a record.

    Raises:
        ValueRefusedError: a value cannot be kept as it is.
        ResultError: a field is missing, unknown, or of the wrong type; the text names it.
    """
    known = [field.name for field in msgspec.structs.fields(Result)]
    for name in document:
        if name not in known:
            raise ResultError(f"A result has no field {name!r}: {did_you_mean(name, known)}")
    kept = {name: plain(value, name) for name, value in document.items()}
    try:
        return msgspec.convert(kept, Result)
    except msgspec.ValidationError as error:
        raise ResultError(f"A result does not fit its record: {error}.") from None


def of_experiment(experiment: Mapping[str, Any], metrics: Mapping[str, Any]) -> Result:
    """Return what a framework logs as a record.

    Args:
        experiment: see `runner.log_backtest_result`.
        metrics: numbers by name; NaN and infinity become None, with a reason.

    Raises:
        ValueRefusedError: a value cannot be kept as it is.
        ResultError: a part is missing, unknown, or of the wrong type.
    """
    for name in REQUIRED:
        if name not in experiment:
            raise ResultError(
                f"The experiment has no {name!r}: give strategy, parameters and backtest_config."
            )
    for name in experiment:
        if name not in EXPERIMENT:
            raise ResultError(
                f"The experiment has an unknown {name!r}: {did_you_mean(name, EXPERIMENT)}"
            )
    given = {name: value for name, value in experiment.items() if value is not None}
    for name in FILE_ONLY:
        given.pop(name, None)
    reasons = dict(given.get("reasons", {}))
    results = {}
    for name, value in metrics.items():
        results[name] = value
        if _is_not_finite(value):
            results[name] = None
            reasons.setdefault(name, f"the value was {float(value)}")
    return of({**given, "results": results, "reasons": reasons})


def document(result: Result) -> dict[str, Value]:
    """Return a record as plain Python values, in the order of the file."""
    fields: dict[str, Value] = msgspec.to_builtins(result)
    return fields


def schema() -> dict[str, Any]:
    """Return the JSON schema (2020-12) of a result file."""
    return msgspec.json.schema(Result)


# Details

REQUIRED = ("strategy", "parameters", "backtest_config")
FILE_ONLY = ("family", "name")  # they name the file, and stand in no field
EXPERIMENT = (
    *REQUIRED,
    *FILE_ONLY,
    "version",
    "analyst",
    "conclusion",
    "next_steps",
    "source",
    "reasons",
    "assumptions",
    "data",
    "locked",
    "seed",
    "argv",
    "duration_seconds",
    "warnings",
)


def _is_not_finite(value: Any) -> bool:
    try:
        return not math.isfinite(value)
    except (TypeError, ValueError, OverflowError):
        return False
