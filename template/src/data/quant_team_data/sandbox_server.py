"""The sandbox behind a port of this machine, for anything that speaks HTTP."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from quant_team_data import sandbox
from quant_team_data.answers import SANDBOX_SERVER
from quant_team_utils.errors import QuantError

HOST = "127.0.0.1"
PORT = 8765  # default

# Takes path, parameters and headers (names in lower case); returns HTTP status and body.
Answer = Callable[[str, Mapping[str, str], Mapping[str, str]], tuple[int, dict[str, Any]]]

logger = logging.getLogger(__name__)


class PortError(QuantError):
    """The port cannot be used."""


class Server(ThreadingHTTPServer):
    """Serves the sandbox on 127.0.0.1; `serve_forever` runs it, `server_port` is its port.

    Args:
        port: 0 picks a free one.
        answer: what answers; default: `sandbox.answer` by the clock, for any key `sandbox...`.

    Raises:
        PortError: the port is taken, or this user may not use it.
    """

    daemon_threads = True
    allow_reuse_address = os.name == "posix"  # elsewhere it would let two servers share a port

    def __init__(
        self,
        port: int,
        answer: Answer | None = None,
    ) -> None:
        self.answer = answer or _answer_with_key
        try:
            super().__init__((HOST, port), Handler)
        except OSError as error:
            other = port + 1 if 1023 < port < 65535 else PORT
            raise PortError(
                f"Port {port} of {HOST} cannot be used ({error.strerror}): stop what uses it, "
                f"or choose another with `quant sandbox --port {other}`."
            ) from None


class Handler(BaseHTTPRequestHandler):
    """Passes each GET to the sandbox."""

    server: Server
    server_version = SANDBOX_SERVER  # by it, the client knows that the prices are synthetic
    sys_version = ""

    def do_GET(self) -> None:
        """Answer a GET; what goes wrong here is the service's internal error, never a lost line."""
        try:
            url = urlsplit(self.path)
            headers = {name.lower(): value for name, value in self.headers.items()}
            status, body = self.server.answer(url.path, dict(parse_qsl(url.query)), headers)
            content = json.dumps(body).encode()
        except Exception:
            logger.exception("the sandbox failed at %s", self.path)
            self._send_json(500, {"code": 5000, "message": "Internal server error"})
        else:
            self._send(status, content)

    def send_error(
        self,
        code: int,
        message: str | None = None,
        explain: str | None = None,
    ) -> None:
        """Reject what is not a GET as the service does, in JSON and with 405."""
        status = 405 if code == 501 else int(code)
        self._send_json(status, {"code": status, "message": message or "Bad request"})

    def log_message(self, format: str, *args: object) -> None:
        """Log a request as everything else is logged."""
        logger.info(format, *args)

    def _send_json(
        self,
        status: int,
        body: dict[str, Any],
    ) -> None:
        self._send(status, json.dumps(body).encode())

    def _send(
        self,
        status: int,
        content: bytes,
    ) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


def _answer_with_key(
    path: str,
    params: Mapping[str, str],
    headers: Mapping[str, str],
) -> tuple[int, dict[str, Any]]:
    return sandbox.answer(path, params, headers, key_needed=True)
