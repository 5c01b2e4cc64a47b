"""Whatever a vendor does wrong: the frame is right or an error, and nothing wrong is proven."""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from quant_team_data import data_client
from quant_team_data.data_client import TickDBClient, fetch_bars
from quant_team_utils.errors import QuantError
from tests import misbehaving
from tests.misbehaving import FAULTS, FIRST, LINES, NOW, Fault, Line, Vendor
from tests.service import KEY, URL

DAYS = (NOW - FIRST).days


def client(vendor: Vendor) -> TickDBClient:
    return TickDBClient(
        URL,
        KEY,
        plan="unlimited",
        transport=vendor,
        clock=lambda: NOW,
        sleep=lambda seconds: None,
        jitter=lambda low, high: 0.0,
    )


def empty_cache(folder: Path, patch: pytest.MonkeyPatch) -> None:
    folder.mkdir()
    patch.setenv("QUANT_ROOT", str(folder))


def some_range(choice: random.Random) -> tuple[datetime, datetime]:
    """Return a range of days within the year, of any length."""
    begin = choice.randint(0, DAYS)
    length = choice.choice((1, 5, 30, 100, DAYS))
    first = FIRST + timedelta(days=begin)
    return first, first + timedelta(days=length)


def check(
    seed: int,
    faults: tuple[Fault, ...],
    chance: float,
    fetches: int = 2,
) -> int:
    """Fetch from a vendor that is often wrong, then from one that is right; count the errors."""
    choice = random.Random(seed)
    vendor = Vendor(seed, faults)
    line = choice.choice(LINES)
    rows = misbehaving.truth(line)
    failed = 0
    with data_client.using(client(vendor)):
        for _ in range(fetches):
            low, high = some_range(choice)
            expected = misbehaving.frame(rows, low, high)
            vendor.chance = chance
            try:
                found = fetch_bars(*line, low, high)
            except QuantError:
                failed += 1
            else:
                assert found.equals(expected), difference(found, expected)
            vendor.chance = 0.0
            assert fetch_bars(*line, low, high).equals(expected)
    return failed


def difference(found: pl.DataFrame, expected: pl.DataFrame) -> str:
    lost = expected.join(found, on="time", how="anti")
    more = found.join(expected, on="time", how="anti")
    return f"lost {lost} of {expected}, more: {more}"


@pytest.fixture(autouse=True)
def roots(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Give every test an empty cache, and the means to take another."""
    monkeypatch.setenv("QUANT_ROOT", str(tmp_path))
    return monkeypatch


@pytest.mark.parametrize("line", LINES, ids="-".join)
def test_a_good_vendor_is_not_asked_much(line: Line) -> None:
    """A year before a listing, a halt and the time up to now cost a handful of requests, once."""
    vendor = Vendor(1)
    rows = misbehaving.truth(line)
    pages = len(rows) // vendor.cap + 1
    with data_client.using(client(vendor)):
        for _ in range(2):
            found = fetch_bars(*line, FIRST, NOW)
            assert found.equals(misbehaving.frame(rows, FIRST, NOW))
    assert vendor.asked <= 2 * pages + 4


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__qualname__.split(".")[0])
def test_a_vendor_that_always_does_the_same_wrong(
    tmp_path: Path,
    roots: pytest.MonkeyPatch,
    fault: Fault,
) -> None:
    """Every answer has the fault: no frame is wrong."""
    for seed in range(6):
        empty_cache(tmp_path / str(seed), roots)
        check(seed, (fault,), 1.0, fetches=1)


@settings(
    max_examples=40,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(seed=st.integers(0, 10**6), chance=st.sampled_from([0.1, 0.3]))
def test_any_mixture_of_faults_is_seen_or_does_no_harm(
    tmp_path_factory: pytest.TempPathFactory,
    roots: pytest.MonkeyPatch,
    seed: int,
    chance: float,
) -> None:
    """Some answers have some fault; a good vendor then leads to the right frame."""
    roots.setenv("QUANT_ROOT", str(tmp_path_factory.mktemp("cache")))
    check(seed, FAULTS, chance)
