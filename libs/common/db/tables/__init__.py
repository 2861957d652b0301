"""All tables, one file a subject; importing this package fills the metadata."""

from libs.common.db.tables.access import ApiToken, AuditEntry, IngestKey, Session, User
from libs.common.db.tables.alerts import AlertConfig, AlertHistory
from libs.common.db.tables.app_exceptions import AppException
from libs.common.db.tables.app_logs import AppLog
from libs.common.db.tables.metadata import SEALED_ONLY, Table
from libs.common.db.tables.performance import PerformanceMetric, PerformanceSample
from libs.common.db.tables.pipeline import (
    ConsumerOffset,
    DeadLetter,
    GatewayBoot,
    IngestedBatch,
    LedgerReceived,
    LedgerStored,
    TopicPause,
)
from libs.common.db.tables.slices import Slice, SliceCount, SliceLeftover

__all__ = [
    "SEALED_ONLY",
    "AlertConfig",
    "AlertHistory",
    "ApiToken",
    "AppException",
    "AppLog",
    "AuditEntry",
    "ConsumerOffset",
    "DeadLetter",
    "GatewayBoot",
    "IngestKey",
    "IngestedBatch",
    "LedgerReceived",
    "LedgerStored",
    "PerformanceMetric",
    "PerformanceSample",
    "Session",
    "Slice",
    "SliceCount",
    "SliceLeftover",
    "Table",
    "TopicPause",
    "User",
]
