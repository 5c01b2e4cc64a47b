"""data.lock loses no agreement, however many processes write it at once."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from quant_team_data import cache, lock
from quant_team_data.messages import SCHEMA, VALUES
from quant_team_data.series import Series

NOW = datetime(2024, 3, 15, 12, tzinfo=UTC)
FIRST = datetime(2024, 1, 1, tzinfo=UTC)
SYMBOLS = ["AAPL.US", "MSFT.US", "NVDA.US", "700.HK", "BTCUSDT", "EURUSD"]
SOURCES = ["import:a", "import:b", "import:c"]

# Ready, wait for the start, then agree to one series after the other.
CHILD = """
import sys
from datetime import UTC, datetime
from quant_team_data import lock
from quant_team_data.series import Series

symbol, *sources = sys.argv[1:]
print("ready", flush=True)
sys.stdin.readline()
for source in sources:
    series = Series.of(source, symbol, "1d")
    lock.lock([series], who="alice", now=datetime(2024, 3, 15, 12, tzinfo=UTC))
"""


def fill(series: Series) -> None:
    times = [FIRST + timedelta(days=number) for number in range(10)]
    columns = {name: [1.0] * len(times) for name in VALUES}
    cache.put(series, pl.DataFrame({"time": times, **columns}, schema=SCHEMA), now=NOW)


def start(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", CHILD, *arguments],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def test_six_processes_lock_six_symbols_and_all_stand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All start at once, each writes three times: every line is there, and the same."""
    monkeypatch.setenv("QUANT_ROOT", str(tmp_path))
    wanted = [Series.of(source, symbol, "1d") for symbol in SYMBOLS for source in SOURCES]
    for series in wanted:
        fill(series)
    running = [start(symbol, *SOURCES) for symbol in SYMBOLS]
    for process in running:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in running:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    for process in running:
        process.communicate(timeout=60)
    assert [process.returncode for process in running] == [0] * len(SYMBOLS)
    assert {series for series, _ in lock.read()} == set(wanted)
    assert {state for _, state in lock.verify()} == {"same"}
    assert not list(tmp_path.glob("*.tmp"))
