"""The folder in which batches wait: whole files, one owner at a time, nothing of anybody else."""

import shutil
from pathlib import Path

import pytest

from headwater_sdk.options import Problem, read_options
from headwater_sdk.transport.batch import Batch, seal
from headwater_sdk.transport.spool import Spool
from tests.property.python_sdk.world import START, MovedClock, Process, ScriptedGateway, spooled

SETTINGS = read_options("http://x", "k", {})


def batch(number: int = 0) -> Batch:
    event = b'{"message":"%d"}' % number
    return seal([event], START + number, SETTINGS, {}, severe=number % 2 == 1)


def spool(folder: Path) -> Spool:
    return Spool(folder, MovedClock())


def test_a_batch_comes_back_byte_for_byte(tmp_path: Path) -> None:
    one, mine = batch(1), spool(tmp_path)
    body = one.body
    one.path, one.body = mine.save(one), None
    assert mine.read(one) == body
    assert one.path.stat().st_mode & 0o777 == 0o600
    assert one.path.parent.stat().st_mode & 0o777 == 0o700

    mine.forget()
    [found] = spool(tmp_path).adopt()
    assert (found.id, found.count, found.is_severe, found.at) == (one.id, 1, True, one.at)


def test_what_a_living_process_owns_is_left_alone(tmp_path: Path) -> None:
    mine, other, third = spool(tmp_path), spool(tmp_path), spool(tmp_path)
    mine.save(batch())
    assert other.adopt() == []
    mine.forget()
    assert len(other.adopt()) == 1
    assert third.adopt() == []
    other.forget()
    assert len(third.adopt()) == 1


def test_damaged_and_foreign_files_are_no_batches(tmp_path: Path) -> None:
    mine, one = spool(tmp_path), batch()
    path = mine.save(one)
    path.write_bytes(path.read_bytes()[:-1])
    (path.parent / f"{path.name}.part").write_bytes(b"half")
    (path.parent / "note.txt").write_text("hello")
    mine.forget()
    later = spool(tmp_path)
    [found] = later.adopt()
    assert later.read(found) is None


def test_an_empty_folder_is_cleared_away(tmp_path: Path) -> None:
    mine = spool(tmp_path)
    path = mine.save(batch())
    mine.remove(path)
    mine.close()
    assert list(tmp_path.iterdir()) == []


def test_a_spool_that_cannot_be_written_leaves_batches_in_memory(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    told: list[Problem] = []
    gateway = ScriptedGateway()
    one = Process(MovedClock(), gateway, tmp_path / "file" / "spool", on_error=told.append)
    one.log("a")
    one.log("b")
    one.pipeline.collector.finish()
    assert [problem.reason for problem in told] == ["spool_unwritable"]
    assert one.stats.now()["queued"] == 2
    one.send()
    assert one.stats.now()["sent"] == 2


def test_the_spool_keeps_to_its_size_and_errors_stay(tmp_path: Path) -> None:
    one = Process(
        MovedClock(), ScriptedGateway(script=["503"]), tmp_path, spool_bytes=2_000, batch_size=1
    )
    for number, level in enumerate(["INFO", "ERROR", *["INFO"] * 10]):
        one.log(f"event {number}", level)
        one.pipeline.collector.turn()
    assert sum(path.stat().st_size for path in tmp_path.rglob("*.json")) <= 2_000
    assert "event 1" in set(spooled(tmp_path))
    assert one.stats.now()["drops"]["evicted"] > 0
    assert one.holds_identity()
    one.pipeline.close()


def test_a_crash_between_the_parts_and_the_whole_doubles_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gateway = ScriptedGateway(most_events=1)
    one = Process(MovedClock(), gateway, tmp_path)
    one.log("a")
    one.log("b")
    one.pipeline.collector.finish()
    monkeypatch.setattr(Spool, "remove", lambda *_: None)  # the process dies before it gets there
    one.send()
    monkeypatch.undo()
    assert sorted(spooled(tmp_path)) == ["a", "a", "b", "b"]
    one.crash()

    later = Process(one.clock, gateway, tmp_path)
    for _ in range(8):
        later.send()
    assert gateway.stored == {"a": 1, "b": 1}
    assert [*spooled(tmp_path)] == []
    later.pipeline.close()


@pytest.mark.parametrize("has_module", [True, False])
def test_where_nothing_can_be_locked_no_folder_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, has_module: bool
) -> None:
    def refuse(*_: object) -> None:
        raise OSError("no locks")

    if has_module:
        monkeypatch.setattr("headwater_sdk.transport.spool.fcntl.flock", refuse)
    else:
        monkeypatch.setattr("headwater_sdk.transport.spool.fcntl", None)
    mine = spool(tmp_path)
    for number in range(3):
        with pytest.raises(OSError, match="lock"):
            mine.save(batch(number))
    assert list(tmp_path.iterdir()) == []


def test_an_own_folder_that_was_cleared_away_is_made_anew(tmp_path: Path) -> None:
    mine = spool(tmp_path / "spool")
    mine.save(batch())
    shutil.rmtree(tmp_path / "spool")
    one = batch(1)
    body = one.body
    one.path, one.body = mine.save(one), None
    assert mine.read(one) == body
    assert spool(tmp_path / "spool").adopt() == []
    mine.close()
