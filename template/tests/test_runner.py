"""Runs and results: what is logged, under which name, and what is refused before anything is written."""

from __future__ import annotations

import concurrent.futures
import json
import os
import shutil
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import yaml
from click.testing import CliRunner

from quant_team_backtest import results, runner
from quant_team_backtest.commands import run as command
from quant_team_backtest.runner import load_environment, log_backtest_result, run_backtest
from quant_team_data import cache, data_client, lock
from quant_team_data.cache import Series
from quant_team_utils import git, roster
from quant_team_utils.errors import QuantError

ARTICLE = {
    "strategy": "earnings_gap_reversion",
    "family": "earnings_gap",
    "name": "aapl_gap_reversion",
    "parameters": {"entry_window_minutes": 30, "pressure_ratio_threshold": 2.5},
    "backtest_config": {
        "start_date": "2021-01-01",
        "end_date": "2024-02-28",
        "symbols": ["AAPL.US", "MSFT.US", "GOOGL.US"],
        "initial_capital": 100000,
        "commission": 0.001,
        "slippage": 0.0005,
    },
    "conclusion": "Fewer false breakouts.",
    "next_steps": "Test on Q1 2024.",
}
METRICS = {
    "total_return": 0.234,
    "sharpe_ratio": 1.45,
    "max_drawdown": -0.082,
    "win_rate": 0.62,
    "profit_factor": 1.78,
    "num_trades": 127,
}


@pytest.fixture(autouse=True)
def _alice(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Alice sits here; results, cache and data.lock are the test's own."""
    monkeypatch.setattr(cache, "FOLDER", str(tmp_path / "data"))
    monkeypatch.setattr(lock, "FILE", str(tmp_path / "data.lock"))
    monkeypatch.setattr(roster, "me", lambda root: "alice")
    monkeypatch.setattr(runner, "RESULTS", str(tmp_path / "results"))


@pytest.fixture
def bars(monkeypatch: pytest.MonkeyPatch) -> None:
    """Serve bars that swing up and down, whatever the symbol, instead of asking for them."""

    def fetch(symbol: str, interval: str, start: date, end: date) -> pl.DataFrame:
        count = (end - start).days
        times = [
            datetime(start.year, start.month, start.day, tzinfo=UTC) + timedelta(days=i)
            for i in range(count)
        ]
        price = 100 + 30 * np.sin(np.arange(count) / 50 + len(symbol))
        frame = pl.DataFrame(
            {"time": times, **dict.fromkeys(("open", "high", "low", "close"), price)}
        )
        return frame.with_columns(pl.col("time").cast(pl.Datetime("ms", "UTC")), volume=pl.lit(1e9))

    monkeypatch.setattr(data_client, "fetch_bars", fetch)


def logged(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.yaml"))


def test_a_result_has_the_fields_of_the_article(tmp_path: Path) -> None:
    """One call writes one file, whose name is the experiment id, with every field of the article."""
    experiment_id = log_backtest_result(tmp_path, ARTICLE, METRICS)
    (path,) = logged(tmp_path)
    text = path.read_text(encoding="utf-8")
    found = yaml.safe_load(text)
    today = datetime.now(UTC).date().isoformat()
    assert path.parent.name == "earnings_gap"
    assert path.name.startswith(f"{today}_aapl_gap_reversion_v1_alice-")
    assert experiment_id == found["experiment_id"] == f"exp_{path.stem}"
    assert found["version"] == "v1"
    assert found["analyst"] == "alice"
    assert found["date"] == today
    assert datetime.fromisoformat(found["timestamp"]).tzinfo
    assert found["results"] == METRICS
    for part in ("strategy", "parameters", "backtest_config", "conclusion", "next_steps"):
        assert found[part] == ARTICLE[part]
    assert "symbols: [AAPL.US, MSFT.US, GOOGL.US]" in text
    assert list(found)[:3] == ["experiment_id", "strategy", "version"]


def test_two_runs_in_the_same_second_are_both_kept(tmp_path: Path) -> None:
    """The same result twice gives v1 and v2; another name in the family starts at v1 again."""
    first, second = (log_backtest_result(tmp_path, ARTICLE, METRICS) for _ in range(2))
    other = log_backtest_result(tmp_path, ARTICLE | {"name": "aapl_gap"}, METRICS)
    assert len(logged(tmp_path)) == 3
    assert ["_v1_" in first, "_v2_" in second, "_v1_" in other] == [True] * 3


def test_many_at_once_share_no_number(tmp_path: Path) -> None:
    """Threads that log at the same time lose nothing and count without a double."""
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        ids = list(
            pool.map(lambda i: log_backtest_result(tmp_path, ARTICLE, {"i": i % 2}), range(16))
        )
    versions = sorted(
        int(yaml.safe_load(path.read_text(encoding="utf-8"))["version"][1:])
        for path in logged(tmp_path)
    )
    assert len(set(ids)) == 16
    assert versions == list(range(1, 17))
    assert not list(tmp_path.rglob(".*"))


def test_without_hard_links_nothing_is_overwritten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a drive without links the file is created exclusively, and the numbers still go up."""

    def refuse(*_: Any) -> None:
        raise OSError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    for _ in range(2):
        log_backtest_result(tmp_path, ARTICLE, METRICS)
    assert [
        yaml.safe_load(path.read_text(encoding="utf-8"))["version"] for path in logged(tmp_path)
    ] == ["v1", "v2"]


def test_a_number_that_a_dead_process_held_is_passed_over(tmp_path: Path) -> None:
    """What a killed process left half-written blocks nobody: the next run takes the next number."""
    (tmp_path / "earnings_gap").mkdir()
    (tmp_path / "earnings_gap" / ".aapl_gap_reversion_v1.tmp").write_text("half", encoding="utf-8")
    assert "_v2_" in log_backtest_result(tmp_path, ARTICLE, METRICS)


def test_older_names_and_given_versions_count(tmp_path: Path) -> None:
    """A file named as in the article takes its number; a given version is the lowest to take."""
    (tmp_path / "earnings_gap").mkdir()
    (tmp_path / "earnings_gap" / "2024-03-10_aapl_gap_reversion_v2.yaml").write_text(
        "{}\n", encoding="utf-8"
    )
    assert "_v3_" in log_backtest_result(tmp_path, ARTICLE, METRICS)
    assert "_v9_" in log_backtest_result(tmp_path, ARTICLE | {"version": "v9"}, METRICS)


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
    """Without a name it is the first symbol without its market, and the strategy; so is the family."""
    experiment = {"strategy": "x", "parameters": {}, "backtest_config": {"symbols": symbols}}
    assert f"_{name}_v1_alice-" in log_backtest_result(tmp_path, experiment, {})
    assert logged(tmp_path)[0].parent.name == "x"


def test_values_become_plain(tmp_path: Path) -> None:
    """Numpy numbers become numbers, NaN and infinity null, dates and times ISO text in UTC."""
    east = datetime(2024, 1, 1, 12, tzinfo=UTC)
    parameters = {
        "n": np.int64(3),
        "x": np.float64(0.5),
        "s": np.str_("a"),
        "b": np.True_,
        "a": np.array([1, 2]),
        "d": date(2024, 1, 31),
        "t": east,
    }
    log_backtest_result(
        tmp_path, ARTICLE | {"parameters": parameters}, {"r": np.float64("nan"), "s": float("inf")}
    )
    found = yaml.safe_load(logged(tmp_path)[0].read_text(encoding="utf-8"))
    assert found["parameters"] == {
        "n": 3,
        "x": 0.5,
        "s": "a",
        "b": True,
        "a": [1, 2],
        "d": "2024-01-31",
        "t": "2024-01-01T12:00:00Z",
    }
    assert found["results"] == {"r": None, "s": None}


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"name": "../escape"}, "name '../escape' cannot name a result"),
        ({"name": "a/b"}, "cannot name a result"),
        ({"name": "A"}, "lower-case"),
        ({"family": ".."}, "family"),
        ({"family": "con"}, "family"),
        ({"analyst": "../bob"}, "analyst"),
        ({"version": "2"}, "version '2' is none"),
        ({"parameters": {"f": len}}, "cannot hold"),
    ],
)
def test_what_cannot_be_logged_is_refused(
    tmp_path: Path, change: dict[str, Any], sentence: str
) -> None:
    """A bad name, version or value is one sentence, and nothing has been written."""
    with pytest.raises(QuantError, match=sentence):
        log_backtest_result(tmp_path / "r", ARTICLE | change, METRICS)
    assert not logged(tmp_path)


@pytest.mark.parametrize("part", ["strategy", "parameters", "backtest_config"])
def test_the_three_parts_are_required(tmp_path: Path, part: str) -> None:
    """An experiment without one of them is refused by its name."""
    with pytest.raises(QuantError, match=part):
        log_backtest_result(
            tmp_path, {key: value for key, value in ARTICLE.items() if key != part}, METRICS
        )


def test_nobody_logs_without_a_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bars: None
) -> None:
    """Where nobody is set, a run is refused before its work; a given analyst, or not logging, needs no set-up."""
    monkeypatch.setattr(roster, "me", lambda root: None)
    for attempt in (
        lambda: log_backtest_result(tmp_path, ARTICLE, METRICS),
        lambda: run_backtest("momentum"),
    ):
        with pytest.raises(QuantError, match="quant setup --as HANDLE"):
            attempt()
    assert not logged(tmp_path)
    assert "_bob-" in log_backtest_result(tmp_path, ARTICLE | {"analyst": "bob"}, METRICS)
    assert run_backtest("momentum", log=False).path is None


def test_a_run_logs_what_reproduces_it(tmp_path: Path, bars: None) -> None:
    """The two-line run writes one file with source, assumptions, data, versions and the whole command."""
    done = run_backtest(
        "momentum",
        symbols=["AAPL.US"],
        start="2021-01-01",
        end="2022-12-31",
        parameters={"skip": 0},
    )
    assert logged(tmp_path) == [done.path]
    assert done.path is not None
    found = yaml.safe_load(done.path.read_text(encoding="utf-8"))
    assert done.experiment_id == found["experiment_id"]
    assert found["source"] == "sandbox"
    assert found["warnings"][0].startswith("SYNTHETIC")
    assert found["results"] == done.metrics
    assert {
        "total_return",
        "sharpe_ratio",
        "max_drawdown",
        "win_rate",
        "profit_factor",
        "num_trades",
    } <= set(found["results"])
    assert found["backtest_config"]["symbols"] == ["AAPL.US"]
    assert found["assumptions"]["fill"] == "next_open"
    assert found["assumptions"]["adjustment"] == "unadjusted"
    assert found["assumptions"]["currency"] == "USD"
    assert found["data"]["AAPL.US"]["bars"] == 729
    assert len(found["data"]["AAPL.US"]["digest"]) == len("sha256:") + 64
    assert {"python", "numpy", "polars"} <= set(found["versions"])
    assert "skip=0" in found["argv"]
    assert found["duration_seconds"] >= 0


def test_the_logged_command_runs_the_same_again(tmp_path: Path, bars: None) -> None:
    """`argv` of a result, given to `quant run`, gives the same numbers and the same data."""
    first = run_backtest(
        "momentum", symbols=["AAPL.US", "MSFT.US"], start="2021-01-01", parameters={"lookback": 40}
    )
    assert first.path is not None
    before = yaml.safe_load(first.path.read_text(encoding="utf-8"))
    again = CliRunner().invoke(command, before["argv"][2:])
    assert again.exit_code == 0, again.output
    after = yaml.safe_load(
        next(path for path in logged(tmp_path) if path != first.path).read_text(encoding="utf-8")
    )
    assert [after[part] for part in ("results", "data", "argv")] == [
        before[p] for p in ("results", "data", "argv")
    ]


def test_other_bars_have_another_digest(
    tmp_path: Path, bars: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One changed price changes the digest in the result."""
    fetch = data_client.fetch_bars
    digests = []
    for shift in (0.0, 0.0, 1e-9):
        monkeypatch.setattr(
            data_client,
            "fetch_bars",
            lambda *asked, by=shift: fetch(*asked).with_columns(pl.col("low") - by),
        )
        done = run_backtest("momentum", symbols=["AAPL.US"])
        assert done.path
        digests.append(
            yaml.safe_load(done.path.read_text(encoding="utf-8"))["data"]["AAPL.US"]["digest"]
        )
    assert digests[0] == digests[1] != digests[2]


def test_a_result_says_whether_its_bars_are_locked(tmp_path: Path) -> None:
    """Unlocked bars run and are marked; locked ones are recorded with the digest of each symbol."""
    asked: dict[str, Any] = {
        "symbols": ["AAPL.US", "MSFT.US"],
        "start": "2024-01-15",
        "end": "2024-03-20",
    }
    documents = []
    for wanted in ([], ["AAPL.US"], ["AAPL.US", "MSFT.US"]):
        lock.lock([Series.of("sandbox", symbol, "1d") for symbol in wanted])
        done = run_backtest("momentum", **asked)
        assert done.path
        assert f"{'' if done.locked else 'not '}in data.lock" in repr(done)
        documents.append(yaml.safe_load(done.path.read_text(encoding="utf-8")))
    assert [found["locked"] for found in documents] == [False, False, True]
    assert [found["data"]["AAPL.US"]["locked"] for found in documents] == [False, True, True]
    assert documents[0]["data"]["AAPL.US"]["digest"] == documents[2]["data"]["AAPL.US"]["digest"]


def test_bars_that_differ_from_the_lock_are_refused(tmp_path: Path) -> None:
    """A revised month stops the run and is named; `--unlocked` runs and the result says so."""
    asked: dict[str, Any] = {"symbols": ["AAPL.US"], "start": "2024-01-15", "end": "2024-03-20"}
    run_backtest("momentum", log=False, **asked)
    series = Series.of("sandbox", "AAPL.US", "1d")
    lock.lock([series])
    first, stop = datetime(2024, 2, 1, tzinfo=UTC), datetime(2024, 2, 10, tzinfo=UTC)
    other = cache.read(series, first, stop).bars.with_columns(pl.col("close") + 1)
    cache.read_through(series, first, stop, lambda *_: other, refresh=True)
    with pytest.raises(
        QuantError, match=r"AAPL\.US 1d of sandbox 2024-02: .*--accept AAPL\.US 2024-02.*--unlocked"
    ):
        run_backtest("momentum", **asked)
    assert not logged(tmp_path)
    arguments = [
        "momentum",
        "--symbols",
        "AAPL.US",
        "--start",
        "2024-01-15",
        "--end",
        "2024-03-20",
        "--unlocked",
    ]
    done = CliRunner().invoke(command, arguments)
    assert done.exit_code == 0, done.output
    assert "differ from" in done.output
    found = yaml.safe_load(logged(tmp_path)[0].read_text(encoding="utf-8"))
    assert (found["locked"], found["argv"][-1]) == (False, "--unlocked")
    run_backtest(
        "momentum", log=False, **asked | {"end": "2024-01-31"}
    )  # the other months are as agreed
    lock.accept("AAPL.US", "2024-02", "a revision")
    assert run_backtest("momentum", log=False, **asked).locked


def test_bars_of_another_vendor_are_run_from_the_cache(tmp_path: Path) -> None:
    """`--source import:NAME` takes imported bars only, says so in the result, and is in its command."""
    times = [datetime(2023, 1, 2, tzinfo=UTC) + timedelta(days=i) for i in range(300)]
    price = 100 + 30 * np.sin(np.arange(300) / 20)
    frame = pl.DataFrame({"time": times, **dict.fromkeys(("open", "high", "low", "close"), price)})
    bars = frame.with_columns(pl.col("time").cast(pl.Datetime("ms", "UTC")), volume=pl.lit(1e9))
    cache.put(Series.of("import:acme", "AAPL.US", "1d"), bars)
    arguments = ["momentum", "--symbols", "AAPL.US", "--start", "2023-01-01", "--end", "2024-06-30"]
    done = CliRunner().invoke(command, [*arguments, "--source", "import:acme"])
    assert done.exit_code == 0, done.output
    assert "SYNTHETIC" not in done.output
    assert "AAPL.US reach only from 2023-01-02 to 2023-10-28" in done.output
    found = yaml.safe_load(logged(tmp_path)[0].read_text(encoding="utf-8"))
    assert (found["source"], found["data"]["AAPL.US"]["bars"]) == ("import:acme", 300)
    assert found["argv"][-2:] == ["--source", "import:acme"]
    for source, sentence in (("import:other", "quant data import"), ("tickdb", "TICKDB_BASE_URL")):
        with pytest.raises(QuantError, match=sentence):
            run_backtest("momentum", ["AAPL.US"], source=source)


def test_the_commit_and_what_makes_it_dirty(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Commit and tree hashes are recorded; a change of results or notebooks is none, one of src is."""
    project = tmp_path / "project"
    for folder in ("src", "config", "results", "notebooks"):
        (project / folder).mkdir(parents=True)
        (project / folder / "file.txt").write_text("one\n", encoding="utf-8")
    monkeypatch.setenv("QUANT_ROOT", str(project))

    def code() -> tuple[dict[str, Any], list[str]]:
        shutil.rmtree(tmp_path / "out", ignore_errors=True)
        log_backtest_result(tmp_path / "out", ARTICLE, METRICS)
        found = yaml.safe_load(logged(tmp_path / "out")[0].read_text(encoding="utf-8"))
        return found["code"], found["warnings"]

    nothing, warnings = code()
    assert nothing == {"commit": None, "dirty": None, "tree": {"src": None, "config": None}}
    assert "no commit" in warnings[-1]
    git.run(project, "init", "-q")
    assert code()[0]["commit"] is None
    git.run(project, "add", ".")
    for key in ("name", "email"):
        git.run(project, "config", f"user.{key}", "alice@users.noreply.invalid")
    git.run(project, "commit", "-q", "--no-verify", "-m", "feat: x")
    for folder in ("results", "notebooks"):
        (project / folder / "more.txt").write_text("two\n", encoding="utf-8")
    clean, warnings = code()
    assert clean["commit"] == git.run(project, "rev-parse", "HEAD")
    assert clean["dirty"] is False
    assert clean["tree"]["src"] == git.run(project, "rev-parse", "HEAD:src")
    assert not [warning for warning in warnings if "commit" in warning]
    (project / "src" / "new.txt").write_text("two\n", encoding="utf-8")
    dirty, warnings = code()
    assert dirty["dirty"] is True
    assert "in no commit" in warnings[-1]


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ({"strategy": "momentun"}, "did you mean momentum"),
        ({"symbols": []}, "no symbols"),
        ({"symbols": ["AAPL.US", "700.HK"]}, "AAPL.US in USD, 700.HK in HKD"),
        ({"start": "2024-13-01"}, "write it as 2020-01-31"),
        ({"start": "2025-01-01"}, "swap them"),
        ({"environment": "produktion"}, "known: .*research"),
        ({"parameters": {"lookbak": 1}}, "it knows lookback"),
        ({"parameters": {"lookback": 0}}, "lookback 1 or more"),
        ({"name": "a b"}, "cannot name a result"),
        ({"start": "2021-01-01", "end": "2021-01-01"}, "no 1d bars of AAPL.US"),
    ],
)
def test_a_run_that_cannot_be_is_refused(
    tmp_path: Path, bars: None, asked: dict[str, Any], sentence: str
) -> None:
    """Each mistake is one sentence, and nothing has been written."""
    with pytest.raises(QuantError, match=sentence):
        run_backtest(**({"strategy": "momentum"} | asked))
    assert not logged(tmp_path)


def test_usdt_counts_as_dollars(bars: None) -> None:
    """A stock in USD and a coin in USDT share an account, annualised with 365 days."""
    done = run_backtest("momentum", symbols=["AAPL.US", "BTCUSDT"], log=False)
    assert done.assumptions["currency"] == "USD"
    assert done.assumptions["periods_per_year"] == 365


def test_a_run_shows_itself(bars: None) -> None:
    """As text and as HTML a run has its numbers, its assumptions and the stamp of synthetic prices."""
    done = run_backtest("momentum", log=False)
    for text in (repr(done), done._repr_html_()):
        for part in (
            "SYNTHETIC",
            "Sharpe ratio",
            "max drawdown",
            "next open",
            "0.100% commission",
            "unadjusted",
        ):
            assert part in text
    assert done.equity.columns == ["time", "equity"]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("comission: 0.001\n", "unknown key 'comission': did you mean commission"),
        ("commission: 10\n", "In config/environments/research.yaml, commission is 10"),
        ("fill: same_close\n", "next_open or next_close"),
        ("- a\n", "not readable YAML"),
        ("a: [\n", "not readable YAML"),
        ("", "not readable YAML"),
    ],
)
def test_an_environment_is_checked(tmp_path: Path, content: str, sentence: str) -> None:
    """An unknown key, a value out of range or broken YAML is named with its file."""
    (tmp_path / "config" / "environments").mkdir(parents=True)
    (tmp_path / "config" / "environments" / "research.yaml").write_text(content, encoding="utf-8")
    with pytest.raises(QuantError, match=sentence):
        load_environment(tmp_path, "research")


def test_the_command_prints_a_table_and_the_file(tmp_path: Path) -> None:
    """`quant run momentum`, on the sandbox itself: numbers, stamp, file and the next step, one file logged."""
    done = CliRunner().invoke(
        command,
        ["momentum", "--symbols", "AAPL.US", "--start", "2023-01-01", "--note", "A first look."],
    )
    assert done.exit_code == 0, done.output
    (path,) = logged(tmp_path)
    for part in (
        "total return",
        "SYNTHETIC",
        f"logged: {path.as_posix()}",
        "git add",
        "data: log a run of momentum",
    ):
        assert part in done.output
    assert yaml.safe_load(path.read_text(encoding="utf-8"))["conclusion"] == "A first look."


def test_the_command_logs_nothing_if_told_so(tmp_path: Path, bars: None) -> None:
    """`--no-log` prints the table and writes nothing."""
    done = CliRunner().invoke(command, ["momentum", "--no-log"])
    assert "total return" in done.output
    assert not logged(tmp_path)


@pytest.mark.parametrize("text", ["lookback", "=3", " =3"])
def test_a_parameter_without_a_value_is_refused(text: str) -> None:
    """`--set` takes name=value and says so."""
    done = CliRunner().invoke(command, ["momentum", "--no-log", "--set", text])
    assert isinstance(done.exception, QuantError)
    assert "name=value" in str(done.exception)


def test_the_example_notebook_has_no_outputs(root: Path) -> None:
    """The example is notebook format 4.5, with an id on each cell and nothing that was printed."""
    notebook = json.loads((root / "notebooks" / "example.ipynb").read_text(encoding="utf-8"))
    assert (notebook["nbformat"], notebook["nbformat_minor"]) == (4, 5)
    assert len({cell["id"] for cell in notebook["cells"]}) == len(notebook["cells"])
    assert all(
        not cell.get("outputs") and not cell.get("execution_count") for cell in notebook["cells"]
    )


def test_the_example_notebook_runs(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its code cells run top to bottom, from a folder that is not the root, and log nothing."""
    notebook = json.loads((root / "notebooks" / "example.ipynb").read_text(encoding="utf-8"))
    monkeypatch.chdir(root / "notebooks")
    space: dict[str, Any] = {}
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            exec("".join(cell["source"]), space)
    assert not logged(tmp_path)


def test_names_are_checked_where_they_are_used() -> None:
    """Whatever could leave the folder, or is reserved on Windows, is no name."""
    for text in ("", "..", "a\\b", "a\nb", "NUL", "nul", "é", "x" * 65):
        with pytest.raises(results.ResultError):
            results.check_name("name", text)
