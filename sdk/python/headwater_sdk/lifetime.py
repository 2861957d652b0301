"""From `init` to the end of the process, forks included."""

import atexit
import logging
import os
from multiprocessing import util
from typing import Unpack
from weakref import WeakSet

from headwater_sdk.client import Client
from headwater_sdk.integrations.handler import attach_handler
from headwater_sdk.integrations.hooks import watch_uncaught
from headwater_sdk.options import Options, read_options

_clients: WeakSet[Client] = WeakSet()
_is_watching: list[bool] = []


def init(
    url: str,
    key: str,
    *,
    logs: int | str | None = logging.NOTSET,
    uncaught: bool = True,
    **options: Unpack[Options],
) -> Client:
    """Return the client of an application; without an address or a key it does nothing.

    `logs` is the level from which on the root logger's records are events (None: none are);
    `uncaught`: whether what nobody caught is. Call it once logging is configured. Never raises.
    """
    client = Client(read_options(url, key, options))
    if not client.is_open:
        return client
    if logs is not None:
        attach_handler(client, logs)
    if uncaught:
        watch_uncaught(client)
    _clients.add(client)
    atexit.register(client.close)
    client.add_undo(lambda: atexit.unregister(client.close))
    util.register_after_fork(client, _close_with_worker)
    if not _is_watching and hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=_forked)
        _is_watching.append(True)
    return client


def _close_with_worker(client: Client) -> None:
    # A worker of `multiprocessing` runs these and no `atexit`.
    util.Finalize(None, client.close, exitpriority=0)


def _forked() -> None:
    for client in _clients:
        client.forked()
