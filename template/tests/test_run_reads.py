"""A run reads each file of the cache once."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner

from quant_team_backtest.commands import run
from quant_team_data import cache, lock

SYMBOLS = ["AAPL.US", "MSFT.US"]


@contextmanager
def counting(opened: Counter[str]) -> Iterator[None]:
    """Count how often this process opens each Parquet file."""
    is_on = True

    def note(event: str, arguments: tuple[object, ...]) -> None:
        name = str(arguments[0]) if event == "open" and is_on else ""
        if name.endswith(".parquet"):
            opened[Path(name).stem] += 1

    sys.addaudithook(note)
    try:
        yield
    finally:
        is_on = False


@pytest.mark.parametrize("is_locked", [False, True])
def test_a_warm_run_reads_each_file_once(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    is_locked: bool,
) -> None:
    """With bars in the cache, locked or not, one look at a file is enough."""
    monkeypatch.setenv("QUANT_ROOT", str(tmp_path))
    environments = tmp_path / "config" / "environments"
    environments.mkdir(parents=True)
    source = Path(__file__).resolve().parent.parent / "config" / "environments" / "research.yaml"
    (environments / "research.yaml").write_bytes(source.read_bytes())
    asked = ["momentum", "--no-log", "--symbols", ",".join(SYMBOLS)]
    asked += ["--start", "2024-01-02", "--end", "2024-06-28"]
    first = CliRunner().invoke(run, asked)
    assert first.exit_code == 0, first.output
    if is_locked:
        lock.lock(cache.stored_series(), who="alice")
    opened: Counter[str] = Counter()
    with counting(opened):
        again = CliRunner().invoke(run, asked)
    assert again.exit_code == 0, again.output
    assert opened == dict.fromkeys(SYMBOLS, 1)
