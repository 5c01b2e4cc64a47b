"""Coverage of a run: how much of the calendar's bars is there, and what follows from it."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from quant_team_backtest.prepare import RunError
from quant_team_backtest.runner import run_backtest
from quant_team_data import cache, calendars, markets
from quant_team_data.cache import Series
from quant_team_data.frames import frame_of
from quant_team_data.messages import Bar

from . import experiments
from .experiments import logged, read

SYMBOL = "AAPL.US"
NOW = datetime(2025, 2, 1, tzinfo=UTC)
YEAR: dict[str, Any] = {"symbols": [SYMBOL], "start": "2024-01-01", "end": "2024-12-31"}


@pytest.fixture(autouse=True)
def project(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project of this test, with alice as the member."""
    return experiments.make_project(root, tmp_path, monkeypatch)


def opens(interval: str = "1d") -> list[int]:
    """Return when the bars of 2024 open, by the calendar, in milliseconds UTC."""
    market = markets.market_of(SYMBOL)
    days = calendars.sessions(market, date(2024, 1, 1), date(2024, 12, 31), today=NOW.date())
    found = []
    for day in days:
        found += calendars.bar_opens(day, interval)
    return found


def keep(times: list[int], interval: str = "1d") -> None:
    """Import bars of these times, whose price never moves."""
    bars = frame_of([Bar(time, 100.0, 100.0, 100.0, 100.0, 1e6) for time in times])
    cache.put(Series.of("import:acme", SYMBOL, interval), bars, now=NOW)


def run(**options: Any) -> Any:
    """Run a year of momentum on what was imported."""
    return run_backtest("momentum", **(YEAR | {"source": "import:acme"} | options))


def test_a_complete_year_needs_no_word() -> None:
    """Both numbers stand in the result, and no warning. [coverage]"""
    keep(opens())
    found = read(run().path)
    assert (found["data"][SYMBOL]["expected"], found["data"][SYMBOL]["present"]) == (252, 252)
    assert not [text for text in found["warnings"] if "calendar" in text]


@pytest.mark.parametrize("begin", [1, 100, 225])
def test_below_90_percent_a_run_is_refused(tmp_path: Path, begin: int) -> None:
    """Wherever the hole is; the sentence names it and what to type. [coverage]"""
    times = opens()
    keep(times[:begin] + times[begin + 26 :])
    first, last = (f"{cache.moment(times[i]):%Y-%m-%d}" for i in (begin, begin + 25))
    sentence = (
        rf"AAPL\.US has 226 of the 252 1d bars .*\(89\.7%\); the largest gap is from "
        rf"{first} to {last}: import the rest .*verify --gaps.*--incomplete"
    )
    with pytest.raises(RunError, match=sentence):
        run()
    assert not logged(tmp_path)


def test_a_refused_run_can_be_told_to_run() -> None:
    """The result then says so, and its command too."""
    times = opens()
    keep(times[:2] + times[-4:])
    found = read(run(allow_incomplete=True).path)
    assert found["argv"][-1] == "--incomplete"
    assert (found["data"][SYMBOL]["expected"], found["data"][SYMBOL]["present"]) == (252, 6)
    assert any("has 6 of the 252 1d bars" in text for text in found["warnings"])


@pytest.mark.parametrize(("missing", "is_marked"), [(2, False), (3, True)])
def test_below_99_percent_a_run_is_marked(missing: int, is_marked: bool) -> None:
    """A warning names the share and the largest gap, in the result and where it is shown."""
    times = opens()
    keep(times[:50] + times[50 + missing :])
    done = run()
    assert any("calendar expects" in text for text in done.warnings) == is_marked
    assert ("warning: AAPL.US has 249 of the 252" in repr(done)) == is_marked
    assert f"{(252 - missing) / 252:.1%} of the bars that calendars expect" in repr(done)


def test_half_days_and_lost_hours_count() -> None:
    """Hourly bars are compared with the hours of each session: half days are short. [coverage]"""
    times = opens("1h")
    keep(times, "1h")
    assert not [text for text in run(interval="1h").warnings if "calendar" in text]
    gone = [time for time in times if cache.moment(time).hour != 15]
    cache.Series.of("import:acme", SYMBOL, "1h").path.unlink()
    keep(gone, "1h")
    with pytest.raises(RunError, match=r"1h bars .*the largest gap is at .* 15:30 UTC"):
        run(interval="1h")


def test_an_alias_is_one_symbol() -> None:
    """700.HK and 00700.HK are traded once, whatever the spelling. [alias]"""
    market = markets.market_of("700.HK")
    days = calendars.sessions(market, date(2024, 1, 1), date(2024, 12, 31), today=NOW.date())
    times = [calendars.bar_opens(day, "1d")[0] for day in days]
    bars = frame_of([Bar(time, 100.0, 100.0, 100.0, 100.0, 1e6) for time in times])
    cache.put(Series.of("import:acme", "700.HK", "1d"), bars, now=NOW)
    done = run(symbols=["700.HK", "00700.HK"])
    assert done.config["symbols"] == ["700.HK"]
