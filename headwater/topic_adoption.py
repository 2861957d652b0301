"""Letting stopped partitions go on with the topic as it is now.

A consumer stops where the log is not the one it knows: another cluster, a topic made anew, records
gone before they were stored. Only an operator can say that this is right.
"""

from dataclasses import dataclass, replace

import asyncpg

from headwater.topics import TopicAdmin
from libs.common.db.offsets import Fence, StoredOffset, read_offsets
from libs.common.kafka.positions import Halt, judge
from libs.common.kafka.reader import Span


@dataclass(frozen=True)
class Adoption:
    """How one partition is to go on."""

    partition: int
    reason: str
    """Why it stands still, or would."""
    from_offset: int
    to_offset: int

    def __str__(self) -> str:
        """Say it to the operator."""
        where = (
            f"goes on at {self.to_offset}"
            if self.from_offset == self.to_offset
            else f"goes from {self.from_offset} to {self.to_offset}"
        )
        return f"partition {self.partition}: {self.reason}; {where}"


async def plan_adoption(
    connection: asyncpg.Connection, admin: TopicAdmin, reader: str, topic: str
) -> list[Adoption]:
    """Return what would change. A log that is another one is read from its start.

    Reading a record again stores nothing twice: its batch is known.
    """
    cluster_id = await admin.cluster_id()
    # Offsets first: a reader that moves on meanwhile must not seem to be past the log's end.
    stored = await read_offsets(connection, Fence(reader, topic, cluster_id))
    spans = await admin.spans(topic)
    plan = []
    for partition, offset in sorted(stored.items()):
        span = spans.get(partition, Span(0, 0))
        problem = await _problem(admin, topic, offset, span, cluster_id)
        if problem is not None:
            reason = offset.stopped_reason or problem
            plan.append(Adoption(partition, reason, offset.next_offset, span.start))
        elif offset.stopped_reason is not None:
            here = offset.next_offset
            plan.append(Adoption(partition, offset.stopped_reason, here, here))
    return plan


async def adopt(
    connection: asyncpg.Connection, fence: Fence, plan: list[Adoption]
) -> list[Adoption]:
    """Carry out a plan; return what was not, because its consumer moved meanwhile."""
    moved = []
    async with connection.transaction():
        for step in plan:
            # The last record is forgotten only where the log is another one.
            changed = await connection.execute(
                """
                UPDATE consumer_offsets
                SET next_offset = $5, cluster_id = $6, stopped_reason = NULL, updated_at = now(),
                    last_key = CASE WHEN $5 = $4 AND cluster_id = $6 THEN last_key END,
                    last_record_at = CASE WHEN $5 = $4 AND cluster_id = $6 THEN last_record_at END
                WHERE consumer = $1 AND topic = $2 AND partition = $3 AND next_offset = $4
                """,
                fence.consumer,
                fence.topic,
                step.partition,
                step.from_offset,
                step.to_offset,
                fence.cluster_id,
            )
            if changed == "UPDATE 0":
                moved.append(step)
    return moved


async def _problem(
    admin: TopicAdmin, topic: str, stored: StoredOffset, span: Span, cluster_id: str
) -> str | None:
    """Return why the log is not the one that the offset belongs to; None where it is."""
    verdict = judge(replace(stored, stopped_reason=None), span, cluster_id)
    if isinstance(verdict, Halt):
        return verdict.reason
    if verdict.proof is not None:
        record = await admin.record_at(topic, stored.partition, verdict.seek_to)
        if record is None or not stored.is_last(record):
            return f"record {verdict.seek_to} is not the one that was stored"
    return None
