"""`docustore limits`: show who is blocked by a rate limit, and lift a block."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import click
from rich.table import Table
from rich.text import Text

from docustore.cli.command import Invocation, command
from docustore.cli.tables import list_table
from docustore.queue import open_queue
from docustore.security.limiter import Limiter, Usage
from docustore.security.rate_limits import WINDOW_S


@click.group("limits", epilog="Example: docustore limits list")
def limits() -> None:
    """Show who is blocked by a rate limit, and lift a block."""


@command("list", example="docustore limits list --json")
async def list_(invocation: Invocation) -> None:
    """List client addresses and keys that have used quota in the last minute."""
    async with _limiter(invocation) as limiter:
        found = await limiter.usages()
    invocation.show([_shown(usage) for usage in found], table=_table(found))


@command("clear", example="docustore limits clear 192.0.2.7")
@click.argument("subject", required=False)
@click.option("--all", "is_all", is_flag=True, help="Lift every block.")
async def clear(invocation: Invocation, *, subject: str | None, is_all: bool) -> None:
    """Give SUBJECT, an address or the id of a key, its whole quota again."""
    if (subject is None) is not is_all:
        raise click.UsageError("Give one subject as `docustore limits list` shows it, or --all.")
    async with _limiter(invocation) as limiter:
        cleared = await limiter.clear(subject)
    invocation.show({"cleared": cleared}, table=Text(f"Cleared {cleared}."))


for part in (list_, clear):
    limits.add_command(part)


@asynccontextmanager
async def _limiter(invocation: Invocation) -> AsyncIterator[Limiter]:
    async with invocation.servers() as located, open_queue(located) as queue:
        yield Limiter(queue, located)


def _shown(usage: Usage) -> dict[str, object]:
    return {
        "policy": usage.policy,
        "subject": usage.subject,
        "is_blocked": usage.is_blocked,
        "quota": usage.verdict.limit.quota,
        "window_s": WINDOW_S,
        "remaining": usage.verdict.remaining,
        "retry_after_s": usage.verdict.retry_after_s,
    }


def _table(found: list[Usage]) -> Table:
    table = list_table("policy", "subject", "left", "state")
    for usage in found:
        left = f"{usage.verdict.remaining} of {usage.verdict.limit.quota}"
        state = f"blocked for {usage.verdict.retry_after_s} s" if usage.is_blocked else "open"
        table.add_row(usage.policy.value, usage.subject, left, state)
    return table
