"""What a rule of data quality is. Pure.

A rule says what must hold for a user. It is declared once, in Python (`builtin`) or in `docustore.toml`
(`declared`). Its `id` names its version: a digest of its definition and of its code (`rule_code`). So figures of
an older version are never mixed with those of a newer one.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from hashlib import blake2b
from typing import Any, Final, TypedDict

from docustore.quality.anomaly import Direction
from docustore.quality.rule_code import code_of

User = Mapping[str, Any]
Applies = Callable[[User], bool]

_DIGEST_BYTES: Final = 5


class Dimension(StrEnum):
    """The aspect of quality that a rule is about."""

    COMPLETENESS = "completeness"
    ACCURACY = "accuracy"
    CONSISTENCY = "consistency"
    VALIDITY = "validity"
    TIMELINESS = "timeliness"
    UNIQUENESS = "uniqueness"


class Severity(StrEnum):
    """How much a violation matters; the weight of the rule in a score."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """The accepted violations: a number, or a percentage of applicable users.

    None = no limit of this kind. With both, passing one of them is enough.
    """

    count: int | None = None
    percent: float | None = None

    def is_passed(self, *, violated: int, applicable: int) -> bool:
        """Tell whether there are more violations than accepted."""
        if self.count is not None and violated > self.count:
            return True
        return self.percent is not None and applicable > 0 and 100 * violated / applicable > self.percent


@dataclass(frozen=True, slots=True, kw_only=True)
class Holds:
    """A test of one user: true if the rule holds, None if the user cannot be judged."""

    test: Callable[[User], bool | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class NotOlderThan:
    """A time of the user must not be older than some days.

    Without a time the user cannot be judged.
    A user violates the rule when time passes, without a write. So the time is stored and counted by days.
    """

    clock: Callable[[User], datetime | None]
    days: int


@dataclass(frozen=True, slots=True, kw_only=True)
class UniqueBy:
    """No two users have one value; None = the rule does not apply to the user.

    All users that share a value violate the rule.
    """

    value: Callable[[User], str | None]


Check = Holds | NotOlderThan | UniqueBy


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule.

    `title` says what must hold; `remedy` says what to do with users that violate it. `fields` are the top-level
    fields that the functions read. `parameters` is the definition of a rule that was not written in Python. A rule
    without an `applies` applies to every user. `anomaly` says which changes of its figures are unusual.
    """

    name: str
    title: str
    remedy: str
    dimension: Dimension
    severity: Severity
    fields: tuple[str, ...]
    check: Check
    applies: Applies | None = None
    owner: str = ""
    warn: Limit = field(default_factory=lambda: Limit(count=0))
    fail: Limit = field(default_factory=Limit)
    anomaly: Direction = Direction.WORSE
    parameters: str = ""

    @property
    def id(self) -> str:
        """The name and version, such as `email_valid@3f2a9c01bb`.

        Limits, texts and the owner are no part of it: no user must be judged again when they change.
        """
        return f"{self.name}@{self._digest()}"

    def _digest(self) -> str:
        codes = map(code_of, functions_of(self))
        is_conditional = "" if self.applies is None else "applies"
        parts = [type(self.check).__name__, is_conditional, *codes, self.parameters, *self.fields]
        if isinstance(self.check, NotOlderThan):
            # The days only move the limit, not what is stored.
            parts.append("clock")
        return blake2b("\0".join(parts).encode(), digest_size=_DIGEST_BYTES).hexdigest()


class LimitView(TypedDict):
    """The accepted violations; null = no limit of this kind."""

    count: int | None
    percent: float | None


class RuleLabels(TypedDict):
    """What a rule says of itself; `owner` is empty without one."""

    name: str
    title: str
    remedy: str
    owner: str
    dimension: str
    severity: str
    warn: LimitView
    fail: LimitView


def labels_of(rule: Rule) -> RuleLabels:
    """Return what a rule says of itself."""
    return {
        "name": rule.name,
        "title": rule.title,
        "remedy": rule.remedy,
        "owner": rule.owner,
        "dimension": rule.dimension.value,
        "severity": rule.severity.value,
        "warn": {"count": rule.warn.count, "percent": rule.warn.percent},
        "fail": {"count": rule.fail.count, "percent": rule.fail.percent},
    }


def functions_of(rule: Rule) -> list[Callable[[User], Any]]:
    """Return the functions that decide what a rule says."""
    check = rule.check
    if isinstance(check, Holds):
        judging: Callable[[User], Any] = check.test
    else:
        judging = check.clock if isinstance(check, NotOlderThan) else check.value
    return [judging] if rule.applies is None else [rule.applies, judging]
