"""Feature pipelines: numbers computed from bars, each known at the close of its bar.

One module a feature; a feature is a function of its counts that returns a polars expression.
"""

from __future__ import annotations

from quant_team_utils.errors import QuantError

__all__ = ["FeatureError"]


class FeatureError(QuantError):
    """A feature was requested with a parameter that makes no sense."""
