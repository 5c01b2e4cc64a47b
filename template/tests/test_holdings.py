"""`quant data show` and `holdings.show`: what the cache holds of a symbol."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from quant_team_data import actions, cache, holdings, lock, price_chart
from quant_team_data.actions import Action
from quant_team_data.series import Series
from quant_team_utils.console import SYNTHETIC
from quant_team_utils.errors import QuantError
from tests.cached import AAPL, BTC, fill, frame, quant_data

pytestmark = pytest.mark.usefixtures("project")


def facts(text: str) -> dict[str, str]:
    """Return the rows of names and values of a shown holding."""
    found = {}
    for line in text.splitlines():
        if line.startswith("  "):
            name, _, value = line.strip().partition("  ")
            found[name] = value.strip()
    return found


def test_the_facts_of_a_series() -> None:
    """Range, bars, coverage, source, lock and the last bars, stamped."""
    fill(BTC, "2024-01-01", "2024-01-05")
    fill(BTC, "2024-01-10", "2024-01-12")
    done = quant_data("show", "BTCUSDT")
    assert done.exit_code == 0, done.output
    lines = done.output.splitlines()
    assert lines[0] == "BTCUSDT 1d of sandbox"
    assert lines[1] == SYNTHETIC
    assert facts(done.output) == {
        "bars": "6",
        "range": "2024-01-01 00:00 to 2024-01-11 00:00",
        "coverage": "54.5%, 6 of 11 bars that the calendar expects; 1 gap; "
        "BELOW 90%: runs are refused",
        "prices": "raw",
        "actions": "unknown",
        "data.lock": "not locked",
    }
    bars = [line for line in lines if line.startswith("2024")]
    assert len(bars) == 5
    assert bars[-1].split() == ["2024-01-11", "00:00", "11", "11", "11", "11", "11"]


def test_the_state_of_the_lock() -> None:
    """All months locked, some, or a month that differs."""
    fill(BTC, "2024-01-01", "2024-02-11")
    lock.lock([BTC], who="alice")
    fill(BTC, "2024-01-01", "2024-03-11")
    assert str(holdings.show("BTCUSDT").locked) == "2 of 3 months locked"
    fill(BTC, "2024-01-01", "2024-03-11", {"2024-02-09": 5.0})
    assert str(holdings.show("BTCUSDT").locked) == "DIFFERS in 2024-02"


def test_known_actions_are_named() -> None:
    """How many, until when, and the last one."""
    series = Series.of("import:acme", "AAPL.US", "1d")
    bars = frame("2024-01-02", "2024-01-06")
    cache.put(series, bars, prices="raw", now=datetime(2025, 1, 1, tzinfo=UTC))
    split = Action(date(2024, 1, 4), ratio=4.0)
    known = actions.series_of("import:acme", "AAPL.US")
    cache.put(known, actions.frame_of([split]))
    shown = repr(holdings.show("AAPL.US"))
    assert SYNTHETIC not in shown
    assert facts(shown)["prices"] == "raw"
    assert facts(shown)["actions"].startswith(
        "1 action until 2024-01-04, the last one on 2024-01-04"
    )


def test_one_of_several_series_is_chosen() -> None:
    """The command lists them; the function names them; options choose one."""
    hourly = Series.of("import:acme", "AAPL.US", "1d")
    fill(AAPL, "2024-01-01", "2024-01-05")
    fill(hourly, "2024-01-01", "2024-01-04")
    done = quant_data("show", "AAPL.US")
    assert done.exit_code == 0
    assert "AAPL.US  1d        import:acme  3 " in done.output
    assert "AAPL.US  1d        sandbox      4 " in done.output
    assert "next:   quant data show AAPL.US --interval 1d --source import:acme" in done.output
    with pytest.raises(QuantError, match=r"1d of import:acme, 1d of sandbox for AAPL\.US"):
        holdings.show("AAPL.US")
    assert len(holdings.show("AAPL.US", source="sandbox").bars) == 4
    assert "3" in facts(quant_data("show", "AAPL.US", "--source", "import:acme").output)["bars"]


def test_aliases_are_one_symbol() -> None:
    """00700.HK shows 700.HK."""
    fill(Series.of("sandbox", "700.HK", "1d"), "2024-01-02", "2024-01-05")
    assert quant_data("show", "00700.HK").output.startswith("700.HK 1d of sandbox\n")


@pytest.mark.parametrize("arguments", [("MSFT.US",), ("AAPL.US", "--interval", "1h")])
def test_nothing_to_show_is_one_sentence(arguments: tuple[str, ...]) -> None:
    """It names the commands that get the bars."""
    fill(AAPL, "2024-01-01", "2024-01-05")
    done = quant_data("show", *arguments)
    assert done.exit_code == 1
    assert "`quant data fetch`" in str(done.exception)


def test_a_notebook_shows_tables_and_a_chart() -> None:
    """HTML with the facts, the last bars and the closes as a picture, stamped."""
    fill(AAPL, "2024-01-01", "2024-01-11")
    shown = holdings.show("AAPL.US")._repr_html_()
    assert shown.count("<table>") == 2
    assert "<svg" in shown
    assert shown.count(SYNTHETIC) == 2


def test_the_chart_is_as_wide_as_the_bars_are_many() -> None:
    """It begins at the left and ends at the right; the highest close is at the top."""
    bars = frame("2024-01-01", "2024-01-11", {"2024-01-04": 99.0})
    picture = price_chart.svg(bars, "<AAPL>")
    points = picture.partition('points="')[2].partition('"')[0].split()
    assert len(points) == 10
    assert points[0].startswith("0.0,")
    assert points[-1].startswith(f"{price_chart.WIDTH}.0,")
    assert points[3].endswith(f",{price_chart.MARGIN}.0")
    assert "close 1 to 99, 2024-01-01 to 2024-01-10" in picture
    assert "&lt;AAPL&gt;" in picture


@pytest.mark.parametrize("stop", ["2024-01-01", "2024-01-02"])
def test_no_chart_without_a_line(stop: str) -> None:
    """Neither no bar nor one makes a line."""
    bars = frame("2024-01-01", stop)
    assert price_chart.svg(bars, "x") == ""


def test_a_flat_line_is_drawn() -> None:
    """Equal closes divide by nothing."""
    flat = dict.fromkeys(("2024-01-01", "2024-01-02", "2024-01-03"), 7.0)
    assert "close 7 to 7" in price_chart.svg(frame("2024-01-01", "2024-01-04", flat), "x")


def test_a_long_series_keeps_a_small_picture() -> None:
    """No more points than the picture is wide."""
    bars = frame("2014-01-01", "2024-01-01")
    assert len(bars) > 3000
    assert len(price_chart.svg(bars, "x")) < 12_000


def test_a_damaged_file_is_not_shown_as_empty() -> None:
    """The sentence says what to do."""
    fill(AAPL, "2024-01-01", "2024-01-05")
    content = bytearray(AAPL.path.read_bytes())
    content[8:60] = bytes(52)
    AAPL.path.write_bytes(content)
    done = quant_data("show", "AAPL.US")
    assert done.exit_code == 1
    assert "damaged" in str(done.exception)
