"""A local TickDB: the real protocol with synthetic prices, for the first run, for tests and CI,
without a key.

`answer` turns a request into a response. `data_client` calls it inside the process when
`TICKDB_BASE_URL=sandbox`; `quant sandbox` puts it behind a port of this machine.

Prices are invented, trading days and hours are real. A symbol has one path of daily closes, seeded
by its name; each day is filled with minutes from close to close, seeded by name and date. All bars
are made of those minutes, so any two requests agree, on any machine and at any time.
"""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from quant_team_data import markets
from quant_team_data.errors import AmbiguousSymbolError, SymbolNotFoundError
from quant_team_data.markets import DAY, INTERVALS, Market, Session, market_of, milliseconds

EPOCH = date(2010, 1, 1)  # the first day with prices
DAYS = 15_000  # length of a path; changing this or EPOCH changes every price
ANCHOR = (date(2024, 1, 2) - EPOCH).days  # the day on which a symbol is near its base price
BASE = {
    "AAPL.US": 185.0, "GOOGL.US": 138.0, "MSFT.US": 370.0, "NVDA.US": 48.0, "SPY.US": 472.0, "TSLA.US": 248.0,
    "700.HK": 290.0, "9988.HK": 74.0, "600519.SH": 1680.0, "000001.SZ": 9.2, "000001.SH": 2960.0,
    "BTC.BITSTAMP": 44_000.0, "BTCUSDT": 44_000.0, "ETHUSDT": 2350.0, "EURUSD": 1.095, "USDJPY": 142.0,
}  # fmt: skip
# By kind: volatility of a day, and the prices between which an unlisted symbol finds its base.
KINDS = {"stock": (0.017, 10, 400), "crypto": (0.03, 1, 100), "forex": (0.005, 0.6, 2)}
KINDS |= {"indices": (0.011, 1000, 20_000), "futures": (0.014, 500, 8000)}
REGIONS = {"US": "US", "HK": "HK", "SH": "CN", "SZ": "CN"}
PLACES = {"US": "SPY.US", "HK": "700.HK", "CN": "600519.SH"}
SPANS = (
    ("US", (930, 1600)),
    ("HK", (930, 1200), (1300, 1600)),
    ("CN", (930, 1130), (1300, 1500)),
)  # local time
HOURS = [
    {"market": one, "trading_sessions": [{"begin_time": a, "end_time": b} for a, b in at]}
    for one, *at in SPANS
]
KEY = {
    "key_prefix": "sandbox",
    "name": "sandbox",
    "plan": "enterprise",
    "status": "active",
    "expires_at": None,
}
MINUTE, PAGE, BATCH = 60_000, 1000, 50

Params = Mapping[str, str]
Data = dict[str, Any]
Column = NDArray[Any]


class Refusal(Exception):  # noqa: N818
    """A documented error: HTTP status, code (as text, the service repeats it as `error`), message."""

    def __init__(self, status: int, code: int | str, message: str, **more: object) -> None:
        super().__init__(message)
        self.status = status
        self.body: Data = (
            {"code": code, "message": message}
            | ({"error": code} if isinstance(code, str) else {})
            | more
        )


class Series(NamedTuple):
    """A symbol: as it was asked for, the spelling that seeds its prices, its market; then its days."""

    asked: str
    name: str
    market: Market
    close: Column  # logarithms; one more than days, for the day before the first
    volatility: Column
    decimals: int
    lots: float  # typical volume of a minute

    def head(self, **more: object) -> Data:
        return {"symbol": self.asked, "type": self.market.type, **more}


def answer(
    path: str, params: Params, headers: Mapping[str, str], *, now: int = 0, key_needed: bool = False
) -> tuple[int, Data]:
    """Return HTTP status and body for a GET at `now` (ms UTC, 0 is the clock); any key `sandbox...` will do."""
    key = headers.get("x-api-key", "")
    try:
        if key_needed and not key.startswith("sandbox"):
            raise (
                Refusal(401, 1001, "Invalid or expired token")
                if key
                else Refusal(401, "1002", "API key is required")
            )
        if path not in ROUTES:
            raise Refusal(404, 404, "Not found")
        return 200, {
            "code": 0,
            "message": "success",
            "data": ROUTES[path](params, now or int(time.time() * 1000)),
        }
    except Refusal as refusal:
        return refusal.status, refusal.body


def _kline(params: Params, now: int) -> Data:
    (series,), interval = _series(params, "symbol"), _interval(params)
    start, end = _integer(params, "start_time", 0), _integer(params, "end_time", now)
    if start > end:
        raise Refusal(400, 2003, "Invalid time range")
    return series.head(
        interval=interval, klines=_bars(series, interval, _limit(params), now, start, end)
    )


def _latest(params: Params, now: int) -> list[Data]:
    interval = _interval(params)
    return [
        one.head(interval=interval, klines=_bars(one, interval, 1, now))
        for one in _series(params, "symbols")
    ]


def _ticker(params: Params, now: int) -> list[Data]:
    quotes = []
    for series in _series(params, "symbols"):
        before, today = _bars(series, "1d", 2, now)
        last, prior, tick = float(today["close"]), float(before["close"]), 10**-series.decimals
        prices = {"last_price": last, "bid_price": last - tick, "ask_price": last + tick}
        prices |= {
            "price_change_24h": last - prior,
            "price_change_percent_24h": 100 * (last / prior - 1),
        }
        texts = {name: f"{price:.{series.decimals}f}" for name, price in prices.items()}
        texts |= {"volume_24h": today["volume"], "high_24h": today["high"], "low_24h": today["low"]}
        quotes.append(series.head(timestamp=now, **texts))
    return quotes


def _depth(params: Params, now: int) -> Data:
    (series,) = _series(params, "symbol")
    (minute,) = _bars(series, "1m", 1, now)
    sizes = (
        _random(f"{series.name}|depth|{minute['time']}").randint(1, 10_000, 20).astype(str).tolist()
    )
    steps = [level * 10**-series.decimals for level in (*range(-1, -11, -1), *range(1, 11))]
    prices = [f"{float(minute['close']) + step:.{series.decimals}f}" for step in steps]
    book = [list(level) for level in zip(prices, sizes, strict=True)]
    return series.head(timestamp=now, bids=book[:10], asks=book[10:])


def _trades(params: Params, now: int) -> Data:
    (series,) = _series(params, "symbol")
    trades = []
    for bar in _bars(series, "1m", _limit(params), now):  # one trade a minute: its close
        side = "buy" if float(bar["close"]) >= float(bar["open"]) else "sell"
        trade = {
            "id": f"{bar['time']}_0",
            "price": bar["close"],
            "quantity": bar["volume"],
            "side": side,
        }
        trades.append(trade | {"timestamp": min(bar["time"] + MINUTE - 1, now)})
    return series.head(trades=trades)


def _days(params: Params, now: int) -> Data:
    try:
        begin, end = (
            datetime.strptime(params[name], "%Y%m%d").date() for name in ("beg_day", "end_day")
        )
        found = markets.sessions(
            market_of(PLACES[params["market"]]), begin, min(end, begin + 30 * DAY)
        )
    except (KeyError, ValueError, OverflowError):
        raise Refusal(
            400, "2001", "market, beg_day and end_day are required, as in US, 20240102"
        ) from None
    days = {f"{one.day:%Y%m%d}": one.close - one.open for one in found}
    short = [day for day in days if days[day] < timedelta(hours=5)]
    return {"market": params["market"], "trade_days": list(days), "half_trade_days": short}


def _symbols(params: Params, now: int) -> Data:
    found: list[Data] = []
    for name, market in ((name, market_of(name)) for name in BASE):
        one = {
            "symbol": name,
            "name": name,
            "market": REGIONS.get(name[-2:], "GLOBAL"),
            "type": market.type,
        }
        if all(params.get(field, one[field]) == one[field] for field in ("market", "type")):
            found.append(one | {"currency": market.currency, "is_active": True})
    limit, offset = _limit(params), max(_integer(params, "offset", 0), 0)
    page, summary = found[offset : offset + limit], {"total_products": len(BASE)}
    pagination = {"limit": limit, "offset": offset, "total": len(found), "count": len(page)}
    return {"products": page, "summary": summary, "pagination": pagination}


ROUTES: dict[str, Callable[[Params, int], Any]] = {
    "/v1/market/kline": _kline,
    "/v1/market/kline/latest": _latest,
    "/v1/market/ticker": _ticker,
    "/v1/market/depth": _depth,
    "/v1/market/trades": _trades,
    "/v1/symbols/available": _symbols,
    "/v1/market/intervals/kline": lambda params, now: {
        "count": len(INTERVALS),
        "intervals": list(INTERVALS),
    },
    "/v1/market/kline/ex-factors": lambda params, now: {
        "data": {one.asked: [] for one in _series(params, "symbols")}
    },
    "/v1/market/trade-days": _days,
    "/v1/market/trading-sessions": lambda params, now: [
        x for x in HOURS if params.get("market") in (None, x["market"])
    ],
    "/v1/apikeys/subscriptions": lambda params, now: {
        "server_time": now,
        "total": 1,
        "api_keys": [KEY],
    },
}


def _integer(params: Params, name: str, default: int) -> int:
    try:
        return int(params.get(name, default))
    except ValueError:
        raise Refusal(400, "2001", f"{name} parameter is not an integer") from None


def _limit(params: Params) -> int:
    return min(limit, PAGE) if (limit := _integer(params, "limit", 100)) > 0 else 100


def _interval(params: Params) -> str:
    if params.get("interval") not in INTERVALS:
        raise Refusal(
            400, "2001", "interval parameter is required, one of /v1/market/intervals/kline"
        )
    return params["interval"]


def _series(params: Params, parameter: str) -> list[Series]:
    """Return the one symbol of `symbol`, or all of `symbols`."""
    if not params.get(parameter):
        raise Refusal(400, "2001", f"{parameter} parameter is required")
    names = params[parameter].split(",") if parameter == "symbols" else [params[parameter]]
    if len(names) > BATCH:
        raise Refusal(400, 2004, "Request limit exceeded")
    found, kind = [], params.get("type")
    for asked in names:
        suffix = (
            {"stock": ".SZ", "indices": ".SH"}.get(kind or "", "")
            if re.fullmatch(r"[0-9]{6}", asked)
            else ""
        )
        name = markets.canonical(asked) + suffix
        if not re.fullmatch(r"[A-Z0-9]+([.-][A-Z0-9]+)*", asked):
            raise Refusal(400, 2005, "Unsupported symbol format")
        try:
            market = market_of(name)
        except AmbiguousSymbolError as error:
            types = {"available_types": list(error.available_types)}
            raise Refusal(
                400, "AMBIGUOUS_SYMBOL", "Symbol matches multiple types", data=types
            ) from None
        except SymbolNotFoundError:
            raise Refusal(404, 2002, "Symbol not found") from None
        if kind not in (None, market.type):
            raise Refusal(400, 2006, "Symbol suffix does not match type")
        found.append(_invented(name, market)._replace(asked=asked))
    return found


def _bars(
    series: Series, interval: str, limit: int, now: int, start: int = 0, end: int = 1 << 62
) -> list[Data]:
    """Return the newest `limit` bars that open between `start` and `end`; the last one may still be forming."""
    end = min(end, now)
    reach = timedelta(seconds=max(INTERVALS[interval] or 31 * 86400, 86400))
    first, last, today = (
        datetime.fromtimestamp(max(at, 0) / 1000, UTC).date() for at in (min(start, end), end, now)
    )
    until = min(
        last + reach, today + DAY, markets.known_until(series.market), EPOCH + (DAYS - 1) * DAY
    )
    since = max(EPOCH, first, until - limit * 2 * reach - 20 * DAY)
    chosen: list[Session] = []
    opens: set[int] = set()
    for session in reversed(markets.sessions(series.market, since, until)):
        inside = {
            opened for opened in markets.bar_opens(session, interval) if start <= opened <= end
        }
        if (chosen and not inside) or len(opens) > limit:
            break
        chosen += [session] if inside else []
        opens |= inside
    if not opens:
        return []
    parts = [_minutes(series, session, interval) for session in reversed(chosen)]
    table = [np.concatenate(column) for column in zip(*parts, strict=True)]
    begin = np.searchsorted(table[0], sorted(opens)[-limit:][0])
    stop = min(
        np.searchsorted(table[0], end, side="right"), np.searchsorted(table[1], now, side="right")
    )
    label, _, opened, high, low, close, lots = (column[begin:stop] for column in table)
    at = np.flatnonzero(np.diff(label, prepend=-1))
    volume = lots / (10_000 if series.market.fractional else 1)
    columns = {
        "open": opened[at],
        "high": np.maximum.reduceat(high, at),
        "low": np.minimum.reduceat(low, at),
    }
    columns |= {
        "close": close[np.append(at[1:], label.size) - 1],
        "volume": np.add.reduceat(volume, at),
    }
    places = dict.fromkeys(columns, series.decimals) | {
        "volume": 4 if series.market.fractional else 0
    }
    texts = [
        [f"{value:.{places[name]}f}" for value in column.tolist()]
        for name, column in columns.items()
    ]
    return [
        dict(zip(("time", *columns), row, strict=True))
        for row in zip(label[at].tolist(), *texts, strict=True)
    ]


def _minutes(series: Series, session: Session, interval: str) -> tuple[Column, ...]:
    """Return a session's minutes as columns: bar they belong to, time, open, high, low, close, lots."""
    minute = np.concatenate(
        [np.arange(milliseconds(begin), milliseconds(end), MINUTE) for begin, end in session.hours]
    )
    opens = np.array(markets.bar_opens(session, interval))
    label = opens[np.searchsorted(opens, minute, side="right") - 1]
    number, count = (session.day - EPOCH).days, minute.size
    before, close, volatility = (
        series.close[number],
        series.close[number + 1],
        series.volatility[number],
    )
    random = _random(f"{series.name}|{session.day}")
    noise, chance = random.standard_normal(count + 1), random.random_sample((2, count))
    # A market that was closed opens away from its last close; then a walk that is bent to end on
    # the day's close.
    opening = before + (
        0.4 * (close - before) + 0.25 * volatility * noise[-1] if series.market.calendar else 0
    )
    done = np.arange(1, count + 1) / count
    free = np.cumsum(noise[:-1]) * (0.8 * volatility / count**0.5)
    prices = np.exp(np.append(opening, opening + free + (close - opening - free[-1]) * done))
    tick, wick = 10.0**-series.decimals, 0.5 * volatility / count**0.5 * chance
    prices = np.maximum(np.round(prices, series.decimals), tick)
    high = np.round(np.maximum(prices[:-1], prices[1:]) * (1 + wick[0]), series.decimals)
    low = np.maximum(
        np.round(np.minimum(prices[:-1], prices[1:]) * (1 - wick[1]), series.decimals), tick
    )
    crowd = 0.6 + 1.6 * (2 * done - 1) ** 2  # busy at the open and the close
    lots = 1 + np.floor(
        series.lots * crowd * (0.1 + chance.sum(axis=0)) * volatility / KINDS[series.market.type][0]
    )
    return label, minute, prices[:-1], high, low, prices[1:], lots


@lru_cache(maxsize=128)
def _invented(name: str, market: Market) -> Series:
    """Return a symbol with its days: fat tails, volatility that clusters, and a drift that wanders slowly."""
    typical, lowest, highest = KINDS[market.type]
    random = _random(name)
    base = BASE.get(name, lowest * (highest / lowest) ** random.random_sample())
    lots = 10 ** random.uniform(2.5, 4.5)
    volatility = typical * np.exp(_slow(random, 15) * 0.4 - 0.08)
    drift = 0.06 * _slow(random, 40)
    moves = (np.clip(random.standard_t(5, DAYS), -6, 6) * 0.6**0.5 + drift) * volatility
    if market.calendar:
        moves[(np.arange(DAYS) + EPOCH.weekday()) % 7 >= 5] *= (
            0.3  # what happens while the market is closed
        )
    close = np.append(0.0, np.cumsum(moves))
    close += np.log(base) - close[ANCHOR]
    decimals = (
        2 if market.type not in ("forex", "crypto") or base >= 1000 else 3 if base >= 10 else 5
    )
    return Series(name, name, market, close, volatility, decimals, lots)


def _slow(random: np.random.RandomState, days: int) -> Column:
    """Return noise of variance 1 that forgets itself over some days."""
    kernel = np.exp(-np.arange(4 * days) / days)
    return np.convolve(random.standard_normal(DAYS), kernel / np.sqrt(np.sum(kernel**2)))[:DAYS]


def _random(seed: str) -> np.random.RandomState:
    """Return a generator seeded by a text; numpy has frozen the numbers that this class draws."""
    return np.random.RandomState(int.from_bytes(hashlib.sha256(seed.encode()).digest()[:4], "big"))
