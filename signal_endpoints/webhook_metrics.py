"""What the webhook shows to Prometheus; every name begins with trade_engine_webhook_."""

from collections.abc import Iterator

from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from signal_endpoints.tradingview_service import TradingViewService
from signal_processors.tradingview_lane import Verdict


class WebhookMetrics(Collector):
    """Reads the service at every scrape; nothing is registered globally.

    Attributes:
        registry: What a scrape shows.
    """

    def __init__(self, service: TradingViewService) -> None:
        self._service = service
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        GCCollector(registry=self.registry)
        self.registry.register(self)

    def collect(self) -> Iterator[Metric]:
        """The counters and gauges as they stand."""
        processor = self._service.processor
        # Every verdict is there from the start: an increase from nothing is no increase to Prometheus.
        counts = {str(verdict): processor.counts[str(verdict)] for verdict in Verdict}
        yield _counter("messages", "Messages stored, by what became of them.", "verdict", counts)
        yield _counter("refused", "Requests refused before they were stored.", "reason", self._service.refused)
        yield _gauge("held_opens", "Opens held beside a flat in force.", len(processor.book.held()))
        yield _gauge("authenticated", "1 when keys are required.", float(self._service.rules().authenticated))
        late = GaugeMetricFamily(
            "trade_engine_webhook_overdue_minutes",
            "Since a strategy with a rhythm should have spoken; 0 while it is in time.",
            labels=["strategy"],
        )
        for strategy, minutes in processor.overdue_minutes().items():
            late.add_metric([strategy], minutes)
        yield late

    def describe(self) -> list[Metric]:
        """Nothing is read before the service was entered."""
        return []


def _counter(name: str, text: str, label: str, counts: dict[str, int]) -> CounterMetricFamily:
    family = CounterMetricFamily(f"trade_engine_webhook_{name}", text, labels=[label])
    for value, count in counts.items():
        family.add_metric([value], count)
    return family


def _gauge(name: str, text: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"trade_engine_webhook_{name}", text, value=value)
