"""Bars on disk: one Parquet file per series and source, so that no bar is asked for twice.

The file is `data/<source>/<type>/<interval>/<symbol>.parquet`. Its own metadata hold the manifest: which ranges of
time are *proven*, asked for and answered in full. Bars and manifest are thus one file, written beside it and put in
place by one `os.replace`: a reader finds the old pair or the new pair, whenever the writer is killed. A range that
is proven and has no bars in it has no bars; a range that is not proven has not been fetched.

Only raw, closed bars are kept. Adjusted prices are computed from them and the factors, never stored.
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
from typing import TYPE_CHECKING, Any, NamedTuple

from quant_team_data.markets import INTERVALS, bar_end, canonical, market_of, milliseconds
from quant_team_utils.errors import QuantError
from quant_team_utils.paths import project_root

if TYPE_CHECKING:
    import polars as pl

FOLDER = "data"
VALUES = ("open", "high", "low", "close", "volume")
REREAD = 3  # bars before a new range that are asked for again, to notice a revision
LAG = timedelta(hours=1)  # a bar may reach the vendor this late: until then, none is not proof of none
RESERVED = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\.|$)", re.IGNORECASE)  # no file names on Windows

logger = logging.getLogger(__name__)

Range = tuple[int, int]  # milliseconds UTC, the second left out
Fetch = Callable[[datetime, datetime], "pl.DataFrame"]


class CacheError(QuantError):
    """The cache has not what was asked for, or cannot be written."""


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
    def of(cls, source: str, symbol: str, interval: str, type: str | None = None) -> Series:
        """Return the series of a symbol, whose spelling tells the type unless one is given."""
        return cls(source, type or market_of(symbol).kind, symbol, interval)

    @property
    def path(self) -> Path:
        """The file; a name is legal everywhere, and no two differ in case only (1m and 1M)."""
        folders = (_escaped(name, "a-z0-9-") for name in (self.source, self.type, self.interval))
        return project_root().joinpath(FOLDER, *folders, _escaped(self.symbol, "A-Z0-9.-") + ".parquet")

    def __str__(self) -> str:
        return f"{self.symbol} {self.interval} of {self.source}"


class Stored(NamedTuple):
    """A file's content: its bars in time order, and the ranges that are proven, in order and apart."""

    bars: pl.DataFrame
    proven: list[Range]

    def covers(self, low: int, high: int) -> bool:
        """Tell whether a range of milliseconds is proven."""
        return not _without([(low, high)], self.proven)


def read_through(
    series: Series,
    first: datetime,
    stop: datetime,
    fetch: Fetch,
    *,
    offline: bool = False,
    refresh: bool = False,
    now: datetime | None = None,
) -> pl.DataFrame:
    """Return the closed bars with `first` <= time < `stop`, asking only for what is not proven yet.

    A request that extends what is there asks for the last bars before it again; if the vendor has changed them, a
    warning names symbol and month, and the cache takes the new values (data.lock then differs there). Of several
    processes that want the same, one asks and the others wait for it.

    Args:
        series: what to read.
        first: aware; the first time, included.
        stop: aware; the first time left out.
        fetch: called with two aware times, first and stop; returns all closed bars between them, raw.
        offline: never call `fetch`.
        refresh: ask for the whole range again.
        now: aware; the clock unless given.

    Returns:
        A frame of `time` (Datetime ms UTC, the bar's open), `open`, `high`, `low`, `close`, `volume` (Float64).

    Raises:
        CacheError: offline, and part of the range is missing; or the folder cannot be written.
        QuantError: whatever `fetch` raises; what was fetched before that is kept.
    """
    now = now or datetime.now(UTC)
    low, high = milliseconds(first), min(milliseconds(stop), _horizon(series.interval, now))
    stored = load(series)
    if missing := _without([(low, high)], [] if refresh and not offline else stored.proven):
        if offline:
            raise CacheError(_sentence(series, missing))
    else:
        return between(stored.bars, low, high)
    with _writing(series) as path:
        stored = load(series)  # somebody else may have filled it meanwhile
        for begin, end in missing if refresh else _without(missing, stored.proven):
            begin = _reread(stored, begin)
            stored = _merged(series, stored, fetch(moment(begin), moment(end)), (begin, end), now)
            _save(path, series, stored)
    return between(stored.bars, low, high)


def read(series: Series, first: datetime, stop: datetime) -> pl.DataFrame:
    """Return what the cache holds of a range, as `read_through` does, asking nobody; it may be less than all.

    Raises:
        CacheError: there are no bars of this series at all.
    """
    stored = load(series)
    if stored.bars.is_empty():
        raise CacheError(_sentence(series, [(milliseconds(first), milliseconds(stop))]))
    return between(stored.bars, milliseconds(first), milliseconds(stop))


def read_all(
    wanted: Iterable[Series], first: datetime, stop: datetime, *, now: datetime | None = None
) -> dict[Series, pl.DataFrame]:
    """Return the series that are proven for the whole range; many at once are read faster than one by one."""
    import polars as pl

    now = now or datetime.now(UTC)
    low, high = milliseconds(first), milliseconds(stop)
    found: dict[Series, bytes] = {}
    for series in wanted:
        content, proven = _content(series)
        if content and not _without([(low, min(high, _horizon(series.interval, now)))], proven):
            found[series] = content
    try:
        frames = pl.collect_all([pl.scan_parquet(content) for content in found.values()])
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException):
        return {}  # one is damaged: `read_through` finds which
    return {series: between(frame, low, high) for series, frame in zip(found, frames, strict=True)}


def put(series: Series, bars: pl.DataFrame, *, now: datetime | None = None) -> None:
    """Add bars that come from a file; from the first to the last of them, the series is proven."""
    times = bars["time"].to_physical()
    with _writing(series) as path:
        span = (int(times[0]), int(times[-1]) + 1)
        _save(path, series, _merged(series, load(series), bars, span, now or datetime.now(UTC)))


def load(series: Series) -> Stored:
    """Return all that is stored of a series; a missing, damaged or foreign file counts as nothing."""
    import polars as pl

    content, proven = _content(series)
    if content:
        try:
            frame = pl.read_parquet(content)
            if frame.schema == _schema():
                return Stored(frame, proven)
        except (pl.exceptions.PolarsError, pl.exceptions.PanicException):
            pass
        _complain(series.path, series)
    return Stored(pl.DataFrame(schema=_schema()), [])


def stored_series() -> list[Series]:
    """Return what the cache has files of, in order."""
    found = (_identity(path.read_bytes()) for path in project_root().glob(f"{FOLDER}/*/*/*/*.parquet"))
    return sorted(identity[0] for identity in found if identity)


def between(bars: pl.DataFrame, low: int, high: int) -> pl.DataFrame:
    """Return the bars whose open lies in a range of milliseconds."""
    times = bars["time"].to_physical().to_numpy()
    begin, end = times.searchsorted([low, high])
    return bars.slice(int(begin), max(int(end - begin), 0))


def moment(milliseconds: int) -> datetime:
    """Return a time in milliseconds UTC as an aware datetime."""
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=milliseconds)


def replace(path: Path, write: Callable[[Any], object]) -> None:
    """Write a file in one step: `write` gets a binary file beside it, which then takes its name."""
    draft = path.with_name(path.name + ".tmp")
    with draft.open("wb") as file:
        write(file)
        file.flush()
        os.fsync(file.fileno())
    for attempt in range(50):
        try:
            draft.replace(path)
            return
        except PermissionError:  # on Windows, while somebody reads it
            if os.name != "nt" or attempt == 49:
                raise
            time.sleep(0.02)


# Details: ranges and bars


def _horizon(interval: str, now: datetime, month: int = 28) -> int:
    """Return the first open of a bar that has not closed yet; a month has this many days."""
    return milliseconds(now - timedelta(seconds=INTERVALS[interval] or month * 86400)) + 1


def _without(ranges: Iterable[Range], holes: Iterable[Range]) -> list[Range]:
    """Return what is left of ranges when others are taken out of them."""
    left = [(low, high) for low, high in ranges if low < high]
    for begin, end in holes:
        pieces = [piece for low, high in left for piece in ((low, min(high, begin)), (max(low, end), high))]
        left = [(low, high) for low, high in pieces if low < high]
    return left


def _with(ranges: Iterable[Range], new: Range) -> list[Range]:
    """Return ranges in order with one more, joined where they touch."""
    joined: list[Range] = []
    for low, high in sorted([*ranges, new]):
        if joined and low <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(high, joined[-1][1]))
        else:
            joined.append((low, high))
    return joined


def _reread(stored: Stored, begin: int) -> int:
    """Return where to start a request so that it covers the last bars of the proven range that ends at `begin`."""
    for low, high in stored.proven:
        if high == begin:
            known = between(stored.bars, low, high)["time"].to_physical()
            return int(known[-REREAD:][0]) if len(known) else begin
    return begin


def _merged(series: Series, stored: Stored, bars: pl.DataFrame, span: Range, now: datetime) -> Stored:
    """Return the content after an answer for a range, and warn if it contradicts what was proven there."""
    import polars as pl

    low, high = span
    bars = between(bars.select(pl.col(name).cast(kind) for name, kind in _schema().items()).sort("time"), low, high)
    while len(bars) and bar_end(bars["time"][-1], series.interval) > now:
        bars = bars[:-1]
    times = bars["time"].to_physical()
    if bars["time"].n_unique() < len(bars):
        raise CacheError(f"The source gave a bar of {series} twice: report it, nothing was stored.")
    known = [between(bars, *part) for part in stored.proven]
    rows = pl.concat([between(stored.bars, low, high), *known])
    revised = rows.filter(~rows.is_duplicated())["time"]
    for month in sorted(set(revised.dt.strftime("%Y-%m"))):
        logger.warning("%s: the vendor has revised bars of %s; the cache takes the new ones.", series, month)
    settled = _horizon(series.interval, now - LAG, month=31)
    end = min(high, max(int(times[-1]) + 1 if len(times) else low, settled))
    proven = _without(stored.proven, [span])
    before, after = (between(stored.bars, *part) for part in ((-(1 << 62), low), (high, 1 << 62)))
    return Stored(pl.concat([before, bars, after]), _with(proven, (low, end)) if end > low else proven)


# Details: files


def _schema() -> dict[str, Any]:
    import polars as pl

    return {"time": pl.Datetime("ms", "UTC"), **dict.fromkeys(VALUES, pl.Float64())}


def _content(series: Series) -> tuple[bytes, list[Range]]:
    """Return a file's bytes, read once, and its proven ranges; nothing and none if it cannot be used."""
    try:
        content = series.path.read_bytes()
    except FileNotFoundError:
        return b"", []
    except OSError as error:
        raise CacheError(f"Cannot read {series.path} ({error.strerror}): make it a file that you own.") from None
    identity = _identity(content)
    if identity and identity[0] == series:
        return content, identity[1]
    _complain(series.path, series)
    return b"", []


def _identity(content: bytes) -> tuple[Series, list[Range]] | None:
    """Return what a file says it is, or None if it is not of this cache."""
    import polars as pl

    if not content[:4] == content[-4:] == b"PAR1":
        return None
    try:
        manifest = json.loads(pl.read_parquet_metadata(io.BytesIO(content))["quant"])
        return Series(**manifest["series"]), [(int(low), int(high)) for low, high in manifest["proven"]]
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, KeyError, TypeError, ValueError):
        return None


def _save(path: Path, series: Series, stored: Stored) -> None:
    manifest = json.dumps({"series": asdict(series), "proven": stored.proven})
    try:
        replace(path, lambda file: stored.bars.write_parquet(file, compression="zstd", metadata={"quant": manifest}))
    except OSError as error:
        raise CacheError(f"Cannot write {path} ({error.strerror}): make room, or make it yours.") from None


@contextlib.contextmanager
def _writing(series: Series) -> Iterator[Path]:
    """Hold a series against other writers, in this process and in others."""
    import filelock

    path = series.path
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = filelock.FileLock(path.with_suffix(".lock"))
        lock.acquire()
    except OSError as error:
        raise CacheError(
            f"Cannot write into {path.parent} ({error.strerror}): make it a folder that you own."
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
    parts = ", ".join(f"{moment(low):%Y-%m-%dT%H:%MZ} to {moment(high):%Y-%m-%dT%H:%MZ}" for low, high in missing)
    if series.source.startswith("import:"):
        fix = f"`quant data import FILE --symbol {series.symbol} --interval {series.interval} --source NAME`"
    else:
        begin, end = moment(missing[0][0]).date(), moment(missing[-1][1] - 1).date()
        fix = f"`quant data fetch {series.symbol} --interval {series.interval} --start {begin} --end {end}`"
    return f"The cache has no {series} for {parts}: get it with {fix}."
