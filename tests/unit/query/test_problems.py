"""Every error has a status, and the tree in the docstring is the tree in the code."""

import re

import pytest

from libs.common.http.problems import HeadwaterError
from services.query.api.problems import STATUS, problem_of
from services.query.domain import errors
from services.query.domain.errors import TooManyLogins, Unavailable


def all_errors(kind: type[HeadwaterError] = HeadwaterError) -> set[type[HeadwaterError]]:
    found: set[type[HeadwaterError]] = set()
    for child in kind.__subclasses__():
        found |= {child} | all_errors(child)
    # the gateway maps its own tree, and tests make errors of their own
    return {error for error in found if error.__module__.startswith(("libs.", "services.query."))}


def test_every_error_is_mapped() -> None:
    assert all_errors() == set(STATUS)


def test_every_reason_is_told_once() -> None:
    reasons = [error.reason for error in STATUS]
    assert len(set(reasons)) == len(reasons)


def test_the_tree_is_drawn_as_it_is() -> None:
    drawn = set(re.findall(r"── (\w+)", errors.__doc__ or ""))
    defined = {error.__name__ for error in all_errors() if error.__module__ == errors.__name__}
    assert drawn == defined


@pytest.mark.parametrize("error", sorted(STATUS, key=str))
def test_retryable_goes_with_the_status(error: type[HeadwaterError]) -> None:
    assert error.retryable == (STATUS[error] in (429, 503))


def test_what_can_be_tried_again_says_when() -> None:
    assert problem_of(Unavailable()).headers()["retry-after"] == "2"
    limited = problem_of(TooManyLogins("slowly", retry_after_s=60))
    assert limited.headers()["retry-after"] == "60"
    assert b"retry_after_s" not in limited.body()
