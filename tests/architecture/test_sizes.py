from tests.architecture.sizes import Sizes, report
from tests.architecture.tree import PACKAGES, python_files

MODULE_LIMIT = 400
TEST_LIMIT = 600
NINE_OF_TEN_LIMIT = 250
MEDIAN_LIMIT = 140


def test_no_module_is_too_long_to_read() -> None:
    assert Sizes.of(python_files(*PACKAGES, "scripts")).longer_than(MODULE_LIMIT) == {}


def test_no_test_module_is_too_long_to_read() -> None:
    assert Sizes.of(python_files("tests", "bench")).longer_than(TEST_LIMIT) == {}


def test_most_modules_are_short() -> None:
    sizes = Sizes.of(python_files(*PACKAGES))

    assert sizes.ninetieth <= NINE_OF_TEN_LIMIT, report()
    assert sizes.median <= MEDIAN_LIMIT, report()
