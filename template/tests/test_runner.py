"""Runs and the log: what is recorded, and what is refused before anything is written."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import quant_team_backtest
from quant_team_backtest import result as records
from quant_team_backtest import runner
from quant_team_backtest.runner import log_backtest_result, run_backtest
from quant_team_data import cache, lock
from quant_team_data.cache import Series
from quant_team_data.frames import SCHEMA
from quant_team_strategies import load
from quant_team_utils.errors import QuantError

from . import experiments
from .experiments import EXPERIMENT, METRICS, logged, read, serve, set_member

SYMBOLS = ("AAPL.US", "MSFT.US", "GOOGL.US")
SHORT: dict[str, Any] = {"symbols": ["AAPL.US"], "start": "2024-01-15", "end": "2024-03-20"}


@pytest.fixture(autouse=True)
def project(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project of this test, with alice as the member."""
    return experiments.make_project(root, tmp_path, monkeypatch)


@pytest.fixture
def bars() -> None:
    """Bars of the strategy's symbols in the cache."""
    serve(*SYMBOLS)


# Logging by a framework of one's own


def test_a_result_has_every_part(tmp_path: Path) -> None:
    """One call writes one file, whose name is the experiment id, with all that was given."""
    experiment_id = log_backtest_result(tmp_path, EXPERIMENT, METRICS)
    (path,) = logged(tmp_path)
    found = read(path)
    assert path.parent.name == "earnings_gap"
    assert path.name.startswith(f"{found['date']}_aapl_gap_reversion_v1_alice-")
    assert experiment_id == found["experiment_id"] == f"exp_{path.stem}"
    assert found["version"] == "v1"
    assert found["analyst"] == "alice"
    assert found["results"] == METRICS
    for part in ("strategy", "parameters", "backtest_config", "conclusion", "next_steps"):
        assert found[part] == EXPERIMENT[part]


def test_times_are_iso_8601_in_utc(project: Path, tmp_path: Path) -> None:
    """Date and timestamp are those of the moment of logging, in UTC. [time]"""
    east = datetime.fromisoformat("2024-03-01T06:30:00+08:00")
    record = records.of_experiment(EXPERIMENT, METRICS)
    _, result = runner.log(record, project, tmp_path, "gaps", "aapl", now=east)
    assert (result.date, result.timestamp) == ("2024-02-29", "2024-02-29T22:30:00Z")


@pytest.mark.parametrize(
    ("symbols", "name"),
    [
        (["AAPL.US"], "aapl_x"),
        (["BRK.B.US"], "brk_b_x"),
        (["700.HK"], "700_x"),
        (["EURUSD"], "eurusd_x"),
        (["BTC.BITSTAMP", "AAPL.US"], "btc_x"),
        ([], "x"),
    ],
)
def test_the_name_comes_from_the_first_symbol(
    tmp_path: Path, symbols: list[str], name: str
) -> None:
    """Without a name it is the first symbol without its market, and the strategy; so the family."""
    experiment = {"strategy": "x", "parameters": {}, "backtest_config": {"symbols": symbols}}
    assert f"_{name}_v1_alice-" in log_backtest_result(tmp_path, experiment, {})
    assert logged(tmp_path)[0].parent.name == "x"


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"name": "../escape"}, "name '../escape' cannot name a result"),
        ({"family": "con"}, "family"),
        ({"analyst": "../bob"}, "analyst"),
        ({"version": "2"}, "'2' is not a version"),
        ({"parameters": {"f": len}}, "cannot hold parameters.f"),
        ({"seed": "a"}, r"\$.seed"),
    ],
)
def test_what_cannot_be_logged_is_refused(
    tmp_path: Path, change: dict[str, Any], sentence: str
) -> None:
    """A bad name, version or value is one sentence, and nothing has been written."""
    with pytest.raises(QuantError, match=sentence):
        log_backtest_result(tmp_path / "r", EXPERIMENT | change, METRICS)
    assert not logged(tmp_path)


def test_nobody_logs_without_a_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bars: None
) -> None:
    """Without a member a run is refused before its work; a given analyst or --no-log needs none."""
    set_member(monkeypatch, "")
    with pytest.raises(QuantError, match="quant setup --as HANDLE"):
        log_backtest_result(tmp_path, EXPERIMENT, METRICS)
    with pytest.raises(QuantError, match="quant setup --as HANDLE"):
        run_backtest("momentum")
    assert not logged(tmp_path)
    assert "_bob-" in log_backtest_result(tmp_path, EXPERIMENT | {"analyst": "bob"}, METRICS)
    assert run_backtest("momentum", log=False).path is None


# Runs


def test_a_run_logs_what_reproduces_it(tmp_path: Path, bars: None) -> None:
    """A run writes one file with source, assumptions, data, versions and the whole command."""
    done = run_backtest(
        "momentum",
        symbols=["AAPL.US"],
        start="2021-01-01",
        end="2022-12-31",
        parameters={"skip": 0},
    )
    assert logged(tmp_path) == [done.path]
    found = read(done.path)
    assert done.experiment_id == found["experiment_id"]
    assert found["source"] == "sandbox"
    assert found["warnings"][0].startswith("SYNTHETIC")
    assert found["results"] == done.metrics
    assert set(METRICS) <= set(found["results"])
    assert found["backtest_config"]["symbols"] == ["AAPL.US"]
    assert found["data"]["AAPL.US"]["bars"] == 730
    assert found["data"]["AAPL.US"]["first"] == "2021-01-01T00:00:00Z"
    assert len(found["data"]["AAPL.US"]["digest"]) == len("sha256:") + 64
    assert {"python", "numpy", "polars"} <= set(found["versions"])
    assert "skip=0" in found["argv"]
    assert found["duration_seconds"] >= 0


def test_a_run_says_what_it_assumes(bars: None) -> None:
    """Fill, adjustment, currency and days a year stand in the result. [adjust] [source]"""
    done = run_backtest("momentum", log=False)
    assert done.source == "sandbox"
    assert done.assumptions["fill"] == "next_open"
    assert done.assumptions["adjustment"] == "flows"  # the sandbox has none
    assert done.assumptions["currency"] == "USD"
    assert done.assumptions["periods_per_year"] == 252
    assert type(done.config["initial_capital"]) is float


def test_other_bars_have_another_digest() -> None:
    """One changed price changes the digest in the result. [lock]"""
    digests = []
    for shift in (0.0, 0.0, 1e-9):
        serve("AAPL.US", shift=shift)
        done = run_backtest("momentum", symbols=["AAPL.US"], log=False)
        assert done.result.data
        digests.append(done.result.data["AAPL.US"].digest)
    assert digests[0] == digests[1] != digests[2]


def test_a_result_says_whether_its_bars_are_locked() -> None:
    """Unlocked bars run and are marked; locked ones are marked for each symbol. [lock]"""
    serve("AAPL.US", "MSFT.US")
    asked: dict[str, Any] = SHORT | {"symbols": ["AAPL.US", "MSFT.US"]}
    documents = []
    for wanted in ([], ["AAPL.US"], ["AAPL.US", "MSFT.US"]):
        lock.lock([Series.of("sandbox", symbol, "1d") for symbol in wanted])
        done = run_backtest("momentum", **asked)
        assert f"{'' if done.locked else 'not '}in data.lock" in repr(done)
        documents.append(read(done.path))
    assert [found["locked"] for found in documents] == [False, False, True]
    assert [found["data"]["AAPL.US"]["locked"] for found in documents] == [False, True, True]
    assert documents[0]["data"]["AAPL.US"]["digest"] == documents[2]["data"]["AAPL.US"]["digest"]


def test_bars_that_differ_from_the_lock_are_refused(tmp_path: Path) -> None:
    """A revised month stops the run and is named; other months and a new agreement run. [lock]"""
    serve("AAPL.US")
    series = Series.of("sandbox", "AAPL.US", "1d")
    lock.lock([series])
    first = datetime(2024, 2, 1, tzinfo=UTC)
    stop = datetime(2024, 2, 10, tzinfo=UTC)
    revised = cache.read(series, first, stop).bars.with_columns(high=pl.col("high") + 1)
    cache.read_through(series, first, stop, lambda *_: revised, refresh=True, now=experiments.LATER)
    sentence = r"AAPL\.US 1d of sandbox 2024-02: .*--accept AAPL\.US 2024-02.*--unlocked"
    with pytest.raises(QuantError, match=sentence):
        run_backtest("momentum", **SHORT)
    assert not logged(tmp_path)
    done = run_backtest("momentum", **SHORT, allow_unlocked=True)
    found = read(done.path)
    assert (found["locked"], found["argv"][-1]) == (False, "--unlocked")
    assert any("differ from" in warning for warning in found["warnings"])
    run_backtest("momentum", **SHORT | {"end": "2024-01-31"})
    lock.accept("AAPL.US", "2024-02", "a revision")
    assert run_backtest("momentum", **SHORT).locked


def test_bars_of_another_vendor_are_run_from_the_cache(tmp_path: Path) -> None:
    """`import:NAME` takes imported bars only and says so in the result and its command. [source]"""
    first = datetime(2023, 1, 2, tzinfo=UTC)
    bars = experiments.swinging("AAPL.US", first, first + timedelta(300))
    cache.put(Series.of("import:acme", "AAPL.US", "1d"), bars)
    asked: dict[str, Any] = {"symbols": ["AAPL.US"], "start": "2023-01-01", "end": "2024-06-30"}
    done = run_backtest("momentum", source="import:acme", **asked)
    assert "SYNTHETIC" not in repr(done)
    assert "The bars of AAPL.US only cover 2023-01-02 to 2023-10-28." in done.warnings
    found = read(done.path)
    assert (found["source"], found["data"]["AAPL.US"]["bars"]) == ("import:acme", 300)
    assert found["argv"][-2:] == ["--source", "import:acme"]
    for source, sentence in (("import:other", "quant data import"), ("tickdb", "TICKDB_BASE_URL")):
        with pytest.raises(QuantError, match=sentence):
            run_backtest("momentum", ["AAPL.US"], source=source)


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ({"strategy": "momentun"}, "did you mean momentum"),
        ({"symbols": []}, "no symbols"),
        ({"start": "2024-13-01"}, "'2024-13-01' is not a date; use YYYY-MM-DD"),
        ({"start": "2025-01-01"}, "swap them"),
        ({"environment": "produktion"}, "known: .*research"),
        ({"parameters": {"lookbak": 1}}, "did you mean lookback"),
        ({"parameters": {"lookback": 0}}, "lookback 1 or more"),
        ({"name": "a b"}, "cannot name a result"),
        ({"start": "2019-01-01", "end": "2019-01-01"}, "no 1d bars of AAPL.US"),
    ],
)
def test_a_run_that_cannot_be_is_refused(
    tmp_path: Path, bars: None, asked: dict[str, Any], sentence: str
) -> None:
    """Each mistake is one sentence, and nothing has been written."""
    with pytest.raises(QuantError, match=sentence):
        run_backtest(**({"strategy": "momentum"} | asked))
    assert not logged(tmp_path)


def test_an_account_has_one_currency() -> None:
    """Symbols of several currencies are refused, each with its currency. [currency]"""
    with pytest.raises(QuantError, match=r"AAPL.US in USD, 700.HK in HKD.*one backtest per"):
        run_backtest("momentum", symbols=["AAPL.US", "700.HK"])


def test_usdt_counts_as_dollars() -> None:
    """A stock in USD and a coin in USDT share an account, annualised by 365 days. [currency]"""
    serve("AAPL.US", "BTCUSDT")
    done = run_backtest("momentum", symbols=["AAPL.US", "BTCUSDT"], log=False)
    assert done.assumptions["currency"] == "USD"
    assert done.assumptions["periods_per_year"] == 365
    assert done.assumptions["calendars"] == ["24/7", "XNYS"]


def test_one_preparation_serves_many_simulations(project: Path, bars: None) -> None:
    """Bars are read once, and each simulation takes its own parameters."""
    prepared = runner.prepare(project, load("momentum"))
    first = runner.simulate(prepared)
    second = runner.simulate(prepared, {"lookback": 20})
    again = runner.simulate(prepared)
    assert first.equity.tolist() == again.equity.tolist()
    assert first.equity.tolist() != second.equity.tolist()
    with pytest.raises(QuantError, match="lookback takes int"):
        runner.simulate(prepared, {"lookback": "long"})


def test_a_run_reads_each_file_once(bars: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Bars, and what data.lock compares them with, come from one reading of the file."""
    opened: list[str] = []
    read_bytes = Path.read_bytes

    def counted(path: Path) -> bytes:
        opened.append(path.name)
        return read_bytes(path)

    monkeypatch.setattr(Path, "read_bytes", counted)
    run_backtest("momentum", log=False)
    files = [name for name in opened if name.endswith(".parquet")]
    assert sorted(files) == sorted(set(files))
    assert len(files) == len(SYMBOLS)


def test_a_month_closes_after_31_days_or_at_the_next(tmp_path: Path) -> None:
    """Monthly bars close when the next opens; the last lasts as long as the longest month."""
    times = [datetime(2024, month, 1, tzinfo=UTC) for month in (1, 2, 3)]
    bars = experiments.swinging("X", times[0], times[0] + timedelta(3))
    column = pl.Series("time", times).cast(SCHEMA["time"])
    cache.put(Series.of("import:acme", "AAPL.US", "1M"), bars.with_columns(column))
    done = run_backtest(
        "momentum",
        symbols=["AAPL.US"],
        interval="1M",
        source="import:acme",
        start="2024-01-01",
        end="2024-03-31",
        log=False,
    )
    closes = [done.equity["time"][i].date().isoformat() for i in range(3)]
    assert closes == ["2024-02-01", "2024-03-01", "2024-04-01"]
    assert np.all(done.simulation.equity == 100_000)


def test_public_names_are_loaded_when_they_are_used() -> None:
    """Importing the package imports no numpy; each of its public names is there."""
    program = "import quant_team_backtest, sys; assert 'numpy' not in sys.modules"
    subprocess.run([sys.executable, "-c", program], check=True)
    for name in quant_team_backtest.__all__:
        assert getattr(quant_team_backtest, name).__name__ == name
    with pytest.raises(AttributeError, match="no attribute 'backtest'"):
        _ = quant_team_backtest.backtest
