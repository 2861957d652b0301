import re

import pytest

from libs.common.telemetry.metric_names import METRICS, MetricSpec
from libs.common.telemetry.metrics import Metrics

NAME = re.compile(r"headwater_[a-z]+(?:_[a-z]+)*")
COUNTER_ENDING, TIME_ENDING = "_total", "_seconds"


def test_names_are_unique() -> None:
    assert len({spec.name for spec in METRICS}) == len(METRICS)


@pytest.mark.parametrize("spec", METRICS, ids=lambda spec: str(spec.name))
def test_names_follow_the_rules_of_prometheus(spec: MetricSpec) -> None:
    assert NAME.fullmatch(spec.name)
    assert spec.name.endswith(COUNTER_ENDING) == (spec.kind == "counter")
    assert bool(spec.buckets) == (spec.kind == "histogram")
    assert spec.help.endswith(".")
    if spec.kind == "histogram":
        assert spec.name.endswith(TIME_ENDING)


def test_every_listed_metric_can_be_made() -> None:
    metrics = Metrics()
    makers = {
        "counter": metrics.counter,
        "gauge": metrics.gauge,
        "histogram": metrics.histogram,
    }

    for spec in METRICS:
        assert makers[spec.kind](spec.name) is makers[spec.kind](spec.name)


def test_unlisted_metric_and_wrong_kind_are_refused() -> None:
    metrics = Metrics()

    with pytest.raises(KeyError):
        metrics.counter("headwater_unheard_of_total")
    with pytest.raises(KeyError, match="is a counter"):
        metrics.gauge("headwater_ingest_body_bytes_total")


def test_two_processes_in_one_interpreter_do_not_share() -> None:
    first, second = Metrics(), Metrics()
    first.counter("headwater_ingest_body_bytes_total").inc()

    assert b"headwater_ingest_body_bytes_total 1.0" in first.exposition()
    assert b"headwater_ingest_body_bytes_total 1.0" not in second.exposition()


def test_what_was_counted_is_shown_once() -> None:
    metrics = Metrics()
    name = "headwater_ingest_events_total"
    accepted = metrics.count(name, "accepted")
    metrics.counter(name).labels("accepted").inc(2)

    for more, expected in ((3, b"5.0"), (0, b"5.0"), (1, b"6.0")):
        accepted.value += more
        assert b'headwater_ingest_events_total{fate="accepted"} ' + expected in metrics.exposition()
    assert metrics.count(name, "accepted") is accepted
