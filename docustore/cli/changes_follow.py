"""`docustore changes follow`: print the changes of users as they happen."""

import sys
import time
from typing import Final

import click
import msgspec

from docustore.cli.command import Invocation, command
from docustore.cli.output import notices
from docustore.cli.store import command_database
from docustore.feed.events import FIELDS, FeedOperation
from docustore.feed.feed import Feed
from docustore.feed.filters import feed_filter
from docustore.feed.options import FeedOptions
from docustore.feed.reader import Reader, Reset
from docustore.feed.ring import Batch, cut

FOR_EVER: Final = float("inf")


@command("follow", example="docustore changes follow --operation update --field status,roles")
@click.option("--after", type=click.IntRange(min=0), help="Start after this id; default: now.")
@click.option("--user", help="Only changes of the user with this id.")
@click.option("--operation", help=f"Only these, with commas between them: {', '.join(FeedOperation)}.")
@click.option("--field", help=f"Only updates of these fields: {', '.join(FIELDS)}.")
@click.option("--limit", type=click.IntRange(min=1), help="End after so many changes.")
@click.option("--wait", "wait_s", type=float, default=FOR_EVER, help="End after so many seconds without a change.")
async def follow(  # one for each option
    invocation: Invocation,
    *,
    after: int | None,
    user: str | None,
    operation: str | None,
    field: str | None,
    limit: int | None,
    wait_s: float,
) -> None:
    """Print the changes of users as they happen, one a line; with --json as NDJSON."""
    wanted = feed_filter(user_id=user, operation=operation, field=field)
    left = limit
    async with command_database(invocation) as database:
        feed = Feed(database, FeedOptions())
        # A command that is interrupted ends with its event loop, and so does the feed.
        reader = Reader(key_id="cli", credential=None, wanted=wanted, due_at=time.monotonic() + wait_s)
        with feed.readers.entered(reader):
            await feed.open(reader, after=after)
            while left is None or left > 0:
                step = await feed.step(reader)
                if isinstance(step, Reset):
                    notices().print(
                        f"Changes are missing ({step.reason.value}); going on after {step.at}.", style="yellow"
                    )
                elif isinstance(step, Batch):
                    reader.due_at = time.monotonic() + wait_s
                    batch = cut(step.events, wanted, up_to=step.up_to, max_events=left)
                    _print(batch, as_json=invocation.as_json)
                    left = None if left is None else left - len(batch.events)
                else:
                    break
        await feed.close()


def _print(batch: Batch, *, as_json: bool) -> None:
    if as_json:
        sys.stdout.write(batch.lines.decode())
    else:
        for event in batch.events:
            change = msgspec.json.decode(event.data)
            parts = (
                f"{change['id']:>8}",
                change["at"][:19].replace("T", " "),
                f"{change['operation']:<9}",
                change["user_id"],
                f"{', '.join(change['changed']):<24}",
                change["source"],
            )
            sys.stdout.write("  ".join(parts) + "\n")
    sys.stdout.flush()
