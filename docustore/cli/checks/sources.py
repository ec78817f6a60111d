"""Checks of the sources: each is reached, and its first page is read."""

import asyncio
from typing import Final

from docustore.cli.checks.finding import Finding, failed, ok, skipped
from docustore.config import Settings
from docustore.errors import ConfigurationError
from docustore.etl.guards.gate import gate_of
from docustore.etl.probe import probe_source
from docustore.source_settings import SourceSettings

# For all sources together, because they are tried at the same time.
TIMEOUT_S: Final = 10.0
AT_A_TIME: Final = 8


async def source_findings(settings: Settings) -> list[Finding]:
    """Try every configured source."""
    if not settings.sources:
        return [skipped("sources", "none is configured; add a table [sources.NAME] to docustore.toml")]
    turns = asyncio.Semaphore(AT_A_TIME)
    return await asyncio.gather(
        *(_finding(name, source, settings, turns) for name, source in sorted(settings.sources.items()))
    )


async def _finding(name: str, source: SourceSettings, settings: Settings, turns: asyncio.Semaphore) -> Finding:
    try:
        gate_of(source.quality_gate, settings.quality_rules, source=name)
    except ConfigurationError as exc:
        return failed(f"source {name}", str(exc), next_step="correct the named setting")
    async with turns:
        steps = await probe_source(name, source, settings, timeout_s=TIMEOUT_S)
    last = steps[-1]
    if last.is_ok:
        return ok(f"source {name}", last.found)
    next_step = f"{last.next_step}; then run `docustore etl test {name}`"
    return failed(f"source {name}", f"{last.step}: {last.found}", next_step=next_step)
