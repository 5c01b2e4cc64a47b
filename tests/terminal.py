"""A real terminal on which `quant` runs, for the questions that it asks only there."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import TeamEnvironment


def open_terminal(
    environment: TeamEnvironment,
    repository: Path,
    *arguments: str,
    variables: Mapping[str, str] | None = None,
) -> Any:
    """Return a running `quant`, as pexpect drives it, with a wide screen."""
    pexpect = pytest.importorskip("pexpect")
    return pexpect.spawn(
        str(environment.bin / "quant"),
        list(arguments),
        cwd=str(repository),
        env={**os.environ, **environment.environment(repository), **(variables or {})},
        encoding="utf-8",
        timeout=60,
        dimensions=(50, 200),
    )


def finish(terminal: Any) -> str:
    """Wait for the end, and return what was printed since the last expectation."""
    import pexpect

    terminal.expect(pexpect.EOF)
    terminal.close()
    printed: str = terminal.before
    assert terminal.exitstatus == 0, printed
    return printed
