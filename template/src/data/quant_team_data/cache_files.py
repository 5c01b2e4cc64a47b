"""The files of the cache: bars and their manifest in one Parquet file, read whole or not at all.

A file of an older version is read, too. What that version only believed, taking an empty or a
short answer for the end of the bars, counts as not fetched.
"""

from __future__ import annotations

import contextlib
import functools
import io
import json
import logging
from dataclasses import asdict
from pathlib import Path
from typing import NamedTuple

import polars as pl

from quant_team_data import frames, proof
from quant_team_data.adding import UNKNOWN
from quant_team_data.frames import SCHEMA
from quant_team_data.markets import INTERVALS
from quant_team_data.ranges import Range, without
from quant_team_data.series import FOLDER, Series
from quant_team_utils import files
from quant_team_utils.errors import QuantError
from quant_team_utils.paths import project_root

VERSION = 2  # of the manifest; files before 0.5.0 name none
DAMAGED = (
    pl.exceptions.PolarsError,
    pl.exceptions.PanicException,
    KeyError,
    TypeError,
    ValueError,
)

logger = logging.getLogger(__name__)


class CacheError(QuantError):
    """The cache does not hold the requested bars, or cannot be used."""


class Stored(NamedTuple):
    """A file's content.

    Attributes:
        bars: a frame of `SCHEMA`, in time order.
        proven: the ranges that are proven, in order and apart.
        prices: of an import, whether its prices are "raw" or "adjusted", or "unknown".
        is_damaged: there is a file, but it cannot be used; so there are no bars.
    """

    bars: pl.DataFrame
    proven: list[Range]
    prices: str = UNKNOWN
    is_damaged: bool = False

    def lacks(
        self,
        low: int,
        high: int,
    ) -> list[Range]:
        """Return what is not proven of a range, in milliseconds UTC."""
        return without([(low, high)], self.proven)


def load(series: Series) -> Stored:
    """Return all that is stored of a series; a missing, damaged or foreign file counts as nothing.

    Raises:
        CacheError: the file may not be read.
    """
    path = series.path
    is_damaged = True
    try:
        content = path.read_bytes()  # once: bars and manifest of the same moment
        manifest = _manifest(content)
        bars = pl.read_parquet(content)
        if manifest.series == series and bars.schema == SCHEMA:
            stored = Stored(bars, manifest.proven, manifest.prices)
            is_old = manifest.version < VERSION
            return _of_older_version(series, stored) if is_old else stored
        _complain(path, series)
    except FileNotFoundError:
        is_damaged = False
    except OSError as error:
        raise CacheError(
            f"Cannot read {path} ({error.strerror}): make it a file that you own."
        ) from None
    except DAMAGED:
        _complain(path, series)
    return Stored(SCHEMA.to_frame(), [], is_damaged=is_damaged)


def save(series: Series, stored: Stored) -> None:
    """Write a file; the caller holds it, so drafts beside it are of writers that were killed.

    Raises:
        FileError: the file cannot be written.
    """
    path = series.path
    for draft in path.parent.glob(f".{path.name}.*.tmp"):
        draft.unlink(missing_ok=True)
    facts = {
        "series": asdict(series),
        "proven": stored.proven,
        "prices": stored.prices,
        "version": VERSION,
    }
    manifest = json.dumps(facts)
    content = io.BytesIO()
    stored.bars.write_parquet(content, compression="zstd", metadata={"quant": manifest})
    files.replace(path, content.getvalue())


def stored_series() -> list[Series]:
    """Return what the cache has files of, in order."""
    found = []
    for path in project_root().glob(f"{FOLDER}/*/*/*/*.parquet"):
        with contextlib.suppress(*DAMAGED):
            manifest = _manifest(path.read_bytes())
            found.append(manifest.series)
    return sorted(found)


# Details


class _Manifest(NamedTuple):
    """What a file says of itself; version 1 is that of the files that name none."""

    series: Series
    proven: list[Range]
    prices: str
    version: int


def _manifest(content: bytes) -> _Manifest:
    """Return the manifest of a file.

    Raises one of DAMAGED if the file is not of this cache.
    """
    if not content[:4] == content[-4:] == b"PAR1":
        raise ValueError("not a Parquet file")
    metadata = pl.read_parquet_metadata(io.BytesIO(content))
    manifest = json.loads(metadata["quant"])
    proven = [(low, high) for low, high in manifest["proven"]]
    return _Manifest(
        series=Series(**manifest["series"]),
        proven=proven,
        prices=manifest.get("prices", UNKNOWN),
        version=manifest.get("version", 1),
    )


def _of_older_version(series: Series, stored: Stored) -> Stored:
    """Return what may be believed of a file that an older version wrote; imports stay."""
    if series.is_imported or series.interval not in INTERVALS:
        return stored
    if frames.fault(stored.bars, series.interval) is not None:
        return Stored(SCHEMA.to_frame(), [])  # it kept the vendor's stamps
    proven = proof.still_proven(series, stored.bars, stored.proven)
    return stored._replace(proven=proven)


@functools.cache  # once is enough
def _complain(path: Path, series: Series) -> None:
    again = "import it again" if series.is_imported else "it is fetched again"
    logger.warning("%s is damaged or not of this cache: %s.", path, again)
