"""This room's part of the `quant` command: the sandbox as a server, and doctor's look at the market data."""

from __future__ import annotations

import json
import logging
import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlsplit

import click

from quant_team_data.errors import AuthError, ConfigError, TickDBError, TransportError
from quant_team_utils.errors import QuantError

if TYPE_CHECKING:
    from quant_team_cli.doctor import Check

PROBE = "AAPL.US"
NAME = "market data"


class PortError(QuantError):
    """The port cannot be used."""


class Server(ThreadingHTTPServer):
    """The sandbox behind a port of this machine, for anything that speaks HTTP."""

    daemon_threads = True
    allow_reuse_address = os.name == "posix"  # elsewhere it would let two servers share a port

    def __init__(self, port: int) -> None:
        super().__init__(("127.0.0.1", port), Handler)


class Handler(BaseHTTPRequestHandler):
    """Passes each GET to the sandbox; any key that starts with `sandbox` will do."""

    def do_GET(self) -> None:
        from quant_team_data import sandbox

        url = urlsplit(self.path)
        headers = {name.lower(): value for name, value in self.headers.items()}
        self._send(*sandbox.answer(url.path, dict(parse_qsl(url.query)), headers, key_needed=True))

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Refuse what is no GET as the service does, in JSON and with 405."""
        status = 405 if code == 501 else int(code)
        self._send(status, {"code": status, "message": message or "Bad request"})

    def _send(self, status: int, body: object) -> None:
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:
        logging.getLogger(__name__).info(format, *args)


@click.command(
    help="Serve the local TickDB on 127.0.0.1 until Ctrl-C: synthetic prices in the real protocol."
)
@click.option(
    "--port",
    default=8765,
    show_default=True,
    type=click.IntRange(0, 65535),
    help="0 picks a free one.",
)
def sandbox(port: int) -> None:
    """Serve until Ctrl-C.

    Raises:
        PortError: the port is taken, or this user may not use it.
    """
    try:
        server = Server(port)
    except OSError as error:
        raise PortError(
            f"Port {port} of 127.0.0.1 cannot be used ({error.strerror}): stop what uses it, or choose another with "
            f"`quant sandbox --port {port + 1 if 1023 < port < 65535 else 8765}`."
        ) from None
    with server:
        address = f"http://127.0.0.1:{server.server_port}"
        click.echo(
            f"Sandbox at {address}: SYNTHETIC prices. Ctrl-C stops it. To use it, write in .env:"
        )
        click.echo(f"TICKDB_BASE_URL={address}")
        click.echo("TICKDB_API_KEY=sandbox-key")
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            click.echo("Sandbox stopped.")


def check_service(root: Path) -> Check:
    """Ask the market-data service once, as `quant doctor` does: is it there, and does it take the key?"""
    from quant_team_data import data_client
    from quant_team_cli.doctor import Check

    try:
        client, source = data_client.client(), data_client.source()
        client.get("/v1/market/intervals/kline", {}, max_retries=0)
        client.get("/v1/market/kline/latest", {"symbols": PROBE, "interval": "1m"}, max_retries=0)
    except (AuthError, ConfigError) as error:
        variable = "TICKDB_API_KEY" if isinstance(error, AuthError) else "TICKDB_BASE_URL"
        return Check(
            NAME, "fail", str(error), f"correct {variable} in {root / '.env'}, then `quant doctor`"
        )
    except TransportError as error:
        return Check(
            NAME,
            "fail",
            str(error),
            "`quant doctor` with the network back, or TICKDB_BASE_URL=sandbox",
        )
    except TickDBError as error:
        return Check(NAME, "fail", str(error), "`quant -v doctor` in a few minutes")
    if source == "sandbox":
        return Check(
            NAME, "ok", data_client.notice() or f"{client.base_url} answers: prices are SYNTHETIC"
        )
    return Check(NAME, "ok", f"{client.base_url} answers and takes the key")
