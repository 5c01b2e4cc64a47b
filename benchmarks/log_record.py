"""What a log record costs through the formatter that redacts, beside a plain one.

    python benchmarks/log_record.py

It makes an environment with the team's pins, and runs itself in it, on the code of `template/`.
The exit code is 1 above the limit.
"""

from __future__ import annotations

import logging
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks import measure  # noqa: E402

LIMIT = 3.3  # for 17 patterns; 11 cost 2.8
ROUNDS = 15
RECORDS = 5_000
LINE = "fetched %d bars of %s from %s in %.2f s"
ARGUMENTS = (1258, "AAPL.US", "tickdb", 0.31)


def cost(formatter: logging.Formatter, record: logging.LogRecord) -> float:
    """Return the microseconds of CPU that a record costs."""
    before = time.process_time()
    for _ in range(RECORDS):
        formatter.format(record)
    return (time.process_time() - before) / RECORDS * 1e6


def compare() -> int:
    """Measure in turn, print a table, and return 1 if the limit is exceeded."""
    from quant_team_utils import log

    record = logging.LogRecord("quant_team_data.history", 20, "x.py", 1, LINE, ARGUMENTS, None)
    plain = logging.Formatter(log.FORMAT)
    ours = log.RedactingFormatter()
    with tempfile.TemporaryDirectory() as project:
        os.environ["QUANT_ROOT"] = project
        key = "TICKDB_API_KEY=not-a-key\n"
        (Path(project) / ".env").write_text(key, encoding="utf-8")
        rounds = [(cost(plain, record), cost(ours, record)) for _ in range(ROUNDS)]
    floor = statistics.median(first for first, _ in rounds)
    redacted = statistics.median(second for _, second in rounds)
    ratio = redacted / floor
    print("| formatter | CPU us | ratio | limit |\n|---|---|---|---|")
    print(f"| plain | {floor:.1f} | 1.00 | |")
    print(f"| redacting | {redacted:.1f} | {ratio:.2f} | {LIMIT} |")
    return int(ratio > LIMIT)


def main() -> int:
    """Compare in an environment of its own, and return 1 if the limit is exceeded."""
    if measure.team() is None:
        return measure.in_team_environment(__file__, [])
    return compare()


if __name__ == "__main__":
    sys.exit(main())
