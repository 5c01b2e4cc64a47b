"""This package's commands: `quant data` (fetch, lock, verify) and `quant sandbox`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import click

from quant_team_data.import_commands import import_, remove
from quant_team_utils import console, options, settings
from quant_team_utils.errors import QuantError

if TYPE_CHECKING:
    import polars as pl

    from quant_team_data.cache import Series
    from quant_team_data.lock import Line

PROBE = "AAPL.US"
SANDBOX_PROBE = "BTCUSDT"  # trades without a calendar, which takes a second to read
SERIES_COLUMNS = ("symbol", "interval", "source")
MONTH_COLUMNS = (*SERIES_COLUMNS, "month", "bars")
PERIODS = {"1w": "weeks", "1M": "months"}


@click.group()
def data() -> None:
    """Fetch, import, lock and verify market data."""
    from quant_team_data import data_client

    notice = data_client.notice()
    if notice:
        click.echo(notice, err=True)


data.add_command(import_)
data.add_command(remove)


@data.command()
@click.argument("symbols", nargs=-1, required=True)
@click.option(
    "--interval",
    default="1d",
    show_default=True,
    help="Bar length such as 1h; 1m is a minute, 1M a month.",
)
@click.option("--start", metavar="DAY", help="First day  [default: DEFAULT_BACKTEST_START].")
@click.option("--end", metavar="DAY", help="Last day, included  [default: DEFAULT_BACKTEST_END].")
@click.option(
    "--factors",
    type=click.Choice(["forward", "backward"]),
    help="Also fetch the adjustment factors.",
)
@click.option("--offline", is_flag=True, help="Use the cache only; fail if bars are missing.")
@click.option("--refresh", is_flag=True, help="Fetch cached bars again.")
def fetch(
    symbols: tuple[str, ...],
    interval: str,
    start: str | None,
    end: str | None,
    factors: str | None,
    offline: bool,
    refresh: bool,
) -> None:
    """Fetch bars of SYMBOLS into the cache.

    Cached bars are not fetched again.
    """
    from quant_team_data import data_client
    from quant_team_data.markets import check_interval

    first = start or settings.get("DEFAULT_BACKTEST_START") or ""
    last = end or settings.get("DEFAULT_BACKTEST_END") or ""
    names = _split(symbols)
    check_interval(interval)
    source = data_client.source()
    arguments: dict[str, Any] = {
        "adjust": factors or "none",
        "offline": offline,
        "refresh": refresh,
    }
    found = data_client.fetch_many(names, interval, first, last, **arguments)
    rows = [(symbol, interval, source, *_extent(bars)) for symbol, bars in found.data.items()]
    _print_table((*SERIES_COLUMNS, "bars", "first (UTC)", "last"), rows)
    for error in found.errors.values():
        console.report_error(str(error))
    if found.errors:
        raise QuantError(
            f"{len(found.errors)} of {len(names)} symbols failed: fix them, then run this again."
        )
    click.echo(f"next:   quant data lock {' '.join(names)}")


@data.command(cls=options.Command)
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
@click.option("--reason", default="", help="Reason for --accept, recorded in data.lock.")
def lock(
    symbols: tuple[str, ...],
    source: str | None,
    accept: tuple[str, str] | None,
    reason: str,
) -> None:
    """Write digests of cached bars into data.lock.

    Locks the bars of SYMBOLS, or of all cached symbols.
    """
    from quant_team_data import data_client
    from quant_team_data import lock as locking

    if accept:
        new = locking.accept(*accept, reason)
    else:
        wanted = _cached_series(_split(symbols), source or data_client.source())
        new = locking.lock(wanted)
    _print_table(MONTH_COLUMNS, [_month_row(line) for line in new])
    count = len({line.series for line in new})
    click.echo(f"new in {locking.FILE}: {len(new)} months of {count} series.")
    if new:
        click.echo(f'next:   git add {locking.FILE} && git commit -m "data: lock {new[0].symbol}"')


@data.command()
@click.option("--gaps", is_flag=True, help="List bars that the exchange calendar expects.")
def verify(gaps: bool) -> None:
    """Compare the cache with data.lock.

    Names each month that differs, and then exits with 1.
    """
    from quant_team_data import lock as locking

    if gaps:
        _print_gaps()
    states = locking.verify()
    if not states:
        click.echo(f"There is no {locking.FILE} yet: `quant data lock` creates it.")
        return
    absent = Counter(line.series for line, state in states if state == "absent")
    differing = [line for line, state in states if state == "differs"]
    _print_table((*MONTH_COLUMNS, "here"), [(*_month_row(line), "DIFFERS") for line in differing])
    for series, count in absent.items():
        click.echo(f"not fetched here, so not compared: {count} months of {series}")
    same = len(states) - len(differing) - absent.total()
    click.echo(f"{locking.FILE}: {same} of {len(states)} months are the same here.")
    if differing:
        raise QuantError(locking.difference(differing))


@click.command()
@click.option(
    "--port",
    default=8765,
    show_default=True,
    type=click.IntRange(0, 65535),
    help="Port on 127.0.0.1; 0 picks a free one.",
)
def sandbox(port: int) -> None:
    """Serve the local TickDB until Ctrl-C.

    It speaks the real protocol, with synthetic prices.
    """
    from quant_team_data import sandbox_server

    with sandbox_server.Server(port) as server:
        address = f"http://{sandbox_server.HOST}:{server.server_port}"
        click.echo(f"Sandbox at {address}: SYNTHETIC prices. Press Ctrl-C to stop it.")
        click.echo("To use it, put these lines into .env:")
        click.echo(f"TICKDB_BASE_URL={address}")
        click.echo("TICKDB_API_KEY=sandbox-key")
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            click.echo("Sandbox stopped.")


def probe_service() -> tuple[str, str]:
    """Ask the market-data service once whether it is there and accepts the key.

    Returns:
        Its address (`sandbox` for the one in this process), and the source of its bars.

    Raises:
        TickDBError: the settings are wrong, the service cannot be reached, or it rejects the key.
    """
    from quant_team_data import data_client

    tickdb = data_client.client()
    source = data_client.source()
    tickdb.get("/v1/market/intervals/kline", {}, max_retries=0)
    symbol = SANDBOX_PROBE if source == "sandbox" else PROBE
    params = {"symbols": symbol, "interval": "1m"}
    tickdb.get("/v1/market/kline/latest", params, max_retries=0)
    return tickdb.base_url, source


# Details


def _split(symbols: Iterable[str]) -> list[str]:
    """Return symbols that are separated by blanks or commas, each once."""
    parts = ",".join(symbols).split(",")
    names = [part.strip() for part in parts]
    return list(dict.fromkeys(name for name in names if name))


def _cached_series(symbols: list[str], source: str) -> list[Series]:
    """Return what the cache holds of these symbols (of all, if there are none) from a source.

    Raises:
        QuantError: it holds nothing of one of them.
    """
    from quant_team_data import cache
    from quant_team_data.markets import canonical

    names = {canonical(symbol) for symbol in symbols}
    found = [one for one in cache.stored_series() if one.source == source]
    wanted = [one for one in found if not names or one.symbol in names]
    lacking = sorted(names - {one.symbol for one in wanted})
    if not wanted and not lacking:
        lacking = ["any symbol"]
    if lacking:
        raise QuantError(
            f"The cache has no bars of {', '.join(lacking)} from {source}: "
            "get them with `quant data fetch` or `quant data import`."
        )
    return wanted


def _print_gaps() -> None:
    """Print what is missing in the cache where it is proven, against the calendars."""
    from quant_team_data import cache

    wanted = [series for series in cache.stored_series() if series.type != cache.FACTORS]
    rows: list[tuple[str, ...]] = []
    with console.progress("gaps", len(wanted)) as advance:
        for series in wanted:
            rows += _gap_rows(series)
            advance(1)
    _print_table((*SERIES_COLUMNS, "missing", "first (UTC)", "last", "bars"), rows)
    click.echo(f"{len(rows)} gaps in {len(wanted)} series.")


def _gap_rows(series: Series) -> Iterator[tuple[str, ...]]:
    from quant_team_data import cache, coverage, markets

    market = markets.market_of(series.symbol)
    period = PERIODS.get(series.interval, "days")
    name = (series.symbol, series.interval, series.source)
    for gap in coverage.measure(cache.load(series).bars, market, series.interval).gaps:
        missing = f"{gap.days} whole {period}" if gap.days else "within a day"
        ends = [f"{moment:%Y-%m-%d %H:%M}" for moment in (gap.first, gap.last)]
        yield (*name, missing, *ends, f"{gap.bars:,}")


def _extent(bars: pl.DataFrame) -> list[str]:
    """Return how many bars there are, and the first and last time."""
    ends = bars["time"][[0, -1]].to_list() if len(bars) else []
    return [f"{len(bars):,}", *(f"{moment:%Y-%m-%d %H:%M}" for moment in ends)]


def _month_row(line: Line) -> tuple[str, ...]:
    return (line.symbol, line.interval, line.source, line.month, line.number)


def _print_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print rows below a header, stamped if the third column, the source, is the sandbox."""
    if not rows:
        return
    click.echo(console.table(header, rows))
    if any(row[2] == "sandbox" for row in rows):
        click.echo(console.SYNTHETIC)
