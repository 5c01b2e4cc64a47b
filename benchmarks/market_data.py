"""What market data costs: many symbols over the network, decoding, and reading again from the
cache.

    python benchmarks/market_data.py [PART ...]     the parts are network, plan, decode, cache; all
    unless named

It makes an environment with the team's pins, and runs itself in it, on the client of `template/`.
"""

from __future__ import annotations

import http.client
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from queue import SimpleQueue
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks import canned_server  # noqa: E402
from benchmarks.canned_server import BARS, FIRST, MINUTE, PAGE  # noqa: E402

SYMBOLS = [f"S{number}.US" for number in range(200)]
CONNECTIONS = 16
DELAY = 50  # ms
STOP = FIRST + BARS * MINUTE
PARTS = ("network", "plan", "decode", "cache")


def table(
    title: str, rows: dict[str, float], base: str, limits: dict[str, tuple[str, float]]
) -> bool:
    """Print seconds and their ratio to a base row; return whether every ratio is at least or at
    most its limit.
    """
    print(f"\n{title}\n\n| variant | s | x {base} | limit |\n|---|---|---|---|")
    kept = True
    for name, seconds in rows.items():
        ratio = seconds / rows[base]
        sign, limit = limits.get(name, ("", 0.0))
        kept = kept and (not sign or (ratio <= limit if sign == "<=" else ratio >= limit))
        print(f"| {name} | {seconds:.3f} | {ratio:.2f} | {f'{sign} {limit}' if sign else ''} |")
    return kept


def median(
    action: Callable[[], object], rounds: int, clock: Callable[[], float] = time.perf_counter
) -> float:
    """Return the median seconds of an action."""
    seconds = []
    for _ in range(rounds):
        before = clock()
        action()
        seconds.append(clock() - before)
    return statistics.median(seconds)


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


def article(port: int) -> None:
    """Ask as the article does: one `requests.get` after the other, each with a connection of its
    own.
    """
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

    query = ["&".join(f"{name}={value}" for name, value in page.items()) for page in pages()]
    targets = [f"/v1/market/kline?symbol={symbol}&{q}" for symbol in SYMBOLS for q in query]
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
            "the article's client": median(lambda: article(port), 1),
            "16 connections, bytes only": median(lambda: floor(port), 3),
            "shared client, limiter off": median(lambda: client(port, "unlimited"), 3),
        }
    title = f"{len(SYMBOLS)} symbols x {BARS // PAGE} pages at {DELAY} ms (wall, medians)"
    kept = table(
        title, rows, "16 connections, bytes only", {"shared client, limiter off": ("<=", 1.6)}
    )
    gain = rows["the article's client"] / rows["shared client, limiter off"]
    print(f"\nThe shared client is {gain:.1f} times the article's (limit >= 11).")
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
    from quant_team_data import data_client

    bodies = [
        canned_server.body(s, n, n + PAGE).partition(b"\r\n\r\n")[2]
        for s in ["A"]
        for n in range(0, BARS, PAGE)
    ]
    bodies *= 1_000_000 // BARS

    class Response:
        status_code = 200

        def __init__(self, content: bytes) -> None:
            self.content = content

    def ours() -> None:
        count = 0
        for start in range(0, len(bodies), BARS // PAGE):  # a series has five pages
            pages = [
                data_client._columns(Response(body), "A")
                for body in bodies[start : start + BARS // PAGE]
            ]
            whole = [
                list(chain.from_iterable(page[n] for page in pages))
                for n in range(len(data_client.COLUMNS))
            ]
            count += len(data_client._frame(whole))
        assert count == 1_000_000

    def typed(klines: list[dict[str, Any]]) -> Any:
        frame = pd.DataFrame(klines)
        frame = frame.astype({name: float for name in frame.columns if name != "time"})
        frame["time"] = pd.to_datetime(frame["time"], unit="ms", utc=True)
        return frame

    def by_page() -> None:
        frames = [typed(json.loads(body)["data"]["klines"]) for body in bodies]
        assert len(pd.concat(frames)) == 1_000_000

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
    return table(
        "1,000,000 bars decoded (CPU, medians)", rows, "client, validated, to polars", limits
    )


def cache() -> bool:
    """Measure 1,000,000 bars in 200 series, read again."""
    import polars as pl
    from quant_team_data import cache

    times = pl.Series("time", range(FIRST, STOP, MINUTE)).cast(pl.Datetime("ms", "UTC"))
    price = pl.Series([100 + number % 977 / 10 for number in range(BARS)])
    frame = pl.DataFrame(
        {
            "time": times,
            "open": price,
            "high": price + 0.5,
            "low": price - 0.5,
            "close": price + 0.1,
            "volume": price,
        }
    )
    series = [cache.Series("import:bench", "stock", symbol, "1m") for symbol in SYMBOLS]
    start, stop = (datetime.fromtimestamp(moment / 1000, UTC) for moment in (FIRST, STOP))
    for one in series:
        cache.read_through(
            one,
            start,
            stop,
            lambda first, last: frame.filter(pl.col("time").is_between(first, last, "left")),
        )
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


def main(arguments: list[str]) -> int:
    """Run the parts in an environment of their own, and return 1 if a limit is exceeded."""
    parts = arguments or list(PARTS)
    if "QUANT_BENCHMARK" in os.environ:
        kept = [globals()[part]() for part in parts]
        return 0 if all(kept) else 1
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "home").mkdir()
        (folder / ".copier-answers.yml").write_text("{}\n", encoding="utf-8")
        python = folder / "venv" / ("Scripts" if os.name == "nt" else "bin") / "python"
        uv = [sys.executable, "-m", "uv"]
        subprocess.run(
            [*uv, "venv", "--quiet", "--python", sys.executable, str(folder / "venv")], check=True
        )
        pins = [
            line
            for line in (ROOT / "template" / "requirements.txt").read_text().splitlines()
            if "==" in line
        ]
        (folder / "pins.txt").write_text("\n".join(pins), encoding="utf-8")
        install = [*uv, "pip", "install", "--quiet", "--compile-bytecode", "--python", str(python)]
        subprocess.run([*install, "-r", str(folder / "pins.txt"), "requests"], check=True)
        rooms = [str(ROOT / "template" / "src" / room) for room in ("data", "utils")]
        environment = {
            **os.environ,
            "QUANT_BENCHMARK": "1",
            "QUANT_ROOT": str(folder),
            "HOME": str(folder / "home"),
            "PYTHONPATH": os.pathsep.join([*rooms, str(ROOT / "template")]),
        }
        return subprocess.run(
            [str(python), __file__, *parts], env=environment, check=False
        ).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
