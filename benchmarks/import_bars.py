"""What an import costs: the part `import` of market_data.py."""

from __future__ import annotations

import os
import statistics
import time
from pathlib import Path

from benchmarks.canned_server import FIRST, MINUTE
from benchmarks.measure import median, table


def measured() -> bool:
    """Measure the import of 1,000,000 rows of CSV, with all checks, into an empty cache."""
    import polars as pl
    from quant_team_data.importing import import_file

    count = 1_000_000
    stop = FIRST + count * MINUTE
    times = pl.Series("time", range(FIRST, stop, MINUTE)).cast(pl.Datetime("ms", "UTC"))
    price = pl.Series([100 + number % 977 / 10 for number in range(count)])
    columns = {
        "time": times.dt.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "open": price,
        "high": price + 0.5,
        "low": price - 0.5,
        "close": price + 0.1,
        "volume": price,
    }
    path = Path(os.environ["QUANT_ROOT"]) / "bars.csv"
    pl.DataFrame(columns).write_csv(path)

    def ours() -> None:
        report = import_file(path, "BTCUSDT", "1m", "acme", replace=True)
        assert len(report.bars) == count
        report.series.path.unlink()

    def bare() -> None:
        assert len(pl.read_csv(path)) == count

    ours()
    bare()
    rounds: dict[str, list[float]] = {"polars.read_csv": [], "import, all checks": []}
    for _ in range(9):
        rounds["polars.read_csv"].append(median(bare, 1, time.process_time))
        rounds["import, all checks"].append(median(ours, 1, time.process_time))
    rows = {name: statistics.median(seconds) for name, seconds in rounds.items()}
    limits = {"import, all checks": ("<=", 3.0)}
    return table("1,000,000 rows of CSV (CPU, medians)", rows, "polars.read_csv", limits)
