"""What `simpang loader` tells Prometheus."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from pipeline import metrics
from pipeline.runtime.exporter import metric_family
from pipeline.sink.bus_loader import LoaderStats


class LoaderCollector(Collector):
    """Turns a loader's stats into metric families whenever Prometheus asks."""

    def __init__(self, latest: Callable[[], LoaderStats]) -> None:
        self._latest = latest

    def collect(self) -> Iterator[CounterMetricFamily | GaugeMetricFamily]:
        """See prometheus_client."""
        stats = self._latest()
        for metric, value in (
            (metrics.LOADER_LOADED, stats.loaded),
            (metrics.BUS_REJECTED, stats.rejected),
            (metrics.BUS_BATCHES, stats.batches),
            (metrics.BUS_FAILURES, stats.failures),
            (metrics.BUS_FAILING, float(bool(stats.failing))),
            (metrics.BUS_WAITING, stats.waiting),
        ):
            yield metric_family(metric, [([], value)])
