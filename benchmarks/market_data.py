"""What market data costs.

Many symbols over the network, decoding, reading again from the cache, an import, a whole backtest.

    python benchmarks/market_data.py [PART ...]

The parts are network, plan, decode, cache, import and run; default: all. It makes an environment
with the team's pins and a team repository, and runs itself in it, on the code of `template/`.
"""

from __future__ import annotations

import http.client
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from queue import SimpleQueue
from typing import Any
from urllib.parse import urlencode

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks import canned_server, import_bars, measure  # noqa: E402
from benchmarks.canned_server import BARS, FIRST, MINUTE, PAGE  # noqa: E402
from benchmarks.measure import median, table  # noqa: E402

SYMBOLS = [f"S{number}.US" for number in range(200)]
CONNECTIONS = 16
DELAY = 50  # ms
STOP = FIRST + BARS * MINUTE
PARTS = ("network", "plan", "decode", "cache", "import", "run")
ABOVE_FLOOR = 0.2  # seconds of CPU that a backtest may cost beyond its imports


@contextmanager
def server(delay: int) -> Iterator[int]:
    """Serve canned bytes in a process of its own, and yield the port."""
    command = [sys.executable, str(Path(canned_server.__file__)), "0", str(delay)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    try:
        assert process.stdout
        yield int(process.stdout.readline().split()[-1])
    finally:
        process.kill()
        process.communicate()


def pages() -> list[dict[str, int | str]]:
    """Return what has to be asked for one symbol, without it."""
    step = PAGE * MINUTE
    return [
        {"interval": "1m", "limit": PAGE, "start_time": start, "end_time": start + step}
        for start in range(FIRST, STOP, step)
    ]


def naive(port: int) -> None:
    """Ask with one `requests.get` after the other, each over a connection of its own."""
    import requests

    for symbol in SYMBOLS:
        for page in pages():
            response = requests.get(
                f"http://127.0.0.1:{port}/v1/market/kline",
                headers={"X-API-Key": "k"},
                params={"symbol": symbol, **page},
                timeout=(3.05, 10),
            )
            assert len(response.json()["data"]["klines"]) == PAGE


def floor(port: int) -> None:
    """Read the same bytes over sixteen kept connections, and do nothing with them."""
    connections: SimpleQueue[http.client.HTTPConnection] = SimpleQueue()
    for _ in range(CONNECTIONS):
        connections.put(http.client.HTTPConnection("127.0.0.1", port))

    def read(target: str) -> None:
        connection = connections.get()
        connection.request("GET", target)
        connection.getresponse().read()
        connections.put(connection)

    targets = []
    for symbol in SYMBOLS:
        for page in pages():
            query = urlencode({"symbol": symbol, **page})
            targets.append(f"/v1/market/kline?{query}")
    with ThreadPoolExecutor(CONNECTIONS) as pool:
        list(pool.map(read, targets))


def client(port: int, plan: str) -> None:
    """Ask through the shared client: threads, kept connections, decoded and validated frames."""
    from quant_team_data.data_client import TickDBClient

    shared = TickDBClient(f"http://127.0.0.1:{port}", "k", plan=plan)
    start, stop = (datetime.fromtimestamp(moment / 1000, UTC) for moment in (FIRST, STOP))
    result = shared.frames(SYMBOLS, "1m", start, stop)
    assert not result.errors
    assert sum(len(frame) for frame in result.data.values()) == BARS * len(SYMBOLS)


def network() -> bool:
    """Measure 200 symbols x 5 pages, limiter off."""
    with server(DELAY) as port:
        client(port, "unlimited")  # imports and the canned bytes
        rows = {
            "one requests.get a page": median(lambda: naive(port), 1),
            "16 connections, bytes only": median(lambda: floor(port), 3),
            "shared client, limiter off": median(lambda: client(port, "unlimited"), 3),
        }
    title = f"{len(SYMBOLS)} symbols x {BARS // PAGE} pages at {DELAY} ms (wall, medians)"
    kept = table(
        title, rows, "16 connections, bytes only", {"shared client, limiter off": ("<=", 1.6)}
    )
    gain = rows["one requests.get a page"] / rows["shared client, limiter off"]
    print(f"\nThe shared client is {gain:.1f} times as fast as requests (limit >= 11).")
    return kept and gain >= 11


def plan() -> bool:
    """Measure the same with the professional plan, where the limiter and not the client decides."""
    with server(DELAY) as port:
        seconds = median(lambda: client(port, "professional"), 1)
    calls = len(SYMBOLS) * BARS // PAGE
    print(f"\nProfessional plan: {calls} calls in {seconds:.0f} s, of 600 a minute kept to 540.")
    return seconds > 55


def decode() -> bool:
    """Measure 1,000,000 bars from bytes to validated columns."""
    import pandas as pd
    import polars as pl
    from quant_team_data import klines, messages

    bodies = []
    for first in range(0, BARS, PAGE):
        response = canned_server.body("A", first, first + PAGE)
        bodies.append(response.partition(b"\r\n\r\n")[2])
    series = len(bodies)
    bodies *= 1_000_000 // BARS
    decoder = messages.decoder(messages.Klines)
    asked = klines.Asked("A", "1m", low=FIRST, high=STOP)

    def ours() -> None:
        count = 0
        for start in range(0, len(bodies), series):
            part = bodies[start : start + series]
            pages = [klines.checked(decoder.decode(body).data, asked) for body in part]
            count += len(pl.concat(pages))
        assert count == 1_000_000

    def typed(klines: list[dict[str, Any]]) -> Any:
        frame = pd.DataFrame(klines)
        frame = frame.astype({name: float for name in frame.columns if name != "time"})
        frame["time"] = pd.to_datetime(frame["time"], unit="ms", utc=True)
        return frame

    def by_page() -> None:
        whole = pd.concat([typed(json.loads(body)["data"]["klines"]) for body in bodies])
        assert len(whole) == 1_000_000

    def at_once() -> None:
        klines: list[dict[str, Any]] = []
        for body in bodies:
            klines += json.loads(body)["data"]["klines"]
        assert len(typed(klines)) == 1_000_000

    rows = {
        "client, validated, to polars": median(ours, 5, time.process_time),
        "json, to pandas, page by page": median(by_page, 3, time.process_time),
        "json, to pandas, all at once": median(at_once, 3, time.process_time),
    }
    limits = {"json, to pandas, page by page": (">=", 7.0)}
    title = "1,000,000 bars decoded (CPU, medians)"
    return table(title, rows, "client, validated, to polars", limits)


def made_up() -> Any:
    """Return the bars of one symbol as a frame."""
    import polars as pl

    times = pl.Series("time", range(FIRST, STOP, MINUTE)).cast(pl.Datetime("ms", "UTC"))
    price = pl.Series([100 + number % 977 / 10 for number in range(BARS)])
    return pl.DataFrame(
        {
            "time": times,
            "open": price,
            "high": price + 0.5,
            "low": price - 0.5,
            "close": price + 0.1,
            "volume": price,
        }
    )


def cache() -> bool:
    """Measure 1,000,000 bars in 200 series, read again."""
    import polars as pl
    from quant_team_data import cache
    from quant_team_data.series import Series

    frame = made_up()
    series = [Series("tickdb", "stock", symbol, "1m") for symbol in SYMBOLS]
    start, stop = (datetime.fromtimestamp(moment / 1000, UTC) for moment in (FIRST, STOP))

    def give(first: datetime, last: datetime) -> pl.DataFrame:
        return frame.filter(pl.col("time").is_between(first, last, "left"))

    for one in series:
        cache.read_through(one, start, stop, give)
    files = sorted((Path(os.environ["QUANT_ROOT"]) / "data").rglob("*.parquet"))
    assert len(files) == len(SYMBOLS)

    def refuse(first: datetime, last: datetime) -> pl.DataFrame:
        raise AssertionError("a warm cache makes no request")

    def ours() -> None:
        assert (
            sum(len(cache.read_through(one, start, stop, refuse).bars) for one in series)
            == 1_000_000
        )

    def bare() -> None:
        assert sum(len(pl.read_parquet(path)) for path in files) == 1_000_000

    ours()
    bare()
    rounds: dict[str, list[float]] = {"polars.read_parquet": [], "cache, warm": []}
    for _ in range(9):
        rounds["polars.read_parquet"].append(median(bare, 1))
        rounds["cache, warm"].append(median(ours, 1))
    rows = {name: statistics.median(seconds) for name, seconds in rounds.items()}
    limits = {"cache, warm": ("<=", 1.5)}
    return table(
        "1,000,000 bars in 200 series, read again (wall, medians)",
        rows,
        "polars.read_parquet",
        limits,
    )


def run() -> bool:
    """Measure `quant run momentum --no-log` on cached bars of the sandbox, against its imports."""
    team = measure.team()
    assert team
    os.environ |= {"QUANT_ROOT": str(team), "TICKDB_BASE_URL": "sandbox"}
    front = "from quant_team_cli.main import main; main()"
    backtest = [sys.executable, "-c", front, "run", "momentum", "--no-log"]
    imports = [sys.executable, "-c", "import polars, numpy"]
    figures = measure.interleave(
        {
            "import polars, numpy": lambda _: measure.run(*imports, cwd=team),
            "quant run momentum --no-log": lambda _: measure.run(*backtest, cwd=team),
        },
        9,
    )
    floor, whole = (statistics.median(seconds) for seconds in figures.values())
    kept = measure.report("A backtest", figures, "import polars, numpy", {})
    print(f"\nA backtest costs {whole - floor:.2f} s above its imports (limit <= {ABOVE_FLOOR}).")
    return kept and whole - floor <= ABOVE_FLOOR


def main(arguments: list[str]) -> int:
    """Run the parts in an environment of their own, and return 1 if a limit is exceeded."""
    parts = arguments or list(PARTS)
    if measure.team() is None:
        return measure.in_team_environment(__file__, parts, "requests")
    kept = [import_bars.measured() if part == "import" else globals()[part]() for part in parts]
    return 0 if all(kept) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
