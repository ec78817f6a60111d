"""What to do about an incident, in a sentence with a command. Pure."""

from collections.abc import Mapping
from typing import Any, Final

# By kind. `{source}` is the source or the destination, `{run}` the run that was found first.
_STEPS: Final[Mapping[str, str]] = {
    "run_failed": "follow the error, then run `docustore etl run {source}`",
    "budget_exceeded": (
        "run `docustore quarantine list --run {run}`; correct the records in the source, or raise "
        "DOCUSTORE_ETL_QUARANTINE_BUDGET_PCT, then run `docustore etl run {source}`"
    ),
    "run_held": (
        "run `docustore etl show {run}`, then `docustore etl approve {run}`, or "
        "`docustore etl reject {run} --reason 'not wanted'`"
    ),
    "overdue": "run `docustore etl runs --source {source}` and `docustore doctor`",
    "no_records": "run `docustore etl preview {source}`, and ask the owner of the source",
    "gate_not_passed": "run `docustore etl show {run}`, and correct the records in the source",
    "volume_unusual": "run `docustore etl runs --source {source}` and `docustore etl reconcile {source}`",
    "new_fields": "run `docustore etl preview {source}`; map the fields that users need in its settings",
    "missing_fields": (
        "run `docustore etl preview {source}`; map the new name of the field, or ask the owner of the source"
    ),
    "destination_failing": "run `docustore outbox list`; events are sent again by themselves for three days",
    "destination_disabled": "correct the receiver, then run `docustore outbox enable {source}`",
}


def next_step_of(kind: str, source: str, facts: Mapping[str, Any]) -> str | None:
    """Return the step; None for a kind whose facts name their own."""
    step = _STEPS.get(kind)
    return None if step is None else step.format(source=source, run=facts.get("run_id", "RUN"))
