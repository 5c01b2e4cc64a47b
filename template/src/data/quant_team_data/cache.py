"""Bars on disk: one Parquet file per series and source, so that no bar is asked for twice.

The file is `data/<source>/<type>/<interval>/<symbol>.parquet`. Its own metadata hold the manifest:
which ranges of time are *proven*, asked for and answered in full. Bars and manifest are thus one
file, written beside it and put in place by one `os.replace`: a reader finds the old pair or the
new pair, whenever the writer is killed. A range that is proven and has no bars in it has no bars;
a range that is not proven has not been fetched.

Only raw, closed bars are kept. Adjusted prices are computed from them and the factors, never
stored.
"""

from __future__ import annotations

import contextlib
import functools
import io
import json
import logging
import os
import re
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO, NamedTuple

import filelock
import polars as pl

from quant_team_data.markets import INTERVALS, bar_end, canonical, market_of, milliseconds
from quant_team_utils.errors import QuantError
from quant_team_utils.paths import project_root

FOLDER = "data"
VALUES = ("open", "high", "low", "close", "volume")
SCHEMA = pl.Schema({"time": pl.Datetime("ms", "UTC"), **dict.fromkeys(VALUES, pl.Float64())})
REREAD = 3  # bars before a new range that are asked for again, to notice a revision
LAG = timedelta(
    hours=1
)  # a bar may reach the vendor this late: until then, none is not proof of none
# The type under which adjustment factors are kept: a series for each direction, which stands where
# the interval does; an event is a row at its time, with factor_a as its open and factor_b as its
# close.
FACTORS = "factors"
FOREVER = (-(1 << 62), 1 << 62)
RESERVED = re.compile(
    r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\.|$)", re.IGNORECASE
)  # no file names on Windows
DAMAGED = (pl.exceptions.PolarsError, pl.exceptions.PanicException, KeyError, TypeError, ValueError)

logger = logging.getLogger(__name__)

Range = tuple[int, int]  # milliseconds UTC, the second left out


class CacheError(QuantError):
    """The cache has not what was asked for, or cannot be used."""


@dataclass(frozen=True, order=True)
class Series:
    """What a file holds.

    Attributes:
        source: "sandbox", "tickdb", or "import:" and the name of another vendor.
        type: "stock", "crypto", "forex", "indices" or "futures".
        symbol: TickDB's spelling; 00700.HK becomes 700.HK.
        interval: one of `quant_team_data.markets.INTERVALS`.
    """

    source: str
    type: str
    symbol: str
    interval: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "symbol", canonical(self.symbol))

    @classmethod
    def of(cls, source: str, symbol: str, interval: str) -> Series:
        """Return the series of a symbol whose spelling tells its type."""
        return cls(source, market_of(symbol).type, symbol, interval)

    @property
    def path(self) -> Path:
        """The file; its name is legal everywhere, and no two differ in case only (1m and 1M)."""
        folders = (_escaped(name, "a-z0-9-") for name in (self.source, self.type, self.interval))
        return project_root().joinpath(
            FOLDER, *folders, _escaped(self.symbol, "A-Z0-9.-") + ".parquet"
        )

    def __str__(self) -> str:
        return f"{self.symbol} {self.interval} of {self.source}"


class Stored(NamedTuple):
    """A file's content: its bars in time order, and the ranges that are proven, in order and apart."""

    bars: pl.DataFrame
    proven: list[Range]

    def lacks(self, low: int, high: int) -> list[Range]:
        """Return what is not proven of a range."""
        return _without([(low, high)], self.proven)


class Slice(NamedTuple):
    """The bars of a range, and all that the cache holds of their series.

    Attributes:
        bars: a frame of `time` (Datetime ms UTC, the bar's open), `open`, `high`, `low`, `close`,
            `volume` (Float64), in time order.
        stored: the whole content of the file, for `lock.check`.
    """

    bars: pl.DataFrame
    stored: Stored


def read_through(
    series: Series,
    first: datetime,
    stop: datetime,
    fetch: Callable[[datetime, datetime], pl.DataFrame],
    *,
    offline: bool = False,
    refresh: bool = False,
    now: datetime | None = None,
) -> Slice:
    """Return the closed bars with `first` <= time < `stop`, asking only for what is not proven yet.

    A request that extends what is there asks for the last bars before it again; if the vendor has
    changed them, a warning names symbol and month, and the cache takes the new values (data.lock
    then differs there). Of several processes that want the same, one asks and the others wait for
    it.

    Args:
        series: what to read.
        first: aware; the first time, included.
        stop: aware; the first time left out.
        fetch: called with two aware times, first and stop; returns all closed bars between them,
            raw.
        offline: never call `fetch`.
        refresh: ask for the whole range again.
        now: aware; the clock unless given.

    Returns:
        The bars of the range, and all that the file holds now.

    Raises:
        CacheError: offline, and part of the range is missing; or the folder cannot be used.
        QuantError: whatever `fetch` raises; what was fetched before that is kept.
    """
    now = now or datetime.now(UTC)
    low, high = milliseconds(first), min(milliseconds(stop), _horizon(series.interval, now))
    stored = load(series)
    missing = _without([(low, high)], [] if refresh and not offline else stored.proven)
    if missing and offline:
        raise CacheError(_sentence(series, missing))
    if missing:
        with _writing(series) as path:
            stored = load(series)  # somebody else may have filled it meanwhile
            for begin, end in missing if refresh else stored.lacks(low, high):
                begin = _reread(stored, begin)
                bars = fetch(moment(begin), moment(end))
                stored = _merged(series, stored, bars, (begin, end), now)
                _save(path, series, stored)
    return Slice(between(stored.bars, low, high), stored)


def read(series: Series, first: datetime, stop: datetime) -> Slice:
    """Return what the cache holds of a range, as `read_through` does, asking nobody; it may be
    less than all.

    Raises:
        CacheError: there are no bars of this series at all.
    """
    span = (milliseconds(first), milliseconds(stop))
    stored = load(series)
    if stored.bars.is_empty():
        raise CacheError(_sentence(series, [span]))
    return Slice(between(stored.bars, *span), stored)


def put(series: Series, bars: pl.DataFrame) -> None:
    """Add bars that come from a file, or put factors in place of older ones: they always come
    whole.

    From the first to the last of them, the series is proven.
    """
    span = (milliseconds(bars["time"][0]), milliseconds(bars["time"][-1]) + 1)
    with _writing(series) as path:
        whole = series.type == FACTORS
        _save(
            path,
            series,
            Stored(bars, [span])
            if whole
            else _merged(series, load(series), bars, span, datetime.now(UTC)),
        )


def load(series: Series) -> Stored:
    """Return all that is stored of a series; a missing, damaged or foreign file counts as nothing."""
    path = series.path
    try:
        content = path.read_bytes()  # once: bars and manifest of the same moment
        identity, proven = _manifest(content)
        if identity == series and (bars := pl.read_parquet(content)).schema == SCHEMA:
            return Stored(bars, proven)
        _complain(path, series)
    except FileNotFoundError:
        pass
    except OSError as error:
        raise CacheError(
            f"Cannot read {path} ({error.strerror}): make it a file that you own."
        ) from None
    except DAMAGED:
        _complain(path, series)
    return Stored(SCHEMA.to_frame(), [])


def stored_series() -> list[Series]:
    """Return what the cache has files of, in order."""
    found = []
    for path in project_root().glob(f"{FOLDER}/*/*/*/*.parquet"):
        with contextlib.suppress(*DAMAGED):
            found.append(_manifest(path.read_bytes())[0])
    return sorted(found)


def between(bars: pl.DataFrame, low: int, high: int) -> pl.DataFrame:
    """Return the bars that open in a range of milliseconds."""
    begin, end = bars["time"].to_physical().to_numpy().searchsorted([low, high]).tolist()
    return bars[begin : max(begin, end)]


def moment(milliseconds: int) -> datetime:
    """Return a time in milliseconds UTC as an aware datetime."""
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=milliseconds)


def replace(path: Path, write: Callable[[IO[bytes]], object]) -> None:
    """Write a file in one step: `write` gets a file beside it, which then takes its name.

    Raises:
        CacheError: the folder or the file cannot be written.
    """
    draft = path.with_name(path.name + ".tmp")
    try:
        with draft.open("wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        for _ in range(50 if os.name == "nt" else 0):
            with contextlib.suppress(
                PermissionError
            ):  # Windows replaces no file that somebody reads
                draft.replace(path)
                return
            time.sleep(0.02)
        draft.replace(path)
    except OSError as error:
        raise CacheError(
            f"Cannot write {path} ({error.strerror}): make room, or make it a file you own."
        ) from None


# Details


def _horizon(interval: str, now: datetime, month: int = 28) -> int:
    """Return the first open of a bar that has not closed yet; a month has this many days."""
    return milliseconds(now - timedelta(seconds=INTERVALS[interval] or month * 86400)) + 1


def _without(ranges: Iterable[Range], holes: Iterable[Range]) -> list[Range]:
    """Return what is left of ranges when others are taken out of them."""
    left = [(low, high) for low, high in ranges if low < high]
    for begin, end in holes:
        pieces = [
            piece
            for low, high in left
            for piece in ((low, min(high, begin)), (max(low, end), high))
        ]
        left = [(low, high) for low, high in pieces if low < high]
    return left


def _reread(stored: Stored, begin: int) -> int:
    """Return where to start a request so that it covers the last bars of the proven range that ends at `begin`."""
    for low, high in stored.proven:
        if high == begin and len(known := between(stored.bars, low, high)):
            return milliseconds(known["time"][-REREAD:][0])
    return begin


def _merged(
    series: Series, stored: Stored, bars: pl.DataFrame, span: Range, now: datetime
) -> Stored:
    """Return the content after an answer for a range, and warn if it contradicts what was proven there."""
    low, high = span
    bars = between(
        bars.select(pl.col(name).cast(kind) for name, kind in SCHEMA.items()).sort("time"),
        low,
        high,
    )
    while len(bars) and bar_end(bars["time"][-1], series.interval) > now:
        bars = bars[:-1]
    if bars["time"].n_unique() < len(bars):
        raise CacheError(
            f"A bar of {series} came twice, and nothing was stored: tell the vendor, or ask for less."
        )
    rows = pl.concat(
        [between(stored.bars, low, high), *(between(bars, *part) for part in stored.proven)]
    )
    for month in sorted(set(rows.filter(~rows.is_duplicated())["time"].dt.strftime("%Y-%m"))):
        logger.warning(
            "%s: the vendor has revised bars of %s; the cache takes the new ones.", series, month
        )
    # Right after the last bar that came, the next may only be late.
    seen = milliseconds(bars["time"][-1]) + 1 if len(bars) else low
    end = min(high, max(seen, _horizon(series.interval, now - LAG, month=31)))
    proven = [*_without(stored.proven, [span]), (low, max(low, end))]
    parts = [between(stored.bars, FOREVER[0], low), bars, between(stored.bars, high, FOREVER[1])]
    return Stored(
        pl.concat(parts), _without([FOREVER], _without([FOREVER], proven))
    )  # twice: joined and in order


def _manifest(content: bytes) -> tuple[Series, list[Range]]:
    """Return what a file says it holds, and its proven ranges; raises one of DAMAGED if it is not of this cache."""
    if not content[:4] == content[-4:] == b"PAR1":
        raise ValueError("no Parquet file")
    manifest = json.loads(pl.read_parquet_metadata(io.BytesIO(content))["quant"])
    return Series(**manifest["series"]), [(low, high) for low, high in manifest["proven"]]


def _save(path: Path, series: Series, stored: Stored) -> None:
    manifest = {"quant": json.dumps({"series": asdict(series), "proven": stored.proven})}
    replace(
        path, lambda file: stored.bars.write_parquet(file, compression="zstd", metadata=manifest)
    )


@contextlib.contextmanager
def _writing(series: Series) -> Iterator[Path]:
    """Hold a series against other writers, in this process and in others."""
    path, lock = series.path, filelock.FileLock(series.path.with_suffix(".lock"))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except OSError as error:
        raise CacheError(
            f"Cannot write into {path.parent} ({error.strerror}): make it a folder you own."
        ) from None
    try:
        yield path
    finally:
        lock.release()


def _escaped(text: str, kept: str) -> str:
    """Return a text as a file name: other characters as % and their code."""
    name = re.sub(f"[^{kept}]", lambda found: f"%{found[0].encode().hex()}", text)
    return f"%{ord(name[0]):x}{name[1:]}" if RESERVED.match(name) else name


@functools.cache  # once is enough
def _complain(path: Path, series: Series) -> None:
    again = "import it again" if series.source.startswith("import:") else "it is fetched again"
    logger.warning("%s is damaged or not of this cache: %s.", path, again)


def _sentence(series: Series, missing: list[Range]) -> str:
    parts = ", ".join(
        f"{moment(low):%Y-%m-%dT%H:%MZ} to {moment(high):%Y-%m-%dT%H:%MZ}" for low, high in missing
    )
    begin, end = moment(missing[0][0]).date(), moment(missing[-1][1] - 1).date()
    fix = (
        f"quant data fetch {series.symbol} --interval {series.interval} --start {begin} --end {end}"
    )
    if series.source.startswith("import:"):
        fix = f"quant data import FILE --symbol {series.symbol} --interval {series.interval} --source NAME"
    return f"The cache has no {series} from {parts}: `{fix}` gets it."
