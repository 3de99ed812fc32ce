"""Event Lake lands the events of a Kinesis stream in Delta Lake tables, exactly once, with nothing lost silently.

The names in `__all__` are the public interface, and change only as semantic versioning allows. Everything else may
change with any version. A name's module is imported when the name is first used, so `import event_lake` alone doesn't
import Spark.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from event_lake.config.files import load_settings as load_settings
    from event_lake.config.settings import Lake as Lake
    from event_lake.config.settings import Progress as Progress
    from event_lake.config.settings import Quality as Quality
    from event_lake.config.settings import Raw as Raw
    from event_lake.config.settings import Settings as Settings
    from event_lake.config.settings import Source as Source
    from event_lake.config.settings import Staging as Staging
    from event_lake.errors import ConfigError as ConfigError
    from event_lake.errors import DataLossError as DataLossError
    from event_lake.errors import EventLakeError as EventLakeError
    from event_lake.errors import QualityError as QualityError
    from event_lake.errors import ServiceUnavailableError as ServiceUnavailableError
    from event_lake.errors import StreamNotFoundError as StreamNotFoundError
    from event_lake.errors import UserError as UserError
    from event_lake.errors import is_worth_a_retry as is_worth_a_retry
    from event_lake.functions import build_staging as build_staging
    from event_lake.functions import check_quality as check_quality
    from event_lake.functions import ingest_raw as ingest_raw
    from event_lake.functions import open_lake as open_lake
    from event_lake.functions import reconcile as reconcile
    from event_lake.kinesis.source import observe_receipts as observe_receipts
    from event_lake.kinesis.source import register_source as register_source
    from event_lake.lake.outcomes import Outcome as Outcome
    from event_lake.lake.outcomes import outcomes as outcomes
    from event_lake.lake.session import configure as configure
    from event_lake.lake.stopping import StopResult as StopResult
    from event_lake.lake.stopping import stop as stop
    from event_lake.lake.window import Dates as Dates

__version__ = "0.1.0"

_MODULES = {
    "ConfigError": "event_lake.errors",
    "DataLossError": "event_lake.errors",
    "Dates": "event_lake.lake.window",
    "EventLakeError": "event_lake.errors",
    "Lake": "event_lake.config.settings",
    "Outcome": "event_lake.lake.outcomes",
    "Progress": "event_lake.config.settings",
    "Quality": "event_lake.config.settings",
    "QualityError": "event_lake.errors",
    "Raw": "event_lake.config.settings",
    "ServiceUnavailableError": "event_lake.errors",
    "Settings": "event_lake.config.settings",
    "Source": "event_lake.config.settings",
    "Staging": "event_lake.config.settings",
    "StopResult": "event_lake.lake.stopping",
    "StreamNotFoundError": "event_lake.errors",
    "UserError": "event_lake.errors",
    "build_staging": "event_lake.functions",
    "check_quality": "event_lake.functions",
    "configure": "event_lake.lake.session",
    "ingest_raw": "event_lake.functions",
    "is_worth_a_retry": "event_lake.errors",
    "load_settings": "event_lake.config.files",
    "observe_receipts": "event_lake.kinesis.source",
    "open_lake": "event_lake.functions",
    "outcomes": "event_lake.lake.outcomes",
    "reconcile": "event_lake.functions",
    "register_source": "event_lake.kinesis.source",
    "stop": "event_lake.lake.stopping",
}
__all__ = [
    "ConfigError",
    "DataLossError",
    "Dates",
    "EventLakeError",
    "Lake",
    "Outcome",
    "Progress",
    "Quality",
    "QualityError",
    "Raw",
    "ServiceUnavailableError",
    "Settings",
    "Source",
    "Staging",
    "StopResult",
    "StreamNotFoundError",
    "UserError",
    "__version__",
    "build_staging",
    "check_quality",
    "configure",
    "ingest_raw",
    "is_worth_a_retry",
    "load_settings",
    "observe_receipts",
    "open_lake",
    "outcomes",
    "reconcile",
    "register_source",
    "stop",
]


def __getattr__(name: str) -> Any:
    """Return the object with this public name. Import its module if this is the name's first use."""
    if name not in _MODULES:
        raise AttributeError(f"module 'event_lake' has no attribute {name!r}")
    value = getattr(import_module(_MODULES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """Return the names in this module, with the public names that weren't used yet."""
    return sorted({*globals(), *__all__})
