"""Many connections to many origins, for all who ask."""

from .doing import PoolDoer
from .limits import PoolLimits
from .pool import Pool
from .stats import OriginStats, PoolStats

__all__ = ["OriginStats", "Pool", "PoolDoer", "PoolLimits", "PoolStats"]
