"""Any bars, exported in any shape and imported again, are the same; no corruption goes unseen."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quant_team_data import cache
from quant_team_data.formats import Reading
from quant_team_data.frames import SCHEMA, VALUES
from quant_team_data.importing import Report, import_file
from quant_team_utils.errors import QuantError

NOW = datetime(2026, 1, 1, tzinfo=UTC)
FIRST = datetime(2024, 1, 13, tzinfo=UTC)  # a day above 12 settles the order of dates
cents = st.integers(1, 10_000_000)


@st.composite
def some_bars(draw: st.DrawFn, step: timedelta) -> pl.DataFrame:
    """Return valid bars of one interval, a few of them missing."""
    numbers = draw(st.lists(st.integers(0, 40), min_size=2, max_size=12, unique=True))
    numbers = [0, 1, *(number + 2 for number in sorted(numbers))]
    rows = []
    for number in numbers:
        low, first, second, high = sorted(draw(st.tuples(cents, cents, cents, cents)))
        opened, closed = draw(st.permutations([first, second]))
        volume = draw(st.integers(0, 10**9))
        prices = [price / 100 for price in (opened, high, low, closed)]
        rows.append((FIRST + number * step, *prices, float(volume)))
    return pl.DataFrame(rows, schema=SCHEMA, orient="row")


def lines(
    bars: pl.DataFrame,
    header: str,
    time: Callable[[datetime], str],
    order: tuple[str, ...] = VALUES,
    delimiter: str = ",",
    number: Callable[[float], str] = repr,
) -> str:
    """Return bars as lines of text below a header."""
    text = [header]
    for row in bars.iter_rows(named=True):
        values = (number(row[name]) for name in order)
        text.append(delimiter.join([time(row["time"]), *values]))
    return "\n".join(text) + "\n"


def iso(bars: pl.DataFrame) -> bytes:
    return lines(bars, "time,open,high,low,close,volume", datetime.isoformat).encode()


def seconds(bars: pl.DataFrame) -> bytes:
    stamp = "{:.0f}".format
    head = "time,open,high,low,close,Volume"
    return lines(bars, head, lambda time: stamp(time.timestamp())).encode()


def binance(bars: pl.DataFrame) -> bytes:
    text = lines(bars, "", lambda time: f"{time.timestamp() * 1e6:.0f}")
    return text.lstrip("\n").encode()


def yahoo(bars: pl.DataFrame) -> bytes:
    head = "Price,Close,High,Low,Open,Volume\nTicker" + ",BTC-USDT" * 5 + "\nDate,,,,,"
    order = ("close", "high", "low", "open", "volume")
    return lines(bars, head, lambda time: time.isoformat(" "), order).encode()


def metatrader(bars: pl.DataFrame) -> bytes:
    head = "<DATE>\t<TIME>\t<OPEN>\t<HIGH>\t<LOW>\t<CLOSE>\t<VOL>"
    text = lines(bars, head, lambda time: f"{time:%Y.%m.%d\t%H:%M:%S}", delimiter="\t")
    return text.encode("utf-16")


def european(bars: pl.DataFrame) -> bytes:
    def number(value: float) -> str:
        return f"{value:.2f}".replace(".", ",")

    head = "Date;Open;High;Low;Close;Volume"
    return lines(bars, head, lambda time: f"{time:%d.%m.%Y %H:%M}", VALUES, ";", number).encode()


def american(bars: pl.DataFrame) -> bytes:
    def number(value: float) -> str:
        return f'"${value:,.2f}"'

    newest_first = bars.sort("time", descending=True)
    head = "Date,Close/Last,Volume,Open,High,Low"
    order = ("close", "volume", "open", "high", "low")
    text = lines(newest_first, head, lambda time: f"{time:%m/%d/%Y %I:%M %p}", order, ",", number)
    return text.encode()


def databento(bars: pl.DataFrame) -> bytes:
    def number(value: float) -> str:
        return f"{round(value * 100) * 10_000_000}"

    head = "ts_event,rtype,open,high,low,close,volume"
    stamp = "{:.0f}000000000,34".format
    text = lines(bars, head, lambda time: stamp(time.timestamp()), VALUES, ",", number)
    fixed = text.splitlines()
    rows = [fixed[0]]
    for line in fixed[1:]:
        cells = line.split(",")
        cells[-1] = str(int(cells[-1]) // 1_000_000_000)
        rows.append(",".join(cells))
    return "\n".join(rows).encode()


def parquet(bars: pl.DataFrame) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "bars"
        short = {"time": "t", "open": "o", "high": "h", "low": "l", "close": "c", "volume": "v"}
        bars.rename(short).write_parquet(path)
        return path.read_bytes()


SHAPES = (iso, seconds, binance, yahoo, metatrader, european, american, databento, parquet)
UTC_CLOCKS = Reading(tz="UTC")


def imported(folder: str, content: bytes, interval: str) -> Report:
    path = Path(folder) / "bars"
    path.write_bytes(content)
    return import_file(path, "BTCUSDT", interval, "acme", reading=UTC_CLOCKS, now=NOW)


@pytest.mark.parametrize("export", SHAPES)
@settings(max_examples=30, deadline=None, derandomize=True, database=None)
@given(data=st.data())
def test_any_bars_come_back_as_they_were(
    export: Callable[[pl.DataFrame], bytes],
    data: st.DataObject,
) -> None:
    """Export, import, cache: the same frame, in each of the shapes."""
    interval, step = data.draw(
        st.sampled_from(
            [
                ("1m", timedelta(minutes=1)),
                ("1h", timedelta(hours=1)),
                ("1d", timedelta(days=1)),
            ]
        )
    )
    bars = data.draw(some_bars(step))
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setenv("QUANT_ROOT", folder)
        report = imported(folder, export(bars), interval)
        assert report.added == len(bars)
        assert cache.load(report.series).bars.equals(bars)


@pytest.mark.parametrize("export", [iso, seconds, metatrader, european, american])
@settings(max_examples=30, deadline=None, derandomize=True, database=None)
@given(data=st.data())
def test_no_corruption_of_a_field_goes_unseen(
    export: Callable[[pl.DataFrame], bytes],
    data: st.DataObject,
) -> None:
    """After the good file, one with a wrong cell is refused, or its summary differs."""
    bars = data.draw(some_bars(timedelta(hours=1)))
    content = export(bars)
    encoding = "utf-16" if export is metatrader else "utf-8"
    text = content.decode(encoding)
    header, _, body = text.partition("\n")
    place = data.draw(st.integers(0, len(body) - 1))
    letter = data.draw(st.characters(codec="ascii"))
    wrong = body[:place] + letter + body[place + 1 :]
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setenv("QUANT_ROOT", folder)
        imported(folder, content, "1h")
        try:
            report = imported(folder, f"{header}\n{wrong}".encode(encoding), "1h")
        except QuantError:
            return  # test_import_untrusted.py: the sentence is printable
        stored = cache.load(report.series).bars
        is_seen = report.added or len(report.changed) or report.dropped
        is_short = report.rows != len(bars)
        assert is_seen or is_short or stored.equals(bars)
