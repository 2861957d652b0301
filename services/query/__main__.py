"""Runs the query service: read settings, serve until a signal, drain."""

import asyncio

from libs.common.runtime import run_process
from services.query.app import serve
from services.query.settings import QuerySettings


def main() -> None:
    """Run one query process."""
    settings = QuerySettings()

    async def run(stop: asyncio.Event) -> None:
        await serve(settings, stop)

    run_process(run)


if __name__ == "__main__":
    main()
