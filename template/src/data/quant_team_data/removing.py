"""Taking an import away, and what was computed from it."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from quant_team_data import cache, lock
from quant_team_data.importing import ImportFileError, vendor
from quant_team_data.lock import Line
from quant_team_data.markets import canonical
from quant_team_data.series import IMPORT, Series
from quant_team_utils import files
from quant_team_utils.errors import QuantError
from quant_team_utils.paths import project_root

RESULTS = "results"


class Uses(NamedTuple):
    """What speaks of a series.

    Attributes:
        results: files in results/, relative to the project, in order.
        lines: of data.lock.
    """

    results: list[str]
    lines: list[Line]


def find(symbol: str, source: str, interval: str | None = None) -> list[Series]:
    """Return the imports of a symbol that the cache holds.

    Args:
        symbol: TickDB's spelling.
        source: "import:" and the name of the vendor.
        interval: one of `markets.INTERVALS`; default: all.

    Raises:
        ImportFileError: the source is not an import, or there are no such bars.
    """
    if not source.startswith(IMPORT):
        raise ImportFileError(
            f"The source {source!r} is not an import: name it as in --source import:acme; bars of "
            "TickDB are fetched again with `quant data fetch --refresh`."
        )
    name = IMPORT + vendor(source)
    found = []
    for series in cache.stored_series():
        is_wanted = interval in (None, series.interval)
        if is_wanted and (series.source, series.symbol) == (name, canonical(symbol)):
            found.append(series)
    if not found:
        bars = f"{interval} bars" if interval else "bars"
        raise ImportFileError(
            f"The cache has no {bars} of {symbol} from {name}: check the symbol and the source."
        )
    return found


def uses(series: Series) -> Uses:
    """Return which results were computed from a series, and which lines of data.lock name it.

    Raises:
        LockError: data.lock cannot be read.
    """
    root = project_root()
    results = []
    for path in sorted(root.glob(f"{RESULTS}/*/*.yaml")):
        if _has_used(path, series):
            results.append(path.relative_to(root).as_posix())
    lines = [line for line in lock.read().values() if line.series == series]
    return Uses(results, lines)


def remove(series: Series) -> None:
    """Take a series out of the cache; results and data.lock stay as they are.

    Raises:
        FileError: the file cannot be removed.
    """
    with files.locked(series.path):
        try:
            series.path.unlink(missing_ok=True)
        except OSError as error:
            raise files.FileError(
                f"Cannot remove {series.path} ({error.strerror}): make it a file that you own."
            ) from None


# Details


def _has_used(path: Path, series: Series) -> bool:
    """Tell whether a result, by what its file says, used a series; a broken file says nothing."""
    from quant_team_utils import strict_yaml

    try:
        record = strict_yaml.parse(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, QuantError):
        return False
    if not isinstance(record, dict) or record.get("source") != series.source:
        return False
    data = record.get("data")
    if not isinstance(data, dict):
        return False
    if series.symbol not in {canonical(str(symbol)) for symbol in data}:
        return False
    config = record.get("backtest_config")
    interval = config.get("interval") if isinstance(config, dict) else None
    return interval in (None, series.interval)
