"""The sandbox knows real symbols and no others: a typo gets no invented prices."""

from __future__ import annotations

from collections import Counter

import pytest

from quant_team_data import data_client, errors, sandbox, sandbox_symbols
from quant_team_data.markets import canonical, market_of
from quant_team_data.sandbox_symbols import LISTED

pytestmark = pytest.mark.usefixtures("sandbox")

PATHS = {
    "/v1/market/kline": "symbol",
    "/v1/market/depth": "symbol",
    "/v1/market/trades": "symbol",
    "/v1/market/kline/latest": "symbols",
    "/v1/market/ticker": "symbols",
    "/v1/market/kline/ex-factors": "symbols",
}


def test_every_market_is_listed() -> None:
    """More than a hundred symbols, each in its one spelling, of every type and exchange."""
    assert len(LISTED) > 400
    assert all(canonical(symbol) == symbol for symbol in LISTED)
    types = Counter(market_of(symbol).type for symbol in LISTED)
    assert min(types[name] for name in ("stock", "indices", "crypto", "forex", "futures")) > 10
    exchanges = {symbol.rpartition(".")[2] for symbol in LISTED if "." in symbol}
    assert {"US", "HK", "SH", "SZ", "BJ"} <= exchanges
    assert {"XAUUSD", "XAGUSD", "XPTUSD", "XPDUSD", "EURUSD", "EURJPY"} <= LISTED.keys()


@pytest.mark.parametrize("path", PATHS)
def test_an_unknown_symbol_is_refused_everywhere(path: str) -> None:
    """Each endpoint answers as the service does, and names the symbol that may be meant."""
    asked = {PATHS[path]: "APPL.US", "interval": "1d"}
    status, body = sandbox.answer(path, asked, {}, now=1_720_192_230_000)
    assert (status, body["code"]) == (404, 2002)
    assert body["message"] == "APPL.US is not a symbol of the sandbox: did you mean AAPL.US?"


def test_one_unknown_symbol_of_many_is_refused() -> None:
    """The service refuses the whole request."""
    asked = {"symbols": "AAPL.US,MSTF.US", "interval": "1d"}
    status, body = sandbox.answer("/v1/market/kline/latest", asked, {}, now=1_720_192_230_000)
    assert (status, body["code"]) == (404, 2002)
    assert "did you mean MSFT.US?" in body["message"]


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("APPL.US", "AAPL.US"),
        ("AAPL", "AAPL.US"),
        ("AAPL.HK", "AAPL.US"),
        ("NVIDIA.US", "NVDA.US"),
        ("GOOGLE.US", "GOOGL.US"),
        ("MSTF.US", "MSFT.US"),
        ("BRKB.US", "BRK.B.US"),
        ("600519.SZ", "600519.SH"),
        ("701.HK", "700.HK"),
        ("EURUDS", "EURUSD"),
        ("ETUSDT", "ETHUSDT"),
    ],
)
def test_the_nearest_symbol_is_named(typed: str, meant: str) -> None:
    """The same name elsewhere, else the most similar name at the same exchange."""
    assert sandbox_symbols.refusal(typed).endswith(f"did you mean {meant}?")


def test_what_is_like_nothing_gets_no_wild_guess() -> None:
    """The command that lists the symbols is named instead."""
    assert "`quant sandbox --symbols` lists them" in sandbox_symbols.refusal("ZZZZZ.US")


def test_the_client_passes_the_sentence_on() -> None:
    """A person reads what the sandbox says; a symbol of many fails alone."""
    with pytest.raises(errors.SymbolNotFoundError, match=r"did you mean AAPL\.US\?") as caught:
        data_client.fetch_bars("APPL.US", "1d", "2024-06-03", "2024-06-07")
    assert caught.value.code == "2002"
    found = data_client.client().ticker(["AAPL.US", "APPL.US"])
    assert list(found.data) == ["AAPL.US"]
    assert "did you mean AAPL.US?" in str(found.errors["APPL.US"])


@pytest.mark.parametrize(("symbol", "code"), [("600519", "AMBIGUOUS_SYMBOL"), ("123456", 2002)])
def test_six_digits_are_ambiguous_only_if_an_exchange_lists_them(
    symbol: str, code: int | str
) -> None:
    """Digits that nobody lists are an unknown symbol."""
    asked = {"symbol": symbol, "interval": "1d"}
    _, body = sandbox.answer("/v1/market/kline", asked, {}, now=1_720_192_230_000)
    assert body["code"] == code
