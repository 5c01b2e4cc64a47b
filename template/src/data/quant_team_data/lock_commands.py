"""The commands `quant data lock` and `quant data verify`."""

from __future__ import annotations

import itertools
from operator import attrgetter
from typing import TYPE_CHECKING

import click

from quant_team_data.tables import SERIES_COLUMNS, counted, print_table, split
from quant_team_utils import options
from quant_team_utils.errors import QuantError

if TYPE_CHECKING:
    from quant_team_data.lock import Line
    from quant_team_data.series import Series

LOCK_COLUMNS = (*SERIES_COLUMNS, "new months", "first", "last")
VERIFY_COLUMNS = (*SERIES_COLUMNS, "month", "bars", "here")


@click.command(cls=options.Command)
@click.argument("symbols", nargs=-1)
@click.option(
    "--source",
    help="Lock bars of sandbox, tickdb or import:NAME  [default: from TICKDB_BASE_URL].",
)
@click.option(
    "--accept",
    cls=options.Guard,
    nargs=2,
    metavar="SYMBOL MONTH",
    help="Accept the vendor's revision of a month.",
)
@click.option(
    "--real-move",
    cls=options.Guard,
    nargs=2,
    metavar="SYMBOL DATE",
    help="Say that a move that looks like a split is real.",
)
@click.option(
    "--reason",
    default="",
    help="Give the reason for --accept or --real-move; data.lock records it.",
)
def lock(
    symbols: tuple[str, ...],
    source: str | None,
    accept: tuple[str, str] | None,
    real_move: tuple[str, str] | None,
    reason: str,
) -> None:
    """Write digests of cached bars into data.lock.

    Locks the bars of SYMBOLS, or of all cached symbols.
    """
    from quant_team_data import clients, holdings, real_moves
    from quant_team_data import lock as locking

    if real_move:
        line = real_moves.declare(*real_move, reason)
        click.echo(f"real: the move of {line.symbol} on {line.interval}, for the whole team.")
        _print_next(line)
        return
    if accept:
        new = locking.accept(*accept, reason)
    else:
        wanted = holdings.find(split(symbols), source=source or clients.source())
        new = locking.lock(wanted)
    rows = _series_rows(new)
    print_table(LOCK_COLUMNS, rows)
    click.echo(f"new in {locking.FILE}: {counted(len(new), 'month')} of {len(rows)} series.")
    if new:
        _print_next(new[0])


@click.command()
@click.option("--gaps", is_flag=True, help="List bars that the exchange calendar expects.")
def verify(gaps: bool) -> None:
    """Compare the cache with data.lock.

    Names each month that differs and each file that is damaged, and then exits with 1.
    """
    from quant_team_data import gaps as holes
    from quant_team_data import lock as locking

    if gaps:
        holes.print_all()
    states = locking.verify()
    if not states:
        click.echo(f"There is no {locking.FILE} yet: `quant data lock` creates it.")
        return
    lines: dict[str, list[Line]] = {"same": [], "differs": [], "absent": [], "damaged": []}
    for line, state in states:
        lines[state].append(line)
    rows = [(*_named(line), line.month, line.number, "DIFFERS") for line in lines["differs"]]
    print_table(VERIFY_COLUMNS, rows)
    _print_months("DAMAGED here", lines["damaged"])
    _print_months("not fetched here, so not compared", lines["absent"])
    same = len(lines["same"])
    verb = "is" if len(states) == 1 else "are"
    total = counted(len(states), "month")
    click.echo(f"{locking.FILE}: {same} of {total} {verb} the same here.")
    faults = []
    if lines["differs"]:
        faults.append(locking.difference(lines["differs"]))
    if lines["damaged"]:
        faults.append(_damage(lines["damaged"]))
    if faults:
        raise QuantError(" ".join(faults))


# Details


def _print_next(line: Line) -> None:
    from quant_team_data.lock import FILE

    click.echo(f'next:   git add {FILE} && git commit -m "data: lock {line.symbol}"')


def _by_series(lines: list[Line]) -> list[tuple[Series, list[Line]]]:
    """Return lines by their series, both in order."""
    series_of = attrgetter("series")
    groups = itertools.groupby(sorted(lines, key=series_of), key=series_of)
    return [(series, sorted(group)) for series, group in groups]


def _named(line: Line) -> tuple[str, str, str]:
    return line.symbol, line.interval, line.source


def _series_rows(lines: list[Line]) -> list[tuple[str, ...]]:
    """Return one row for each series: how many months are new, the first and the last."""
    rows: list[tuple[str, ...]] = []
    for _, months in _by_series(lines):
        first, last = months[0], months[-1]
        rows.append((*_named(first), f"{len(months):,}", first.month, last.month))
    return rows


def _print_months(label: str, lines: list[Line]) -> None:
    for series, months in _by_series(lines):
        click.echo(f"{label}: {counted(len(months), 'month')} of {series}")


def _damage(lines: list[Line]) -> str:
    """Return the sentence about damaged files, with the command that gets the first one back."""
    from quant_team_data.series import FACTORS, IMPORT

    found = _by_series(lines)
    series, months = found[0]
    others = f" and {len(found) - 1} more" if len(found) > 1 else ""
    is_list = series.type == FACTORS
    vendor = series.source.removeprefix(IMPORT)
    fix = f"FILE --symbol {series.symbol} --interval {series.interval} --source {vendor}"
    if is_list:
        fix = f"--actions FILE --symbol {series.symbol} --source {vendor}"
    fix = f"quant data import {fix}"
    if not series.is_imported:
        days = f"--start {months[0].first[:10]} --end {months[-1].last[:10]}"
        length = "1d" if is_list else series.interval
        fix = f"quant data fetch {series.symbol} --interval {length} {days}"
    return f"The file of {series}{others} is damaged or not of this cache: `{fix}` replaces it."
