"""Whether the bars of a backtest may be used: against data.lock, the calendar and the range."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from quant_team_backtest import adjusting, jumps
from quant_team_backtest.prepare import Prepared, RunError
from quant_team_backtest.result import Data

if TYPE_CHECKING:
    from quant_team_backtest.adjusting import Adjustment
    from quant_team_data.coverage import Coverage
    from quant_team_data.lock import Line, Lines

# Days without bars at either end of a range that need no word: holidays, the length of a month.
MARGIN = 31


@dataclass(frozen=True)
class Checked:
    """What was found about the bars.

    Attributes:
        data: for each symbol what tells its bars from others.
        warnings: what to know of them, one sentence each.
    """

    data: dict[str, Data]
    warnings: list[str]

    @property
    def locked(self) -> bool:
        """All bars are those of data.lock."""
        return all(facts.locked for facts in self.data.values())


def check(
    prepared: Prepared,
    *,
    allow_unlocked: bool = False,
    allow_incomplete: bool = False,
) -> Checked:
    """Compare the bars with data.lock, with the market's calendar and with the range.

    Args:
        prepared: what will run.
        allow_unlocked: bars that differ from data.lock are a warning.
        allow_incomplete: bars that cover less than `coverage.LEAST` of the calendar are a warning.

    Raises:
        LockError: bars, splits or dividends differ from data.lock, and that is not allowed.
        RunError: bars are missing, and that is not allowed.
        AdjustmentError: a price moves like one of a split that is not known, or does not move at
            one that is.
        CalendarError: the installed calendars end before the bars do.
    """
    from quant_team_data import lock

    covered = _coverage(prepared)
    missing = _missing(prepared, covered, allow_incomplete=allow_incomplete)
    lines = lock.read()
    data, difference = _compared(prepared, covered, lines, allow_unlocked=allow_unlocked)
    unknown = adjusting.warnings_of(prepared.adjustments)
    looks = jumps.check(prepared, lines)
    warnings = [*difference, *missing, *_short(prepared), *unknown, *looks]
    return Checked(data, warnings)


# Details: data.lock


def _compared(
    prepared: Prepared,
    covered: dict[str, Coverage],
    lines: Lines,
    *,
    allow_unlocked: bool,
) -> tuple[dict[str, Data], list[str]]:
    """Return the facts of each symbol's bars, and a warning if they differ from data.lock."""
    from quant_team_data import lock
    from quant_team_data.cache import Series

    data = {}
    differing = []
    for symbol, (bars, stored) in prepared.slices.items():
        series = Series.of(prepared.source, symbol, prepared.interval)
        locked, different = lock.check(series, bars, stored, lines)
        adjustment = prepared.adjustments[symbol]
        agreed, others = _compared_actions(adjustment, lines)
        differing += [*different, *others]
        data[symbol] = Data(
            bars=len(bars),
            expected=covered[symbol].expected,
            present=covered[symbol].present,
            first=_text(bars["time"][0]),
            last=_text(bars["time"][-1]),
            digest=lock.digest(bars),
            locked=locked and agreed,
            adjustment=adjustment.how,
            actions=len(adjustment.used),
            actions_digest=_digest(adjustment),
        )
    if not differing:
        return data, []
    difference = lock.difference(differing)
    if not allow_unlocked:
        raise lock.LockError(f"{difference[:-1]}; `quant run --unlocked` runs anyway.")
    return data, [difference]


def _compared_actions(adjustment: Adjustment, lines: Lines) -> tuple[bool, list[Line]]:
    """Return whether splits and dividends are those of data.lock, and lines that differ."""
    from quant_team_data import actions

    if adjustment.known is None:
        return True, []
    first = adjusting.day_of(adjustment.dates[0])
    last = adjusting.day_of(adjustment.dates[-1])
    return actions.check(adjustment.known, lines, first, last)


def _digest(adjustment: Adjustment) -> str | None:
    from quant_team_data import actions, lock

    used = adjustment.used
    return lock.digest(actions.frame_of(used)) if used else None


# Details: the calendar


def _coverage(prepared: Prepared) -> dict[str, Coverage]:
    from quant_team_data import coverage

    found = {}
    for symbol, (bars, _) in prepared.slices.items():
        market = prepared.markets[symbol]
        found[symbol] = coverage.measure(bars, market, prepared.interval)
    return found


def _missing(
    prepared: Prepared,
    covered: dict[str, Coverage],
    *,
    allow_incomplete: bool,
) -> list[str]:
    """Return a warning for each symbol that lacks bars.

    Raises:
        RunError: one lacks too many.
    """
    from quant_team_data import coverage

    warnings = []
    for symbol, found in covered.items():
        sentence = _sentence(symbol, prepared.interval, found)
        if found.share < coverage.LEAST and not allow_incomplete:
            fix = "fetch or import the rest"
            if prepared.source.startswith("import:"):
                fix = "import the rest"
            raise RunError(
                f"{sentence}: {fix} (`quant data verify --gaps` lists what is missing), "
                "or `quant run --incomplete` runs anyway."
            )
        if found.share < coverage.GOOD:
            warnings.append(f"{sentence}.")
    return warnings


def _sentence(symbol: str, interval: str, found: Coverage) -> str:
    """Return how much is missing, and the largest gap; empty if nothing is."""
    if not found.gaps:
        return ""
    largest = max(found.gaps, key=lambda gap: gap.bars)
    first, last = _day(largest.first, interval), _day(largest.last, interval)
    extent = f"at {first}" if largest.bars == 1 else f"from {first} to {last}"
    return (
        f"{symbol} has {found.present:,} of the {found.expected:,} {interval} bars that its "
        f"calendar expects ({found}); the largest gap is {extent}"
    )


def _day(moment: datetime, interval: str) -> str:
    is_a_date = interval in ("1d", "1w", "1M")
    return f"{moment:%Y-%m-%d}" if is_a_date else f"{moment:%Y-%m-%d %H:%M} UTC"


# Details: the range


def _short(prepared: Prepared) -> list[str]:
    """Return a warning for each symbol whose bars begin or end well inside the range."""
    warnings = []
    for symbol, (bars, _) in prepared.slices.items():
        begin = bars["time"][0].date()
        end = bars["time"][-1].date()
        late = (begin - prepared.first).days
        early = (prepared.last - end).days
        if max(late, early) > MARGIN:
            warnings.append(f"The bars of {symbol} only cover {begin} to {end}.")
    return warnings


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
