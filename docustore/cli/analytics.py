"""`docustore analytics`: figures about users, and questions about them."""

import click

from docustore.cli.analytics_queries import queries
from docustore.cli.analytics_query import query
from docustore.cli.analytics_reports import reports
from docustore.cli.analytics_show import show, verify


@click.group("analytics", epilog="Example: docustore analytics query question.json")
def analytics() -> None:
    """Show figures about users, and answer questions about them."""


for _command in (show, verify, query, queries, reports):
    analytics.add_command(_command)
