"""Deploy step: apply the collections, validators and indexes of `indexes/`.

    python scripts/create_indexes.py [--plan] [--prune] [--json]

Reads the settings of the service (`DOCUSTORE_MONGODB_URL`, `DOCUSTORE_MONGODB_DATABASE`). It uses the configured
server or that of a running `docustore up`, and never starts a server of its own.
"""

import sys

import click

from docustore.cli.command import Invocation, command
from docustore.cli.indexes import apply_difference, prune_option, show_difference
from docustore.cli.main import run
from docustore.embedded.resolve import known_servers


@command("create_indexes.py", example="python scripts/create_indexes.py --plan --json")
@click.option("--plan", "is_plan", is_flag=True, help="Show the difference; change nothing.")
@prune_option
async def create_indexes(invocation: Invocation, *, is_plan: bool, prune: bool) -> int:
    """Apply the declared indexes: exit 0 done or in sync, 2 drift, 1 failed."""
    settings = invocation.settings()
    step = show_difference if is_plan else apply_difference
    return await step(invocation, known_servers(settings) or settings, prune=prune)


if __name__ == "__main__":
    sys.exit(run(sys.argv[1:], program=create_indexes, name="create_indexes.py"))
