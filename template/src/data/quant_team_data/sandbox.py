"""A local TickDB: the real protocol with synthetic prices, for the first run, tests and CI.

`answer` turns a request into a response. The client calls it inside the process when
`TICKDB_BASE_URL=sandbox`, without a key; `sandbox_server` puts it behind a port of this machine.
The prices are those of `synthetic`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from quant_team_data import calendars, synthetic
from quant_team_data.calendars import Session
from quant_team_data.listings import EPOCH, Listing, generator
from quant_team_data.markets import DAY, INTERVALS, market_of
from quant_team_data.sandbox_requests import (
    Data,
    Params,
    Requested,
    RequestError,
    check_adjustment,
    check_key,
    check_traded,
    many_symbols,
    one_symbol,
    read_day,
    read_integer,
    read_interval,
    read_limit,
)
from quant_team_data.sandbox_symbols import LISTED
from quant_team_data.synthetic import MINUTE

MAX_TRADE_DAYS = 30 * DAY
OLDEST_TRADE_DAY = 366 * DAY  # before today
LEVELS = 10  # of an order book
HALF_DAY = timedelta(hours=5)  # a shorter session is one

REGIONS = {"US": "US", "HK": "HK", "SH": "CN", "SZ": "CN", "BJ": "CN"}
PLACES = {"US": "SPY.US", "HK": "700.HK", "CN": "600519.SH"}  # whose calendar is the market's
TRADING_SESSIONS = [  # hours and minutes of the exchange's time
    {"market": "US", "trading_sessions": [{"begin_time": 930, "end_time": 1600}]},
    {
        "market": "HK",
        "trading_sessions": [
            {"begin_time": 930, "end_time": 1200},
            {"begin_time": 1300, "end_time": 1600},
        ],
    },
    {
        "market": "CN",
        "trading_sessions": [
            {"begin_time": 930, "end_time": 1130},
            {"begin_time": 1300, "end_time": 1500},
        ],
    },
]
SUBSCRIPTION = {
    "key_prefix": "sandbox",
    "name": "sandbox",
    "plan": "enterprise",
    "status": "active",
    "expires_at": None,
}


def answer(
    path: str,
    params: Params,
    headers: Mapping[str, str],
    *,
    now: int | None = None,
    key_needed: bool = False,
) -> tuple[int, Data]:
    """Return the HTTP status and the body for a GET.

    Args:
        path: such as "/v1/market/kline".
        params: of the query.
        headers: with names in lower case.
        now: ms UTC; default: the clock.
        key_needed: whether `x-api-key` must be there; any key that starts with "sandbox" will do.
    """
    try:
        if key_needed:
            check_key(headers.get("x-api-key", ""))
        route = ROUTES.get(path)
        if route is None:
            raise RequestError(404, 404, "Not found")
        if now is None:
            now = int(time.time() * 1000)
        data = route(params, now)
    except RequestError as error:
        return error.status, error.body
    return 200, {"code": 0, "message": "success", "data": data}


# Details: endpoints


def _kline(params: Params, now: int) -> Data:
    requested = one_symbol(params)
    interval = read_interval(params)
    check_adjustment(params)
    start = read_integer(params, "start_time", 0)
    end = read_integer(params, "end_time", now)
    if start > end:
        raise RequestError(400, 2003, "Invalid time range")
    limit = read_limit(params)
    klines = synthetic.bars(requested.listing, interval, limit, now=now, start=start, end=end)
    return requested.head(interval=interval, klines=klines)


def _latest(params: Params, now: int) -> list[Data]:
    interval = read_interval(params)
    check_adjustment(params)
    found = []
    for requested in many_symbols(params):
        klines = synthetic.bars(requested.listing, interval, 1, now=now)
        found.append(requested.head(interval=interval, klines=klines))
    return found


def _ticker(params: Params, now: int) -> list[Data]:
    return [_quote(requested, now) for requested in many_symbols(params)]


def _quote(requested: Requested, now: int) -> Data:
    decimals = requested.listing.decimals
    tick = 10**-decimals
    before, today = _newest(requested.listing, "1d", 2, now)
    last = float(today["close"])
    prior = float(before["close"])
    prices = {
        "last_price": last,
        "bid_price": last - tick,
        "ask_price": last + tick,
        "price_change_24h": last - prior,
        "price_change_percent_24h": 100 * (last / prior - 1),
    }
    texts = {name: f"{price:.{decimals}f}" for name, price in prices.items()}
    texts["volume_24h"] = today["volume"]
    texts["high_24h"] = today["high"]
    texts["low_24h"] = today["low"]
    return requested.head(timestamp=now, **texts)


def _newest(listing: Listing, interval: str, count: int, now: int) -> list[Data]:
    """Return so many bars, or the error for a clock that is set to before there were prices."""
    bars = synthetic.bars(listing, interval, count, now=now)
    if len(bars) < count:
        raise RequestError(500, 5000, f"No prices before {EPOCH}: check the clock")
    return bars


def _depth(params: Params, now: int) -> Data:
    requested = one_symbol(params)
    check_traded(requested, "depth")
    count = min(read_limit(params), LEVELS)
    listing = requested.listing
    (minute,) = _newest(listing, "1m", 1, now)
    random = generator(f"{listing.name}|depth|{minute['time']}")
    sizes = random.randint(1, 10_000, 2 * LEVELS).astype(str).tolist()
    levels = [*range(-1, -LEVELS - 1, -1), *range(1, LEVELS + 1)]
    close = float(minute["close"])
    tick = 10**-listing.decimals
    prices = [f"{close + level * tick:.{listing.decimals}f}" for level in levels]
    book = [list(level) for level in zip(prices, sizes, strict=True)]
    return requested.head(
        timestamp=now,
        bids=book[:LEVELS][:count],
        asks=book[LEVELS:][:count],
    )


def _trades(params: Params, now: int) -> Data:
    requested = one_symbol(params)
    check_traded(requested, "trades")
    minutes = synthetic.bars(requested.listing, "1m", read_limit(params), now=now)
    return requested.head(trades=[_trade(minute, now) for minute in minutes])


def _trade(minute: Data, now: int) -> Data:
    """Return the one trade of a minute: its close."""
    has_risen = float(minute["close"]) >= float(minute["open"])
    return {
        "id": f"{minute['time']}_0",
        "price": minute["close"],
        "quantity": minute["volume"],
        "side": "buy" if has_risen else "sell",
        "timestamp": min(minute["time"] + MINUTE - 1, now),
    }


def _symbols(params: Params, now: int) -> Data:
    products = [_product(name) for name in LISTED]
    wanted = [product for product in products if _is_wanted(product, params)]
    limit = read_limit(params)
    offset = max(0, read_integer(params, "offset", 0))
    page = wanted[offset : offset + limit]
    return {
        "products": page,
        "summary": {"total_products": len(LISTED)},
        "pagination": {
            "limit": limit,
            "offset": offset,
            "total": len(wanted),
            "count": len(page),
        },
    }


def _product(name: str) -> Data:
    market = market_of(name)
    return {
        "symbol": name,
        "name": name,
        "market": REGIONS.get(name[-2:], "GLOBAL"),
        "type": market.type,
        "currency": market.currency,
        "is_active": True,
    }


def _is_wanted(product: Data, params: Params) -> bool:
    market = params.get("market", product["market"])
    type = params.get("type", product["type"])
    return bool(market == product["market"] and type == product["type"])


def _intervals(params: Params, now: int) -> Data:
    return {
        "count": len(INTERVALS),
        "intervals": list(INTERVALS),
    }


def _factors(params: Params, now: int) -> Data:
    return {"data": {requested.symbol: [] for requested in many_symbols(params)}}


def _trade_days(params: Params, now: int) -> Data:
    try:
        market = market_of(PLACES[params["market"]])
        first = read_day(params["beg_day"])
        last = min(read_day(params["end_day"]), first + MAX_TRADE_DAYS)
    except (KeyError, ValueError, OverflowError):
        message = "market, beg_day and end_day are required, as in US, 20240102"
        raise RequestError(400, "2001", message) from None
    today = datetime.fromtimestamp(now / 1000, UTC).date()
    if first < today - OLDEST_TRADE_DAY:
        raise RequestError(400, 2003, "beg_day must be within the last year")
    found = calendars.sessions(market, first, last, today=today)
    return {
        "market": params["market"],
        "trade_days": [_day_text(session) for session in found],
        "half_trade_days": [_day_text(session) for session in found if _is_half(session)],
    }


def _day_text(session: Session) -> str:
    return f"{session.day:%Y%m%d}"


def _is_half(session: Session) -> bool:
    return session.close - session.open < HALF_DAY


def _trading_sessions(params: Params, now: int) -> list[Data]:
    wanted = params.get("market")
    return [one for one in TRADING_SESSIONS if wanted in (None, one["market"])]


def _subscriptions(params: Params, now: int) -> Data:
    return {
        "server_time": now,
        "total": 1,
        "api_keys": [SUBSCRIPTION],
    }


ROUTES: dict[str, Callable[[Params, int], Any]] = {
    "/v1/market/kline": _kline,
    "/v1/market/kline/latest": _latest,
    "/v1/market/ticker": _ticker,
    "/v1/market/depth": _depth,
    "/v1/market/trades": _trades,
    "/v1/symbols/available": _symbols,
    "/v1/market/intervals/kline": _intervals,
    "/v1/market/kline/ex-factors": _factors,
    "/v1/market/trade-days": _trade_days,
    "/v1/market/trading-sessions": _trading_sessions,
    "/v1/apikeys/subscriptions": _subscriptions,
}
