"""Moves of a price that look like a split and are real, said once for the whole team.

Each is a line of data.lock, beside the lines of bars and in their form, so that branches merge and
older versions leave it alone:

    any move AAPL.US 2020-08-31 2020-08 <the date twice> 0 <digest of no bars> who when why

The source is `any`, since a move is of the market and not of a vendor.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time

from quant_team_data import lock, markets
from quant_team_data.frames import SCHEMA
from quant_team_data.lock import Line, Lines, LockError
from quant_team_data.series import MOVE
from quant_team_utils import files
from quant_team_utils.paths import project_root

ANY = "any"


def dates(symbol: str, lines: Lines) -> list[date]:
    """Return the dates on which a symbol's move is said to be real, in order.

    Args:
        symbol: TickDB's spelling.
        lines: of data.lock, as `lock.read` returns them.
    """
    wanted = markets.canonical(symbol)
    found = []
    for line in lines.values():
        if line.type == MOVE and line.symbol == wanted:
            day = datetime.fromisoformat(line.first)
            found.append(day.date())
    return sorted(found)


def declare(
    symbol: str,
    day: str,
    reason: str,
    *,
    who: str | None = None,
    now: datetime | None = None,
) -> Line:
    """Write a line that says that a move is real, and return it; a line of that date is replaced.

    Args:
        symbol: TickDB's spelling of a stock.
        day: date of the first bar after the move, as YYYY-MM-DD.
        reason: why it is not a split; recorded in the line.
        who: handle of the member who says so; default: the member set for this clone.
        now: aware; default: the clock.

    Raises:
        LockError: it is not a date, the reason is empty, or no member is set for this clone.
        SymbolNotFoundError: the symbol fits no market.
        FileError: data.lock cannot be written.
    """
    markets.market_of(symbol)
    try:
        moment = datetime.combine(date.fromisoformat(day), time(), UTC)
    except ValueError:
        raise LockError(f"{day!r} is not a date; use YYYY-MM-DD.") from None
    words = " ".join(reason.split())
    if not words:
        example = f'`quant data lock --real-move {symbol} {day} --reason "profit warning"`'
        raise LockError(f"The reason is missing: say why, as in {example}.")
    handle, when = lock.signature(who, now)
    at = f"{moment:%Y-%m-%dT%H:%M:%SZ}"
    line = Line(
        source=ANY,
        type=MOVE,
        symbol=markets.canonical(symbol),
        interval=f"{moment:%Y-%m-%d}",
        month=f"{moment:%Y-%m}",
        first=at,
        last=at,
        number="0",
        digest=lock.digest(SCHEMA.to_frame()),
        who=handle,
        when=when,
        reason=words,
    )
    with files.locked(project_root() / lock.FILE):
        lock.write(lock.read(), [line])
    return line
