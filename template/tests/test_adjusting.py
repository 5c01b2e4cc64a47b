"""Splits and dividends of a run: what is applied, what strategies see, what the result says."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import numpy as np
import polars as pl
import pytest
from click.testing import CliRunner

from quant_team_backtest import adjusting
from quant_team_backtest.adjusting import AdjustmentError, signals
from quant_team_backtest.bar_checks import check
from quant_team_backtest.prepare import prepare
from quant_team_backtest.result import Result
from quant_team_backtest.run import Run
from quant_team_backtest.runner import record, simulate
from quant_team_backtest.simulation import Flow
from quant_team_data import actions, cache, calendars, frames, lock, markets
from quant_team_data.actions import Action
from quant_team_data.cache import Series
from quant_team_data.commands import data
from quant_team_data.lock import LockError
from quant_team_data.messages import Bar
from quant_team_strategies import Strategy
from quant_team_utils.paths import project_root

from . import experiments
from .service import Service, fault, ok

SYMBOL = "AAPL.US"
NOW = datetime(2025, 2, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
SPLIT = Action(date(2020, 8, 31), 4.0)
# Days around the ex-date, by their dates, and the bars of the case: open, high, low, close.
DAYS = ["08-24", "08-25", "08-26", "08-27", "08-28", "08-31", "09-01", "09-02", "09-03", "09-04"]
OLD = (500.0, 505.0, 495.0, 500.0)
NEW = (129.0, 131.0, 126.0, 129.0)
FIRST = (127.0, 131.0, 126.0, 129.0)


@pytest.fixture(autouse=True)
def project(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project of this test, with alice as the member."""
    return experiments.make_project(root, tmp_path, monkeypatch)


def case() -> pl.DataFrame:
    """Return ten days over a 4:1 split."""
    bars = []
    for day in DAYS:
        stamp = actions.stamp(date.fromisoformat(f"2020-{day}"))
        prices = OLD if day < "08-31" else FIRST if day == "08-31" else NEW
        bars.append(Bar(stamp, *prices, 1e8))
    return frames.frame_of(bars)


def keep(bars: pl.DataFrame, interval: str = "1d", prices: str = "unknown") -> None:
    series = Series.of("import:acme", SYMBOL, interval)
    cache.put(series, bars, prices=prices, now=NOW)


def know(*found: Action, source: str = "import:acme") -> None:
    """Put the list of all actions up to now into the cache."""
    actions.keep(actions.series_of(source, SYMBOL), found, NOW)


def hold(bars: dict[str, pl.DataFrame], parameters: dict[str, Any]) -> dict[str, pl.Series]:
    """Hold equal shares of all symbols."""
    weights = {}
    for symbol, frame in bars.items():
        weights[symbol] = pl.Series(np.full(len(frame), 1 / len(bars)))
    return weights


def run(
    start: str = "2020-08-24",
    end: str = "2020-09-04",
    *,
    strategy: Any = hold,
    source: str | None = "import:acme",
    **options: Any,
) -> Run:
    """Run a strategy on one stock."""
    interval = options.pop("interval", "1d")
    loaded = Strategy("hold", "hold", (SYMBOL,), interval, {}, strategy)
    prepared = prepare(project_root(), loaded, None, (start, end), source=source)
    checked = check(prepared, **options)
    done = simulate(prepared)
    return Run(record(prepared, checked, done), done)


def facts(result: Result) -> Any:
    assert result.data
    return result.data[SYMBOL]


def test_a_split_in_a_run_is_shares(tmp_path: Path) -> None:
    """199 shares become 796, and the result is 3.03 percent, with no option. [actions]"""
    keep(case())
    know(SPLIT)
    done = run()
    assert done.simulation.positions == {SYMBOL: 796}
    assert done.simulation.equity[-1] == pytest.approx(103_034.70, abs=0.005)
    assert done.metrics["total_return"] == pytest.approx(0.0303, abs=5e-5)
    assert done.assumptions["adjustment"] == facts(done.result).adjustment == "flows"
    assert facts(done.result).actions == 1
    assert "flows   raw, 1 split or dividend applied" in repr(done)
    assert not done.warnings


def test_without_a_list_the_run_is_refused() -> None:
    """The sentence names date and ratio, and both things to type. [adjust]"""
    keep(case())
    with pytest.raises(AdjustmentError) as caught:
        run()
    for part in (
        "moved from 500 to 127 on 2020-08-31",
        "4:1 split",
        "quant data import --actions FILE --symbol AAPL.US --source acme",
        "quant data lock --real-move AAPL.US 2020-08-31",
        "--adjusted",
    ):
        assert part in str(caught.value)


def test_prices_that_are_said_to_be_adjusted_are_left_alone() -> None:
    """No flow and no check of jumps, whatever list is there. [adjust]"""
    keep(case(), prices="adjusted")
    know(SPLIT)
    done = run()
    assert done.simulation.positions == {SYMBOL: 199}
    assert done.assumptions["adjustment"] == "adjusted"
    assert "adjusted   by the vendor" in repr(done)


def test_adjusted_prices_with_a_list_are_refused() -> None:
    """A price that does not move at its split is adjusted: applied twice, it would be 4 times."""
    keep(case().head(5).vstack(case().head(5).with_columns(case()["time"].tail(5))))
    know(SPLIT)
    with pytest.raises(AdjustmentError, match=r"4:1 split makes it 125: .*--adjusted"):
        run()


def still(time: int, price: float = 100.0) -> Bar:
    """Return a bar that does not move."""
    return Bar(time, price, price, price, price, 1e6)


def flat(first: str, last: str, price: float = 100.0, interval: str = "1d") -> pl.DataFrame:
    """Return bars that never move."""
    market = markets.market_of(SYMBOL)
    low = actions.stamp(date.fromisoformat(first))
    high = actions.stamp(date.fromisoformat(last)) + actions.DAY_MS
    opens = calendars.due(market, interval, low, high, today=NOW.date()).opens
    return frames.frame_of(still(time, price) for time in opens.tolist())


def test_unknown_and_none_are_not_the_same() -> None:
    """Without a list a long run is marked; a list of nothing is one. [adjust]"""
    keep(flat("2023-01-03", "2023-12-29"))
    done = run("2023-01-01", "2023-12-31")
    assert done.assumptions["adjustment"] == "unadjusted"
    assert any("prices are unadjusted" in text for text in done.warnings)
    short = run("2023-01-01", "2023-02-28")
    assert not short.warnings
    know()
    done = run("2023-01-01", "2023-12-31")
    assert done.assumptions["adjustment"] == "flows"
    assert not done.warnings
    assert facts(done.result).actions_digest is None


def test_a_list_that_ends_before_the_bars_is_marked() -> None:
    """What happened after it is unknown."""
    keep(flat("2023-01-03", "2023-12-29"))
    series = actions.series_of("import:acme", SYMBOL)
    actions.keep(series, [], datetime(2023, 6, 1, tzinfo=UTC))
    done = run("2023-01-01", "2023-12-31")
    assert any("only known to 2023-06-01" in text for text in done.warnings)


def test_actions_are_part_of_the_lock() -> None:
    """Locked bars with a list that is not are not; a list that differs is refused. [lock]"""
    keep(case())
    bars = Series.of("import:acme", SYMBOL, "1d")
    lock.lock([bars], who="alice", now=NOW)
    know(SPLIT)
    done = run()
    assert not done.locked
    lock.lock([actions.series_of("import:acme", SYMBOL)], who="alice", now=NOW)
    done = run()
    assert done.locked
    know(SPLIT._replace(ratio=3.95))
    with pytest.raises(LockError, match="actions of import:acme 2020-08"):
        run()
    other = run(allow_unlocked=True)
    assert not other.locked
    assert facts(other.result).actions_digest != facts(done.result).actions_digest
    assert facts(other.result).digest == facts(done.result).digest


# What a strategy sees


def test_signals_see_total_returns_and_begin_raw() -> None:
    """From an ex-date on, prices are times ratio * P / (P - cash), volumes old. [actions]"""
    bars = case().with_columns(pl.lit(100.0).alias("volume"))
    seen = signals(bars, (Flow(2, 1.0, 5.0), Flow(5, 4.0, 0.0)))
    dividend = 500 / 495
    assert seen["close"].to_list() == pytest.approx(
        [500, 500, *[500 * dividend] * 3, *[129 * 4 * dividend] * 5]
    )
    assert seen["open"][5] == pytest.approx(127 * 4 * dividend)
    assert seen["volume"].to_list() == pytest.approx([100.0] * 5 + [25.0] * 5)
    assert seen["time"].to_list() == bars["time"].to_list()


def test_no_bar_depends_on_what_is_ex_after_it() -> None:
    """Cut anywhere, what a strategy sees is the beginning of what it saw. [actions]"""
    flows = (
        Flow(2, 1.0, 5.0),
        Flow(5, 4.0, 0.0),
        Flow(8, 0.1, 0.0),
    )
    whole = signals(case(), flows)
    for count in range(1, len(whole)):
        known = tuple(flow for flow in flows if flow.bar < count)
        assert signals(case().head(count), known).equals(whole.head(count))


def test_a_strategy_is_given_these_bars_and_fills_at_raw_prices() -> None:
    """Momentum over a split is none: the strategy sees 516 where the fill is at 129."""
    keep(case())
    know(SPLIT)
    seen: list[pl.DataFrame] = []

    def late(bars: dict[str, pl.DataFrame], parameters: dict[str, Any]) -> dict[str, pl.Series]:
        seen.append(bars[SYMBOL])
        return {SYMBOL: pl.Series([0.0] * 7 + [1.0] * 3)}

    done = run(strategy=late)
    assert seen[0]["close"][-1] == 516
    (fill,) = done.simulation.fills
    assert fill.price == pytest.approx(129 * 1.0005)


# Where an action falls


def test_an_ex_date_without_a_bar_counts_at_the_next() -> None:
    """A halt on the ex-date delays it; two actions before one bar are one. [actions]"""
    bars = case().filter(pl.col("time") != case()["time"][5])
    keep(bars)
    know(
        Action(date(2020, 8, 31), 2.0),
        Action(date(2020, 9, 1), 2.0, 1.0),
    )
    done = run(allow_incomplete=True)
    (applied,) = done.simulation.applied
    assert (applied.before, applied.after) == (199, 796)
    assert applied.dividend == 199 * 2


def test_the_first_bar_and_what_is_outside_do_nothing() -> None:
    """Nothing is held at the first open, and later actions are not known then."""
    keep(flat("2023-01-03", "2023-12-29"))
    days = [date(2023, 1, 3), date(2022, 8, 1), date(2024, 8, 1)]
    know(*(Action(day, 4.0) for day in days))
    done = run("2023-01-01", "2023-12-31")
    assert not done.simulation.applied
    assert facts(done.result).actions == 0


def test_intraday_it_is_the_first_bar_of_the_date() -> None:
    """On an hour's bars the dividend comes at 09:30 in New York."""
    keep(flat("2023-05-08", "2023-05-16", interval="1h"), "1h")
    know(Action(date(2023, 5, 12), 1.0, 1.0))
    done = run("2023-05-08", "2023-05-16", interval="1h")
    (applied,) = done.simulation.applied
    opened = datetime(2023, 5, 12, 13, 30, tzinfo=UTC)
    assert applied.time == markets.milliseconds(opened)


def test_a_bar_of_an_hour_at_midnight_utc_belongs_to_the_day_before_in_new_york() -> None:
    """19:00 on Thursday in New York is 00:00 UTC of Friday: not the ex-date's first bar."""
    first = datetime(2024, 1, 4, 23, tzinfo=UTC)
    times = [first, first + HOUR, datetime(2024, 1, 5, 14, 30, tzinfo=UTC)]
    bars = frames.frame_of(still(markets.milliseconds(time)) for time in times)
    know(Action(date(2024, 1, 5), 2.0))
    places = {SYMBOL: markets.market_of(SYMBOL)}
    slices = {SYMBOL: cache.Slice(bars, cache.Stored(bars, []))}
    found = adjusting.find("import:acme", "1h", places, slices)[SYMBOL]
    assert found.flows == (Flow(2, 2.0, 0.0),)


@pytest.mark.parametrize("interval", ["1w", "1M"])
def test_a_week_with_an_action_in_its_middle_is_refused(interval: str) -> None:
    """On its first trading day it comes at the open; a holiday is none. [actions]"""
    keep(flat("2023-01-01", "2023-12-30", interval=interval), interval)
    know(Action(date(2023, 5, 12), 1.0, 1.0))
    with pytest.raises(AdjustmentError, match=r"dividend of 1 in its middle, on 2023-05-12: .*1d"):
        run("2023-01-01", "2023-12-31", interval=interval)
    first = {"1w": date(2023, 9, 5), "1M": date(2023, 5, 1)}[interval]  # after Labor Day
    know(Action(first, 1.0, 1.0))
    done = run("2023-01-01", "2023-12-31", interval=interval)
    assert len(done.simulation.applied) == 1


def test_a_dividend_of_more_than_the_price_is_refused() -> None:
    """Nothing would be left to adjust."""
    keep(flat("2023-01-03", "2023-12-29"))
    know(Action(date(2023, 5, 12), 1.0, 100.0))
    with pytest.raises(AdjustmentError, match="after a close of 100"):
        run("2023-01-01", "2023-12-31")


# The vendor's list


def vendor(answer: httpx2.Response, close: float) -> Callable[[httpx2.Request], httpx2.Response]:
    """Return a service with that list of factors and one adjusted bar."""

    def reply(request: httpx2.Request) -> httpx2.Response:
        if request.url.path.endswith("ex-factors"):
            return answer
        time = actions.stamp(date(2020, 8, 24))
        price = dict.fromkeys(("open", "high", "low", "close"), str(close))
        bar = {"time": time, **price, "volume": "1"}
        return ok({"symbol": SYMBOL, "interval": "1d", "klines": [bar]})

    return reply


def listed(*factors: dict[str, Any]) -> httpx2.Response:
    return ok({"data": {SYMBOL: list(factors)}})


FACTOR = {
    "timestamp": actions.stamp(SPLIT.date),
    "adjust": "forward",
    "factor_a": 0.25,
    "factor_b": 0.0,
}


@pytest.fixture
def fetched(service: Service) -> Service:
    """TickDB's bars of the case in the cache: only the list is asked for."""
    series = Series.of("tickdb", SYMBOL, "1d")
    span = (
        datetime(2020, 8, 24, tzinfo=UTC),
        datetime(2020, 9, 5, tzinfo=UTC),
    )
    cache.read_through(series, *span, lambda low, high: case(), now=NOW)
    return service


def test_the_vendors_list_is_fetched_once(fetched: Service) -> None:
    """A run fetches what it lacks, and the next one nothing. [actions]"""
    fetched.reply = vendor(listed(FACTOR), 125.0)
    assert run(source=None).simulation.positions == {SYMBOL: 796}
    fetched.requests.clear()
    done = run(source=None)
    assert done.simulation.positions == {SYMBOL: 796}
    assert not fetched.requests


def test_quant_data_fetch_fetches_the_list_too(fetched: Service) -> None:
    """So bars and list are locked together, and the run that follows is locked. [lock]"""
    fetched.reply = vendor(listed(FACTOR), 125.0)
    options = ["--start", "2020-08-24", "--end", "2020-09-04"]
    done = CliRunner().invoke(data, ["fetch", SYMBOL, *options])
    assert done.exit_code == 0, done.output
    lock.lock(cache.stored_series(), who="alice", now=NOW)
    fetched.requests.clear()
    assert run(source=None).locked
    assert not fetched.requests


def test_quant_data_fetch_says_why_there_is_no_list(fetched: Service) -> None:
    """The bars are there all the same."""
    fetched.reply = vendor(fault(403, 3009), 125.0)
    options = ["--start", "2020-08-24", "--end", "2020-09-04"]
    done = CliRunner().invoke(data, ["fetch", SYMBOL, *options])
    assert done.exit_code == 0, done.output
    assert "splits and dividends of AAPL.US: your plan does not include them" in done.output


@pytest.mark.parametrize(
    ("answer", "close", "reason"),
    [
        (fault(403, 3009), 125.0, "plan"),
        (listed(FACTOR), 321.0, "adjustment factors"),
    ],
)
def test_a_list_that_cannot_be_had_is_unknown(
    fetched: Service,
    answer: httpx2.Response,
    close: float,
    reason: str,
) -> None:
    """Then the jump is refused, and said to be real the run says why it is unadjusted. [adjust]"""
    from quant_team_data import real_moves

    fetched.reply = vendor(answer, close)
    with pytest.raises(AdjustmentError, match="TickDB's list of splits"):
        run(source=None)
    real_moves.declare(SYMBOL, "2020-08-31", "a test", who="alice", now=NOW)
    done = run(source=None)
    assert done.assumptions["adjustment"] == "unadjusted"
    (warning,) = [text for text in done.warnings if "are unknown" in text]
    assert reason in warning


def test_the_least_that_was_done_is_the_word() -> None:
    """One symbol without a list makes a run unadjusted."""
    dates = np.array([0])
    found = {how: adjusting.Adjustment(how, dates) for how in ("flows", "adjusted", "unadjusted")}
    assert adjusting.overall(found) == "unadjusted"
    del found["unadjusted"]
    assert adjusting.overall(found) == "adjusted"
    assert adjusting.overall({}) == "flows"
