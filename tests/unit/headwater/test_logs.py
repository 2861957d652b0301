"""Log files are kept small, and followed over a rotation."""

import asyncio
from pathlib import Path

import pytest

from headwater.supervisor import logs


def test_a_large_log_is_copied_away_and_emptied(tmp_path: Path) -> None:
    log = tmp_path / "writer.log"
    with log.open("ab") as held:
        for content in (b"one", b"two", b"three", b"four", b"five"):
            held.write(content)
            held.flush()
            logs.rotate_large(tmp_path, limit_bytes=1)
            assert log.read_bytes() == b""
    kept = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    expected = {"writer.log.1": b"five", "writer.log.2": b"four", "writer.log.3": b"three"}
    assert kept == {"writer.log": b"", **expected}


def test_a_small_log_stays(tmp_path: Path) -> None:
    (tmp_path / "writer.log").write_text("small")
    logs.rotate_large(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["writer.log"]


async def test_follow_shows_new_whole_lines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logs, "FOLLOW_PERIOD", logs.FOLLOW_PERIOD / 20)
    log = tmp_path / "writer.log"
    log.write_text("old\n")
    shown: list[tuple[str, str]] = []
    task = asyncio.create_task(logs.follow(tmp_path, lambda *line: shown.append(line)))
    await asyncio.sleep(0.05)
    with log.open("a") as held:
        held.write("first\nsec")
        held.flush()
        await asyncio.sleep(0.1)
        held.write("ond\n")
        held.flush()
        await asyncio.sleep(0.1)
        logs.rotate_large(tmp_path, limit_bytes=1)
        await asyncio.sleep(0.1)
        held.write("3\n")
    (tmp_path / "query.log").write_text("late\n")
    await asyncio.sleep(0.1)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert set(shown) == {
        ("writer", "first"),
        ("writer", "second"),
        ("writer", "3"),
        ("query", "late"),
    }
