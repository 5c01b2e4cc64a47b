"""A TickDB that only knows how to wait: the same 5,000 minute bars for any symbol, after a delay.

    python benchmarks/canned_server.py PORT [DELAY_MS]

It runs in a process of its own, so that the client's CPU is the client's. It is not a sandbox: no
errors, no sessions.
"""

from __future__ import annotations

import asyncio
import json
import sys
from functools import cache
from urllib.parse import parse_qs, urlsplit

FIRST = 1_700_000_040_000  # ms UTC, a whole minute
MINUTE = 60_000
BARS, PAGE = 5000, 1000


def bar(index: int) -> dict[str, object]:
    """Return one bar as TickDB writes it: prices as strings."""
    price = 100 + index % 977 / 10
    return {
        "time": FIRST + index * MINUTE,
        "open": f"{price:.2f}",
        "high": f"{price + 0.5:.2f}",
        "low": f"{price - 0.5:.2f}",
        "close": f"{price + 0.1:.2f}",
        "volume": str(1000 + index % 313),
        "quote_volume": f"{price * 1000:.2f}",
    }


@cache
def klines(first: int, last: int) -> bytes:
    """Return the bars first..last-1 as JSON."""
    return json.dumps([bar(index) for index in range(first, last)]).encode()


def body(symbol: str, first: int, last: int) -> bytes:
    """Return the whole response for the bars first..last-1."""
    data = json.dumps({"symbol": symbol, "type": "stock", "interval": "1m"})[:-1].encode()
    bars = klines(first, last)
    text = b'{"code": 0, "message": "success", "data": %b, "klines": %b}}' % (data, bars)
    head = (
        f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(text)}\r\n\r\n"
    )
    return head.encode() + text


def answer(target: str) -> bytes:
    """Return the newest page of the range that a request asks for; symbols share their bars."""
    query = parse_qs(urlsplit(target).query)
    asked = {name: int(values[0]) for name, values in query.items() if values[0].isdigit()}
    start = _index(asked.get("start_time", FIRST))
    stop = _index(asked.get("end_time", FIRST + BARS * MINUTE))
    last = min(max(stop, 0), BARS)
    limit = min(asked.get("limit", 100), PAGE)
    first = max(start, last - limit, 0)
    (symbol,) = query.get("symbol", ["AAPL.US"])
    return body(symbol, first, max(first, last))


def _index(time: int) -> int:
    """Return the index of the first bar that opens at a time or after it."""
    return -(-(time - FIRST) // MINUTE)


async def serve(port: int, delay: float) -> None:
    """Answer on a loopback port until the process is ended."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                target = head.split(b" ", 2)[1].decode()
                await asyncio.sleep(delay)
                writer.write(answer(target))
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", port)
    print(f"ready on {server.sockets[0].getsockname()[1]}", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), float(sys.argv[2] if len(sys.argv) > 2 else 50) / 1000))
