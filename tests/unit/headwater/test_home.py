"""The home folder: one owner, a state that is never half written, private secrets."""

import json
import os
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from headwater.home import Home, HomeInUse, ProcessState, State, read_state, write_state


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


def test_a_home_has_one_owner(home: Home) -> None:
    with home.lock():
        assert home.owner_pid() == os.getpid()
        with pytest.raises(HomeInUse):
            home.lock()
    assert home.owner_pid() is None
    home.lock().close()


def test_a_lock_is_of_this_home_until_the_folder_is_another(home: Home) -> None:
    with home.lock() as held:
        assert home.is_held_by(held)
        home.path.rename(home.path.with_name("moved"))
        assert not home.is_held_by(held)
        with home.lock():
            assert not home.is_held_by(held)


def test_looking_does_not_own(home: Home) -> None:
    assert home.owner_pid() is None
    assert not home.path.exists()


def test_state_of_a_running_home_is_what_its_supervisor_wrote(home: Home) -> None:
    state = State(
        home=str(home.path),
        ready=True,
        ingest_key="hw_a_b",
        processes={"kafka": ProcessState(os.getpid(), True, 2)},
    )
    write_state(home, state)
    with home.lock():
        assert read_state(home) == state


def test_state_without_a_supervisor_is_never_ready(home: Home) -> None:
    processes = {
        "kafka": ProcessState(os.getpid(), True, 0),
        "writer": ProcessState(2**22 + 1, True, 0),
    }
    state = State(home=str(home.path), ready=True, processes=processes)
    write_state(home, state)
    assert read_state(home) == replace(
        state,
        ready=False,
        processes={
            "kafka": ProcessState(os.getpid(), False, 0),
            "writer": ProcessState(None, False, 0),
        },
    )


def test_state_of_no_home_and_of_a_broken_file(home: Home) -> None:
    assert read_state(home) == State(home=str(home.path))
    home.path.mkdir()
    home.state_file.write_text("{")
    assert read_state(home) == State(home=str(home.path))


def test_state_file_holds_the_promised_keys_and_is_private(home: Home) -> None:
    write_state(home, State(home=str(home.path)))
    promised = {"ready", "console_url", "ingest_url", "ingest_key", "admin_email"}
    promised |= {"sentry_dsn", "otlp_endpoint"}
    promised |= {"admin_password", "api_token", "database_url", "kafka_bootstrap", "processes"}
    assert promised <= json.loads(home.state_file.read_text()).keys()
    assert stat.S_IMODE(home.state_file.stat().st_mode) == 0o600


def test_installation_secret_is_made_once(home: Home) -> None:
    first = home.ensure_installation_secret().read_bytes()
    assert len(first.strip()) >= 32
    assert home.ensure_installation_secret().read_bytes() == first
    assert stat.S_IMODE(home.installation_secret_file.stat().st_mode) == 0o600


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_home_is_for_its_owner_only(home: Home) -> None:
    with home.lock():
        assert [mode_of(folder) for folder in (home.path, home.logs, home.run)] == [0o700] * 3


def test_a_home_of_before_is_closed_to_others(home: Home) -> None:
    home.logs.mkdir(parents=True)
    home.ensure_installation_secret()
    for folder in (home.path, home.logs):
        folder.chmod(0o755)
    with home.lock():
        assert [mode_of(folder) for folder in (home.path, home.logs)] == [0o700] * 2


def test_a_folder_that_was_there_for_something_else_stays_as_it_is(home: Home) -> None:
    home.path.mkdir()
    home.path.chmod(0o755)
    with home.lock():
        assert (mode_of(home.path), mode_of(home.logs)) == (0o755, 0o700)
