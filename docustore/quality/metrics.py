"""The figures of the quality for Prometheus.

A figure that is not known has no sample: a number would look like a measurement.
"""

from collections.abc import Iterator

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from docustore.quality.report import QualityReport, RuleFigures, RuleStatus, judged_status

OVERALL = "overall"


class QualityMetrics(Collector):
    """Shows a report that was made before."""

    def __init__(self, report: QualityReport) -> None:
        self._report = report

    def collect(self) -> Iterator[Metric]:
        """Yield every figure."""
        yield _scores(self._report)
        yield from _rules(self._report["rules"])
        status = GaugeMetricFamily(
            "docustore_quality_rule_status", "1 for the present status", labels=["rule", "status"]
        )
        for rule in self._report["rules"]:
            for each in RuleStatus:
                status.add_metric([rule["name"], each.value], float(each is rule["status"]))
        yield status
        check = self._report["last_check"]
        if check is not None:
            yield GaugeMetricFamily(
                "docustore_quality_last_check_timestamp_seconds", "Last full check", check["at"].timestamp()
            )
            yield GaugeMetricFamily(
                "docustore_quality_last_check_differences", "What it found", len(check["differences"])
            )


def quality_exposition(report: QualityReport) -> bytes:
    """Return the figures in Prometheus' text format."""
    registry = CollectorRegistry()
    registry.register(QualityMetrics(report))
    return generate_latest(registry)


def _scores(report: QualityReport) -> Metric:
    scores = GaugeMetricFamily("docustore_quality_score", "Score from 0 to 100", labels=["dimension"])
    for dimension, score in ((OVERALL, report["score"]), *report["dimensions"].items()):
        if score is not None:
            scores.add_metric([dimension], score)
    return scores


def _rules(rules: list[RuleFigures]) -> Iterator[Metric]:
    labels = ["rule", "dimension", "severity"]
    violated = GaugeMetricFamily("docustore_quality_rule_violated", "Users that violate the rule", labels=labels)
    applicable = GaugeMetricFamily("docustore_quality_rule_applicable", "Users that it concerns", labels=labels)
    left_out = GaugeMetricFamily(
        "docustore_quality_rule_not_evaluated", "Users that it could not judge", labels=labels
    )
    score = GaugeMetricFamily(
        "docustore_quality_rule_score", "100 less the percentage of violations", labels=labels
    )
    for rule in rules:
        if judged_status(rule) is RuleStatus.UNKNOWN:
            continue
        own = [rule["name"], rule["dimension"], rule["severity"]]
        violated.add_metric(own, rule["violated"])
        applicable.add_metric(own, rule["applicable"])
        left_out.add_metric(own, rule["not_evaluated"])
        if rule["applicable"]:
            score.add_metric(own, 100 * (1 - rule["violated"] / rule["applicable"]))
    yield from (violated, applicable, left_out, score)
