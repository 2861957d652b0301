"""The metrics of one process, made from the list in `metric_names`."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from libs.common.telemetry.metric_names import METRICS, MetricSpec


class Count:
    """A counter that one thread counts in by `count.value += n`, for what each request counts.

    Prometheus' own takes a lock and asks five questions each time, for a microsecond.
    """

    __slots__ = ("_counter", "_shown", "value")

    def __init__(self, counter: Counter) -> None:
        self._counter = counter
        self._shown = 0
        self.value = 0

    def show(self) -> None:
        """Hand on what was counted since the last time."""
        value = self.value
        self._counter.inc(value - self._shown)
        self._shown = value


class Metrics:
    """Counters, gauges and histograms by name; each process makes one and hands it on."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._specs = {spec.name: spec for spec in METRICS}
        self._counters: dict[str, Counter] = {}
        self._counts: dict[tuple[str, ...], Count] = {}
        self._gauges: dict[str, Gauge] = {}
        self._histograms: dict[str, Histogram] = {}

    def counter(self, name: str) -> Counter:
        """Return the counter of that name; raises KeyError where the list has none."""
        made = self._counters.get(name)
        if made is None:
            spec = self._spec(name, "counter")
            made = self._counters[name] = Counter(
                name, spec.help, spec.labels, registry=self._registry
            )
        return made

    def count(self, name: str, *labels: str) -> Count:
        """Return what counts for a counter's child; raises KeyError where the list has none."""
        made = self._counts.get((name, *labels))
        if made is None:
            counter = self.counter(name)
            child = counter.labels(*labels) if labels else counter
            made = self._counts[name, *labels] = Count(child)
        return made

    def gauge(self, name: str) -> Gauge:
        """Return the gauge of that name; raises KeyError where the list has none."""
        made = self._gauges.get(name)
        if made is None:
            spec = self._spec(name, "gauge")
            made = self._gauges[name] = Gauge(name, spec.help, spec.labels, registry=self._registry)
        return made

    def histogram(self, name: str) -> Histogram:
        """Return the histogram of that name; raises KeyError where the list has none."""
        made = self._histograms.get(name)
        if made is None:
            spec = self._spec(name, "histogram")
            made = self._histograms[name] = Histogram(
                name, spec.help, spec.labels, buckets=spec.buckets, registry=self._registry
            )
        return made

    def exposition(self) -> bytes:
        """Return all metrics in Prometheus' text format."""
        for count in self._counts.values():
            count.show()
        return generate_latest(self._registry)

    def _spec(self, name: str, kind: str) -> MetricSpec:
        spec = self._specs[name]
        if spec.kind != kind:
            raise KeyError(f"{name} is a {spec.kind}")
        return spec
