"""Many connections to many origins, for all who ask."""

from .limits import PoolLimits
from .pool import Pool
from .stats import OriginStats, PoolStats

__all__ = ["OriginStats", "Pool", "PoolLimits", "PoolStats"]
