"""`data.lock`: what the team agreed its bars are, one line for each month of a series.

    source type symbol interval month first last count digest who when [reason]

Fields are separated by one blank, lines are sorted, times are UTC. `first` and `last` are the opens of the first and
last bar that the line vouches for, so a month that still runs is agreed on up to `last`. `reason` is why a revised
month was accepted. The first `quant data lock` makes the file; the first line, a comment, names the fields.

The digest is SHA-256 over canonical bytes: the column `time` as little-endian 64-bit integers (milliseconds since
1970, UTC), then each of open, high, low, close and volume as little-endian 64-bit floats, in time order.
"""

from __future__ import annotations

import calendar
import hashlib
import itertools
import re
from collections.abc import Iterable, Iterator
from dataclasses import astuple, dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from quant_team_data import cache
from quant_team_data.cache import Series, Stored
from quant_team_data.markets import canonical, milliseconds
from quant_team_utils import roster
from quant_team_utils.errors import QuantError
from quant_team_utils.paths import project_root

if TYPE_CHECKING:
    import polars as pl

FILE = "data.lock"
HEADER = "# source type symbol interval month first last count digest who when [reason]"
MONTH = re.compile(r"[0-9]{4}-(0[1-9]|1[0-2])")
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


class LockError(QuantError):
    """data.lock cannot be read or written as it was asked, or the bars are not those it names."""


@dataclass(frozen=True, order=True)
class Line:
    """One month of one series; `first` and `last` are opens in milliseconds UTC."""

    series: Series
    month: str
    first: int
    last: int
    count: int
    digest: str
    who: str = ""
    when: str = ""
    reason: str = ""

    def __str__(self) -> str:
        """The line of the file."""
        facts = (self.month, _text(self.first), _text(self.last), self.count, self.digest, self.who, self.when)
        return " ".join(str(part) for part in (*astuple(self.series), *facts, self.reason)).rstrip()

    def state(self, stored: Stored) -> str:
        """Return "same" or "differs", or "absent" if the cache is not proven for all of it."""
        if not stored.covers(self.first, self.last + 1):
            return "absent"
        bars = cache.between(stored.bars, self.first, self.last + 1)
        return "same" if (len(bars), digest(bars)) == (self.count, self.digest) else "differs"


Lines = dict[tuple[Series, str], Line]


def digest(bars: pl.DataFrame) -> str:
    """Return `sha256:` and the digest of the canonical bytes of bars."""
    found = hashlib.sha256(bars["time"].to_physical().to_numpy().astype("<i8").tobytes())
    for name in cache.VALUES:
        found.update(bars[name].to_numpy().astype("<f8").tobytes())
    return f"sha256:{found.hexdigest()}"


def read() -> Lines:
    """Return the lines of data.lock by series and month; none if there is no such file.

    Raises:
        LockError: a line cannot be read, or two say different things of one month.
    """
    lines: Lines = {}
    try:
        text = (project_root() / FILE).read_text(encoding="utf-8")
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError):
        raise LockError(f"{FILE} is not readable text: restore it with `git checkout -- {FILE}`.") from None
    for number, row in enumerate(text.splitlines(), 1):
        if re.match(r"<{7}|={7}|>{7}|\|{7}", row):
            raise LockError(
                f"{FILE} has conflict marks at line {number}: take them out and keep one line for each month, then "
                "`quant data verify`."
            )
        if not row.strip() or row.startswith("#"):
            continue
        line = _line(row, number)
        other = lines.setdefault((line.series, line.month), line)
        if other.digest != line.digest or (other.first, other.last) != (line.first, line.last):
            raise LockError(
                f"{FILE} has two lines for {line.month} of {line.series}, the second at line {number}: delete one, "
                "then `quant data verify`."
            )
    return lines


def lock(wanted: Iterable[Series]) -> list[Line]:
    """Write what the cache holds of these series into data.lock, and return the lines that are new.

    A month that is locked already is left as it is, or extended to bars that were added at its ends.

    Raises:
        LockError: a locked month differs (`accept` replaces it), a month is there only in parts, or nobody is set
            as the member who locks; nothing is written then.
    """
    lines, new, who = read(), [], _who()
    for series in wanted:
        stored = cache.load(series)
        for month, bars in _months(stored.bars):
            old = lines.get((series, month))
            state = old.state(stored) if old else "new"
            if old and state == "differs":
                raise LockError(difference([old]))
            if state == "absent":
                continue  # less is here than the team has locked
            line = _describe(series, month, stored, bars, who)
            if not old or (old.first, old.last) != (line.first, line.last):
                new.append(replace(line, reason=old.reason if old else ""))
    return _written(lines, new)


def accept(symbol: str, month: str, reason: str) -> list[Line]:
    """Replace the lines of a revised month by what the cache holds now, and return them; the reason stands in them.

    Raises:
        LockError: no line of that symbol and month differs, or the reason is empty.
    """
    reason = " ".join(reason.split())
    if not reason or not MONTH.fullmatch(month):
        raise LockError(f"Say month and reason, as in `quant data lock --accept {symbol} 2024-01 --reason 'a split'`.")
    lines, new, who = read(), [], _who()
    named = [line for line in lines.values() if (line.series.symbol, line.month) == (canonical(symbol), month)]
    if not named:
        raise LockError(f"{FILE} has no line for {month} of {symbol}: `quant data lock {symbol}` writes one.")
    for line in named:
        stored = cache.load(line.series)
        if line.state(stored) == "differs":
            bars = dict(_months(stored.bars)).get(month)
            if bars is None:
                raise LockError(f"The cache has no bars of {line.series} in {month}: fetch it again before you accept.")
            new.append(replace(_describe(line.series, month, stored, bars, who), reason=reason))
    if not new:
        raise LockError(f"The cache does not differ from {FILE} for {month} of {symbol}: there is nothing to accept.")
    return _written(lines, new)


def verify(symbols: Iterable[str] = ()) -> list[tuple[Line, str]]:
    """Return each line of data.lock (of these symbols, if some are named) with its state, see `Line.state`."""
    names = {canonical(symbol) for symbol in symbols}
    found, stored = [], None
    for (series, _), line in sorted(read().items()):
        if not names or series.symbol in names:
            if stored is None or stored[0] != series:
                stored = series, cache.load(series)
            found.append((line, line.state(stored[1])))
    return found


def check(series: Series, bars: pl.DataFrame, lines: Lines | None = None) -> tuple[bool, list[Line]]:
    """Return whether every one of these bars is locked, and the lines from which they differ.

    A line covers a month, the bars may be part of it: the rest comes from the cache. What cannot be compared for
    want of bars is not locked.
    """
    import polars as pl

    lines, stored = read() if lines is None else lines, cache.load(series)
    low, high = (int(at) for at in bars["time"].to_physical()[[0, -1]])
    before, after = ((-(1 << 62), low), (high + 1, 1 << 62))
    whole = pl.concat([cache.between(stored.bars, *before), bars, cache.between(stored.bars, *after)])
    known = Stored(whole, sorted([*stored.proven, (low, high + 1)]))
    concerned = [line for (of, _), line in lines.items() if of == series and line.first <= high and low <= line.last]
    states = {line: line.state(known) for line in concerned}
    sure = [(line.first, line.last + 1) for line, state in states.items() if state == "same"]
    locked = sum(len(cache.between(bars, *span)) for span in sure) == len(bars)
    return locked, [line for line, state in states.items() if state == "differs"]


def difference(lines: Iterable[Line]) -> str:
    """Return the sentence that names the months that differ, and what to do."""
    lines = list(lines)
    named = ", ".join(f"{line.series} {line.month}" for line in lines[:5]) + (", ..." if len(lines) > 5 else "")
    symbol, month = lines[0].series.symbol, lines[0].month
    return (
        f"The bars differ from {FILE} in {named}: `quant data verify` lists all of it, and `quant data lock --accept "
        f'{symbol} {month} --reason "..."` agrees to a revision.'
    )


# Details


def _months(bars: pl.DataFrame) -> Iterator[tuple[str, pl.DataFrame]]:
    """Yield the UTC months of bars, each with its bars, in order."""
    named = bars["time"].dt.strftime("%Y-%m").rle_id() if len(bars) else bars["time"]
    starts = [*(named.arg_unique()), len(bars)]
    for begin, end in itertools.pairwise(starts):
        yield f"{bars['time'][begin]:%Y-%m}", bars[begin:end]


def _describe(series: Series, month: str, stored: Stored, bars: pl.DataFrame, who: str) -> Line:
    """Return the line for a month as the cache holds it now."""
    times = bars["time"].to_physical()
    first, last = int(times[0]), int(times[-1])
    if not stored.covers(first, last + 1):
        end = calendar.monthrange(int(month[:4]), int(month[5:]))[1]
        raise LockError(
            f"The cache holds {series} for {month} only in parts: get the whole month with `quant data fetch "
            f"{series.symbol} --interval {series.interval} --start {month}-01 --end {month}-{end}`."
        )
    now = milliseconds(datetime.now(UTC)) // 1000 * 1000
    return Line(series, month, first, last, len(bars), digest(bars), who, _text(now))


def _line(row: str, number: int) -> Line:
    """Return a line of the file, checked."""
    fields = row.split(" ", 11)
    try:
        source, type, symbol, interval, month, first, last, count, sha, who, when, *reason = fields
        series = Series(source, type, symbol, interval)
        line = Line(series, month, _time(first), _time(last), int(count), sha, who, when, "".join(reason))
        if MONTH.fullmatch(month) and DIGEST.fullmatch(sha) and line.first <= line.last:
            return line
    except ValueError:
        pass
    raise LockError(f"{FILE} is damaged at line {number}: restore it with `git checkout -- {FILE}`.")


def _written(lines: Lines, new: list[Line]) -> list[Line]:
    """Write data.lock with these lines added or replaced, in one step."""
    if new:
        lines = lines | {(line.series, line.month): line for line in new}
        text = "\n".join([HEADER, *sorted(str(line) for line in lines.values()), ""])
        try:
            cache.replace(project_root() / FILE, lambda file: file.write(text.encode()))
        except OSError as error:
            raise LockError(f"Cannot write {FILE} ({error.strerror}): make it a file that you own.") from None
    return new


def _who() -> str:
    handle = roster.me(project_root())
    if not handle:
        raise LockError("Nobody is set as the member who locks: run `quant setup --as HANDLE`, then this again.")
    return handle


def _text(at: int) -> str:
    return cache.moment(at).isoformat().replace("+00:00", "Z")


def _time(text: str) -> int:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(text)
    return milliseconds(moment)
