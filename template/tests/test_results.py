"""The store of results: names, numbers, and nothing that is ever overwritten."""

from __future__ import annotations

import concurrent.futures
import os
from pathlib import Path
from typing import Any

import msgspec
import pytest

from quant_team_backtest import result as records
from quant_team_backtest import results
from quant_team_backtest.result import Result, ResultError
from quant_team_utils.errors import QuantError

from . import experiments
from .experiments import logged, read

FAMILY = "earnings_gap"
NAME = "aapl_gap_reversion"


def record(**changes: Any) -> Result:
    """Return a result of the first of March, alice's by default."""
    found = records.of_experiment(experiments.EXPERIMENT, experiments.METRICS)
    return msgspec.structs.replace(found, **{"date": "2024-03-01", "analyst": "alice", **changes})


def write(folder: Path, name: str = NAME, **changes: Any) -> str:
    """Write a result and return its version."""
    path, result = results.write(folder, FAMILY, name, record(**changes))
    assert result.experiment_id == f"exp_{path.stem}"
    assert read(path)["version"] == result.version
    return str(result.version)


def test_the_name_of_a_file(tmp_path: Path) -> None:
    """Family, date, name, number, handle and six digits; short lists stand on one line."""
    path, _ = results.write(tmp_path, FAMILY, NAME, record())
    assert path.parent == tmp_path / FAMILY
    assert path.name.startswith("2024-03-01_aapl_gap_reversion_v1_alice-")
    assert len(path.stem.rpartition("-")[2]) == 6
    assert "symbols: [AAPL.US, MSFT.US, GOOGL.US]" in path.read_text(encoding="utf-8")


def test_the_same_result_twice_is_kept_twice(tmp_path: Path) -> None:
    """The same result gives v1 and v2; another name in the family starts at v1 again."""
    versions = [write(tmp_path), write(tmp_path), write(tmp_path, name="aapl_gap")]
    assert versions == ["v1", "v2", "v1"]
    assert len(logged(tmp_path)) == 3


def test_many_at_once_share_no_number(tmp_path: Path) -> None:
    """Threads that write at the same time lose nothing and count without a double."""
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        work = [pool.submit(write, tmp_path, seed=i % 2) for i in range(16)]
        versions = [future.result() for future in work]
    assert sorted(int(version[1:]) for version in versions) == list(range(1, 17))
    assert len(logged(tmp_path)) == 16
    assert not list(tmp_path.rglob(".*"))


def test_without_hard_links_nothing_is_overwritten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a drive without links the file is created exclusively, and the numbers still go up."""

    def refuse(*_: Any) -> None:
        raise OSError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    assert [write(tmp_path), write(tmp_path)] == ["v1", "v2"]


def test_a_number_that_a_dead_process_held_is_passed_over(tmp_path: Path) -> None:
    """What a killed process left behind blocks nobody: the next run takes the next number."""
    (tmp_path / FAMILY).mkdir()
    (tmp_path / FAMILY / f".{NAME}_v1.tmp").touch()
    assert write(tmp_path) == "v2"


def test_older_names_and_given_versions_count(tmp_path: Path) -> None:
    """A file named without a handle takes its number; a given version is the lowest to take."""
    (tmp_path / FAMILY).mkdir()
    (tmp_path / FAMILY / f"2024-03-10_{NAME}_v2.yaml").touch()
    assert write(tmp_path) == "v3"
    assert write(tmp_path, version="v9") == "v9"


@pytest.mark.parametrize("version", ["2", "v0", "v1.5", "v", "x"])
def test_a_version_is_a_number(tmp_path: Path, version: str) -> None:
    """Anything but v1, v2 and so on is refused, and nothing has been written."""
    with pytest.raises(QuantError, match=f"'{version}' is not a version"):
        write(tmp_path / "r", version=version)
    assert not logged(tmp_path)


@pytest.mark.parametrize(
    "text", ["", "..", "../bob", "a/b", "a\\b", "a\nb", "A", "NUL", "nul", "é", "x" * 65]
)
def test_names_are_checked_where_they_are_used(tmp_path: Path, text: str) -> None:
    """Whatever could leave the folder, or is reserved on Windows, is not a name."""
    for family, name, analyst in ((text, NAME, "al"), (FAMILY, text, "al"), (FAMILY, NAME, text)):
        with pytest.raises(ResultError, match="lower-case"):
            results.write(tmp_path, family, name, record(analyst=analyst))
    assert not logged(tmp_path)


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    """A file where the folder should be is one sentence."""
    (tmp_path / FAMILY).touch()
    with pytest.raises(QuantError, match="Cannot write"):
        write(tmp_path)
