"""Runs the gateway: read settings, serve until a signal, drain."""

import asyncio

from libs.common.runtime import run_process
from services.ingest.app import serve
from services.ingest.settings import IngestSettings


def main() -> None:
    """Run one gateway process."""
    settings = IngestSettings()

    async def run(stop: asyncio.Event) -> None:
        await serve(settings, stop)

    run_process(run)


if __name__ == "__main__":
    main()
