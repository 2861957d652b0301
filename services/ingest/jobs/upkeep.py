"""Fresh keys, the ledger on disk, and topics that pause."""

import asyncio
from datetime import timedelta
from typing import Protocol

from libs.common.clock import Clock
from libs.common.db.engine import DATABASE_ERRORS
from libs.common.runtime import LoopWatch
from libs.common.telemetry.logs import get_logger
from services.ingest.domain.ledger import Ledger
from services.ingest.publisher import BatchPublisher
from services.ingest.settings import IngestSettings
from services.ingest.store.keys import KeyStore
from services.ingest.store.ledger import LedgerStore

log = get_logger(__name__)

_KEPT_TALLIES = timedelta(hours=2)


class Pausable(Protocol):
    """A producer that can be made to let go of everything it holds."""

    @property
    def is_ready(self) -> bool:
        """Tell whether it can publish."""
        ...

    async def pause(self) -> None:
        """Afterwards nothing it held can still reach Kafka."""
        ...


class Upkeep:
    """Runs for ever beside the server; with Postgres away it tries again each second."""

    def __init__(
        self, settings: IngestSettings, keys: KeyStore, ledger: Ledger, store: LedgerStore
    ) -> None:
        self._settings = settings
        self._keys = keys
        self._ledger = ledger
        self._store = store
        self._has_begun = False
        self._has_acknowledged = False

    async def run(
        self, publisher: BatchPublisher, producer: Pausable, clock: Clock, watch: LoopWatch
    ) -> None:
        """Look at pauses each second, refresh keys and flush the ledger at their intervals."""
        due_keys = due_flush = 0.0
        while True:
            watch.beat("upkeep")
            now = clock.monotonic()
            try:
                if now >= due_keys:
                    await self._keys.refresh()
                    due_keys = now + self._settings.keys_refresh.total_seconds()
                await self._follow_pauses(publisher, producer)
                if now >= due_flush:
                    await self.flush(clock)
                    due_flush = now + self._settings.ledger_flush.total_seconds()
                await self._acknowledge_pause(publisher, producer, clock)
            except DATABASE_ERRORS as error:
                log.warning("postgres does not answer", error=repr(error)[:300])
            await asyncio.sleep(1)

    async def flush(self, clock: Clock) -> None:
        """Write what was counted since the last flush; raises what the database raises."""
        now = clock.now()
        if not self._has_begun:
            await self._store.begin(now)
            self._has_begun = True
        changed = self._ledger.changed()
        try:
            await self._store.write(changed, now)
        except BaseException:
            self._ledger.unwrite(changed)
            raise
        self._ledger.forget_before(now - _KEPT_TALLIES)

    async def end(self, clock: Clock) -> None:
        """Write the last counts and say that they are the last."""
        try:
            await self.flush(clock)
            await self._store.end(clock.now())
        except DATABASE_ERRORS as error:
            log.error("the last ledger flush failed; its hours are uncounted", error=repr(error))

    async def _follow_pauses(self, publisher: BatchPublisher, producer: Pausable) -> None:
        reason = (await self._keys.paused_topics()).get(self._settings.telemetry_topic)
        if reason is not None and publisher.paused_reason is None:
            log.warning("publishing pauses", reason=reason)
            publisher.paused_reason = reason
            # what timed out may still be queued: it must be in Kafka, or gone, before we say so
            await producer.pause()
        elif reason is None and publisher.paused_reason is not None:
            log.info("publishing goes on")
            publisher.paused_reason = None

    async def _acknowledge_pause(
        self, publisher: BatchPublisher, producer: Pausable, clock: Clock
    ) -> None:
        """Say what this process does about a pause, again until the database has it."""
        is_paused = publisher.paused_reason is not None
        if self._has_acknowledged and not producer.is_ready:
            is_paused = True  # it goes on once it really can
        if is_paused != self._has_acknowledged:
            await self._store.acknowledge_pause(is_paused=is_paused, now=clock.now())
            self._has_acknowledged = is_paused
