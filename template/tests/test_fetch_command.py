"""`quant data fetch`: what came, how much of the calendar that is, and why the rest is missing."""

from __future__ import annotations

import threading
from datetime import UTC, datetime

import httpx2
import polars as pl
import pytest

from quant_team_data import fetch_command, history
from quant_team_data.fetch_command import Asked
from quant_team_data.frames import SCHEMA, VALUES
from tests.cached import moment, quant_data
from tests.service import Ranged, Service, hourly

pytestmark = pytest.mark.usefixtures("project")


def test_fetch_fills_the_cache_once_and_works_offline() -> None:
    """It shows what came; offline it reads the disk, or exits with 1 and says what is missing."""
    asked = ["fetch", "AAPL.US,BTCUSDT", "--interval", "4h", "--start", "2024-01-02"]
    for more in ([], ["--offline"], ["--refresh"]):
        done = quant_data(*asked, "--end", "2024-01-05", *more)
        assert done.exit_code == 0, done.output
        row = "AAPL.US  4h        sandbox  8     2024-01-02 14:30  2024-01-05 18:30  100.0%"
        assert row in done.output
        assert "SYNTHETIC" in done.output
        assert "quant data lock AAPL.US BTCUSDT" in done.output
    done = quant_data(*asked, "--end", "2024-02-05", "--offline")
    assert done.exit_code == 1
    assert "The cache has no AAPL.US 4h of sandbox from 2024-01-06T00:00Z" in done.output
    assert "BTCUSDT" in done.output
    assert "2 of 2 symbols" in str(done.exception)


def test_one_symbol_that_fails_loses_no_other() -> None:
    """What came is shown; the sentence about the rest has the one prefix of errors."""
    done = quant_data("fetch", "AAPL.US", "NOSUCHTHING.US", "--start", "2024-01-02")
    assert done.exit_code == 1
    assert "AAPL.US  1d        sandbox" in done.output
    assert "quant: There is no market for the symbol 'NOSUCHTHING.US'" in done.output


def test_a_typo_gets_no_invented_prices() -> None:
    """One symbol alone fails with the sandbox's own sentence."""
    done = quant_data("fetch", "APPL.US", "--start", "2024-01-02", "--end", "2024-01-05")
    assert done.exit_code == 1
    sentence = "quant: APPL.US is not a symbol of the sandbox: did you mean AAPL.US?"
    assert done.output.splitlines() == [sentence]
    assert "1 of 1 symbol failed" in str(done.exception)


def test_an_unknown_interval_is_one_sentence_for_all_symbols() -> None:
    """It is not the fault of a symbol, so no symbol is tried."""
    done = quant_data("fetch", "AAPL.US", "MSFT.US", "--interval", "1H")
    assert done.exit_code == 1
    assert done.output == ""
    assert "did you mean 1h?" in str(done.exception)


def test_aliases_are_fetched_once() -> None:
    """00700.HK and 700.HK are one symbol, and one row."""
    asked = ["fetch", "00700.HK", "700.HK", "--start", "2024-01-02", "--end", "2024-01-05"]
    done = quant_data(*asked)
    rows = [line for line in done.output.splitlines() if ".HK  " in line]
    assert len(rows) == 1
    assert "quant data lock 700.HK\n" in done.output


NOW = datetime(2024, 6, 14, 12, tzinfo=UTC)


def asked(
    first: str = "2024-06-03",
    last: str = "2024-06-14",
    since: str | None = None,
) -> Asked:
    """Return a request for daily bars of the sandbox."""
    return Asked(
        interval="1d",
        span=history.Span(moment(first), moment(last)),
        source="sandbox",
        now=NOW,
        since=moment(since) if since else None,
    )


def bars(*days: int) -> pl.DataFrame:
    """Return daily bars of June 2024."""
    times = [datetime(2024, 6, number, tzinfo=UTC) for number in days]
    columns = {name: [1.0] * len(times) for name in VALUES}
    return pl.DataFrame({"time": times, **columns}, schema=SCHEMA)


ALL = (3, 4, 5, 6, 7, 10, 11, 12, 13)


@pytest.mark.parametrize(
    ("found", "request_", "share", "remark"),
    [
        (ALL, asked(), "100.0%", ""),
        (ALL, asked(last="2024-07-01"), "100.0%", "later bars have not closed yet"),
        (ALL[2:], asked(), "100.0%", "starts late: 2 bars missing, or not listed yet"),
        (ALL[1:], asked(), "100.0%", "starts late: 1 bar missing, or not listed yet"),
        (ALL[2:], asked(since="2024-06-05"), "100.0%", "the plan has bars from 2024-06-05 on"),
        (ALL[:-3], asked(), "100.0%", "ends early: 3 bars missing, or delisted"),
        (
            (*ALL[:3], *ALL[4:]),
            asked(),
            "88.9%",
            "BELOW 99%: 1 bar missing, see `quant data verify --gaps`",
        ),
        ((), asked(), "-", "starts late: 9 bars missing, or not listed yet"),
        ((), asked(first="2024-06-15", last="2024-07-01"), "-", "later bars have not closed yet"),
    ],
)
def test_what_is_missing_is_told_apart(
    found: tuple[int, ...], request_: Asked, share: str, remark: str
) -> None:
    """A hole, the plan, the vendor's end and the future are different things. [coverage]"""
    row = fetch_command.row("AAPL.US", bars(*found), request_)
    assert row[-2:] == [share, remark]


def test_a_symbol_without_a_calendar_has_no_share() -> None:
    """Six digits without an exchange name no market."""
    row = fetch_command.row("000001", bars(*ALL), asked())
    assert row[-2:] == ["unknown", ""]


@pytest.mark.parametrize(("symbols", "expected"), [(["A.US"], {True}), (["A.US", "B.US"], {False})])
def test_a_single_symbol_is_fetched_where_its_pages_show_progress(
    service: Service, symbols: list[str], expected: set[bool]
) -> None:
    """A bar is drawn for the main thread only; several symbols count as wholes."""
    ranged = Ranged(hourly(24 * 7))
    in_main: set[bool] = set()

    def reply(request: httpx2.Request) -> httpx2.Response:
        in_main.add(threading.current_thread() is threading.main_thread())
        return ranged(request)

    service.reply = reply
    quant_data(
        "fetch", *symbols, "--interval", "1h", "--start", "2024-01-01", "--end", "2024-01-05"
    )
    assert in_main == expected
