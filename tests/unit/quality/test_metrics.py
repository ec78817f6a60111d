"""The figures of the quality in Prometheus' text format."""

from datetime import UTC, datetime
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from docustore.quality.metrics import quality_exposition
from docustore.quality.report import QualityReport, RuleStatus

Samples = dict[tuple[str, tuple[str, ...]], float]


def rule(name: str, status: str, **changed: Any) -> dict[str, Any]:
    figures = {"violated": 5, "applicable": 100, "not_evaluated": 3, "waiver": None}
    return {
        "name": name,
        "dimension": "validity",
        "severity": "error",
        "status": RuleStatus(status),
        **figures,
        **changed,
    }


def report(*rules: dict[str, Any], **changed: Any) -> QualityReport:
    return {  # type: ignore[return-value]  # what the metrics read
        "score": 97.5,
        "dimensions": {"validity": 95.0, "accuracy": None},
        "rules": list(rules),
        "last_check": None,
        **changed,
    }


def samples(found: QualityReport) -> Samples:
    families = text_string_to_metric_families(quality_exposition(found).decode())
    return {
        (sample.name, tuple(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in families
        for sample in family.samples
    }


def test_figures_of_a_rule() -> None:
    found = samples(report(rule("r", "failed")))

    labels = ("validity", "r", "error")
    assert found["docustore_quality_rule_violated", labels] == 5
    assert found["docustore_quality_rule_applicable", labels] == 100
    assert found["docustore_quality_rule_not_evaluated", labels] == 3
    assert found["docustore_quality_rule_score", labels] == 95
    assert found["docustore_quality_rule_status", ("r", "failed")] == 1
    assert found["docustore_quality_rule_status", ("r", "passed")] == 0


def test_unknown_figures_have_no_sample() -> None:
    """Neither 0 nor 100: an alert on a number would be silent."""
    found = samples(report(rule("r", "unknown"), rule("w", "waived", waiver={"status": RuleStatus.UNKNOWN})))

    names = {name for name, _ in found}
    assert not {name for name in names if name.endswith(("violated", "applicable", "rule_score"))}
    assert found["docustore_quality_rule_status", ("r", "unknown")] == 1
    assert ("docustore_quality_score", ("accuracy",)) not in found
    assert "docustore_quality_last_check_differences" not in names


def test_rule_without_users_has_no_score() -> None:
    found = samples(report(rule("r", "passed", violated=0, applicable=0)))

    assert ("docustore_quality_rule_score", ("validity", "r", "error")) not in found
    assert found["docustore_quality_rule_applicable", ("validity", "r", "error")] == 0


def test_waived_rule_shows_its_figures() -> None:
    found = samples(report(rule("r", "waived", waiver={"status": RuleStatus.FAILED})))

    assert found["docustore_quality_rule_violated", ("validity", "r", "error")] == 5
    assert found["docustore_quality_rule_status", ("r", "waived")] == 1


def test_scores_and_last_check() -> None:
    check = {"at": datetime(2026, 1, 1, tzinfo=UTC), "duration_s": 1.0, "trigger": "night", "differences": ["a"]}

    found = samples(report(last_check=check))

    assert found["docustore_quality_score", ("overall",)] == 97.5
    assert found["docustore_quality_score", ("validity",)] == 95
    assert found["docustore_quality_last_check_differences", ()] == 1
    assert found["docustore_quality_last_check_timestamp_seconds", ()] == check["at"].timestamp()
