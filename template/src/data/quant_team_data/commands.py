"""This package's commands: `quant data` and `quant sandbox`."""

from __future__ import annotations

import click

from quant_team_data.fetch_command import fetch
from quant_team_data.import_commands import import_, remove
from quant_team_data.lock_commands import lock, verify
from quant_team_data.show_command import show

PROBE = "AAPL.US"
SANDBOX_PROBE = "BTCUSDT"  # trades without a calendar, which takes a second to read


@click.group()
def data() -> None:
    """Fetch, import, show, lock and verify market data."""
    from quant_team_data import data_client

    notice = data_client.notice()
    if notice:
        click.echo(notice, err=True)


for command in (fetch, import_, lock, remove, show, verify):
    data.add_command(command)


@click.command()
@click.option(
    "--port",
    default=8765,
    show_default=True,
    type=click.IntRange(0, 65535),
    help="Listen on this port of 127.0.0.1; 0 picks a free one.",
)
@click.option("--symbols", is_flag=True, help="List the symbols it knows; serve nothing.")
def sandbox(port: int, symbols: bool) -> None:
    """Serve the local TickDB until Ctrl-C.

    It speaks the real protocol, with synthetic prices of real symbols.
    """
    from quant_team_data import sandbox_server, sandbox_symbols

    if symbols:
        click.echo("\n".join(sandbox_symbols.LISTED))
        return
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
