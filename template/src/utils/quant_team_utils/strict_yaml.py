"""YAML read without guessing: no conflict markers, no key twice, one kind of exception.

Whatever size a text gives its document is bounded: by aliases, a few lines could stand for billions
of values.
"""

from __future__ import annotations

import re
from typing import Any

import yaml

from quant_team_utils.errors import QuantError
from quant_team_utils.git import CONFLICT_MARKER

DEEPEST = 50  # levels of lists and mappings
MOST_NODES = 1_000_000  # of a document, aliases written out

# What PyYAML lets through for odd scalars (`2024-13-45`, `!!bool x`, `!!int ""`) and deep nesting.
_UNREADABLE = (
    yaml.YAMLError,
    ArithmeticError,
    AttributeError,
    LookupError,
    TypeError,
    ValueError,
)


_DEEP = f"it is not valid YAML (nested more than {DEEPEST} levels deep)"


class YamlError(QuantError):
    """A text is not plain YAML; the message says what is wrong in which line, the caller where."""


def parse(text: str) -> object:
    """Return the one document of a YAML text: mappings, lists, text, numbers, dates, true, false.

    Raises:
        YamlError: it is not valid, holds a conflict marker, has a key twice in one mapping, is
            nested too deeply, or is too large.
    """
    marker = re.search(CONFLICT_MARKER, text, re.MULTILINE)
    if marker:
        line = text.count("\n", 0, marker.start()) + 1
        raise YamlError(f"line {line} has conflict markers")
    try:
        document: object = _StrictLoader(text).get_single_data()
    except RecursionError:
        raise YamlError(_DEEP) from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f" (line {mark.line + 1})" if mark else ""
        raise YamlError(f"it is not valid YAML{where}") from None
    except _UNREADABLE:
        raise YamlError("it is not valid YAML") from None
    return document


class _StrictLoader(yaml.SafeLoader):
    """The safe loader, which refuses two equal keys: taking the last could promote someone."""

    def construct_document(self, node: yaml.Node) -> object:
        _measure(node, {}, 0)
        return super().construct_document(node)

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


def _measure(node: yaml.Node, known: dict[int, int], level: int) -> int:
    """Return how many nodes a node stands for, aliases written out.

    Raises:
        YamlError: they are too many, or too deep.
    """
    if not isinstance(node, yaml.CollectionNode):
        return 1
    if level >= DEEPEST:
        raise YamlError(_DEEP)
    if id(node) in known:
        return known[id(node)]
    known[id(node)] = 1  # for a node within itself
    count = 1
    for child in node.value:
        parts = child if isinstance(child, tuple) else (child,)
        for part in parts:
            count += _measure(part, known, level + 1)
    if count > MOST_NODES:
        raise YamlError(f"it is not valid YAML (it stands for more than {MOST_NODES:,} values)")
    known[id(node)] = count
    return count
