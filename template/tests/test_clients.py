"""The client in use is the one of the settings, or the one that a block brings."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

import quant_team_data
from quant_team_data import clients, data_client, errors
from quant_team_data.data_client import (
    TickDBClient,
    fetch_latest_price,
    get_api_key,
    notice,
    source,
)
from quant_team_data.markets import milliseconds
from tests.service import (
    KEY,
    NOW,
    Clock,
    Ranged,
    Service,
    hourly,
)


@pytest.fixture(autouse=True)
def _own_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("QUANT_ROOT", str(tmp_path))


def test_settings_are_read_at_each_call(monkeypatch: pytest.MonkeyPatch) -> None:
    """A key that is set later is used, without a new import."""
    with pytest.raises(errors.AuthError):
        get_api_key()
    monkeypatch.setenv("TICKDB_API_KEY", KEY)
    assert get_api_key() == KEY


def test_the_source_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """The sandbox is the sandbox in the process and on this machine; the rest is TickDB."""
    found = []
    for url in (
        "sandbox",
        "http://127.0.0.1:8765",
        "https://localhost:1",
        "https://api.tickdb.ai/",
    ):
        monkeypatch.setenv("TICKDB_BASE_URL", url)
        found.append(source())
    assert found == ["sandbox", "sandbox", "sandbox", "tickdb"]


def test_a_block_brings_its_own_client() -> None:
    """Everything inside talks to it, source and clock included; afterwards all is as before."""
    service = Service()
    with service.using() as mine:
        assert data_client.client() is mine
        assert source() == "tickdb"
        assert clients.now() == NOW
        with data_client.using(TickDBClient("sandbox")):
            assert source() == "sandbox"
        assert data_client.client() is mine
    assert source() == "sandbox"
    assert data_client.client() is not mine


def test_threads_of_a_block_have_its_client(service: Service) -> None:
    """`fetch_many` works in threads, and each of them sees the client of the block."""
    service.reply = Ranged(hourly(5))
    asked = [f"S{number}.US" for number in range(40)]
    result = data_client.fetch_many(asked, "1h", "2024-01-01", "2024-01-01")
    assert list(result.data) == asked
    assert len(service.requests) == 40


def test_the_sandbox_answers_at_the_clients_time() -> None:
    """What forms, and what the newest price is, follows the clock that the client was given."""
    clock = Clock(datetime(2024, 7, 5, 14, 30, 30, tzinfo=UTC))
    client = TickDBClient("sandbox", clock=clock)
    before = client.klines("AAPL.US", "1m", 3)
    clock.sleep(60)
    after = client.klines("AAPL.US", "1m", 3)
    assert after[:-1] == before[1:]
    assert after[-1].time == milliseconds(datetime(2024, 7, 5, 14, 30, tzinfo=UTC))
    (quote,) = client.ticker(["AAPL.US"]).data.values()
    assert quote.timestamp == milliseconds(clock.now)


def test_the_package_hands_on_the_public_names() -> None:
    """They are the same objects, and a name that is not there is an ordinary error."""
    for name in quant_team_data.__all__:
        if name != "SYNTHETIC":
            assert getattr(quant_team_data, name) is getattr(data_client, name)
    with pytest.raises(AttributeError, match="nothing_like_it"):
        _ = quant_team_data.nothing_like_it


def test_a_key_beside_the_sandbox_is_not_used_and_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sandbox stays sandbox; one line tells."""
    assert notice() is None
    monkeypatch.setenv("TICKDB_API_KEY", KEY)
    assert (
        notice() == "TICKDB_BASE_URL is sandbox: prices are synthetic, TICKDB_API_KEY is not used."
    )
    assert source() == "sandbox"
    assert fetch_latest_price("BTCUSDT") is not None
