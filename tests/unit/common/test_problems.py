import msgspec

from libs.common.http.problems import HeadwaterError, Problem


class Missing(HeadwaterError):
    """Something is not there."""

    reason = "not_there"


def test_problem_document_has_the_members_of_rfc_9457_and_ours() -> None:
    problem = Problem(404, "not_there", "no row", extra={"id": 7})

    assert msgspec.json.decode(problem.body()) == {
        "type": "urn:headwater:problem:not-there",
        "title": "not there",
        "status": 404,
        "reason": "not_there",
        "retryable": False,
        "detail": "no row",
        "id": 7,
    }
    assert problem.headers()["content-type"] == "application/problem+json"
    assert "retry-after" not in problem.headers()


def test_retryable_problem_says_when() -> None:
    problem = Problem(503, "unavailable", retryable=True, retry_after_s=2)

    assert problem.headers()["retry-after"] == "2"
    assert msgspec.json.decode(problem.body())["retryable"] is True


def test_error_reads_as_its_detail_or_its_reason() -> None:
    assert str(Missing("row 7")) == "row 7"
    assert str(Missing()) == "not_there"
    assert Missing("x", field="id").extra == {"field": "id"}
