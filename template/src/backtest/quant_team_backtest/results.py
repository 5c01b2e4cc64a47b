"""Result files: `results/<family>/<date>_<name>_v<N>_<handle>-<6 hex>.yaml`, one per run.

Nothing is ever overwritten. N is the next free number of a name within its family, on this branch.
The handle and six digits of a digest keep apart what two people log on two branches. A file is
claimed in one step, so that two processes never share a number and a reader never sees half a file.
"""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import Any

import msgspec
import yaml

from quant_team_backtest import result as records
from quant_team_backtest.result import Result, ResultError
from quant_team_utils import files

# Lower case only: two names that differ in case are one file on Windows and macOS.
NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
RESERVED = re.compile(r"con|prn|aux|nul|com[0-9]|lpt[0-9]")


def write(
    results_dir: Path,
    family: str,
    name: str,
    result: Result,
) -> tuple[Path, Result]:
    """Write a result as a new file.

    Args:
        results_dir: the folder of all results.
        family: the folder of this one.
        name: middle part of the file's name.
        result: the record; a `version` that is in it already, such as "v3", is the lowest number
            to take.

    Returns:
        The file, and the record as it stands there, with `experiment_id` and `version`.

    Raises:
        ResultError: a name cannot be part of a file name.
        FileError: the folder cannot be written.
    """
    for what, text in (("family", family), ("name", name), ("analyst", result.analyst)):
        check_name(what, text)
    number = _number(result.version)
    suffix = f"{result.analyst}-{_digest(result)}"
    folder = results_dir / family
    while True:
        number = max(number, _highest(folder, name) + 1)
        stem = f"{result.date}_{name}_v{number}_{suffix}"
        claimed = msgspec.structs.replace(
            result,
            experiment_id=f"exp_{stem}",
            version=f"v{number}",
        )
        path = folder / f"{stem}.yaml"
        if _publish(path, folder / f".{name}_v{number}.tmp", dump(claimed), name, number):
            return path, claimed
        number += 1


def dump(result: Result) -> str:
    """Return a record as YAML in the order of its fields, with short lists on one line."""
    return yaml.dump(
        records.document(result),
        Dumper=_Dumper,
        sort_keys=False,
        allow_unicode=True,
        default_flow_style=False,
        width=100,
    )


def check_name(what: str, text: str | None) -> None:
    """Refuse what cannot be part of a file name on every system.

    Args:
        what: what the name is of, for the error.
        text: the name.

    Raises:
        ResultError: it is not a plain lower-case name.
    """
    is_name = isinstance(text, str) and NAME.fullmatch(text)
    if not is_name or RESERVED.fullmatch(text or ""):
        raise ResultError(
            f"The {what} {text!r} cannot name a result: use lower-case letters, digits, _ and -, "
            "at most 64 of them."
        )


# Details


def _digest(result: Result) -> str:
    content = json.dumps(records.document(result), sort_keys=True)
    return hashlib.sha256(content.encode()).hexdigest()[:6]


def _number(version: str | None) -> int:
    if version is None:
        return 1
    if not re.fullmatch(r"v[1-9][0-9]{0,5}", version):
        raise ResultError(
            f"{version!r} is not a version (v1, v2, ...): correct it, or leave it out."
        )
    return int(version[1:])


def _highest(folder: Path, name: str) -> int:
    """Return the highest number of a name; older files may lack the handle."""
    pattern = re.compile(rf"\d{{4}}-\d\d-\d\d_{re.escape(name)}_v(\d+)(_.+)?\.yaml")
    numbers = [0]
    for path in folder.glob("*.yaml"):
        found = pattern.fullmatch(path.name)
        if found:
            numbers.append(int(found[1]))
    return max(numbers)


def _publish(path: Path, claim: Path, text: str, name: str, number: int) -> bool:
    """Write a file while a claim holds its number; False if somebody else holds or has it."""
    if not files.create(claim, b""):
        return False
    try:
        if _highest(path.parent, name) >= number:
            return False
        return files.create(path, text.encode())
    finally:
        claim.unlink(missing_ok=True)


class _Dumper(yaml.SafeDumper):
    """Block style, but lists of short values on one line; no anchors for what occurs twice.

    Text with a line break other than a line feed is quoted with escapes: PyYAML would read such a
    break as a blank.
    """

    def ignore_aliases(self, data: Any) -> bool:
        return True

    def represent_str(self, data: str) -> yaml.ScalarNode:
        style = '"' if _ODD_BREAKS.search(data) else None
        return self.represent_scalar("tag:yaml.org,2002:str", data, style)

    def represent_sequence(
        self,
        tag: str,
        sequence: Any,
        flow_style: bool | None = None,
    ) -> yaml.SequenceNode:
        node = super().represent_sequence(tag, sequence, flow_style)
        node.flow_style = all(_is_short(part) for part in node.value)
        return node


_ODD_BREAKS = re.compile("[\r\x85\u2028\u2029]")
_Dumper.add_representer(str, _Dumper.represent_str)


def _is_short(node: yaml.Node) -> bool:
    return isinstance(node, yaml.ScalarNode) and len(node.value) <= 40
