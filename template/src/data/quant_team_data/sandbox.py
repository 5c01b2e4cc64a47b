"""A local TickDB: the real protocol with synthetic prices, for the first run, tests and CI.

`answer` turns a request into a response. The client calls it inside the process when
`TICKDB_BASE_URL=sandbox`, without a key; `sandbox_server` puts it behind a port of this machine.
The prices are those of `synthetic`.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple

from quant_team_data import markets, synthetic
from quant_team_data.errors import AmbiguousSymbolError, SymbolNotFoundError
from quant_team_data.markets import DAY, INTERVALS, Session, market_of
from quant_team_data.synthetic import BASE, MINUTE, Listing

MAX_BARS = 1000  # of one answer
MAX_SYMBOLS = 50  # of one request
DEFAULT_LIMIT = 100
MAX_TRADE_DAYS = 30 * DAY
HALF_DAY = timedelta(hours=5)  # a shorter session is one

REGIONS = {"US": "US", "HK": "HK", "SH": "CN", "SZ": "CN"}
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
KEY = {
    "key_prefix": "sandbox",
    "name": "sandbox",
    "plan": "enterprise",
    "status": "active",
    "expires_at": None,
}

Params = Mapping[str, str]
Data = dict[str, Any]


class RequestError(Exception):
    """A documented error.

    Args:
        status: of HTTP.
        code: TickDB's; where it is text, the service repeats it as `error`.
        message: for a person.
        more: further fields of the body.
    """

    def __init__(self, status: int, code: int | str, message: str, **more: object) -> None:
        super().__init__(message)
        self.status = status
        self.body: Data = {"code": code, "message": message, **more}
        if isinstance(code, str):
            self.body["error"] = code


class Requested(NamedTuple):
    """A symbol as it was asked for, and its listing."""

    symbol: str
    listing: Listing

    def head(self, **more: object) -> Data:
        """Return the fields with which everything about a symbol begins, and more."""
        return {"symbol": self.symbol, "type": self.listing.market.type, **more}


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
            _check_key(headers.get("x-api-key", ""))
        route = ROUTES.get(path)
        if route is None:
            raise RequestError(404, 404, "Not found")
        data = route(params, int(time.time() * 1000) if now is None else now)
    except RequestError as error:
        return error.status, error.body
    return 200, {"code": 0, "message": "success", "data": data}


# Details: endpoints


def _kline(params: Params, now: int) -> Data:
    requested = _one_symbol(params)
    interval = _interval(params)
    start = _integer(params, "start_time", 0)
    end = _integer(params, "end_time", now)
    if start > end:
        raise RequestError(400, 2003, "Invalid time range")
    limit = _limit(params)
    klines = synthetic.bars(requested.listing, interval, limit, now=now, start=start, end=end)
    return requested.head(interval=interval, klines=klines)


def _latest(params: Params, now: int) -> list[Data]:
    interval = _interval(params)
    return [
        one.head(interval=interval, klines=synthetic.bars(one.listing, interval, 1, now=now))
        for one in _many_symbols(params)
    ]


def _ticker(params: Params, now: int) -> list[Data]:
    return [_quote(requested, now) for requested in _many_symbols(params)]


def _quote(requested: Requested, now: int) -> Data:
    decimals = requested.listing.decimals
    tick = 10**-decimals
    before, today = synthetic.bars(requested.listing, "1d", 2, now=now)
    last, prior = float(today["close"]), float(before["close"])
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


def _depth(params: Params, now: int) -> Data:
    requested = _one_symbol(params)
    listing = requested.listing
    (minute,) = synthetic.bars(listing, "1m", 1, now=now)
    random = synthetic.generator(f"{listing.name}|depth|{minute['time']}")
    sizes = random.randint(1, 10_000, 20).astype(str).tolist()
    levels = [*range(-1, -11, -1), *range(1, 11)]
    close, tick = float(minute["close"]), 10**-listing.decimals
    prices = [f"{close + level * tick:.{listing.decimals}f}" for level in levels]
    book = [list(level) for level in zip(prices, sizes, strict=True)]
    return requested.head(timestamp=now, bids=book[:10], asks=book[10:])


def _trades(params: Params, now: int) -> Data:
    requested = _one_symbol(params)
    minutes = synthetic.bars(requested.listing, "1m", _limit(params), now=now)
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
    wanted = [product for product in map(_product, BASE) if _is_wanted(product, params)]
    limit, offset = _limit(params), max(_integer(params, "offset", 0), 0)
    page = wanted[offset : offset + limit]
    return {
        "products": page,
        "summary": {"total_products": len(BASE)},
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
    return all(params.get(name, product[name]) == product[name] for name in ("market", "type"))


def _intervals(params: Params, now: int) -> Data:
    return {"count": len(INTERVALS), "intervals": list(INTERVALS)}


def _factors(params: Params, now: int) -> Data:
    return {"data": {requested.symbol: [] for requested in _many_symbols(params)}}


def _trade_days(params: Params, now: int) -> Data:
    try:
        market = market_of(PLACES[params["market"]])
        first, last = _date(params["beg_day"]), _date(params["end_day"])
        last = min(last, first + MAX_TRADE_DAYS)
    except (KeyError, ValueError, OverflowError):
        message = "market, beg_day and end_day are required, as in US, 20240102"
        raise RequestError(400, "2001", message) from None
    today = datetime.fromtimestamp(now / 1000, UTC).date()
    found = markets.sessions(market, first, last, today=today)
    return {
        "market": params["market"],
        "trade_days": [f"{session.day:%Y%m%d}" for session in found],
        "half_trade_days": [f"{session.day:%Y%m%d}" for session in found if _is_half(session)],
    }


def _is_half(session: Session) -> bool:
    return session.close - session.open < HALF_DAY


def _trading_sessions(params: Params, now: int) -> list[Data]:
    wanted = params.get("market")
    return [one for one in TRADING_SESSIONS if wanted in (None, one["market"])]


def _subscriptions(params: Params, now: int) -> Data:
    return {"server_time": now, "total": 1, "api_keys": [KEY]}


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


# Details: parameters


def _check_key(key: str) -> None:
    if not key:
        raise RequestError(401, "1002", "API key is required")
    if not key.startswith("sandbox"):
        raise RequestError(401, 1001, "Invalid or expired token")


def _integer(params: Params, name: str, default: int) -> int:
    try:
        return int(params.get(name, default))
    except ValueError:
        raise RequestError(400, "2001", f"{name} parameter is not an integer") from None


def _limit(params: Params) -> int:
    limit = _integer(params, "limit", DEFAULT_LIMIT)
    return min(limit, MAX_BARS) if limit > 0 else DEFAULT_LIMIT


def _interval(params: Params) -> str:
    if params.get("interval") not in INTERVALS:
        message = "interval parameter is required, one of /v1/market/intervals/kline"
        raise RequestError(400, "2001", message)
    return params["interval"]


def _date(text: str) -> date:
    return datetime.strptime(text, "%Y%m%d").date()


def _one_symbol(params: Params) -> Requested:
    return _listed(_required(params, "symbol"), params.get("type"))


def _many_symbols(params: Params) -> list[Requested]:
    names = _required(params, "symbols").split(",")
    if len(names) > MAX_SYMBOLS:
        raise RequestError(400, 2004, "Request limit exceeded")
    return [_listed(name, params.get("type")) for name in names]


def _required(params: Params, name: str) -> str:
    if not params.get(name):
        raise RequestError(400, "2001", f"{name} parameter is required")
    return params[name]


def _listed(symbol: str, type: str | None) -> Requested:
    """Return a symbol with its listing; six digits are two symbols, which `type` tells apart."""
    if not re.fullmatch(r"[A-Z0-9]+([.-][A-Z0-9]+)*", symbol):
        raise RequestError(400, 2005, "Unsupported symbol format")
    name = markets.canonical(symbol)
    if re.fullmatch(r"[0-9]{6}", symbol):
        name += {"stock": ".SZ", "indices": ".SH"}.get(type or "", "")
    try:
        market = market_of(name)
    except AmbiguousSymbolError as error:
        types = {"available_types": list(error.available_types)}
        message = "Symbol matches multiple types"
        raise RequestError(400, "AMBIGUOUS_SYMBOL", message, data=types) from None
    except SymbolNotFoundError:
        raise RequestError(404, 2002, "Symbol not found") from None
    if type not in (None, market.type):
        raise RequestError(400, 2006, "Symbol suffix does not match type")
    return Requested(symbol, synthetic.listing(name, market))
