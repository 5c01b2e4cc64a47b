"""Every endpoint gives typed messages; one bad symbol never loses the others."""

from __future__ import annotations

from datetime import date
from typing import Any

import httpx2
import pytest

from quant_team_data import calendars, data_client, errors, markets
from quant_team_data.data_client import (
    TickDBError,
    fetch_many,
)
from quant_team_data.messages import KeyStatus
from tests.service import (
    KEY,
    Service,
    fault,
    ok,
)

pytestmark = pytest.mark.usefixtures("sandbox")


def quotes(request: httpx2.Request) -> httpx2.Response:
    """Answer a ticker request for all its symbols but those that are refused or left out."""
    symbols = request.url.params["symbols"].split(",")
    assert len(symbols) <= 50
    if "BAD.US" in symbols:
        return fault(400, 2005)
    found = [
        {"symbol": name, "last_price": "1.5", "bid_price": "", "timestamp": 1720000000}
        for name in symbols
    ]
    return ok([quote for quote in found if quote["symbol"] != "GONE.US"])


def test_batches_hold_fifty_symbols_and_answer_in_the_spelling_of_the_request(
    service: Service,
) -> None:
    """120 symbols are three requests; both spellings of one Hong Kong stock get its quote."""
    service.reply = quotes
    asked = [f"S{number}.US" for number in range(118)] + ["700.HK", "00700.HK"]
    result = data_client.client().ticker(asked)
    assert (list(result.data), result.errors) == (asked, {})
    assert len(service.requests) == 3


@pytest.mark.parametrize(
    ("status", "code", "name"),
    [
        (404, 2002, "SymbolNotFoundError"),
        (400, "2005", "BadRequestError"),
        (400, 2006, "BadRequestError"),
        (403, 3006, "PlanError"),
        (400, "AMBIGUOUS_SYMBOL", "AmbiguousSymbolError"),
    ],
)
def test_one_bad_symbol_never_loses_the_others(
    service: Service, status: int, code: int | str, name: str
) -> None:
    """A batch refused for one symbol is halved until it is alone, or the one left out is named."""
    service.reply = lambda request: (
        fault(status, code) if "BAD.US" in str(request.url) else quotes(request)
    )
    good = [f"S{number}.US" for number in range(60)]
    result = data_client.client().ticker(["BAD.US", *good, "GONE.US", "two words"])
    assert sorted(result.data) == sorted(good)
    kinds = {symbol: type(error).__name__ for symbol, error in result.errors.items()}
    assert kinds == {
        "BAD.US": name,
        "GONE.US": "SymbolNotFoundError",
        "two words": "BadRequestError",
    }
    assert len(service.requests) < 30
    with pytest.raises(TickDBError):
        result.complete()


def test_numbers_that_are_none_are_none_and_a_quote_without_a_price_is_an_error(
    service: Service,
) -> None:
    """An empty bid is not a bid; a last price that is not a number loses that symbol only."""
    service.reply = quotes
    (quote,) = data_client.client().ticker(["AAPL.US"]).data.values()
    assert (quote.symbol, quote.last_price, quote.bid_price) == ("AAPL.US", 1.5, None)
    assert quote.timestamp == 1_720_000_000_000
    last = [
        {"symbol": name, "last_price": price, "timestamp": 1}
        for name, price in (("A.US", "NaN"), ("B.US", "2"))
    ]
    service.replies(ok(last))
    result = data_client.client().ticker(["A.US", "B.US"])
    assert result.data["B.US"].last_price == 2.0
    assert isinstance(result.errors["A.US"], errors.DecodeError)


def test_a_key_that_is_wrong_is_no_partial_result(service: Service) -> None:
    """What is true for every symbol is raised at once."""
    service.replies(fault(401, 1001))
    with pytest.raises(errors.AuthError):
        data_client.client().ticker(["A.US", "B.US"])
    assert len(service.requests) == 1
    with pytest.raises(errors.AuthError):
        fetch_many([f"S{number}.US" for number in range(50)], "1h", "2024-01-01", "2024-01-02")


def test_trades_may_share_an_id_and_carry_seconds(service: Service) -> None:
    """No trade is dropped for its id, and a time in seconds becomes milliseconds."""
    trade = {"id": "0", "price": "1.5", "quantity": "2", "side": "buy"}
    service.replies(
        ok(
            {
                "symbol": "X",
                "trades": [trade | {"timestamp": at} for at in (1_720_000_060, 1_720_000_000)],
            }
        )
    )
    found = data_client.client().trades("AAPL.US")
    assert [one.timestamp for one in found] == [1_720_000_000_000, 1_720_000_060_000]
    assert found[0].to_dict() == {
        "id": "0",
        "price": 1.5,
        "quantity": 2.0,
        "side": "buy",
        "timestamp": 1_720_000_000_000,
    }


@pytest.mark.parametrize(
    "data", [{}, None, [], {"trades": [{}]}, {"bids": 1}, {"data": []}, {"api_keys": []}]
)
@pytest.mark.parametrize(
    "call",
    [
        lambda client: client.trades("AAPL.US"),
        lambda client: client.depth("AAPL.US"),
        lambda client: client.symbols(),
        lambda client: client.intervals(),
        lambda client: client.key_status(),
        lambda client: client.factors("AAPL.US"),
        lambda client: client.trading_days("US", date(2024, 1, 1), date(2024, 1, 2)),
    ],
)
def test_an_answer_of_another_shape_is_one_sentence(service: Service, call: Any, data: Any) -> None:
    """Nothing is read out of an answer that is not the protocol's."""
    service.replies(ok(data))
    with pytest.raises(errors.DecodeError, match="invalid data"):
        call(data_client.client())


def test_symbols_come_from_all_pages_once_though_the_list_moves(service: Service) -> None:
    """Paging goes by what came and the newest total; a symbol that slipped on is not doubled."""
    names = [f"S{number}.US" for number in range(2500)]

    def reply(request: httpx2.Request) -> httpx2.Response:
        offset, limit = (int(request.url.params[name]) for name in ("offset", "limit"))
        if offset:  # a new symbol has moved the others
            names.insert(0, f"NEW{offset}.US")
        page = [
            {"symbol": name, "market": "US", "type": "stock"}
            for name in names[offset : offset + limit]
        ]
        return ok({"products": page, "pagination": {"total": len(names)}})

    service.reply = reply
    found = [one.symbol for one in data_client.client().symbols()]
    assert len(found) == len(set(found)) == 2500
    assert len(service.requests) == 3
    service.replies(ok({"products": [{"symbol": "A.US"}], "pagination": {"total": 9999}}))
    # The same page for ever is not a list.
    assert [one.symbol for one in data_client.client().symbols()] == ["A.US"]
    assert len(service.requests) == 3 + 2


def test_trading_days_are_asked_month_by_month() -> None:
    """At most 31 days a query; half days are marked, and the calendar agrees."""
    days = data_client.client().trading_days("US", date(2024, 6, 1), date(2024, 8, 15))
    known = calendars.sessions(markets.market_of("AAPL.US"), date(2024, 6, 1), date(2024, 8, 15))
    assert list(days) == [session.day for session in known]
    assert [day for day, half in days.items() if half] == [date(2024, 7, 3)]
    afternoon = data_client.client().trading_sessions("HK")[0].trading_sessions[1]
    assert (afternoon.begin_time, afternoon.end_time) == (1300, 1600)


def test_key_status_is_that_of_this_key_without_its_letters(service: Service) -> None:
    """Of an account's keys, the one in use; no part of the key is in the answer."""
    keys = [
        {"key_prefix": prefix, "plan": plan}
        for prefix, plan in (("tk_live_99", "free"), (KEY[:10], "pro"))
    ]
    service.replies(ok({"api_keys": keys}))
    assert data_client.client().key_status() == KeyStatus(plan="pro")
    assert data_client.client().plan().rate == 600


def test_factors_of_another_symbol_are_an_error(service: Service) -> None:
    """An alias is the same symbol; no factors at all are none."""
    factor = {"timestamp": 1_704_067_200_000, "factor_a": 0.5, "factor_b": 0}
    service.replies(ok({"data": {"00700.HK": [factor]}}))
    assert len(data_client.client().factors("700.HK")) == 1
    with pytest.raises(errors.DecodeError, match=r"'00700\.HK' instead of 'AAPL\.US'"):
        data_client.client().factors("AAPL.US")
    service.replies(ok({"data": {}}))
    assert data_client.client().factors("AAPL.US") == []
