"""`docustore api`, `worker` and `listener`: one process each, for production."""

import os

import click

from docustore.cli.command import Invocation, sync_command
from docustore.cli.output import print_json
from docustore.cli.programs import become
from docustore.config import Settings
from docustore.embedded.ports import settled_port
from docustore.embedded.service import API, LISTENER, WORKER, api_command, listener_command, worker_command


@sync_command("api", example="docustore api --host 0.0.0.0 --port 8000")
@click.option(
    "--port", type=click.IntRange(0, 65_535), help="Port to listen on; 0 = any free one. [DOCUSTORE_PORT]"
)
@click.option("--host", help="Address to listen on. [DOCUSTORE_HOST]")
def api(invocation: Invocation, *, port: int | None, host: str | None) -> int:
    """Serve the REST API."""
    settings = invocation.settings(port=port, host=host)
    free = settled_port(settings.port, host=settings.host)
    return _run(invocation, API, api_command(), settings.model_copy(update={"port": free}))


@sync_command("worker", example="docustore worker")
def worker(invocation: Invocation) -> int:
    """Work the queue and the schedule, as `arq workers.settings.WorkerSettings`."""
    return _run(invocation, WORKER, worker_command(), invocation.settings())


@sync_command("listener", example="docustore listener")
def listener(invocation: Invocation) -> int:
    """Apply the effects of every user change, as `python -m workers.listener`."""
    return _run(invocation, LISTENER, listener_command(), invocation.settings())


def _run(invocation: Invocation, name: str, program: tuple[str, ...], settings: Settings) -> int:
    if invocation.as_json:
        # A process that runs until a signal has no other result.
        print_json({"process": name, "pid": os.getpid()})
    return become(invocation, program, settings)
