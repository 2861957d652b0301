"""Pages turned both ways while the real writer stores, seals and merges: every row once."""

import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from libs.common.clock import SystemClock
from tests.e2e.running import LOGS, Product, running_product
from tests.stack import Stack

CLOCK = SystemClock()
SLICING = {
    "HEADWATER_WIDEST_SLICE": "1",
    "HEADWATER_SEAL_GRACE": "0.2",
    "HEADWATER_SEAL_PERIOD": "0.2",
    "HEADWATER_MERGE_FROM_COUNT": "6",
}
LONGEST_SECONDS = 80.0
FILTERS = [{}, {"text": "parcel"}, {"extra.tenant": "acme"}, {"q": "level:error -module:absent"}]
MERGED = "SELECT name FROM slices WHERE table_name = 'app_logs' AND name LIKE '%\\_m_'"
ROWS = "SELECT id::text FROM app_logs ORDER BY created_at DESC, id DESC"


@contextmanager
def arriving(product: Product) -> Iterator[None]:
    """Post batches all the while, some rows late by up to 20 s."""
    chance = random.Random(5)
    done = threading.Event()

    def event() -> dict[str, Any]:
        late = timedelta(milliseconds=chance.choice((0, 300, 5_000, 20_000)) * chance.random())
        return {
            "kind": "log",
            "level": "ERROR",
            "message": "parcel left",
            "created_at": (CLOCK.now() - late).isoformat(),
            "extra_data": {"tenant": "acme"},
        }

    def post() -> None:
        while not done.wait(0.05):
            product.post(*(event() for _ in range(10)))

    posting = threading.Thread(target=post)
    posting.start()
    try:
        yield
    finally:
        done.set()
        posting.join()


def turn_all(product: Product, ask: dict[str, str], side: str) -> tuple[list[str], dict[str, Any]]:
    """Return the ids of all pages on one side, newest first, and the last page."""
    seen: list[str] = []
    turn = dict(ask)
    while True:
        answer = product.query.get(LOGS, params=turn)
        if answer.status_code == 503:
            continue  # a busy machine: try again, as the answer says
        page = answer.json()
        ids = [item["id"] for item in page["items"]]
        seen = seen + ids if side == "next_cursor" else ids + seen
        if page[side] is None:
            return seen, page
        turn["cursor"] = page[side]


def test_every_row_is_on_one_page_while_slices_seal_and_merge(
    stack: Stack, run_folder: Path, template_database: str
) -> None:
    until = CLOCK.monotonic() + LONGEST_SECONDS
    changed = 0
    with (
        running_product(stack, run_folder, template_database, SLICING) as product,
        arriving(product),
    ):
        for number in range(10_000):
            merged = product.rows(MERGED)
            known = [row["id"] for row in product.rows(ROWS)]
            ask = {**FILTERS[number % len(FILTERS)], "limit": "60"}
            forth, last = turn_all(product, ask, "next_cursor")
            of_last = [item["id"] for item in last["items"]]
            back: list[str] = []
            if last["prev_cursor"] is not None:
                back, _ = turn_all(product, ask | {"cursor": last["prev_cursor"]}, "prev_cursor")
            before = set(known)
            for seen in (forth, back + of_last):
                assert len(set(seen)) == len(seen)
                assert [row_id for row_id in seen if row_id in before] == known
            changed += product.rows(MERGED) != merged
            if changed >= len(FILTERS):
                break
            assert CLOCK.monotonic() < until, f"slices were merged in {changed} rounds only"
