import io

import pytest
from rich.console import Console, Group, RenderableType

from docustore.cli.command import Invocation
from docustore.cli.interruption import Interruption
from docustore.cli.migrate_tables import status_table
from docustore.cli.outbox_tables import destination_table
from docustore.cli.tables import list_table, next_page_line
from docustore.migrations.migrate import own_catalog
from docustore.outbox.figures import DestinationFigures


def printed(table: RenderableType) -> str:
    console = Console(file=io.StringIO(), width=80)
    console.print(table)
    text: str = console.file.getvalue()  # type: ignore[attr-defined]
    return text


def test_name_of_an_entry_is_never_cut() -> None:
    """Other commands take it."""
    table = list_table("id", "url", "state")
    table.add_row("80707e37a421", "https://example.org/" + "a" * 70, "disabled (operator)")

    assert "80707e37a421" in printed(table)


def test_destination_is_shown_whole() -> None:
    destination = DestinationFigures(
        name="webhook:80707e37a421", kind="webhook", is_enabled=False, pending=12_345, oldest_s=86_400.0,
        delivered=123_456, failed=1_234, failing_since=None, last_error="status 500",
        disabled={"reason": "gone"}, replay=None,
    )  # fmt: skip

    assert destination.name in printed(destination_table([destination]))


def test_migrations_are_readable_at_80_columns() -> None:
    shown = printed(status_table(own_catalog(), {}))

    assert all(text in shown for text in ("migration", "conflicts", "first shape", "normalised", "pending"))


def test_cursor_is_never_broken(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    invocation = Invocation(as_json=False, debug=False, data_dir=None, interruption=Interruption())
    cursor = "a" * 200

    invocation.show({}, table=Group(list_table("id"), next_page_line(cursor)))

    assert f"--cursor {cursor}\n" in capsys.readouterr().out
