"""`data.lock`: what the team agreed its bars are, one line for each month of a series.

    source type symbol interval month first last count digest who when [reason]

Fields are separated by one blank, lines are sorted, times are UTC. `first` and `last` are the
opens of the first and last bar that the line vouches for, so a month that still runs is agreed on
up to `last`. `reason` is why a revised month was accepted. The first `quant data lock` makes the
file; its first line, a comment, names the fields. A line of the type `move` names no bars but a
move of a price that is real, see `real_moves`.

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
from quant_team_data.cache import Stored
from quant_team_data.frames import VALUES
from quant_team_data.markets import canonical, milliseconds
from quant_team_data.ranges import FOREVER
from quant_team_data.series import MOVE, Series
from quant_team_utils import files, git, roster
from quant_team_utils.errors import QuantError
from quant_team_utils.paths import project_root

FILE = "data.lock"
HEADER = "# source type symbol interval month first last count digest who when [reason]"
TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z"
DIGEST = r"sha256:[0-9a-f]{64}"
ROW = re.compile(rf"(\S+ ){{4}}\d{{4}}-\d\d {TIME} {TIME} \d+ {DIGEST} \S+ {TIME}( .+)?")
FIELDS = 12  # of a line, the reason included
CONFLICT = re.compile(rf"{git.CONFLICT_MARKER}|={{7}}$")
RESTORE = f"restore it with `git checkout -- {FILE}`"
MOST_NAMED = 5  # months that an error names


class LockError(QuantError):
    """data.lock cannot be read or written, or the bars are not those it names."""


class Line(NamedTuple):
    """One month of one series, as text.

    Attributes:
        source: "sandbox", "tickdb", or "import:" and the name of another vendor.
        type: asset class, in TickDB's words.
        symbol: TickDB's spelling.
        interval: length of the bars.
        month: such as "2024-01", UTC.
        first: open of the first bar, UTC.
        last: open of the last bar, UTC.
        number: count of the bars.
        digest: `sha256:` and the digest of their canonical bytes.
        who: handle of the member who locked.
        when: time at which they did, UTC.
        reason: why a revision was accepted; empty for a month that was not revised.
    """

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
        """The series that the line speaks of."""
        return Series(self.source, self.type, self.symbol, self.interval)

    @property
    def facts(self) -> Facts:
        """What the line says of the bars."""
        return Facts(self.first, self.last, self.number, self.digest)

    @property
    def span(self) -> tuple[int, int]:
        """The first open in milliseconds UTC, and the first after the last."""
        first = datetime.fromisoformat(self.first)
        last = datetime.fromisoformat(self.last)
        return milliseconds(first), milliseconds(last) + 1

    def state(self, stored: Stored) -> str:
        """Return "same" or "differs", "absent" if not all of it was fetched, or "damaged"."""
        if stored.is_damaged:
            return "damaged"
        if stored.lacks(*self.span):
            return "absent"
        bars = cache.between(stored.bars, *self.span)
        return "same" if _facts(bars) == self.facts else "differs"


class Facts(NamedTuple):
    """What a line says of bars, as text."""

    first: str
    last: str
    number: str
    digest: str


Lines = dict[tuple[Series, str], Line]


def digest(bars: pl.DataFrame) -> str:
    """Return `sha256:` and the digest of the canonical bytes of bars."""
    times = bars["time"].to_physical().to_numpy()
    found = hashlib.sha256(times.astype("<i8").tobytes())
    for name in VALUES:
        found.update(bars[name].to_numpy().astype("<f8").tobytes())
    return f"sha256:{found.hexdigest()}"


def read() -> Lines:
    """Return the lines of data.lock by series and month; none if there is no such file.

    Raises:
        LockError: a line cannot be read, or two say different things of one month.
    """
    try:
        text = (project_root() / FILE).read_text(encoding="utf-8")
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError):
        raise LockError(f"{FILE} is not readable text: {RESTORE}.") from None
    lines: Lines = {}
    for number, row in enumerate(text.splitlines(), 1):
        if row.startswith("#") or not row.strip():
            continue
        line = _parse(row, number)
        known = lines.setdefault((line.series, line.month), line)
        if known.facts != line.facts:
            raise LockError(
                f"{FILE} has two different entries for {line.series} {line.month}: "
                f"delete one, such as line {number}."
            )
    return lines


def lock(
    wanted: Iterable[Series],
    *,
    who: str | None = None,
    now: datetime | None = None,
) -> list[Line]:
    """Write what the cache holds of these series into data.lock, and return the lines that are new.

    A month that is locked already is left as it is, or extended by bars that have come at its ends.
    Several processes may lock at once: no agreement is lost.

    Args:
        wanted: what to lock.
        who: handle of the member who locks; default: the member set for this clone.
        now: aware; default: the clock.

    Raises:
        LockError: a locked month differs (`accept` replaces it), a month is there only in parts,
            or no member is set for this clone; nothing is written then.
        FileError: data.lock cannot be written.
    """
    with files.locked(project_root() / FILE):
        lines = read()
        new: list[Line] = []
        for series in wanted:
            stored = cache.load(series)
            for month, bars in _months(stored.bars):
                old = lines.get((series, month))
                if _is_new(old, stored, bars):
                    reason = old.reason if old else ""
                    new.append(_line(series, month, stored, bars, reason, who, now))
        write(lines, new)
    return new


def accept(
    symbol: str,
    month: str,
    reason: str,
    *,
    who: str | None = None,
    now: datetime | None = None,
) -> list[Line]:
    """Replace the lines of a revised month by what the cache holds now, and return them.

    Args:
        symbol: TickDB's spelling.
        month: such as "2024-01", UTC.
        reason: why the revision is accepted; recorded in the lines.
        who: handle of the member who accepts; default: the member set for this clone.
        now: aware; default: the clock.

    Raises:
        LockError: no line of that symbol and month differs, or the reason is empty.
        FileError: data.lock cannot be written.
    """
    words = " ".join(reason.split())
    if not words:
        example = f'`quant data lock --accept {symbol} {month} --reason "a late split"`'
        raise LockError(f"The reason is missing: say why, as in {example}.")
    with files.locked(project_root() / FILE):
        lines = read()
        new: list[Line] = []
        for line in lines.values():
            if (line.symbol, line.month) != (canonical(symbol), month):
                continue
            stored = cache.load(line.series)
            bars = dict(_months(stored.bars)).get(month)
            if bars is not None and line.state(stored) == "differs":
                new.append(_line(line.series, month, stored, bars, words, who, now))
        if not new:
            raise LockError(
                f"No bars of {symbol} in {month} differ from {FILE}: "
                "`quant data verify` lists those that do."
            )
        write(lines, new)
    return new


def verify() -> list[tuple[Line, str]]:
    """Return each line of data.lock, in order, with its state, see `Line.state`.

    Raises:
        LockError: data.lock cannot be read.
    """
    found: list[tuple[Line, str]] = []
    known = [line for line in read().values() if line.type != MOVE]
    for series, lines in itertools.groupby(sorted(known), key=_series_of):
        stored = cache.load(series)
        found += [(line, line.state(stored)) for line in lines]
    return found


def check(
    series: Series,
    bars: pl.DataFrame,
    stored: Stored,
    lines: Lines,
) -> tuple[bool, list[Line]]:
    """Return whether every one of these bars is locked, and the lines from which they differ.

    A line covers a month, the bars may be part of it: the rest comes from what is stored. What
    cannot be compared for want of bars is not locked. Reads no file.

    Args:
        series: of the bars.
        bars: at least one, in time order.
        stored: what the cache holds of the series, as `cache.read_through` returns it.
        lines: of data.lock, as `read` returns them.
    """
    first, last = milliseconds(bars["time"][0]), milliseconds(bars["time"][-1])
    before = cache.between(stored.bars, FOREVER[0], first)
    after = cache.between(stored.bars, last + 1, FOREVER[1])
    known = Stored(pl.concat([before, bars, after]), [*stored.proven, (first, last + 1)])
    locked = 0
    differing: list[Line] = []
    for line in lines.values():
        begin, stop = line.span
        if line.series != series or begin > last or stop <= first:
            continue
        state = line.state(known)
        if state == "same":
            locked += len(cache.between(bars, begin, stop))
        if state == "differs":
            differing.append(line)
    return locked == len(bars), differing


def difference(lines: list[Line]) -> str:
    """Return the sentence that names the months that differ, and what to do."""
    named = ", ".join(f"{line.series} {line.month}" for line in lines[:MOST_NAMED])
    if len(lines) > MOST_NAMED:
        named += ", ..."
    fix = f'quant data lock --accept {lines[0].symbol} {lines[0].month} --reason "..."'
    return (
        f"The bars differ from {FILE} in {named}: `quant data verify` lists all months that do, "
        f"`{fix}` accepts a revision."
    )


def signature(who: str | None = None, now: datetime | None = None) -> tuple[str, str]:
    """Return who locks, and when, as a line says it.

    Args:
        who: handle of the member; default: the member set for this clone.
        now: aware; default: the clock.

    Raises:
        LockError: no member is set for this clone.
    """
    handle = who or roster.me(project_root())
    if not handle:
        raise LockError(
            "No team member is set for this clone: run `quant setup --as HANDLE`, then this again."
        )
    when = (now or datetime.now(UTC)).replace(microsecond=0)
    return handle, _text(when)


def write(lines: Lines, new: list[Line]) -> None:
    """Write data.lock with lines added or replaced, in one step; the caller holds the file.

    Args:
        lines: what is there, as `read` returns it.
        new: lines to add; one of the same series and month is replaced.

    Raises:
        FileError: data.lock cannot be written.
    """
    if not new:
        return
    changed = lines | {(line.series, line.month): line for line in new}
    rows = [" ".join(line).rstrip() for line in sorted(changed.values())]
    text = "\n".join([HEADER, *rows, ""])
    files.replace(project_root() / FILE, text.encode())


# Details


def _parse(row: str, number: int) -> Line:
    if ROW.fullmatch(row):
        return Line(*row.split(" ", FIELDS - 1))
    if CONFLICT.match(row):
        raise LockError(
            f"{FILE} has a merge conflict at line {number}: keep one line for each month."
        )
    raise LockError(f"{FILE} is malformed at line {number}: {RESTORE}.")


def _series_of(line: Line) -> Series:
    return line.series


def _months(bars: pl.DataFrame) -> Iterator[tuple[str, pl.DataFrame]]:
    """Yield the UTC months of bars, each with its bars, in order."""
    month = bars["time"].dt.truncate("1mo")
    starts = month.rle_id().arg_unique().to_list()
    for begin, end in itertools.pairwise([*starts, len(bars)]):
        yield f"{bars['time'][begin]:%Y-%m}", bars[begin:end]


def _facts(bars: pl.DataFrame) -> Facts | None:
    """Return what a line says of bars, or None if there are none."""
    if bars.is_empty():
        return None
    first, last = _text(bars["time"][0]), _text(bars["time"][-1])
    return Facts(first, last, str(len(bars)), digest(bars))


def _is_new(
    old: Line | None,
    stored: Stored,
    bars: pl.DataFrame,
) -> bool:
    """Tell whether a month has bars that its line does not name yet.

    Raises:
        LockError: the bars that the line names are others here.
    """
    if old is None:
        return True
    state = old.state(stored)
    if state == "differs":
        raise LockError(difference([old]))
    return state == "same" and old.facts != _facts(bars)


def _line(
    series: Series,
    month: str,
    stored: Stored,
    bars: pl.DataFrame,
    reason: str,
    who: str | None,
    now: datetime | None,
) -> Line:
    """Return the line for a month as the cache holds it."""
    signed = signature(who, now)
    facts = _facts(bars)
    first, last = milliseconds(bars["time"][0]), milliseconds(bars["time"][-1])
    if facts is None or stored.lacks(first, last):
        raise LockError(
            f"The cache holds only parts of {series} in {month}: "
            f"`{_fetch_command(series, month)}` gets the rest."
        )
    return Line._make((*astuple(series), month, *facts, *signed, reason))


def _fetch_command(series: Series, month: str) -> str:
    _, end = calendar.monthrange(int(month[:4]), int(month[5:]))
    days = f"--start {month}-01 --end {month}-{end}"
    return f"quant data fetch {series.symbol} --interval {series.interval} {days}"


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
