"""The settings of the rules of data quality.

They stand in `docustore.toml` as `[quality_rules.NAME]`.
"""

import re
from datetime import time
from enum import StrEnum
from typing import Any, Final, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from docustore.linear_expression import LinearExpression

RULE_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,62}")


class RuleKind(StrEnum):
    """What a rule of the settings checks of its field.

    `required`: it is given. `pattern`: a given text matches the whole expression. `one_of`: a given value is one
    of `values`. `max_age`: the time is not older than `days`. `unique`: no two users have one value, whatever the
    case and the accents.
    """

    REQUIRED = "required"
    PATTERN = "pattern"
    ONE_OF = "one_of"
    MAX_AGE = "max_age"
    UNIQUE = "unique"


_ARGUMENT: Final = {RuleKind.PATTERN: "pattern", RuleKind.ONE_OF: "values", RuleKind.MAX_AGE: "days"}


class LimitSettings(BaseModel):
    """The accepted violations: a number, a percentage, or both."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    count: int | None = Field(None, ge=0)
    percent: float | None = Field(None, ge=0, le=100)


class RuleSettings(BaseModel):
    """One rule; without a `kind` it changes the built-in rule of its name."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    enabled: bool = True
    kind: RuleKind | None = None
    field: str = ""
    pattern: str | None = None
    values: tuple[str, ...] | None = Field(None, min_length=1)
    days: int | None = Field(None, ge=1, le=36_500)
    # The rule applies only to users whose fields have one of these values.
    when: dict[str, str | tuple[str, ...]] = Field(default_factory=dict)
    dimension: str | None = None
    severity: str | None = None
    title: str | None = None
    remedy: str | None = None
    owner: str | None = None
    warn: LimitSettings | None = None
    fail: LimitSettings | None = None
    # Which changes of its figures are unusual: `worse`, `both` or `off`.
    anomaly: str | None = None

    @field_validator("pattern")
    @classmethod
    def _pattern_compiles(cls, pattern: str | None) -> str | None:
        try:
            LinearExpression(pattern or "")
        except ValueError as exc:
            msg = f"the expression is malformed, or is not matched in linear time: {exc}"
            raise ValueError(msg) from exc
        return pattern

    @model_validator(mode="after")
    def _arguments_fit_the_kind(self) -> Self:
        given = {name for name in ("pattern", "values", "days") if getattr(self, name) is not None}
        if self.kind is None:
            # `days` may change a built-in rule of time.
            wrong = (given - {"days"}) | ({"field"} if self.field else set()) | ({"when"} if self.when else set())
            if wrong:
                msg = f"{', '.join(sorted(wrong))} needs a `kind`: required, pattern, one_of, max_age or unique"
                raise ValueError(msg)
            return self
        needed = {_ARGUMENT[self.kind]} if self.kind in _ARGUMENT else set()
        if not self.field:
            msg = "name the `field` that the rule checks, such as `profile.location`"
            raise ValueError(msg)
        if given != needed:
            msg = f"a rule of kind {self.kind} takes {' and '.join(sorted(needed)) or 'no argument'}"
            raise ValueError(msg)
        return self


def require_rule_names(rules: dict[str, Any]) -> None:
    """Check the names of rules.

    Raises:
        ValueError: A name cannot be part of a stored key.
    """
    for name in rules:
        if not RULE_NAME.fullmatch(name):
            msg = f"rule name {name!r}: use a-z, 0-9 and _, with a letter first"
            raise ValueError(msg)


def time_of_check(given: str) -> time | None:
    """Read the time of day of the nightly check; None for `off`.

    Raises:
        ValueError: It is no time of day.
    """
    if given == "off":
        return None
    if not re.fullmatch(r"[0-2]\d:[0-5]\d", given, re.ASCII):
        msg = "use a time of day such as 02:30, or off"
        raise ValueError(msg)
    return time.fromisoformat(given)
