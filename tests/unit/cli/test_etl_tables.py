import io

from bson import ObjectId
from rich.console import Console

from docustore.cli.etl_tables import runs_table
from docustore.clock import now_utc
from docustore.etl.models import EtlRun, RunState, RunTrigger


def test_ids_of_runs_are_never_cut() -> None:
    """`etl show` takes whole ids only, so a long source name is folded."""
    run = EtlRun.model_construct(
        id=ObjectId(), source="a-rather-long-name-of-a-source", trigger=RunTrigger.CLI, state=RunState.SUPERSEDED,
        created_at=now_utc(), started_at=now_utc(), finished_at=None,
    )  # fmt: skip
    narrow = Console(file=io.StringIO(), width=80)

    narrow.print(runs_table([run]))

    shown = narrow.file.getvalue()
    assert str(run.id) in shown
    assert "superseded" in shown
    assert max(len(line) for line in shown.splitlines()) <= 80
