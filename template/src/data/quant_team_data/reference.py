"""What TickDB lists apart from prices: its symbols, and the trading days of a market."""

from __future__ import annotations

from datetime import date

from quant_team_data import answers, messages
from quant_team_data.answers import TypedCaller
from quant_team_data.markets import DAY
from quant_team_data.messages import Product
from quant_team_data.pages import PAGE
from quant_team_utils import console

MOST_DAYS = 31  # of one request


def symbols(
    caller: TypedCaller,
    type: str | None,
    market: str | None,
) -> list[Product]:
    """Return all symbols, each once.

    Args:
        caller: sends the requests.
        type: asset class; None: all.
        market: US, HK, CN or GLOBAL; None: all.
    """
    found: dict[str, Product] = {}
    offset = 0
    total = 1
    with console.progress("symbols", 100) as advance:
        while offset < total:
            params = {"type": type, "market": market, "limit": PAGE, "offset": offset}
            path = "/v1/symbols/available"
            page = caller.needed(path, params, messages.Products, "the list of symbols")
            total = page.pagination.total
            new = {product.symbol: product for product in page.products}
            if new.keys() <= found.keys():
                break  # nothing came, or the same again
            found |= new
            offset += len(page.products)
            advance(100 * len(page.products) // total)
    return list(found.values())


def trading_days(
    caller: TypedCaller,
    market: str,
    start: date,
    end: date,
) -> dict[date, bool]:
    """Return the trading days of a market, in order, and whether each is a half day.

    Args:
        caller: sends the requests.
        market: US, HK or CN.
        start: first day, included.
        end: last day, included.
    """
    days: dict[date, bool] = {}
    while start <= end:
        last = min(end, start + (MOST_DAYS - 1) * DAY)
        params = {"market": market, "beg_day": f"{start:%Y%m%d}", "end_day": f"{last:%Y%m%d}"}
        path = "/v1/market/trade-days"
        found = caller.needed(path, params, messages.TradingDays, market)
        with answers.valid(market):
            days |= {date.fromisoformat(day): False for day in found.trade_days}
            days |= {date.fromisoformat(day): True for day in found.half_trade_days}
        start = last + DAY
    return dict(sorted(days.items()))
