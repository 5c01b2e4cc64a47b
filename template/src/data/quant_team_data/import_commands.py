"""The commands `quant data import` and `quant data remove`."""

from __future__ import annotations

import math
import sys
from datetime import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from quant_team_data.tables import counted
from quant_team_utils import console, options
from quant_team_utils.errors import QuantError

if TYPE_CHECKING:
    import polars as pl

    from quant_team_data.formats import Reading
    from quant_team_data.importing import Report
    from quant_team_data.removing import Uses

SHOWN = 5  # rows of a dry run
MOST_MONTHS = 6  # of changed bars, that are named


@click.command("import", cls=options.Command)
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--symbol", required=True, help="Name the symbol as TickDB spells it, such as AAPL.US."
)
@click.option("--interval", help="Say how long a bar is, such as 1h.")
@click.option("--source", required=True, help="Name the vendor; the source becomes import:NAME.")
@click.option(
    "--tz",
    metavar="ZONE",
    help="Name the zone of times that have none, such as America/New_York.",
)
@click.option(
    "--stamp",
    type=click.Choice(["open", "close"]),
    help="Say which end of a bar its time is  [default: open].",
)
@click.option(
    "--columns",
    metavar="NAME=COLUMN,...",
    help="Name columns or number them from 1: time=Date,close=Last; volume=none: no volume.",
)
@click.option("--select", metavar="COLUMN=VALUE", help="Take these rows only: symbol=AAPL.")
@click.option("--delimiter", metavar="CHARACTER", help="Split columns at this: , ; or tab.")
@click.option("--decimal", type=click.Choice([".", ","]), help="Read this as the decimal mark.")
@click.option("--scale", type=float, help="Multiply prices by this: 1e-9.")
@click.option(
    "--date-order",
    type=click.Choice(["mdy", "dmy"]),
    help="Read 03/04/2024 as March 4 (mdy) or 3 April (dmy).",
)
@click.option("--adjusted", is_flag=True, help="Record that prices are adjusted.")
@click.option("--raw", is_flag=True, help="Record that prices are not adjusted.")
@click.option(
    "--regular-hours",
    is_flag=True,
    help="Leave out bars outside the market's sessions.",
)
@click.option(
    "--actions",
    "has_actions",
    is_flag=True,
    help="Import splits and dividends: the columns are date, ratio and cash.",
)
@click.option("--dry-run", is_flag=True, help="Show the first bars; store nothing.")
@click.option(
    "--replace",
    cls=options.Guard,
    is_flag=True,
    help="Remove the bars that are there; default: add to them.",
)
def import_(
    file: Path,
    symbol: str,
    interval: str | None,
    source: str,
    has_actions: bool,
    dry_run: bool,
    replace: bool,
    **how: Any,
) -> None:
    """Import the bars in FILE into the cache.

    FILE is CSV or Parquet. Its bars are checked first: if one is not valid, none is imported.
    Exports of the usual vendors are recognised; options say what a file does not.
    """
    from quant_team_data import action_commands
    from quant_team_data.importing import import_file

    reading = _reading(how)
    if has_actions:
        action_commands.require_no_others(how)
        action_commands.import_actions(
            file,
            symbol,
            source,
            reading,
            replace=replace,
            dry_run=dry_run,
        )
        return
    if interval is None:
        raise click.MissingParameter(param_hint="'--interval'", param_type="option")
    report = import_file(
        file,
        symbol,
        interval,
        source,
        reading=reading,
        replace=replace,
        dry_run=dry_run,
    )
    _print_report(report, dry_run=dry_run)


@click.command(cls=options.Command)
@click.argument("symbol")
@click.option("--source", required=True, help="Name the source of the bars, as in import:acme.")
@click.option("--interval", help="Remove bars of this length only  [default: all].")
@click.option("--yes", cls=options.Guard, is_flag=True, help="Do not ask.")
def remove(symbol: str, source: str, interval: str | None, yes: bool) -> None:
    """Remove imported bars of SYMBOL from the cache.

    Results that used them and lines of data.lock that name them are listed and stay.
    """
    from quant_team_data import cache, removing

    found = removing.find(symbol, source, interval)
    for series in found:
        bars = counted(len(cache.load(series).bars), "bar")
        click.echo(f"{series}: {bars}")
        _print_uses(removing.uses(series))
    if not yes:
        _confirm()
    for series in found:
        removing.remove(series)
        click.echo(f"removed: {series}")


def summary(report: Report) -> list[tuple[str, str]]:
    """Return what an import did, as rows of a name and a value."""
    dropped = []
    for reason, number in report.dropped.items():
        dropped.append(f"{number:,} {reason}")
    total = counted(len(report.stored), "bar")
    rows = [
        ("read as", report.read_as),
        ("rows read", f"{report.rows:,}"),
        ("added", f"{report.added:,}"),
        ("changed", _changed(report)),
        ("unchanged", f"{report.unchanged:,}"),
        ("removed", f"{report.removed:,}"),
        ("dropped", ", ".join(dropped) or "0"),
        ("range", _range(report.bars)),
        ("series now", f"{total}, {_range(report.stored)}"),
        ("coverage", _coverage(report)),
        ("prices", report.prices),
    ]
    return [row for row in rows if row[0] != "removed" or report.removed]


# Details


def _reading(how: dict[str, Any]) -> Reading:
    """Return the options of the command as a reading."""
    from quant_team_data.formats import Reading

    if how["adjusted"] and how["raw"]:
        raise click.UsageError("--adjusted and --raw exclude each other.")
    scale = how["scale"]
    if scale is not None and not 0 < scale < math.inf:
        raise click.UsageError("--scale: pass a number above 0.")
    select = None
    if how["select"]:
        column, equals, value = how["select"].partition("=")
        if not equals or not column.strip():
            raise click.UsageError(f"--select: {how['select']!r} is not COLUMN=VALUE.")
        select = (column.strip(), value.strip())
    prices = "unknown"
    if how["adjusted"] or how["raw"]:
        prices = "raw" if how["raw"] else "adjusted"
    return Reading(
        columns=_pairs(how["columns"], "--columns"),
        delimiter=_delimiter(how["delimiter"]),
        decimal=how["decimal"],
        stamp=how["stamp"],
        tz=how["tz"],
        select=select,
        scale=scale,
        date_order=how["date_order"],
        prices=prices,
        regular_hours=how["regular_hours"],
    )


def _changed(report: Report) -> str:
    count = len(report.changed)
    if not count:
        return "0"
    months = sorted(set(report.changed["time"].dt.strftime("%Y-%m")))
    listed = ", ".join(months[:MOST_MONTHS])
    more = f" and {len(months) - MOST_MONTHS} more months" if len(months) > MOST_MONTHS else ""
    return f"{count:,} ({listed}{more})"


def _range(bars: pl.DataFrame) -> str:
    """Return the first and the last time; dates where all times are."""
    times = bars["time"]
    has_clock = (times.dt.time() != time()).any()
    pattern = "%Y-%m-%d %H:%M UTC" if has_clock else "%Y-%m-%d"
    return f"{times[0]:{pattern}} to {times[-1]:{pattern}}"


def _coverage(report: Report) -> str:
    """Return how many of the bars that the calendar expects are there, and how many others."""
    found = report.coverage
    if found is None:
        return "unknown: the installed calendar ends before the bars do"
    expected = counted(found.expected, "bar")
    text = f"{found}, {found.present:,} of {expected} that the calendar expects"
    others = len(report.stored) - found.present
    return f"{text}; {others:,} when it expects none" if others else text


def _print_report(report: Report, *, dry_run: bool) -> None:
    """Print what an import did, and what comes next."""
    series = report.series
    click.echo(console.table((), summary(report)))
    if dry_run:
        _print_first(report)
        return
    click.echo(f"imported: {counted(len(report.bars), 'bar')} of {series}")
    click.echo(f"next:     quant data lock {series.symbol} --source {series.source}")
    wanted = f"--symbols {series.symbol} --interval {series.interval} --source {series.source}"
    click.echo(f"          quant run STRATEGY {wanted}")


def _print_first(report: Report) -> None:
    """Print the first bars as they would be stored."""
    rows = []
    for opened, *values in report.bars.head(SHOWN).iter_rows():
        numbers = [f"{value:.15g}" for value in values]
        rows.append([f"{opened:%Y-%m-%d %H:%M}", *numbers])
    header = ("time (UTC)", "open", "high", "low", "close", "volume")
    click.echo(console.table(header, rows))
    click.echo(
        f"dry run: {counted(len(report.bars), 'bar')} of {report.series}; nothing was stored."
    )


def _print_uses(found: Uses) -> None:
    if found.results:
        click.echo(f"  used by {counted(len(found.results), 'result')}:")
    for path in found.results:
        click.echo(f"    {path}")
    if found.lines:
        months = ", ".join(sorted(line.month for line in found.lines))
        click.echo(f"  named by {counted(len(found.lines), 'line')} of data.lock: {months}")


def _confirm() -> None:
    if not sys.stdin.isatty():
        raise QuantError("Nothing was removed: there is no terminal to ask on; pass --yes.")
    click.confirm("Remove them?", abort=True)


def _pairs(text: str | None, option: str) -> dict[str, str]:
    """Return `a=b,c=d` as a dict."""
    found: dict[str, str] = {}
    for part in (text or "").split(","):
        name, equals, value = part.partition("=")
        if equals and name.strip() and value.strip():
            found[name.strip()] = value.strip()
        elif part.strip():
            raise click.UsageError(f"{option}: {part!r} is not NAME=COLUMN.")
    return found


def _delimiter(text: str | None) -> str | None:
    """Return one character; `tab` is one."""
    named = {"tab": "\t", "\\t": "\t", "comma": ",", "semicolon": ";"}
    character = named.get((text or "").lower(), text)
    is_one = character is None or (len(character) == 1 and character.isascii())
    if not is_one or character in ('"', "\n", "\r"):
        raise click.UsageError(f"--delimiter: {text!r} is not one character, or tab.")
    return character
