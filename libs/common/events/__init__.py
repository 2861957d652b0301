"""What travels on Kafka: typed rows, the batch that carries them, the versioned codec. No IO."""

from libs.common.events.codec import (
    CODEC_VERSION,
    PackedRows,
    UndecodableRecord,
    decode_batch,
    decode_rows,
    encode_batch,
)
from libs.common.events.letters import Letter
from libs.common.events.levels import KNOWN_LEVELS, LEVELS, level_name
from libs.common.events.records import (
    BatchRecord,
    BatchRows,
    ExceptionRow,
    LogRow,
    SampleRow,
    columns,
)

__all__ = [
    "CODEC_VERSION",
    "KNOWN_LEVELS",
    "LEVELS",
    "BatchRecord",
    "BatchRows",
    "ExceptionRow",
    "Letter",
    "LogRow",
    "PackedRows",
    "SampleRow",
    "UndecodableRecord",
    "columns",
    "decode_batch",
    "decode_rows",
    "encode_batch",
    "level_name",
]
