"""`python -m indexes plan|apply`."""

from indexes.command import cli

if __name__ == "__main__":
    cli(prog_name="python -m indexes")
