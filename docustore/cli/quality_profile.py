"""`docustore quality profile` and `suggest`.

What the fields of users contain, and which rules that suggests.
"""

from typing import Any, Final

import click
from rich.console import Group, RenderableType
from rich.text import Text

from docustore.cli.command import CommandBody, Invocation, command
from docustore.cli.output import print_json
from docustore.cli.store import command_database
from docustore.cli.tables import list_table
from docustore.etl.proposal.toml_text import toml_line
from docustore.profiling.model import FieldProfile, UsersProfile
from docustore.profiling.profile import DEFAULT_SAMPLE, Scope, profile_users
from docustore.profiling.suggest import Proposal, suggested_rules

WHOLE_TIMEOUT_S: Final = 600.0
SHOWN_CHARS: Final = 30


def _scope_options(function: CommandBody) -> CommandBody:
    for option in (
        click.option("--whole", is_flag=True, help="Read all users, however many."),
        click.option(
            "--sample", type=click.IntRange(1), default=DEFAULT_SAMPLE, show_default=True, help="Users to read."
        ),
        click.option(
            "--field", "fields", multiple=True, metavar="NAME", help="A field, such as profile.location."
        ),
    ):
        function = option(function)
    return function


@command("profile", example="docustore quality profile --field profile.location")
@_scope_options
async def profile(invocation: Invocation, *, whole: bool, sample: int, fields: tuple[str, ...]) -> None:
    """Show nulls, distinct and frequent values, lengths and patterns of fields."""
    found = await _read(invocation, whole=whole, sample=sample, fields=fields)
    invocation.show(found, table=_profile(found))


@command("suggest", example="docustore quality suggest >> docustore.toml")
@_scope_options
async def suggest(invocation: Invocation, *, whole: bool, sample: int, fields: tuple[str, ...]) -> None:
    """Propose rules that almost all users of today keep, as settings.

    Rules that the settings have already are left out, so the output can be appended to them.
    """
    declared = invocation.settings().quality_rules
    found = suggested_rules(await _read(invocation, whole=whole, sample=sample, fields=fields))
    rules = {name: rule for name, rule in found.items() if name not in declared}
    if invocation.as_json:
        print_json(rules)
    else:
        # No table: it would break long lines.
        click.echo(settings_of(rules) or "# No rule is suggested.")


def settings_of(rules: dict[str, Proposal]) -> str:
    """Write rules as they stand in `docustore.toml`."""
    tables = (
        "\n".join([f"[quality_rules.{name}]", *(toml_line(key, value) for key, value in rule.items())])
        for name, rule in rules.items()
    )
    return "\n\n".join(tables)


async def _read(invocation: Invocation, *, whole: bool, sample: int, fields: tuple[str, ...]) -> UsersProfile:
    scope = (
        Scope(fields=fields, sample=None, timeout_s=WHOLE_TIMEOUT_S)
        if whole
        else Scope(fields=fields, sample=sample)
    )
    async with command_database(invocation) as database:
        return await profile_users(database, scope)


def _profile(found: UsersProfile) -> RenderableType:
    fields = list_table("field", "filled %", "distinct", "length", "frequent", "patterns")
    for field in found["fields"]:
        fields.add_row(
            field["field"],
            _filled(field),
            _distinct(field),
            _length(field),
            "\n".join(f"{_short(each['value'])} ({each['count']:,})" for each in field["top"][:3]),
            "\n".join(f"{_short(each['pattern'])} ({each['count']:,})" for each in field["patterns"][:3]),
        )
    which = "a sample" if found["is_sample"] else "all"
    as_of = f"{found['as_of']:%Y-%m-%d %H:%M:%S} UTC"
    note = f"{found['users']:,} users, {which} of {found['stored']:,} stored, as of {as_of}"
    return Group(fields, Text(note, style="dim"))


def _filled(field: FieldProfile) -> str:
    """Return the part of the users that have a value, and what the others have."""
    if field["filled_pct"] is None:
        return ""
    others = (
        (field["missing"], "missing"),
        (field["nulls"], "null"),
        (field["empty"], "empty"),
        (field["other_type"], "other type"),
    )
    return "\n".join([f"{field['filled_pct']:.2f}", *(f"{users:,} {name}" for users, name in others if users)])


def _distinct(field: FieldProfile) -> str:
    distinct = field["distinct"]
    if distinct is None:
        return ""
    return (
        f"{distinct['count']:,}"
        if distinct["method"] == "exact"
        else f"~{distinct['count']:,} (±{distinct['error_pct']} %)"
    )


def _length(field: FieldProfile) -> str:
    if field["earliest"] is not None and field["latest"] is not None:
        return f"{_day(field['earliest'])} to {_day(field['latest'])}"
    if field["average_length"] is None:
        return ""
    return f"{field['min_length']} to {field['max_length']}, {field['average_length']} on average"


def _day(moment: Any) -> str:
    return str(moment)[:10]


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= SHOWN_CHARS else text[: SHOWN_CHARS - 1] + "…"
