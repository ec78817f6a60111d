"""The derived effects in a process of their own, beside the listener.

Search, quality and analytics need several times the work of a row of history. In the process of the listener
that work would delay every change. Their process is forked before the event loop and the first connection, so it
starts at once and shares the memory of the program. It has a lower priority.

It ends with the listener, also after SIGKILL: it waits for the end of a pipe that only the listener holds. If it
ends alone, the listener does its work until the next start.
"""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Final

import structlog
import uvloop

from docustore.changes.derived.run import derived_effects
from docustore.changes.effects.registry import DERIVED
from docustore.config import Settings
from docustore.database import Database
from docustore.document_models import open_database
from workers.stopping import cut_off_after

log = structlog.get_logger()

# Added to the niceness of the listener, which goes first on a machine that is busy.
NICENESS: Final = 10
_BEGIN: Final = b"b"
# How long a stop waits for the process. Shorter than the time after which the listener itself is cut off.
GRACE_S: Final = 4.0


@dataclass(frozen=True, slots=True, kw_only=True)
class EffectsProcess:
    """A running process.

    `orders` is the pipe that keeps it running; `ended` is the pipe that ends with it.
    """

    pid: int
    orders: int
    ended: int


def fork_effects(settings: Settings) -> EffectsProcess | None:
    """Start the process; None where a fork is not safe.

    It waits for `effects_beside`. Call it before the first thread, event loop and connection of this process.
    """
    if sys.platform != "linux":
        return None
    received, orders = os.pipe()
    ended, running = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(orders)
        os.close(ended)
        # `running` stays open until this process ends.
        os._exit(_run(settings, received))
    os.close(received)
    os.close(running)
    return EffectsProcess(pid=pid, orders=orders, ended=ended)


@asynccontextmanager
async def effects_beside(
    database: Database, settings: Settings, process: EffectsProcess | None, *, stop: asyncio.Event
) -> AsyncIterator[None]:
    """Keep the derived effects during the block.

    They are kept in the process, or here if there is none.

    Args:
        stop: Ends them; it is set when the block ends.
    """
    if process is None:
        async with derived_effects(database, DERIVED, settings, stop=stop):
            yield
        return
    with suppress(BrokenPipeError):  # It has ended already.
        os.write(process.orders, _BEGIN)
    ended = asyncio.create_task(_ended(process))
    tasks = (
        asyncio.create_task(_order_stop(process, ended, stop)),
        asyncio.create_task(_take_over(database, settings, ended, stop)),
    )
    try:
        yield
    finally:
        stop.set()
        await asyncio.gather(*tasks)


async def _ended(process: EffectsProcess) -> int:
    """Wait for the end of the process; return its exit code."""
    await _readable(process.ended)
    os.close(process.ended)
    _, status = await asyncio.to_thread(os.waitpid, process.pid, 0)
    return os.waitstatus_to_exitcode(status)


async def _order_stop(process: EffectsProcess, ended: asyncio.Task[int], stop: asyncio.Event) -> None:
    """Let the process finish its step and give the effects back.

    One that is still there after a while is killed: its priority may leave it no time. Nothing is lost: the next
    process repeats what is not committed, when the lease has expired.
    """
    await stop.wait()
    os.close(process.orders)
    done, _ = await asyncio.wait({ended}, timeout=GRACE_S)
    if not done:
        log.warning("listener.effects_process_killed", grace_s=GRACE_S)
        os.kill(process.pid, signal.SIGKILL)


async def _take_over(
    database: Database, settings: Settings, ended: asyncio.Task[int], stop: asyncio.Event
) -> None:
    """Keep the effects here if the process ends too early."""
    code = await ended
    if stop.is_set():
        return
    log.error("listener.effects_process_ended", code=code)
    async with derived_effects(database, DERIVED, settings, stop=stop):
        await stop.wait()


async def _readable(pipe: int) -> None:
    loop, found = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(pipe, found.set)
    try:
        await found.wait()
    finally:
        loop.remove_reader(pipe)


def _run(settings: Settings, orders: int) -> int:
    # The listener says when to stop: a signal to the whole group must not end this process first.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    os.nice(NICENESS)
    try:
        # Blocks until the listener has checked the store; nothing is read if it ends before that.
        if os.read(orders, len(_BEGIN)):
            uvloop.run(_keep(settings, orders))
    except Exception:  # the last frame of the process: it logs the error, then it ends
        log.exception("effects.crashed")
        return 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
    return 0


async def _keep(settings: Settings, orders: int) -> None:
    stop = asyncio.Event()
    cut_off = asyncio.create_task(cut_off_after(stop, event="effects.cut_off"))
    async with (
        open_database(settings, app_name="docustore-effects") as database,
        derived_effects(database, DERIVED, settings, stop=stop),
    ):
        await _readable(orders)
        stop.set()
    cut_off.cancel()
