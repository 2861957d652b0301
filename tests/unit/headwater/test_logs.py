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
    log, later = tmp_path / "writer.log", tmp_path / "zookeeper.log"
    log.write_text("old\n")
    shown: list[tuple[str, str]] = []
    task = asyncio.create_task(logs.follow(tmp_path, lambda *line: shown.append(line)))
    async with asyncio.timeout(5):
        while not shown:  # what is there at the first look is old
            append(log, "first\n")
            await asyncio.sleep(0.005)
        append(log, "sec")
        append(later, "late\n")
        # it is looked at after the other
        await wait_for(shown, ("zookeeper", "late"))
        assert set(shown) == {("writer", "first"), ("zookeeper", "late")}
        append(log, "ond\n")
        await wait_for(shown, ("writer", "second"))
        logs.rotate_large(tmp_path, limit_bytes=1)
        append(log, "3\n")
        await wait_for(shown, ("writer", "3"))
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert set(shown) == {
        ("writer", "first"),
        ("zookeeper", "late"),
        ("writer", "second"),
        ("writer", "3"),
    }


def append(log: Path, text: str) -> None:
    with log.open("a") as held:
        held.write(text)


async def wait_for(shown: list[tuple[str, str]], line: tuple[str, str]) -> None:
    while line not in shown:  # noqa: ASYNC110  # the list knows no events
        await asyncio.sleep(0.001)
