"""`docustore analytics`: figures about users, and questions about them."""

import click

from docustore.cli.analytics_queries import queries
from docustore.cli.analytics_query import query
from docustore.cli.analytics_reports import reports


@click.group("analytics", epilog="Example: docustore analytics query question.json")
def analytics() -> None:
    """Show figures about users, and answer questions about them."""


for _command in (query, queries, reports):
    analytics.add_command(_command)
