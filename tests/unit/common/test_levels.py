import pytest

from libs.common.events import LEVELS, level_name


@pytest.mark.parametrize("level", LEVELS)
def test_levels_name_themselves_in_any_case(level: str) -> None:
    assert level_name(level) == level
    assert level_name(level.lower()) == level
    assert level_name(f" {level.title()} ") == level


@pytest.mark.parametrize(
    ("alias", "level"),
    [
        ("trace", "DEBUG"),
        ("log", "INFO"),
        ("notice", "INFO"),
        ("warn", "WARNING"),
        ("err", "ERROR"),
        ("fatal", "CRITICAL"),
        ("emerg", "CRITICAL"),
    ],
)
def test_aliases(alias: str, level: str) -> None:
    assert level_name(alias) == level
    assert level_name(alias.upper()) == level


@pytest.mark.parametrize(
    ("severity", "level"),
    [
        (1, "DEBUG"),
        (8, "DEBUG"),
        (9, "INFO"),
        (12, "INFO"),
        (13, "WARNING"),
        (16, "WARNING"),
        (17, "ERROR"),
        (20, "ERROR"),
        (21, "CRITICAL"),
        (24, "CRITICAL"),
    ],
)
def test_severity_numbers_of_opentelemetry(severity: int, level: str) -> None:
    assert level_name(severity) == level
    assert level_name(str(severity)) == level


@pytest.mark.parametrize("value", [0, 25, -1, True, "", "0", "25", "999", "loud", "errors", "²"])
def test_what_names_no_level(value: str | int) -> None:
    assert level_name(value) is None
