"""YAML read without guessing: no conflict markers, no key twice, one kind of exception."""

from __future__ import annotations

import re
from typing import Any

import yaml

from quant_team_utils.errors import QuantError
from quant_team_utils.git import CONFLICT_MARKER

# What PyYAML lets through for odd scalars (`2024-13-45`, `!!bool x`, `!!int ""`) and deep nesting.
_UNREADABLE = (
    yaml.YAMLError,
    ArithmeticError,
    AttributeError,
    LookupError,
    RecursionError,
    TypeError,
    ValueError,
)


class YamlError(QuantError):
    """A text is not plain YAML; the message says what is wrong in which line, the caller where."""


def parse(text: str) -> object:
    """Return the one document of a YAML text: mappings, lists, text, numbers, dates, true, false.

    Raises:
        YamlError: it is not valid, holds a conflict marker, or has a key twice in one mapping.
    """
    marker = re.search(CONFLICT_MARKER, text, re.MULTILINE)
    if marker:
        line = text.count("\n", 0, marker.start()) + 1
        raise YamlError(f"line {line} has conflict markers")
    try:
        document: object = _StrictLoader(text).get_single_data()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f" (line {mark.line + 1})" if mark else ""
        raise YamlError(f"it is not valid YAML{where}") from None
    except _UNREADABLE:
        raise YamlError("it is not valid YAML") from None
    return document


class _StrictLoader(yaml.SafeLoader):
    """The safe loader, which refuses two equal keys: taking the last could promote someone."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                continue
            if key.value in seen:
                line = key.start_mark.line + 1
                raise YamlError(f"{key.value!r} appears twice, again on line {line}")
            seen.add(key.value)
        return super().construct_mapping(node, deep)
