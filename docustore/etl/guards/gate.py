"""Judge the records of a run by the rules of data quality. Pure.

Only rules that a record alone decides can judge it: not those on other users, on the time, or on what the store
adds.
The counts go with the checkpoint of the run, so a resumed run has judged each record once.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Final

from docustore.errors import ConfigurationError
from docustore.etl.guards.gate_result import GateBreach, GateResult
from docustore.etl.transform import UserRecord
from docustore.quality.declared import rule_set
from docustore.quality.rules import Holds, Limit, Rule
from docustore.quality.verdict import RuleSet
from docustore.quality_settings import RuleSettings
from docustore.source_options.quality_gate import GateLimit, QualityGate
from docustore.users.fields import MAPPED

# The store gives every user a registration time.
RECORD_FIELDS: Final = frozenset(MAPPED) - {"created_at"}
# The names of the counts in the `quality` of a run.
OF_GATE: Final = "gate:"
JUDGED: Final = f"{OF_GATE}judged"
VIOLATED: Final = f"{OF_GATE}violated:"
NOT_EVALUATED: Final = f"{OF_GATE}not_evaluated:"
INAPPLICABLE: Final = f"{OF_GATE}inapplicable:"
_PLACES: Final = (("violated", VIOLATED), ("skipped", NOT_EVALUATED), ("inapplicable", INAPPLICABLE))


class Gate:
    """The gate of one source.

    Args:
        source: The name of the source, for errors.
        rules: The rules of the service.
        approved: Violations by rule that a person has approved for this run.

    Raises:
        ConfigurationError: A limit names a rule that does not exist or cannot judge a record.
    """

    def __init__(
        self, settings: QualityGate, rules: RuleSet, *, source: str, approved: Mapping[str, int] | None = None
    ) -> None:
        self._settings = settings
        self._approved = approved or {}
        able = {rule.name: rule for rule in rules.rules if can_judge_a_record(rule)}
        for name in settings.rules:
            if name not in able:
                problem = f"{name} is no rule that can judge a record; use {', '.join(able)}"
                raise ConfigurationError(setting=f"sources.{source}.quality_gate.rules", problem=problem)
        self._limits = {name: limit for name, rule in able.items() if (limit := self._limit_of(rule)) is not None}
        self._rules = RuleSet(tuple(able[name] for name in self._limits))
        self._names = {rule_id: name for name, rule_id in self._rules.ids.items()}

    def judge(self, records: Iterable[UserRecord]) -> Counter[str]:
        """Count the verdicts on the records of a page."""
        counts: Counter[str] = Counter()
        for record in records:
            verdict = None if record.values is None else self._rules.verdict_of(record.values)
            if verdict is None:
                continue
            counts[JUDGED] += 1
            for place, name in _PLACES:
                for rule_id in verdict[place]:  # type: ignore[literal-required]  # one of the lists of ids
                    counts[f"{name}{self._names[rule_id]}"] += 1
        return counts

    def result(self, quality: Mapping[str, int]) -> GateResult:
        """Compare the counts of a whole run with the limits."""
        judged = quality.get(JUDGED, 0)
        over = [
            breach for rule in self._rules.rules if (breach := self._breach(rule, judged, quality)) is not None
        ]
        return GateResult(
            mode=self._settings.mode,
            judged=judged,
            is_passed=not over,
            over=over,
            not_evaluated={
                name: number for name in self._limits if (number := quality.get(f"{NOT_EVALUATED}{name}", 0))
            },
        )

    def _breach(self, rule: Rule, judged: int, quality: Mapping[str, int]) -> GateBreach | None:
        violated = quality.get(f"{VIOLATED}{rule.name}", 0)
        left_out = quality.get(f"{NOT_EVALUATED}{rule.name}", 0) + quality.get(f"{INAPPLICABLE}{rule.name}", 0)
        given, applicable = self._limits[rule.name], judged - left_out
        limit = Limit(count=given.count, percent=given.percent)
        is_approved = violated <= self._approved.get(rule.name, -1)
        if is_approved or not limit.is_passed(violated=violated, applicable=applicable):
            return None
        return GateBreach(
            rule=rule.name,
            severity=rule.severity.value,
            violated=violated,
            applicable=applicable,
            max_count=given.count,
            max_percent=given.percent,
        )

    def _limit_of(self, rule: Rule) -> GateLimit | None:
        limit: GateLimit | None = getattr(self._settings, rule.severity.value)
        return self._settings.rules.get(rule.name, limit)


def gate_of(
    settings: QualityGate,
    quality_rules: Mapping[str, RuleSettings],
    *,
    source: str,
    approved: Mapping[str, int] | None = None,
) -> Gate | None:
    """Make the gate of a source; None without limits.

    Raises:
        ConfigurationError: A limit names a rule that does not exist or cannot judge a record.
    """
    return Gate(settings, rule_set(quality_rules), source=source, approved=approved) if settings.is_set else None


def can_judge_a_record(rule: Rule) -> bool:
    """Tell whether the record alone decides whether the rule holds."""
    return isinstance(rule.check, Holds) and RECORD_FIELDS.issuperset(rule.fields)
