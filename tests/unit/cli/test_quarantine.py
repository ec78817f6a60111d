import io
from datetime import UTC, datetime
from typing import Any

import click
import pytest
from rich.console import Console, RenderableType

from docustore.cli.quarantine import _selection
from docustore.cli.quarantine_tables import MAX_SHOWN_CHARS, entries_table, entry_table, report_table
from docustore.etl.models import QuarantineState
from docustore.etl.quarantine_record import QuarantineReason, shown_record
from docustore.etl.replay_report import ReplayedRecord, ReplayReport, ReplayResult
from docustore.etl.selection import Selection

AT = datetime(2026, 1, 31, 12, 5, tzinfo=UTC)
ENTRY: dict[str, Any] = {
    "_id": "6b0363a2c8e7e03b5a434154", "source": "crm", "fingerprint": "f", "run_id": "r1",
    "identity_key": "crm:7", "position": "3", "raw": "{}", "raw_bytes": 2, "state": "ignored", "seen": 1234,
    "first_seen_at": AT, "last_seen_at": AT, "ignored_at": AT, "ignored_by": "cli:me", "ignored_reason": "left",
    "errors": [{"pointer": "/email", "code": "email_malformed", "detail": "no [domain]"}],
}  # fmt: skip


def printed(table: RenderableType, *, width: int = 100) -> str:
    console = Console(file=io.StringIO(), width=width)
    console.print(table)
    text: str = console.file.getvalue()  # type: ignore[attr-defined]
    return text


def test_list_shows_the_whole_id() -> None:
    shown = printed(entries_table([ENTRY]))

    assert all(text in shown for text in ("6b0363a2c8e7e03b5a434154", "/email email_malformed", "1,234"))
    assert printed(entries_table([])) == "No quarantined records.\n"


def test_codes_are_whole_words_at_80_columns() -> None:
    """`--code` takes whole codes only."""
    shown = printed(entries_table([{**ENTRY, "source": "hr-export", "state": "open"}]), width=80)

    assert all(text in shown for text in ("6b0363a2c8e7e03b5a434154", "hr-export", "email_malformed"))


def test_entry_shows_reasons_and_text_as_they_are() -> None:
    """Brackets in a text are no markup."""
    shown = printed(entry_table(shown_record({**ENTRY, "raw": '{"tags": "[b]"}'}, with_raw=True)))

    assert all(text in shown for text in ("no [domain]", '{"tags": "[b]"}', "crm:7", "by cli:me: left"))


def test_long_text_is_cut() -> None:
    long = shown_record({**ENTRY, "raw": "x" * (MAX_SHOWN_CHARS + 1)}, with_raw=True)

    assert "--json shows all" in printed(entry_table(long))


@pytest.mark.parametrize("failed", [0, 1, 60])
def test_replay_lists_what_did_not_load(failed: int) -> None:
    report = ReplayReport()
    reason = QuarantineReason(pointer="", code="incomplete", detail="only the beginning")
    for number in range(failed):
        report.add(
            [
                ReplayedRecord(
                    id=str(number),
                    source="crm",
                    identity_key=None,
                    result=ReplayResult.IMPOSSIBLE,
                    errors=[reason],
                )
            ]
        )

    shown = printed(report_table(report))

    assert f"{failed} impossible" in shown
    assert shown.count("only the beginning") == min(failed, 50)
    assert ("and 10 more" in shown) is (failed == 60)


def test_forgotten_filter_selects_nothing() -> None:
    with pytest.raises(click.UsageError, match="--all"):
        _selection((), source=None, code=None, run_id=None, select_all=False)


def test_ids_select_records_of_any_state() -> None:
    by_id = _selection(("a",), source=None, code=None, run_id=None, select_all=False)
    everything = _selection((), source=None, code=None, run_id=None, select_all=True)

    assert by_id == Selection(ids=("a",), states=tuple(QuarantineState))
    assert everything == Selection()
