"""What code weighs: lines of code, tokens, the length of functions."""

from __future__ import annotations

import ast
import io
import tokenize
from collections import Counter
from typing import NamedTuple, TypeGuard

_LAYOUT = (tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT)
_NOT_CODE = (*_LAYOUT, tokenize.ENDMARKER)


class Weight(NamedTuple):
    """The weight of one file; docstrings, comments and blank lines weigh nothing.

    Attributes:
        lines: lines of code.
        tokens: tokens of code.
        longest: the longest function, in lines of code.
        function: its name.
    """

    lines: int
    tokens: int
    longest: int
    function: str

    @property
    def density(self) -> float:
        """Tokens a line."""
        return self.tokens / max(self.lines, 1)


def weigh(source: str) -> Weight:
    """Return the weight of a module."""
    tree = ast.parse(source)
    tokens = _tokens_by_line(source, tree)
    longest, function = 0, ""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            end = node.end_lineno or node.lineno
            length = sum(line in tokens for line in range(node.lineno, end + 1))
            if length > longest:
                longest, function = length, node.name
    return Weight(len(tokens), tokens.total(), longest, function)


def _tokens_by_line(source: str, tree: ast.Module) -> Counter[int]:
    """Return how many tokens begin on each line that holds code; it may be none."""
    tokens: Counter[int] = Counter()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type in _NOT_CODE:
            continue
        for line in range(token.start[0], token.end[0] + 1):
            tokens.setdefault(line, 0)
        tokens[token.start[0]] += 1
    for node in ast.walk(tree):
        if _is_docstring(node):
            for line in range(node.lineno, (node.end_lineno or node.lineno) + 1):
                tokens.pop(line, None)
    return tokens


def _is_docstring(node: ast.AST) -> TypeGuard[ast.Expr]:
    """Tell whether a node is a text that stands for itself."""
    if not isinstance(node, ast.Expr) or not isinstance(node.value, ast.Constant):
        return False
    return isinstance(node.value.value, str)
