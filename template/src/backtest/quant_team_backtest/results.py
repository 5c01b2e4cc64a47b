"""Result files: `results/<family>/<date>_<name>_v<N>_<handle>-<6 hex>.yaml`, one per run, never
overwritten.

N is the next free number of a name within its family, on this branch. The handle and six digits of
a digest keep apart what two people log on two branches. A file is claimed in one step, so that two
processes never share a number and a reader never sees half a file.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import os
import re
from collections.abc import Mapping
from datetime import UTC, date, datetime
from pathlib import Path, PurePath
from typing import Any

import yaml

from quant_team_utils.errors import QuantError

# Lower case only: two names that differ in case are one file on Windows and macOS.
NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
RESERVED = re.compile(r"con|prn|aux|nul|com[0-9]|lpt[0-9]")


class ResultError(QuantError):
    """A result cannot be written as it was given."""


def write(
    results_dir: Path, family: str, name: str, handle: str, document: Mapping[str, Any]
) -> Path:
    """Write a result as a new file and return its path.

    The document's `experiment_id` and `version` are set here; `date` (ISO) must be in it. A
    `version` that is in it already, such as "v3", is the lowest number to take.

    Raises:
        ResultError: a name cannot be part of a file name, a value cannot be written, or the folder
            is read-only.
    """
    for what, text in (("family", family), ("name", name), ("analyst", handle)):
        check_name(what, text)
    content = plain(document)
    day = str(date.fromisoformat(content["date"]))
    digest = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:6]
    number = _number(content.get("version"))
    folder = results_dir / family
    try:
        folder.mkdir(parents=True, exist_ok=True)
        while True:
            number = max([number, *(taken + 1 for taken in _versions(folder, name))])
            path = folder / f"{day}_{name}_v{number}_{handle}-{digest}.yaml"
            text = dump(content | {"experiment_id": f"exp_{path.stem}", "version": f"v{number}"})
            draft = (
                folder / f".{name}_v{number}.tmp"
            )  # holds the number while the file is being written
            try:
                file = draft.open("x", encoding="utf-8", newline="\n")
            except FileExistsError:
                number += 1
                continue
            try:
                with file:
                    file.write(text)
                if number not in _versions(folder, name) and _publish(draft, path, text):
                    return path
            finally:
                draft.unlink()
    except OSError as error:
        raise ResultError(
            f"Cannot write a result into {folder} ({error.strerror}): make it a folder that you may write to."
        ) from None


def dump(document: Mapping[str, Any]) -> str:
    """Return a document as YAML in the order of its keys, with short lists on one line."""
    return yaml.dump(
        document,
        Dumper=_Dumper,
        sort_keys=False,
        allow_unicode=True,
        default_flow_style=False,
        width=100,
    )


def plain(value: Any) -> Any:
    """Return a value as plain Python for YAML: no NaN (null instead), no numpy, dates and times as
    ISO 8601 text.

    Raises:
        ResultError: there is no plain form of it.
    """
    if value is None or isinstance(value, bool):
        return value
    for kind in (str, int):
        if isinstance(value, kind):
            return kind(value)
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, datetime):
        moment = (value if value.tzinfo else value.replace(tzinfo=UTC)).astimezone(UTC)
        return moment.isoformat(timespec="seconds").replace("+00:00", "Z")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, PurePath):
        return value.as_posix()
    if isinstance(value, Mapping):
        return {str(key): plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [plain(part) for part in value]
    if hasattr(value, "tolist"):  # numpy arrays and scalars
        return plain(value.tolist())
    raise ResultError(
        f"A result cannot hold {value!r} ({type(value).__name__}): give numbers, text, lists or dicts."
    )


def check_name(what: str, text: str) -> None:
    """Refuse what cannot be part of a file name on every system.

    Raises:
        ResultError: the text is no plain lower-case name.
    """
    if not isinstance(text, str) or not NAME.fullmatch(text) or RESERVED.fullmatch(text):
        raise ResultError(
            f"The {what} {text!r} cannot name a result: use lower-case letters, digits, _ and -, at most 64 of them."
        )


def _number(version: Any) -> int:
    if version is None:
        return 1
    if not isinstance(version, str) or not re.fullmatch(r"v[1-9][0-9]{0,5}", version):
        raise ResultError(
            f"The version {version!r} is none: write it as v1, v2 and so on, or leave it out."
        )
    return int(version[1:])


def _versions(folder: Path, name: str) -> list[int]:
    """Return the numbers that result files of a name hold; the handle may be missing, as in older files."""
    pattern = re.compile(rf"\d{{4}}-\d\d-\d\d_{re.escape(name)}_v(\d+)(_.+)?\.yaml")
    return [int(found[1]) for path in folder.iterdir() if (found := pattern.fullmatch(path.name))]


def _publish(draft: Path, path: Path, text: str) -> bool:
    """Give a finished draft its name in one step; False if that is taken."""
    with contextlib.suppress(FileExistsError):
        try:
            os.link(draft, path)
        except FileExistsError:
            return False
        except OSError:  # no hard links here: some network drives, exFAT
            with path.open("x", encoding="utf-8", newline="\n") as file:
                file.write(text)
        return True
    return False


class _Dumper(yaml.SafeDumper):
    """Block style, but lists of short values on one line; no anchors for what occurs twice."""

    def ignore_aliases(self, data: Any) -> bool:
        return True

    def represent_sequence(
        self, tag: str, sequence: Any, flow_style: bool | None = None
    ) -> yaml.SequenceNode:
        node = super().represent_sequence(tag, sequence, flow_style)
        node.flow_style = all(
            isinstance(part, yaml.ScalarNode) and len(part.value) <= 40 for part in node.value
        )
        return node
