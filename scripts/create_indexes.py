"""Deploy step: make collections, validators and indexes as declared in `indexes/`.

    python scripts/create_indexes.py [--plan] [--prune] [--json]

Reads the same settings as the service (`DOCUSTORE_MONGODB_URL`, `DOCUSTORE_MONGODB_DATABASE`).
"""

import sys

import click

from indexes.command import apply_plan, show_plan


@click.command(epilog="Exit 0 = done or in sync, 2 = drift (with --plan), 1 = failed.")
@click.option("--plan", "plan_only", is_flag=True, help="Show the difference; change nothing.")
@click.option("--prune", is_flag=True, help="Hide undeclared indexes; drop those hidden before.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
def main(*, plan_only: bool, prune: bool, as_json: bool, debug: bool) -> None:
    """Make the database's collections, validators and indexes as declared.

    Safe to run twice, while the service runs, and by two processes at once.
    """
    step = show_plan if plan_only else apply_plan
    sys.exit(step(prune=prune, as_json=as_json, debug=debug))


if __name__ == "__main__":
    main()
