"""Settings of the writer."""

from datetime import timedelta

from pydantic import Field

from libs.common.kafka.consumer import LoopLimits
from libs.common.kafka.reader import ReaderLimits
from libs.common.settings import CommonSettings, Count
from libs.common.topics import TELEMETRY
from services.writer.domain.merging import MERGE_FROM_COUNT
from services.writer.domain.slicing import WIDEST_HOT


class WriterSettings(CommonSettings):
    """What the writer reads, `HEADWATER_…`."""

    telemetry_topic: str = TELEMETRY.name
    """Kafka topic that batches are read from."""
    slow_request: timedelta = Field(
        default=timedelta(seconds=1), description="Requests that took longer are kept raw"
    )
    slow_query: timedelta = Field(
        default=timedelta(milliseconds=500), description="Queries that took longer are kept raw"
    )
    writer_session: timedelta = Field(
        default=timedelta(seconds=6), description="Silence after which the group gives us up"
    )
    writer_transaction_events: Count = Field(
        default=20_000, description="Events after which a transaction takes no more records"
    )
    writer_transaction_bytes: Count = 32 * 1024 * 1024
    """Bytes after which a transaction takes no more records."""
    writer_stall: timedelta = Field(
        default=timedelta(seconds=60), description="Lag without any progress ends the process"
    )
    widest_slice: timedelta = Field(
        default=WIDEST_HOT,
        ge=timedelta(seconds=1),
        description="Width that no slice of new rows exceeds, however few they are",
    )
    seal_period: timedelta = Field(
        default=timedelta(seconds=10),
        ge=timedelta(milliseconds=100),
        description="How often slices to be sealed or merged are looked for",
    )
    seal_grace: timedelta = Field(
        default=timedelta(minutes=2),
        description="How long after its end a slice waits for late rows before it is sealed",
    )
    merge_from_count: Count = Field(
        default=MERGE_FROM_COUNT,
        description="Slices of a table beyond which small neighbours are merged into one",
    )
    writer_failpoint: str = Field(
        default="",
        description="For fault tests: STEP:(kill|freeze)[:n], steps as in store/failpoints.py",
    )

    def slow_from_ms(self) -> dict[str, float]:
        """Return from which duration on a sample of a kind is kept raw."""
        ms = timedelta(milliseconds=1)
        return {"request": self.slow_request / ms, "query": self.slow_query / ms}

    def reader_limits(self) -> ReaderLimits:
        """Return the times of the group protocol."""
        return ReaderLimits(session=self.writer_session, heartbeat=self.writer_session / 4)

    def loop_limits(self) -> LoopLimits:
        """Return how much one transaction takes."""
        return LoopLimits(
            weight=self.writer_transaction_events,
            value_bytes=self.writer_transaction_bytes,
            stall=self.writer_stall,
        )
