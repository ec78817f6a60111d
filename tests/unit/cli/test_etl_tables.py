import io
from datetime import UTC, datetime

from bson import ObjectId
from rich.console import Console

from docustore.cli.etl_tables import reasons_table, run_table, runs_table
from docustore.clock import now_utc
from docustore.etl.models import Checkpoint, Counts, EtlRun, RunOptions, RunState, RunTrigger
from docustore.etl.unread import Unread


def printed(run: EtlRun) -> str:
    narrow = Console(file=io.StringIO(), width=80)
    narrow.print(runs_table([run]))
    return narrow.file.getvalue()


def test_runs_show_date_and_quarantine() -> None:
    """Of a busy run, too: everything fits into 80 columns."""
    started = datetime(2026, 1, 31, 12, 5, tzinfo=UTC)
    run = EtlRun.model_construct(
        id=ObjectId(), source="directory", trigger=RunTrigger.CLI, state=RunState.SUCCEEDED, created_at=started,
        started_at=started, finished_at=started, counts=Counts(read=123_456, quarantined=1_234, warnings=5_678),
    )  # fmt: skip

    shown = printed(run)

    assert all(text in shown for text in ("2026-01-31 12:05", "123,456", "quar.", "1,234", "warn.", "5,678"))
    assert str(run.id) in shown
    assert max(len(line) for line in shown.splitlines()) <= 80


def test_usual_source_name_is_one_word() -> None:
    """At 80 columns it was folded after two letters."""
    started = datetime(2026, 1, 31, 12, 5, tzinfo=UTC)
    run = EtlRun.model_construct(
        id=ObjectId(), source="hr-export", trigger=RunTrigger.CLI, state=RunState.SUCCEEDED, created_at=started,
        started_at=started, finished_at=started, counts=Counts(read=10_000),
    )  # fmt: skip

    assert "hr-export" in printed(run)


def test_store_without_runs_says_how_one_starts() -> None:
    assert "docustore etl run SOURCE" in str(runs_table([]))


def test_dry_runs_are_marked() -> None:
    run = EtlRun.model_construct(
        id=ObjectId(), source="people", trigger=RunTrigger.CLI, state=RunState.SUCCEEDED, created_at=now_utc(),
        started_at=now_utc(), finished_at=now_utc(), options=RunOptions(dry_run=True), counts=Counts(),
    )  # fmt: skip
    shown = Console(file=io.StringIO(), width=80)
    shown.print(run_table(run))

    listed = " ".join(printed(run).split())
    assert "people: succeeded (dry run: nothing was written)" in shown.file.getvalue()
    assert "(dry" in listed
    assert "run)" in listed


def test_unread_keys_are_shown_as_a_sample() -> None:
    run = EtlRun.model_construct(
        id=ObjectId(), source="people", trigger=RunTrigger.CLI, state=RunState.RUNNING, created_at=now_utc(),
        started_at=now_utc(), checkpoint=Checkpoint(unread=Unread().plus(200, {"[b]": 150, "note": 3})),
    )  # fmt: skip
    shown = Console(file=io.StringIO(), width=120)
    shown.print(run_table(run))

    assert "[b] (150), note (3); in a sample of 200 records" in shown.file.getvalue()


def test_figures_of_the_gate_are_no_reasons() -> None:
    """They would look like quarantined records; the row `quality gate` tells the result."""
    counts = {"/email missing": 3, "gate:judged": 40, "gate:violated:last_name_present": 10}
    shown = Console(file=io.StringIO(), width=80)
    table = reasons_table(EtlRun.model_construct(quality=counts))
    assert table is not None
    shown.print(table)

    assert "/email missing" in shown.file.getvalue()
    assert "gate" not in shown.file.getvalue()
    assert reasons_table(EtlRun.model_construct(quality={"gate:judged": 40})) is None


def test_ids_of_runs_are_never_cut() -> None:
    """`etl show` takes whole ids only, so a long source name is folded."""
    run = EtlRun.model_construct(
        id=ObjectId(), source="a-rather-long-name-of-a-source", trigger=RunTrigger.CLI, state=RunState.SUPERSEDED,
        created_at=now_utc(), started_at=now_utc(), finished_at=None,
    )  # fmt: skip

    shown = printed(run)

    assert str(run.id) in shown
    assert "superseded" in shown
    assert max(len(line) for line in shown.splitlines()) <= 80
