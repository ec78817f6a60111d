"""`docustore quality waive` and `unwaive`."""

from datetime import datetime

import click
from rich.text import Text

from docustore.cli.actor import actor
from docustore.cli.command import Invocation, command
from docustore.cli.store import command_database
from docustore.cli.utc_time import UtcTime
from docustore.clock import now_utc
from docustore.quality.declared import rule_set
from docustore.quality.waivers import unwaive_rule, waive_rule


@command("waive", example='docustore quality waive email_valid --until 2027-01-31 --reason "fixed in January"')
@click.argument("rule")
@click.option("--until", type=UtcTime(), required=True, help="The rule counts again from this time.")
@click.option("--reason", required=True, help="Why, for the next person.")
async def waive(invocation: Invocation, *, rule: str, until: datetime, reason: str) -> None:
    """Accept the violations of RULE until a date, without alerts."""
    rule_set(invocation.settings().quality_rules).named(rule)
    async with command_database(invocation) as database:
        found = await waive_rule(database, rule, until=until, reason=reason, actor=actor(), now=now_utc())
    text = Text(f"{rule} is waived until {found['until']:%Y-%m-%d %H:%M} UTC: {found['reason']}")
    invocation.show({"rule": rule, **found}, table=text)


@command("unwaive", example="docustore quality unwaive email_valid")
@click.argument("rule")
async def unwaive(invocation: Invocation, *, rule: str) -> None:
    """Let a waived RULE count again at once."""
    async with command_database(invocation) as database:
        await unwaive_rule(database, rule, actor=actor())
    invocation.show({"rule": rule, "waiver": None}, table=Text(f"{rule} counts again."))
