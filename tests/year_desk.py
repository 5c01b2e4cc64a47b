"""One process of the team's environment that calls public functions of the product, for volume.

A process for each logged run and each fetched symbol would be too dear for a year of them. Here
the day is also the script's, not the clock's.
"""

from __future__ import annotations

import json
import os
import subprocess
import threading
from pathlib import Path

from tests.conftest import TeamEnvironment

PROGRAM = """
import json, os, sys
from datetime import datetime
from pathlib import Path

from quant_team_backtest import results
from quant_team_backtest.result import Result
from quant_team_data import data_client, lock
from quant_team_data.series import Series


def log(order):
    moment = order["now"]
    result = Result(
        strategy=order["name"],
        date=moment[:10],
        timestamp=moment,
        analyst=order["who"],
        source="sandbox",
        parameters={"lookback": order["number"]},
        backtest_config={"symbols": ["AAPL.US"]},
        results={"sharpe_ratio": order["number"] / 7},
    )
    return str(results.write(Path("results"), "momentum", order["name"], result)[0])


def agree(order):
    done = data_client.fetch_many([order["symbol"]], "1d", order["start"], order["end"])
    assert not done.errors, done.errors
    series = Series.of("sandbox", order["symbol"], "1d")
    now = datetime.fromisoformat(order["now"])
    return len(lock.lock([series], who=order["who"], now=now))


for line in sys.stdin:
    order = json.loads(line)
    os.environ["QUANT_ROOT"] = order["root"]
    os.chdir(order["root"])
    print("done:" + json.dumps({"log": log, "agree": agree}[order["do"]](order)), flush=True)
"""


class Desk:
    """The process; one order at a time."""

    def __init__(self, environment: TeamEnvironment, code: Path) -> None:
        """Start it with the code of a copy that nobody changes."""
        variables = {**os.environ, **environment.environment(code), "TICKDB_BASE_URL": "sandbox"}
        self._lock = threading.Lock()
        self._process = subprocess.Popen(
            [environment.bin / "python", "-c", PROGRAM],
            cwd=code,
            env=variables,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            encoding="utf-8",
        )

    def order(self, **order: object) -> object:
        """Have something done and return what came of it."""
        with self._lock:
            assert self._process.stdin
            assert self._process.stdout
            self._process.stdin.write(json.dumps(order) + "\n")
            self._process.stdin.flush()
            answer = "-"
            while answer and not answer.startswith("done:"):
                answer = self._process.stdout.readline()
        assert answer, "the desk has stopped; its error is above"
        return json.loads(answer.removeprefix("done:"))

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin
        self._process.stdin.close()
        self._process.wait()
