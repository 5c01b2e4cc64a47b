"""What looks like a secret, by its shape or by its place.

A line that ends in `not-a-secret` may look like one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

# As in quant_team_utils/secret_patterns.py; a test holds them equal.
SHAPES = {
    "a private key": r"()-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----(?:[^-]*-----END)?",
    "a TickDB key": r"\b(tk_live_)(?=[A-Za-z]*\d)[A-Za-z0-9]{8,}",
    "an AWS access key": r"\b()(?:AKIA|ASIA)[0-9A-Z]{16}\b",
    "a GitHub token": r"\b()(?:gh[opsru]_[A-Za-z0-9]{36}|github_pat_\w{22})",
    "a GitLab token": r"\b()glpat-[\w-]{20}",
    "a Slack token": r"\b()xox[abeprs]-[\w-]{10}",
    "a credential": r"(?i)((?:api_?key|secret|token|passw(?:or)?d)\w{0,30}[\"']?\s*[:=]\s*[\"']?)"
    r"(?=[\w+/=-]{0,99}\d)(?=[\w+/=-]{0,99}[a-z])[\w+/=-]{20,}",
}
PLACES = {
    "a key in a URL": r"(?i)([?&](?:api_?key|token|secret|signature|password)=)[^&\s\"'#]+",
    "a key in a header": r"(?i)((?:x-api-key|authorization)[\"']?\s*[:=,]\s*(?:b?[\"'])?"
    r"(?:(?:bearer|basic|token)\s+)?)[^\s\"',;)]+",
    "a bearer token": r"(?i)\b(bearer\s+)[\w.~+/=-]{20,}",
    "a key": r"(?i)((?:api|secret|encryption)_key\s*[=:]\s*[\"']?)[^\s\"',;)]+",
    "a key of TickDB": r"(tk_(?:live|test)_)[A-Za-z0-9_-]+",
}
REAL = r"(?i)(?=[\w+/=-]{0,99}\d)(?=[\w+/=-]{0,99}[a-z])[\w+/=-]{20,}"
EXAMPLE = re.compile(rb"(?i)example|0123456789")


def faults(path: str, blob: bytes) -> Iterator[str]:
    """Yield the first thing that looks like a secret, as a sentence; never the secret itself."""
    if b"\0" in blob[:8000]:
        return
    for name, found in secrets_in(blob):
        line = blob.count(b"\n", 0, found.start()) + 1
        yield f"line {line} looks like {name}. Take it out, and revoke it if it is real."
        return  # one is enough


def secrets_in(blob: bytes) -> Iterator[tuple[str, re.Match[bytes]]]:
    """Yield what looks like a secret, with its name; examples and marked lines are not reported."""
    for name, pattern in (SHAPES | PLACES).items():
        for found in re.finditer(pattern.encode(), blob):
            value = blob[found.end(1) : found.end()]
            is_real = name in SHAPES or re.match(REAL.encode(), value)
            rest = blob[found.start() :].partition(b"\n")[0]
            is_marked = rest.rstrip().endswith(b"not-a-secret")
            if is_real and not is_marked and not EXAMPLE.search(found[0]):
                yield name, found
