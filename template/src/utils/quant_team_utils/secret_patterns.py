"""What a secret looks like: the one table, for the logs and for the file check.

`hooks/secret_shapes.py` runs without this package, so it repeats the table; a test holds the two
equal. In every pattern, group 1 is what may stay; the rest of the match is the secret.
"""

from __future__ import annotations

# Shapes that betray themselves, wherever they are.
SHAPES = {
    "a private key": r"()-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----(?:[^-]*-----END)?",
    "a TickDB key": r"\b(tk_live_)(?=[A-Za-z]*\d)[A-Za-z0-9]{8,}",
    "an AWS access key": r"\b()(?:AKIA|ASIA)[0-9A-Z]{16}\b",
    "a GitHub token": r"\b()(?:gh[opsru]_[A-Za-z0-9]{36}|github_pat_\w{22})",
    "a GitLab token": r"\b()glpat-[\w-]{20}",
    "a Slack token": r"\b()xox[abeprs]-[\w-]{10}",
    # A name that says so, and a value with both letters and digits: long enough to be no word.
    "a credential": r"(?i)((?:api_?key|secret|token|passw(?:or)?d)\w{0,30}[\"']?\s*[:=]\s*[\"']?)"
    r"(?=[\w+/=-]{0,99}\d)(?=[\w+/=-]{0,99}[a-z])[\w+/=-]{20,}",
}
# Places where a secret stands. A log hides whatever is there; a file may hold an example there, so
# the check asks for a value that also fits `REAL`.
PLACES = {
    "a key in a URL": r"(?i)([?&](?:api_?key|token|secret|signature|password)=)[^&\s\"'#]+",
    "a key in a header": r"(?i)((?:x-api-key|authorization)[\"']?\s*[:=,]\s*(?:b?[\"'])?"
    r"(?:(?:bearer|basic|token)\s+)?)[^\s\"',;)]+",
    "a bearer token": r"(?i)\b(bearer\s+)[\w.~+/=-]{20,}",
    "a key": r"(?i)((?:api|secret|encryption)_key\s*[=:]\s*[\"']?)[^\s\"',;)]+",
    "a key of TickDB": r"(tk_(?:live|test)_)[A-Za-z0-9_-]+",
}
REAL = r"(?i)(?=[\w+/=-]{0,99}\d)(?=[\w+/=-]{0,99}[a-z])[\w+/=-]{20,}"
