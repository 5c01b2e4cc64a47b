"""The account and the costs of `config/environments/NAME.yaml`."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any

from quant_team_backtest.assumptions import Assumptions, EngineError
from quant_team_utils.errors import QuantError, did_you_mean

ENVIRONMENTS = "config/environments"


class EnvironmentFileError(QuantError):
    """There is no environment of that name, or its file cannot be used."""


def names(root: Path) -> list[str]:
    """Return the names of all environments, sorted."""
    return sorted(path.stem for path in (root / ENVIRONMENTS).glob("*.yaml"))


def load(root: Path, name: str) -> Assumptions:
    """Return the account of `config/environments/<name>.yaml`; what is left out has its default.

    Args:
        root: the project.
        name: the file's, without its ending.

    Raises:
        EnvironmentFileError: there is no such file, it is not a YAML mapping, or it holds an
            unknown key.
        EngineError: a value is not a number, or out of range.
    """
    known = names(root)
    if name not in known:
        raise EnvironmentFileError(
            f"There is no environment {name!r} in {ENVIRONMENTS}: {did_you_mean(name, known)}"
        )
    file = f"{ENVIRONMENTS}/{name}.yaml"
    content = _mapping(root, file)
    keys = [field.name for field in fields(Assumptions)]
    for key in content:
        if key not in keys:
            raise EnvironmentFileError(
                f"{file} holds an unknown key {key!r}: {did_you_mean(key, keys)}"
            )
    try:
        return Assumptions(**content)
    except EngineError as error:
        raise EngineError(f"In {file}, {error}") from None


def _mapping(root: Path, file: str) -> dict[str, Any]:
    from quant_team_utils import strict_yaml

    try:
        content = strict_yaml.parse((root / file).read_text(encoding="utf-8"))
    except strict_yaml.YamlError as error:
        raise EnvironmentFileError(
            f"{file}: {error}; correct it, or restore it from git."
        ) from None
    except (OSError, UnicodeDecodeError):
        content = None
    if not isinstance(content, dict):
        raise EnvironmentFileError(
            f"{file} is not YAML of `name: value` lines: correct it, or restore it from git."
        )
    return content
