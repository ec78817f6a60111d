"""What the guards of a run have found, as rows of its table."""

from collections.abc import Iterator

from docustore.etl.models import EtlRun


def guard_rows(run: EtlRun) -> Iterator[tuple[str, str]]:
    """List the label and the text of each finding."""
    if run.hold is not None:
        yield "held", f"{run.hold}; {_state(run)}"
    if run.approval is not None:
        yield "approval", f"of run {run.approval.run_id}, by {run.approval.by}"
    if run.gate is not None:
        yield "quality gate", str(run.gate)
    if run.snapshot is not None:
        yield "snapshot", str(run.snapshot)
    if run.verification is not None and run.verification.differences:
        yield "verification", str(run.verification)
    if run.new_fields:
        yield "new fields", f"{', '.join(run.new_fields)} (nothing reads them)"
    if run.missing_fields:
        yield "missing fields", f"{', '.join(run.missing_fields)} (earlier runs had them)"


def _state(run: EtlRun) -> str:
    if run.options.dry_run:
        return "the run would wait for approval"
    if run.needs_approval:
        return "waits for approval"
    return f"approved by run {run.approved_run_id}"
