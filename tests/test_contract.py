"""The served sandbox keeps to the project's own contract file, whatever is asked."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.conftest import TeamEnvironment, run

CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
)
SYMBOLS = [
    "AAPL.US",
    "700.HK",
    "00700.HK",
    "600519.SH",
    "000001",
    "BTCUSDT",
    "EURUSD",
    "NOSUCHTHING.US",
    "?",
    "",
]


@pytest.fixture
def address(default_team: Path, team_environment: TeamEnvironment) -> Iterator[str]:
    """Serve the sandbox as `quant sandbox` does, on a free port, and return its address."""
    program = shutil.which("quant", path=str(team_environment.bin))
    assert program
    server = subprocess.Popen(
        [program, "sandbox", "--port", "0"],
        cwd=default_team,
        env={**os.environ, **team_environment.environment(default_team), "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert server.stdout
        yield server.stdout.readline().split()[2].rstrip(":")
    finally:
        server.kill()
        server.communicate()


@pytest.mark.full
def test_the_sandbox_keeps_to_the_contract(
    address: str, default_team: Path, tmp_path: Path
) -> None:
    """Hundreds of invented requests, right and wrong: no crash, every answer documented, no data
    without a key.
    """
    contract = yaml.safe_load((default_team / "tests" / "tickdb.yaml").read_text(encoding="utf-8"))
    # With any text as a symbol, nearly all answers would be "not found".
    parameters = contract["components"]["parameters"]
    parameters["symbol"]["schema"] = {"enum": SYMBOLS}
    parameters["symbols"]["schema"] = {
        "enum": [*SYMBOLS, "AAPL.US,BTCUSDT", ",".join(["AAPL.US"] * 51)]
    }
    (tmp_path / "tickdb.yaml").write_text(yaml.safe_dump(contract), encoding="utf-8")
    command = [sys.executable, "-m", "schemathesis.cli", "run", "tickdb.yaml", "--url", address]
    command += [
        "-H",
        "X-API-Key: sandbox-key",
        "-c",
        ",".join((*CHECKS, "ignored_auth")),
        "-n",
        "30",
        "--seed",
        "1",
    ]
    done = run(*command, cwd=tmp_path)
    assert "Tested: 11" in done.stdout
