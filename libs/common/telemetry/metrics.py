"""The metrics of one process, made from the list in `metric_names`."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from libs.common.telemetry.metric_names import METRICS, MetricSpec


class Metrics:
    """Counters, gauges and histograms by name; each process makes one and hands it on."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._specs = {spec.name: spec for spec in METRICS}
        self._counters: dict[str, Counter] = {}
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
        return generate_latest(self._registry)

    def _spec(self, name: str, kind: str) -> MetricSpec:
        spec = self._specs[name]
        if spec.kind != kind:
            raise KeyError(f"{name} is a {spec.kind}")
        return spec
