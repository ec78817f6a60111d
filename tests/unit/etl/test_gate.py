"""The records of a run against the quality gate of their source."""

from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from docustore.cli.checks.finding import FindingStatus
from docustore.cli.checks.sources import source_findings
from docustore.config import Settings
from docustore.errors import ConfigurationError
from docustore.etl.batch import BatchResult
from docustore.etl.guards.gate import JUDGED, Gate, gate_of
from docustore.etl.guards.gate_result import GateBreach
from docustore.etl.models import Checkpoint
from docustore.etl.pages import Progress, ReadPage
from docustore.etl.transform import UserRecord
from docustore.quality.declared import rule_set
from docustore.source_options.quality_gate import GateMode, QualityGate
from docustore.users.fields import completed_fields

RULES = rule_set({})


def record(**fields: Any) -> UserRecord:
    values = completed_fields({"email": "a@example.org", "first_name": "A", "last_name": "B", **fields})
    return _record(values)


def _record(values: dict[str, Any] | None) -> UserRecord:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    return UserRecord(key="crm:1", modified_at=at, hash="", values=values, is_time_observed=False)


def gate(approved: dict[str, int] | None = None, **settings: Any) -> Gate:
    return Gate(QualityGate(**settings), RULES, source="crm", approved=approved)


def over(gate: Gate, *records: UserRecord) -> list[GateBreach]:
    return gate.result(gate.judge(records)).over


GOOD, BAD = record(), record(last_name="")


@pytest.mark.parametrize(
    ("limit", "bad", "is_over"),
    [
        ({"count": 2}, 2, False),
        ({"count": 2}, 3, True),
        ({"percent": 20}, 2, False),
        ({"percent": 20}, 3, True),
        ({"count": 5, "percent": 20}, 3, True),
        ({"count": 2, "percent": 90}, 3, True),
        ({"count": 0}, 0, False),
    ],
)
def test_limit_of_a_rule(limit: dict[str, float], bad: int, *, is_over: bool) -> None:
    found = over(gate(rules={"last_name_present": limit}), *[BAD] * bad, *[GOOD] * (10 - bad))

    assert [breach.rule for breach in found] == (["last_name_present"] if is_over else [])


def test_severity_limits_each_of_its_rules() -> None:
    """`first_name_present` and `last_name_present` are warnings; a limit of errors does not concern them."""
    both = record(first_name="", last_name="")

    assert [breach.rule for breach in over(gate(warning={"count": 0}), both)] == [
        "first_name_present",
        "last_name_present",
    ]
    assert over(gate(error={"count": 0}), both) == []


def test_limit_of_a_rule_counts_instead_of_its_severity() -> None:
    settings = {"warning": {"count": 0}, "rules": {"last_name_present": {"count": 1}}}

    assert over(gate(**settings), BAD) == []


def test_breach_tells_numbers_and_limits() -> None:
    [breach] = over(gate(rules={"last_name_present": {"count": 0, "percent": 5}}), BAD, GOOD)

    assert breach == GateBreach(
        rule="last_name_present", severity="warning", violated=1, applicable=2, max_count=0, max_percent=5
    )
    assert str(breach) == "1 of 2 records violate last_name_present (limit 0 or 5 %)"


def test_records_that_the_rule_does_not_concern_are_not_applicable() -> None:
    """Nine records without an avatar do not hide the one with a wrong one."""
    avatar = record(profile={"avatar": "javascript:alert(1)"})

    [breach] = over(gate(rules={"avatar_is_web_address": {"percent": 50}}), avatar, *[GOOD] * 9)

    assert (breach.violated, breach.applicable) == (1, 1)


def test_end_of_a_user_is_not_judged() -> None:
    counts = gate(error={"count": 0}).judge([_record(None), GOOD])

    assert counts[JUDGED] == 1


def test_counts_of_pages_add_up() -> None:
    tested = gate(rules={"last_name_present": {"count": 1}})

    together = Counter(tested.judge([BAD])) + Counter(tested.judge([BAD, GOOD]))

    assert together == {JUDGED: 3, "gate:violated:last_name_present": 2}
    assert not tested.result(together).is_passed


def test_rule_that_cannot_judge_a_record_says_so() -> None:
    def broken(_user: Any) -> bool:
        raise ValueError

    rules = rule_set({})
    first = rules.rules[0]
    broken_rule = type(first)(
        name=first.name, title="", remedy="", dimension=first.dimension, severity=first.severity,
        fields=first.fields, check=type(first.check)(test=broken),  # type: ignore[call-arg]
    )  # fmt: skip
    tested = Gate(
        QualityGate(rules={first.name: {"count": 0}}),  # type: ignore[dict-item]
        type(rules)((broken_rule,)),
        source="crm",
    )

    result = tested.result(tested.judge([GOOD, GOOD]))

    assert (result.is_passed, result.judged, result.not_evaluated) == (True, 2, {first.name: 2})


@pytest.mark.parametrize("approved", [1, 2])
def test_approved_violations_pass_once_more(approved: int) -> None:
    found = over(gate({"last_name_present": approved}, rules={"last_name_present": {"count": 0}}), BAD, BAD)

    assert bool(found) is (approved < 2)


@pytest.mark.parametrize(
    "name", ["mailbox_unique", "updated_lately", "times_in_order", "status_follows_sources", "x"]
)
def test_rule_that_needs_more_than_the_record_is_refused(name: str) -> None:
    with pytest.raises(ConfigurationError) as refusal:
        gate(rules={name: {"count": 0}})

    assert refusal.value.setting == "sources.crm.quality_gate.rules"


def test_gate_without_limits_is_not_set() -> None:
    assert not QualityGate(mode=GateMode.BLOCK).is_set
    assert QualityGate(info={"count": 0}).is_set


def test_gate_of_a_source() -> None:
    assert gate_of(QualityGate(), {}, source="crm") is None
    assert gate_of(QualityGate(info={"count": 0}), {}, source="crm") is not None


async def test_doctor_names_a_rule_that_cannot_judge_a_record(tmp_path: Path) -> None:
    """Before a run fails by it."""
    (tmp_path / "a.ndjson").write_text('{"id": 1, "email": "a@example.org"}')
    gate = {"rules": {"mailbox_unique": {"count": 0}}}
    source = {"kind": "file", "url": str(tmp_path / "a.ndjson"), "quality_gate": gate}

    [finding] = await source_findings(Settings(sources={"crm": source}))  # type: ignore[dict-item]

    assert (finding.status, "mailbox_unique" in finding.seen) == (FindingStatus.FAILED, True)


def test_counts_of_a_resumed_run_go_on_from_its_checkpoint() -> None:
    """Each record of a run is judged once, also after a crash."""
    tested = gate(rules={"last_name_present": {"count": 1}})
    page = ReadPage(resume="2", stamp=datetime(2026, 1, 1, tzinfo=UTC), read=1)
    first = Progress(Checkpoint())
    first.advance(page, BatchResult(judged=tested.judge([BAD])))

    resumed = Progress(first.checkpoint)
    resumed.advance(page, BatchResult(judged=tested.judge([BAD])))

    assert resumed.checkpoint.quality == {JUDGED: 2, "gate:violated:last_name_present": 2}
    assert not tested.result(resumed.checkpoint.quality).is_passed


def test_limit_needs_a_number() -> None:
    with pytest.raises(ValueError, match="give a count"):
        QualityGate(error={})
