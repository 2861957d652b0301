"""Runs the writer: read settings, consume until a signal, drain."""

import asyncio

from libs.common.runtime import run_process
from services.writer.app import serve
from services.writer.settings import WriterSettings


def main() -> None:
    """Run one writer process."""
    settings = WriterSettings()

    async def run(stop: asyncio.Event) -> None:
        await serve(settings, stop)

    run_process(run)


if __name__ == "__main__":
    main()
