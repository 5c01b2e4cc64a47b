"""The exports that people have: each is read right, or says which option reads it."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from quant_team_data import cache
from quant_team_data.formats import Reading
from quant_team_data.importing import Report, import_file
from quant_team_utils.errors import QuantError

BAR = (187.15, 188.44, 183.885, 185.64, 82_488_700.0)
DAY = datetime(2024, 1, 2, tzinfo=UTC)
HOUR = datetime(2024, 1, 2, 14, 30, tzinfo=UTC)
T0 = 1_704_205_800  # HOUR in seconds


@pytest.fixture(autouse=True)
def _own_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUANT_ROOT", str(tmp_path))


def read(
    folder: Path,
    content: str | bytes,
    symbol: str = "AAPL.US",
    interval: str = "1d",
    **reading: Any,
) -> Report:
    """Import a file with some content."""
    path = folder / "export.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return import_file(path, symbol, interval, "acme", reading=Reading(**reading))


def first(report: Report) -> tuple[Any, ...]:
    """Return the first bar that was stored."""
    return cache.load(report.series).bars.row(0)


YFINANCE = """\
Price,Close,High,Low,Open,Volume
Ticker,AAPL,AAPL,AAPL,AAPL,AAPL
Date,,,,,
2024-01-02,185.64,188.44,183.885,187.15,82488700
2024-01-03,184.25,185.88,183.43,184.22,58414500
"""
YFINANCE_TWO = """\
Price,Close,High,Low,Open,Volume,Close,High,Low,Open,Volume
Ticker,AAPL,AAPL,AAPL,AAPL,AAPL,MSFT,MSFT,MSFT,MSFT,MSFT
Date,,,,,,,,,,
2024-01-02,185.64,188.44,183.885,187.15,82488700,370,371,369,370,1
"""
DAILY = {
    "yahoo": (
        "Yahoo",
        "Date,Open,High,Low,Close,Adj Close,Volume\n"
        "2024-01-02,187.15,188.44,183.885,185.64,184.9,82488700\n",
    ),
    "yfinance history": (
        "Yahoo",
        "Date,Open,High,Low,Close,Volume,Dividends,Stock Splits\n"
        "2024-01-02 00:00:00-05:00,187.15,188.44,183.885,185.64,82488700,0.0,0.0\n",
    ),
    "yfinance, three header lines": ("Yahoo", YFINANCE),
    "yfinance, two header lines": ("Yahoo", YFINANCE.replace("Date,,,,,\n", "")),
    "stooq": (
        "Stooq",
        "Date,Open,High,Low,Close,Volume\n2024-01-02,187.15,188.44,183.885,185.64,82488700\n",
    ),
    "stooq txt": (
        "Stooq",
        "<TICKER>,<PER>,<DATE>,<TIME>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<VOL>,<OPENINT>\n"
        "AAPL.US,D,20240102,000000,187.15,188.44,183.885,185.64,82488700,0\n",
    ),
    "tradingview": (
        "TradingView",
        f"time,open,high,low,close,Volume,Volume MA\n"
        f"{T0},187.15,188.44,183.885,185.64,82488700,NaN\n",
    ),
    "interactive brokers": (
        "Interactive Brokers",
        "date,open,high,low,close,volume,average,barCount\n"
        "20240102,187.15,188.44,183.885,185.64,82488700,186.1,5000\n",
    ),
    "nasdaq": (
        "nasdaq.com",
        "Date,Close/Last,Volume,Open,High,Low\n"
        "01/03/2024,$184.25,58414500,$184.22,$185.88,$183.43\n"
        "01/02/2024,$185.64,82488700,$187.15,$188.44,$183.885\n",
    ),
    "investing, the file settles the order": (
        "investing.com",
        '\ufeff"Date","Price","Open","High","Low","Vol.","Change %"\n'
        '"01/16/2024","183.63","182.16","184.26","180.93","65.60M","-1.23%"\n'
        '"01/02/2024","185.64","187.15","188.44","183.885","82.4887M","-3.58%"\n',
    ),
    "polygon flat file": (
        "Polygon",
        "ticker,volume,open,close,high,low,window_start,transactions\n"
        "AAPL,82488700,187.15,185.64,188.44,183.885,1704171600000000000,1\n",
    ),
    "alpaca": (
        "Alpaca",
        "symbol,timestamp,open,high,low,close,volume,trade_count,vwap\n"
        "AAPL,2024-01-02 05:00:00+00:00,187.15,188.44,183.885,185.64,82488700.0,1009074,185.9\n",
    ),
}


@pytest.mark.parametrize(("name", "text"), DAILY.values(), ids=DAILY)
def test_daily_exports_are_recognised(tmp_path: Path, name: str, text: str) -> None:
    """The bar of a trading date, whatever its stamp, and the vendor's name in the summary."""
    report = read(tmp_path, text)
    assert first(report) == (DAY, *BAR)
    assert report.read_as == name


INTRADAY = {
    "tradingview, ISO": (
        "TradingView",
        "time,open,high,low,close,Volume\n"
        "2024-01-02T09:30:00-05:00,187.15,188.44,183.885,185.64,82488700\n",
        None,
    ),
    "interactive brokers": (
        "Interactive Brokers",
        "date,open,high,low,close,volume\n"
        "20240102  09:30:00,187.15,188.44,183.885,185.64,82488700\n",
        "America/New_York",
    ),
    "interactive brokers, with its zone": (
        "Interactive Brokers",
        "date,open,high,low,close,volume,average,barCount\n"
        "20240102 09:30:00 US/Eastern,187.15,188.44,183.885,185.64,82488700,186,1\n",
        None,
    ),
    "databento, fixed point": (
        "Databento, prices x 1e-09",
        "ts_event,rtype,publisher_id,instrument_id,open,high,low,close,volume\n"
        f"{T0}000000000,34,2,32,187150000000,188440000000,183885000000,185640000000,82488700\n",
        None,
    ),
    "databento, decimals": (
        "Databento",
        "ts_event,rtype,publisher_id,instrument_id,open,high,low,close,volume,symbol\n"
        "2024-01-02T14:30:00.000000000Z,34,2,32,187.150000000,188.440000000,183.885000000,"
        "185.640000000,82488700,AAPL\n",
        None,
    ),
    "metatrader": (
        "MetaTrader",
        "<DATE>\t<TIME>\t<OPEN>\t<HIGH>\t<LOW>\t<CLOSE>\t<TICKVOL>\t<VOL>\t<SPREAD>\n"
        "2024.01.02\t09:30:00\t187.15\t188.44\t183.885\t185.64\t311\t82488700\t1\n",
        "America/New_York",
    ),
    "a line for each day and time": (
        "CSV ('Date', 'Time', 'Open', 'High', 'Low', 'Close', 'Volume')",
        "Date,Time,Open,High,Low,Close,Volume\n"
        "01/02/2024,9:30 AM,187.15,188.44,183.885,185.64,82488700\n"
        "01/16/2024,9:30 AM,187.15,188.44,183.885,185.64,82488700\n",
        "America/New_York",
    ),
}


@pytest.mark.parametrize(("name", "text", "tz"), INTRADAY.values(), ids=INTRADAY)
def test_intraday_exports_are_recognised(
    tmp_path: Path,
    name: str,
    text: str,
    tz: str | None,
) -> None:
    """The open of the bar, in UTC."""
    report = read(tmp_path, text, interval="1h", tz=tz)
    assert first(report) == (HOUR, *BAR)
    assert report.read_as == name


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-8-sig", "cp1252"])
def test_other_encodings_are_read(tmp_path: Path, encoding: str) -> None:
    """MetaTrader writes UTF-16, spreadsheets a byte order mark, older programs Windows-1252."""
    head, row = INTRADAY["metatrader"][1].splitlines()
    text = f"{head}\t<ÜBER>\r\n{row}\té\r\n"
    report = read(tmp_path, text.encode(encoding), interval="1h", tz="America/New_York")
    assert first(report) == (HOUR, *BAR)


def test_ticks_are_the_volume_where_metatrader_has_no_other(tmp_path: Path) -> None:
    """Currencies have no volume of the market; the summary says what was taken."""
    text = INTRADAY["metatrader"][1].replace("82488700", "0")
    report = read(tmp_path, text, interval="1h", tz="America/New_York")
    assert first(report)[-1] == 311.0
    assert report.read_as == "MetaTrader, ticks as volume"


BINANCE = (
    "open_time,open,high,low,close,volume,close_time,quote_volume,count,taker_buy_volume,"
    "taker_buy_quote_volume,ignore\n"
)
COIN = (datetime(2024, 1, 1, tzinfo=UTC), 42283.58, 42554.57, 42261.02, 42475.23, 1271.68)


@pytest.mark.parametrize("head", ["", BINANCE])
@pytest.mark.parametrize("unit", ["000", "000000"])
@pytest.mark.parametrize("rest", ["", ",53957248.9,47134,682.57,28957416.8,0"])
def test_binance_with_and_without_a_header_and_in_both_units(
    tmp_path: Path,
    head: str,
    unit: str,
    rest: str,
) -> None:
    """Its archive has no header before 2025, and microseconds since."""
    close = f"1704070799{unit.replace('0', '9')}"
    row = f"1704067200{unit},42283.58,42554.57,42261.02,42475.23,1271.68,{close}{rest}\n"
    report = read(tmp_path, head + row, "BTCUSDT", "1h")
    assert first(report) == COIN
    assert report.read_as == "Binance"


@pytest.mark.parametrize("unit", ["", "000"])
def test_cryptodatadownload(tmp_path: Path, unit: str) -> None:
    """An address first, then newest first; the volume is that of the coin, not of the money."""
    text = (
        "https://www.CryptoDataDownload.com\n"
        "unix,date,symbol,open,high,low,close,Volume USDT,Volume BTC,tradecount\n"
        f"1704070800{unit},2024-01-01 01:00:00,BTC/USDT,42475.23,42775,42431.65,42613.56,5,6,7\n"
        f"1704067200{unit},2024-01-01 00:00:00,BTC/USDT,42283.58,42554.57,42261.02,42475.23,"
        "53957248.9,1271.68,47134\n"
    )
    report = read(tmp_path, text, "BTCUSDT", "1h")
    assert first(report) == COIN
    assert report.read_as == "CryptoDataDownload"


@pytest.mark.parametrize(
    ("name", "stamp"),
    [("Polygon", T0 * 1000), ("Alpaca", "2024-01-02T14:30:00Z"), ("Alpaca", HOUR)],
)
def test_frames_with_names_of_one_letter(tmp_path: Path, name: str, stamp: object) -> None:
    """What an API's answer becomes when it is saved as Parquet."""
    path = tmp_path / "bars.parquet"
    volume, rest = BAR[4], {"n": [9], "vw": [186.0]}
    prices = dict(zip("ohlc", ([value] for value in BAR[:4]), strict=True))
    pl.DataFrame({"t": [stamp], **prices, "v": [volume], **rest}).write_parquet(path)
    report = import_file(path, "AAPL.US", "1h", "acme")
    assert first(report) == (HOUR, *BAR)
    assert report.read_as == name


def test_a_semicolon_and_decimal_commas(tmp_path: Path) -> None:
    """As spreadsheets of half of Europe write numbers."""
    text = "Date;Open;High;Low;Close;Volume\n2024-01-02;187,15;188,44;183,885;185,64;82.488.700\n"
    assert first(read(tmp_path, text)) == (DAY, *BAR)


def test_one_of_two_tickers(tmp_path: Path) -> None:
    """A header line that names two instruments: the option takes one, the symbol must agree."""
    with pytest.raises(QuantError, match=r"'AAPL' and 'MSFT'.*--select Ticker=AAPL"):
        read(tmp_path, YFINANCE_TWO)
    assert first(read(tmp_path, YFINANCE_TWO, select=("Ticker", "AAPL"))) == (DAY, *BAR)
    with pytest.raises(QuantError, match=r"the file says 'MSFT', not AAPL\.US"):
        read(tmp_path, YFINANCE_TWO, select=("Ticker", "MSFT"))


HEAD = "time,open,high,low,close,volume\n"


@pytest.mark.parametrize(
    ("text", "reading", "sentence"),
    [
        (
            "Date,Last,Open,High,Low,Volume\n2024-01-02,1,1,1,1,1\n",
            {"columns": {"time": "Date", "close": "Last"}},
            "--columns close=NAME",
        ),
        (
            "2024-01-02,1,1,1,1,1\n",
            {
                "columns": {
                    "time": "1",
                    "open": "2",
                    "high": "3",
                    "low": "4",
                    "close": "5",
                    "volume": "6",
                }
            },
            "--columns time=NAME,open=NAME",
        ),
        (
            "time,open,high,low,close\n2024-01-02,1,1,1,1\n",
            {"columns": {"volume": "none"}},
            "volume=none",
        ),
        (HEAD + "03/04/2024,1,1,1,1,1\n", {"date_order": "mdy"}, "--date-order mdy"),
        (HEAD.replace(",", ";") + "2024-01-02;1,000;1,000;1,000;1,000;1\n", {"decimal": ","}, "--"),
        (HEAD + "2024-01-02 16:00:00,1,1,1,1,1\n", {"tz": "America/New_York"}, "--tz"),
        (
            "symbol," + HEAD + "AAPL,2024-01-02,1,1,1,1,1\nMSFT,2024-01-02,2,2,2,2,2\n",
            {"select": ("symbol", "AAPL")},
            "--select symbol=AAPL",
        ),
        (
            "symbol," + HEAD + "US0378331005,2024-01-02,1,1,1,1,1\n",
            {"columns": {"instrument": "none"}},
            "--columns instrument=none",
        ),
    ],
)
def test_a_refusal_names_the_option_that_reads_the_file(
    tmp_path: Path,
    text: str,
    reading: dict[str, Any],
    sentence: str,
) -> None:
    """What the file does not say, an option does."""
    with pytest.raises(QuantError, match=sentence):
        read(tmp_path, text)
    assert read(tmp_path, text, **reading).added == 1


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("13/02/2024", date(2024, 2, 13)),
        ("02/13/2024", date(2024, 2, 13)),
        ("13.02.2024", date(2024, 2, 13)),
        ("13-Feb-2024", date(2024, 2, 13)),
        ("Feb 13, 2024", date(2024, 2, 13)),
        ("2024/02/13", date(2024, 2, 13)),
        ("20240213", date(2024, 2, 13)),
        ("2024.02.13", date(2024, 2, 13)),
    ],
)
def test_dates_that_say_their_order(tmp_path: Path, text: str, expected: date) -> None:
    """A day above 12, a name of a month or the year in front settles it."""
    assert first(read(tmp_path, f'{HEAD}"{text}",1,1,1,1,1\n'))[0].date() == expected


def test_a_scale_that_the_user_names(tmp_path: Path) -> None:
    """Whole numbers of cents, exactly."""
    report = read(tmp_path, HEAD + "2024-01-02,18715,18844,18388,18564,5\n", scale=0.01)
    assert first(report)[1:5] == (187.15, 188.44, 183.88, 185.64)
