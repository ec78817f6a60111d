"""`docustore doctor`: checks what a deployment needs, and says how to fix it."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import asdict
from typing import Final

from rich.console import Group, RenderableType
from rich.text import Text

from docustore.cli.checks.admin_key import admin_key_finding
from docustore.cli.checks.changes import changes_findings
from docustore.cli.checks.finding import Finding, FindingStatus, failed, ok
from docustore.cli.checks.indexes import indexes_finding
from docustore.cli.checks.machine import data_folder, free_disk, python_version, server_binaries
from docustore.cli.checks.mappings import mapping_findings
from docustore.cli.checks.migrations import migrations_finding
from docustore.cli.checks.mongodb import mongodb_findings
from docustore.cli.checks.operation import operation_findings
from docustore.cli.checks.outbox import outbox_findings
from docustore.cli.checks.port import port_finding
from docustore.cli.checks.quality import quality_finding
from docustore.cli.checks.sources import source_findings
from docustore.cli.checks.valkey import valkey_findings
from docustore.cli.command import Invocation, command
from docustore.cli.failures import DONE, FAILED
from docustore.cli.tables import list_table
from docustore.config import Settings
from docustore.embedded.endpoints_file import read_endpoints
from docustore.errors import ConfigurationError, EmbeddedServerError

STYLES: Final = {
    FindingStatus.OK: "green",
    FindingStatus.WARNING: "yellow",
    FindingStatus.FAILED: "bold red",
    FindingStatus.SKIPPED: "dim",
}


@command("doctor", example="docustore doctor --json")
async def doctor(invocation: Invocation) -> int:
    """Check everything a deployment needs: exit 0 no check failed, 1 failed."""
    findings = [finding async for finding in _findings(invocation)]
    is_healthy = all(finding.status is not FindingStatus.FAILED for finding in findings)
    document = {"healthy": is_healthy, "findings": [asdict(finding) for finding in findings]}
    invocation.show(document, table=_table(findings))
    return DONE if is_healthy else FAILED


async def _findings(invocation: Invocation) -> AsyncIterator[Finding]:
    yield python_version()
    try:
        settings = invocation.settings()
    except ConfigurationError as exc:
        yield failed("configuration", str(exc), next_step="fix the named setting, or unset it")
        return
    yield ok("configuration", "readable")
    if settings.admin_key is not None:
        yield admin_key_finding(settings)
    yield data_folder(settings)
    yield free_disk(settings)
    yield await port_finding(settings)
    yield await server_binaries(settings)
    for finding in await source_findings(settings):
        yield finding
    try:
        async with invocation.servers() as located:
            # A running `up` has applied indexes and migrations, so a difference is a real one.
            is_running = read_endpoints(settings.data_dir) is not None
            will_be_applied = settings.mongodb_url is None and not is_running
            async for finding in _server_findings(located, are_embedded=will_be_applied):
                yield finding
    except EmbeddedServerError as exc:
        yield failed("servers", str(exc), next_step="fix the named cause, or configure your own servers")


async def _server_findings(settings: Settings, *, are_embedded: bool) -> AsyncIterator[Finding]:
    is_mongodb_well = True
    async for finding in mongodb_findings(settings):
        is_mongodb_well &= finding.status is not FindingStatus.FAILED
        yield finding
    async for finding in valkey_findings(settings):
        yield finding
    if is_mongodb_well:
        yield await indexes_finding(settings, are_servers_embedded=are_embedded)
        yield await migrations_finding(settings, are_servers_embedded=are_embedded)
        for finding in await changes_findings(settings):
            yield finding
        yield await quality_finding(settings)
        for finding in await operation_findings(settings):
            yield finding
        for finding in await outbox_findings(settings):
            yield finding
        for finding in await mapping_findings(settings):
            yield finding


def _table(findings: Sequence[Finding]) -> RenderableType:
    table = list_table()
    for heading in ("", "check", "found", "next step"):
        table.add_column(heading, overflow="fold")
    for finding in findings:
        status = Text(finding.status.value, style=STYLES[finding.status])
        table.add_row(status, finding.check, finding.seen, finding.next_step)
    failures = sum(finding.status is FindingStatus.FAILED for finding in findings)
    return Group(table, Text(f"\n{_summary(failures)}"))


def _summary(failures: int) -> str:
    if not failures:
        return "No check failed."
    checks = "1 check" if failures == 1 else f"{failures} checks"
    return f"{checks} failed. Follow the next steps above, then run `docustore doctor` again."
