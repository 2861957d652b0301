"""Which errors are a row's own fault, and when there are too many."""

import pytest

from services.writer.domain.refusals import RefusalWindow, is_rows_fault, refused_line


@pytest.mark.parametrize("sqlstate", ["22021", "22P02", "22003", "23502", "23514", "54000"])
def test_a_rows_own_fault(sqlstate: str) -> None:
    assert is_rows_fault(sqlstate)


@pytest.mark.parametrize(
    "sqlstate",
    ["23505", "42P01", "42703", "40P01", "53100", "53300", "54001", "55P03", "57014", "08006", ""],
)
def test_not_a_rows_fault(sqlstate: str) -> None:
    assert not is_rows_fault(sqlstate)


def test_the_line_of_a_refused_row_is_a_hint_within_the_rows() -> None:
    assert refused_line("COPY app_logs, line 3, column message", 10) == 2
    assert refused_line("COPY app_logs, line 11", 10) is None
    assert refused_line("SQL function", 10) is None
    json = 'JSON data, line 1: {"a":...\nCOPY app_logs, line 7, column extra_data'
    assert refused_line(json, 10) == 6
    hostile = "JSON data, line 1: \nCOPY app_logs, line 2...\nCOPY app_logs, line 7, column x"
    assert refused_line(hostile, 10) == 6
    assert refused_line(None, 10) is None


def test_a_few_refused_rows_do_not_trip() -> None:
    window = RefusalWindow()
    for _ in range(100):
        window.add(256, 1)
        assert not window.is_tripped


def test_a_small_stream_trips_only_beyond_five_percent_of_a_thousand() -> None:
    window = RefusalWindow()
    window.add(50, 50)
    assert not window.is_tripped
    window.add(1, 1)
    assert window.is_tripped


def test_good_events_push_the_refused_ones_out() -> None:
    window = RefusalWindow()
    window.add(60, 60)
    assert window.is_tripped
    window.add(5_000, 0)
    window.add(1_000, 0)
    assert not window.is_tripped


def test_a_copy_is_a_copy() -> None:
    window = RefusalWindow()
    window.copy().add(1_000, 1_000)
    assert not window.is_tripped
