"""`data.lock`: what the team agreed its bars are, one line for each month of a series.

    source type symbol interval month first last count digest who when [reason]

Fields are separated by one blank, lines are sorted, times are UTC. `first` and `last` are the
opens of the first and last bar that the line vouches for, so a month that still runs is agreed on
up to `last`. `reason` is why a revised month was accepted. The first `quant data lock` makes the
file; its first line, a comment, names the fields.

The digest is SHA-256 over canonical bytes: the column `time` as little-endian 64-bit integers
(milliseconds since 1970, UTC), then each of open, high, low, close and volume as little-endian
64-bit floats, in time order.
"""

from __future__ import annotations

import calendar
import hashlib
import itertools
import re
from collections.abc import Iterable, Iterator
from dataclasses import astuple
from datetime import UTC, datetime
from typing import NamedTuple

import polars as pl

from quant_team_data import cache
from quant_team_data.cache import Series, Stored
from quant_team_data.markets import canonical, milliseconds
from quant_team_utils import roster
from quant_team_utils.errors import QuantError
from quant_team_utils.paths import project_root

FILE = "data.lock"
HEADER = "# source type symbol interval month first last count digest who when [reason]"
TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z"
ROW = re.compile(
    rf"(\S+ ){{4}}\d{{4}}-\d\d {TIME} {TIME} \d+ sha256:[0-9a-f]{{64}} \S+ {TIME}( .+)?"
)


class LockError(QuantError):
    """data.lock cannot be read or written as it was asked, or the bars are not those it names."""


class Line(NamedTuple):
    """One month of one series, as text; `number` is the count of bars."""

    source: str
    type: str
    symbol: str
    interval: str
    month: str
    first: str
    last: str
    number: str
    digest: str
    who: str
    when: str
    reason: str = ""

    @property
    def series(self) -> Series:
        return Series(*self[:4])

    @property
    def span(self) -> tuple[int, int]:
        """The first open in milliseconds UTC, and the first after the last."""
        return milliseconds(datetime.fromisoformat(self.first)), milliseconds(
            datetime.fromisoformat(self.last)
        ) + 1

    def state(self, stored: Stored) -> str:
        """Return "same" or "differs", or "absent" if the cache is not proven for all of it."""
        if stored.lacks(*self.span):
            return "absent"
        return "same" if _facts(cache.between(stored.bars, *self.span)) == self[5:9] else "differs"


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
    try:
        rows = (project_root() / FILE).read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError):
        raise LockError(
            f"{FILE} is not readable text: restore it with `git checkout -- {FILE}`."
        ) from None
    lines: Lines = {}
    for number, row in enumerate(rows, 1):
        if row.startswith("#") or not row.strip():
            continue
        if not ROW.fullmatch(row):
            merged = row.startswith(("<<<<<<<", "|||||||", "=======", ">>>>>>>"))
            fix = (
                "keep one line of each month"
                if merged
                else f"restore it with `git checkout -- {FILE}`"
            )
            raise LockError(
                f"{FILE} has {'conflict marks' if merged else 'no such fields'} at line {number}: {fix}."
            )
        line = Line(*row.split(" ", 11))
        if lines.setdefault((line.series, line.month), line)[:9] != line[:9]:
            raise LockError(
                f"{FILE} says two things of {line.series} {line.month}: delete one, such as line {number}."
            )
    return lines


def lock(wanted: Iterable[Series]) -> list[Line]:
    """Write what the cache holds of these series into data.lock, and return the lines that are new.

    A month that is locked already is left as it is, or extended by bars that have come at its ends.

    Raises:
        LockError: a locked month differs (`accept` replaces it), a month is there only in parts,
            or nobody is set as the member who locks; nothing is written then.
    """
    lines, new = read(), []
    for series in wanted:
        stored = cache.load(series)
        for month, bars in _months(stored.bars):
            old = lines.get((series, month))
            state = old.state(stored) if old else "new"
            if old and state == "differs":
                raise LockError(difference([old]))
            if state != "absent" and (not old or old[5:9] != _facts(bars)):
                new.append(_line(series, month, stored, bars, old.reason if old else ""))
    return _written(lines, new)


def accept(symbol: str, month: str, reason: str) -> list[Line]:
    """Replace the lines of a revised month by what the cache holds now, and return them; the
    reason stands in them.

    Raises:
        LockError: no line of that symbol and month differs, or the reason is empty.
    """
    lines, new = read(), []
    if not reason.split():
        raise LockError(
            f'Say why, as in `quant data lock --accept {symbol} {month} --reason "a late split"`.'
        )
    for line in lines.values():
        if (line.symbol, line.month) == (canonical(symbol), month):
            stored = cache.load(line.series)
            bars = dict(_months(stored.bars)).get(month)
            if bars is not None and line.state(stored) == "differs":
                new.append(_line(line.series, month, stored, bars, " ".join(reason.split())))
    if not new:
        raise LockError(
            f"No bars of {symbol} in {month} differ from {FILE}: `quant data verify` lists what does."
        )
    return _written(lines, new)


def verify() -> list[tuple[Line, str]]:
    """Return each line of data.lock, in order, with its state, see `Line.state`."""
    by_series = itertools.groupby(sorted(read().values()), key=lambda line: line.series)
    loaded = ((cache.load(series), lines) for series, lines in by_series)
    return [(line, line.state(stored)) for stored, lines in loaded for line in lines]


def check(
    series: Series, bars: pl.DataFrame, stored: Stored, lines: Lines
) -> tuple[bool, list[Line]]:
    """Return whether every one of these bars is locked, and the lines from which they differ.

    A line covers a month, the bars may be part of it: the rest comes from what is stored. What
    cannot be compared for want of bars is not locked.
    """
    first, last = (milliseconds(bars["time"][at]) for at in (0, -1))
    before, after = (cache.FOREVER[0], first), (last + 1, cache.FOREVER[1])
    parts = [cache.between(stored.bars, *before), bars, cache.between(stored.bars, *after)]
    known = Stored(pl.concat(parts), [*stored.proven, (first, last + 1)])
    concerned = [
        line
        for line in lines.values()
        if line.series == series and line.span[0] <= last and first < line.span[1]
    ]
    states = [(line, line.state(known)) for line in concerned]
    locked = sum(len(cache.between(bars, *line.span)) for line, state in states if state == "same")
    return locked == len(bars), [line for line, state in states if state == "differs"]


def difference(lines: list[Line]) -> str:
    """Return the sentence that names the months that differ, and what to do."""
    named = ", ".join(f"{line.series} {line.month}" for line in lines[:5]) + (
        ", ..." if len(lines) > 5 else ""
    )
    fix = f'quant data lock --accept {lines[0].symbol} {lines[0].month} --reason "..."'
    return f"The bars differ from {FILE} in {named}: `quant data verify` lists all, `{fix}` agrees to a revision."


# Details


def _months(bars: pl.DataFrame) -> Iterator[tuple[str, pl.DataFrame]]:
    """Yield the UTC months of bars, each with its bars, in order."""
    starts = bars["time"].dt.truncate("1mo").rle_id().arg_unique().to_list()
    for begin, end in itertools.pairwise([*starts, len(bars)]):
        yield f"{bars['time'][begin]:%Y-%m}", bars[begin:end]


def _facts(bars: pl.DataFrame) -> tuple[str, ...]:
    """Return what a line says of bars: first, last, count, digest."""
    if bars.is_empty():
        return ()
    return (*(_text(bars["time"][at]) for at in (0, -1)), str(len(bars)), digest(bars))


def _line(series: Series, month: str, stored: Stored, bars: pl.DataFrame, reason: str) -> Line:
    """Return the line for a month as the cache holds it now."""
    who = roster.me(project_root())
    if not who:
        raise LockError(
            "Nobody is set as the member who locks: run `quant setup --as HANDLE`, then this again."
        )
    if stored.lacks(*(milliseconds(bars["time"][at]) for at in (0, -1))):
        end = calendar.monthrange(int(month[:4]), int(month[5:]))[1]
        fix = f"quant data fetch {series.symbol} --interval {series.interval} --start {month}-01 --end {month}-{end}"
        raise LockError(
            f"The cache holds only parts of {series} in {month}: `{fix}` gets the rest."
        )
    now = _text(datetime.now(UTC).replace(microsecond=0))
    return Line._make((*astuple(series), month, *_facts(bars), who, now, reason))


def _written(lines: Lines, new: list[Line]) -> list[Line]:
    """Write data.lock with lines added or replaced, in one step, and return those."""
    if new:
        lines = lines | {(line.series, line.month): line for line in new}
        rows = [HEADER, *(" ".join(line).rstrip() for line in sorted(lines.values())), ""]
        cache.replace(project_root() / FILE, lambda file: file.write("\n".join(rows).encode()))
    return new


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
