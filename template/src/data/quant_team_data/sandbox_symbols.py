"""The symbols that the sandbox lists: real ones only, so that a typo gets no invented prices.

A name added here gets the prices that its spelling seeds; a name taken away breaks the results and
locks of whoever used it.
"""

from __future__ import annotations

import difflib
import re

US = """
    A AAPL ABBV ABT ADBE ADI AIG AMAT AMD AMGN AMZN AVGO AXP B BA BABA BAC BIDU BK BKNG BLK BMY
    BRK-A BRK-B BRK.A BRK.B BX C CAT CL CMCSA COIN COP COST CRM CRWD CSCO CVS CVX DE DHR DIS DUK
    EBAY EMR F FDX GD GE GILD GM GOOG GOOGL GS HD HON IBM INTC INTU ISRG JD JNJ JPM KO LIN LLY LMT
    LOW LRCX MA MCD MDLZ MDT META MMM MO MRK MRVL MS MSFT MSTR MU NEE NFLX NKE NOW NVDA ORCL OXY
    PANW PDD PEP PFE PG PLTR PM PYPL QCOM RTX SBUX SCHW SHOP SLB SO SPGI T TGT TJX TMO TMUS TSLA
    TSM TXN UBER UNH UNP UPS USB V VZ WFC WMT XOM
    AGG ARKK DIA EEM EFA GDX GLD HYG IEF IVV IWM LQD QQQ SHY SLV SMH SPY TLT TQQQ USO VEA VNQ VOO
    VTI VWO XLB XLE XLF XLI XLK XLP XLU XLV XLY
"""
HONG_KONG = """
    1 2 3 5 6 12 16 27 66 101 175 241 267 268 285 288 291 316 322 386 388 669 688 700 762 823
    836 857 868 881 883 939 941 960 968 981 992 998 1024 1038 1044 1088 1093 1099 1109 1113 1177
    1209 1211 1299 1378 1398 1658 1810 1876 1928 1929 1997 2007 2015 2020 2269 2313 2318 2319 2331
    2333 2359 2382 2388 2628 2688 2800 2823 2828 2899 3033 3328 3690 3692 3968 3988 6618 6690 6862
    9618 9626 9633 9866 9868 9888 9901 9961 9988 9999 80700 81810 83690 89988
"""
SHANGHAI = """
    600009 600016 600019 600028 600030 600031 600036 600048 600050 600104 600111 600276 600309
    600406 600436 600438 600519 600585 600690 600809 600887 600900 601012 601066 601088
    601111 601166 601186 601211 601225 601288 601318 601319 601328 601390 601398 601601 601628
    601633 601668 601688 601728 601766 601818 601857 601888 601899 601919 601939 601988 601998
    603259 603288 603501 603799 603986
    688008 688012 688036 688041 688111 688126 688169 688187 688223 688256 688271 688599 688981
    510050 510300 510500 588000 900901 900932
"""
SHENZHEN = """
    000001 000002 000063 000100 000166 000333 000338 000425 000538 000568 000596 000625 000651
    000661 000725 000768 000776 000858 000876 000895 002027 002049 002142 002230 002241 002252
    002271 002304 002311 002352 002371 002415 002459 002460 002466 002475 002493 002594 002601
    002714 002812 003816
    300014 300015 300033 300059 300122 300124 300142 300274 300308 300316 300347 300408 300413
    300433 300450 300498 300502 300628 300750 300759 300760 300782 300896 300999
    159915 159919 200596 200725
"""
BEIJING = "920002 920118 920799"
INDICES = """
    SPX NDX DJI RUT VIX SPX.US NDX.US DJI.US RUT.US VIX.US
    HSI HSCEI HSTECH HSI.HK HSCEI.HK HSTECH.HK
    000001.SH 000010.SH 000016.SH 000300.SH 000688.SH 000852.SH 000905.SH
    399001.SZ 399005.SZ 399006.SZ 399300.SZ
"""
CURRENCIES = """
    EURUSD USDJPY GBPUSD USDCHF AUDUSD USDCAD NZDUSD
    EURGBP EURJPY EURCHF EURAUD EURCAD EURNZD EURSEK EURNOK EURPLN EURCZK EURHUF EURTRY
    GBPJPY GBPCHF GBPAUD GBPCAD GBPNZD AUDJPY AUDCHF AUDCAD AUDNZD NZDJPY NZDCHF NZDCAD
    CADJPY CADCHF CHFJPY
    USDCNH USDHKD USDSGD USDSEK USDNOK USDDKK USDPLN USDCZK USDHUF USDMXN USDZAR USDTRY USDTHB
    XAUUSD XAGUSD XPTUSD XPDUSD
"""
COINS = """
    AAVE ADA APT ARB ATOM AVAX BCH BNB BTC DOGE DOT ETC ETH FIL HBAR ICP INJ LINK LTC NEAR OP PEPE
    SHIB SOL SUI TON TRX UNI XLM XRP
"""
PAIRS = """
    BTCUSD ETHUSD BTCUSDC ETHUSDC SOLUSDC BTCEUR ETHEUR ETHBTC
    BTC.BITSTAMP ETH.BITSTAMP BTCUSDT.BINANCE ETHUSDT.BINANCE
"""
FUTURES = """
    AG2612 AL2612 AU2612 BU2609 BU2612 CU2612 IC2612 IF2612 IH2612 IM2612 M2701 NI2612 RB2701 RU2701
    SC2612 TA701
"""

_SIX_DIGITS = re.compile(r"[0-9]{6}")


def _with(ending: str, names: str) -> list[str]:
    return [name + ending for name in names.split()]


LISTED: dict[str, None] = dict.fromkeys(
    [
        *_with(".US", US),
        *_with(".HK", HONG_KONG),
        *_with(".SH", SHANGHAI),
        *_with(".SZ", SHENZHEN),
        *_with(".BJ", BEIJING),
        *_with("", INDICES),
        *_with("", CURRENCIES),
        *_with("USDT", COINS),
        *_with("", PAIRS),
        *_with("", FUTURES),
    ]
)  # in the order of `symbols/available`


def refusal(symbol: str) -> str:
    """Return the sentence about a symbol that is not listed: it names the nearest one.

    Args:
        symbol: as it was asked for.
    """
    near = _nearest(symbol)
    hint = f"did you mean {near}?" if near else "`quant sandbox --symbols` lists them."
    return f"{symbol} is not a symbol of the sandbox: {hint}"


def is_ambiguous(symbol: str) -> bool:
    """Tell whether a symbol is six digits that an exchange lists; alone, they name no exchange."""
    exchanges = (".SH", ".SZ")
    is_bare = _SIX_DIGITS.fullmatch(symbol) is not None
    return is_bare and any(symbol + exchange in LISTED for exchange in exchanges)


# Details


def _nearest(symbol: str) -> str | None:
    """Return the listed symbol that is most like another, or None if none is.

    That is the same name at another exchange, else a similar name at the same one.
    """
    name, exchange = _parts(symbol)
    elsewhere = [one for one in LISTED if _parts(one)[0] == name]
    if elsewhere:
        return elsewhere[0]
    neighbours = {}
    for one in LISTED:
        other, place = _parts(one)
        if place == exchange:
            neighbours[other] = one
    alike = difflib.get_close_matches(name, neighbours, n=5)
    if not alike:
        return None
    closest = max(alike, key=lambda other: _likeness(name, other))
    return neighbours[closest]


def _parts(symbol: str) -> tuple[str, str]:
    """Return the name and the exchange, which is empty for what has none."""
    name, dot, exchange = symbol.rpartition(".")
    return (name, exchange) if dot else (exchange, "")


def _likeness(one: str, other: str) -> tuple[float, bool, int]:
    """Return how alike two names are: by shared runs, then by letters, then by their places."""
    ratio = difflib.SequenceMatcher(None, one, other).ratio()
    has_same_letters = sorted(one) == sorted(other)
    same_places = sum(a == b for a, b in zip(one, other, strict=False))
    return ratio, has_same_letters, same_places
