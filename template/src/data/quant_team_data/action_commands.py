"""What `quant data import --actions` prints."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from quant_team_utils import console

if TYPE_CHECKING:
    from quant_team_data.actions import Action
    from quant_team_data.formats import Reading
    from quant_team_data.import_actions import Report

SHOWN = 5  # actions of a dry run
MOST_NAMED = 6  # changed actions
# Options of bars, by their name in the program.
NOT_FOR_ACTIONS = {
    "stamp": "--stamp",
    "tz": "--tz",
    "select": "--select",
    "scale": "--scale",
    "adjusted": "--adjusted",
    "raw": "--raw",
    "regular_hours": "--regular-hours",
}


def import_actions(
    file: Path,
    symbol: str,
    source: str,
    reading: Reading,
    *,
    replace: bool,
    dry_run: bool,
) -> None:
    """Import a file of splits and dividends, and print what it made of it."""
    from quant_team_data import import_actions as importing

    report = importing.import_actions(
        file,
        symbol,
        source,
        reading=reading,
        replace=replace,
        dry_run=dry_run,
    )
    series = report.known.series
    click.echo(console.table((), summary(report)))
    if dry_run:
        _print_first(report)
        return
    click.echo(f"imported: splits and dividends of {series.symbol} from {series.source}")
    click.echo(f"next:     quant data lock {series.symbol} --source {series.source}")


def require_no_others(how: dict[str, Any]) -> None:
    """Refuse options that do not go with --actions.

    Args:
        how: the options of the command by their names.

    Raises:
        UsageError: one of them is set.
    """
    for name, option in NOT_FOR_ACTIONS.items():
        if how[name]:
            raise click.UsageError(f"--actions and {option} exclude each other.")


def summary(report: Report) -> list[tuple[str, str]]:
    """Return what an import did, as rows of a name and a value."""
    dropped = []
    for reason, number in report.dropped.items():
        dropped.append(f"{number:,} {reason}")
    rows = [
        ("read as", report.read_as),
        ("rows read", f"{report.rows:,}"),
        ("added", f"{len(report.added):,}"),
        ("changed", _changed(report.changed)),
        ("unchanged", f"{report.unchanged:,}"),
        ("removed", f"{report.removed:,}"),
        ("dropped", ", ".join(dropped) or "0"),
        ("list now", _list(report.known.actions)),
    ]
    return [row for row in rows if row[0] != "removed" or report.removed]


# Details


def _changed(changed: list[Action]) -> str:
    if not changed:
        return "0"
    named = ", ".join(f"{action.date}" for action in changed[:MOST_NAMED])
    more = ", ..." if len(changed) > MOST_NAMED else ""
    return f"{len(changed):,} ({named}{more})"


def _list(actions: list[Action]) -> str:
    """Return how many splits and dividends there are, and when."""
    if not actions:
        return "no splits and no dividends: known to have none until today"
    splits = sum(action.ratio != 1 for action in actions)
    dividends = sum(action.cash != 0 for action in actions)
    ends = f"{actions[0].date} to {actions[-1].date}"
    counts = f"{_counted(splits, 'split')} and {_counted(dividends, 'dividend')}"
    return f"{counts}, {ends}, whole until today"


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def _print_first(report: Report) -> None:
    from quant_team_data.actions import ratio_text

    rows = []
    for action in report.known.actions[:SHOWN]:
        rows.append((f"{action.date}", ratio_text(action.ratio), f"{action.cash:.15g}"))
    click.echo(console.table(("ex-date", "ratio", "cash"), rows))
    click.echo("dry run: nothing was stored.")
