"""Structured logging, configured once by each entry point.

All logs go to stderr; stdout is for the result of a command. Event names are `area.past_tense`. Values are keys,
never part of a sentence. Logs never contain e-mails, names, tokens or documents.
"""

import logging
import sys
from typing import Literal

import stamina.instrumentation
import structlog
from stamina.instrumentation import RetryDetails


def configure_logging(*, log_format: Literal["console", "json"], level: str) -> None:
    """Write the records of structlog and of the libraries to stderr in one format."""
    stamina.instrumentation.set_on_retry_hooks([log_retry])
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer()
        if log_format == "json"
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    threshold = logging.getLevelNamesMapping()[level.upper()]
    structlog.configure(
        processors=[*shared, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(processor=renderer, foreign_pre_chain=shared))
    logging.basicConfig(handlers=[handler], level=max(threshold, logging.WARNING), force=True)
    logging.getLogger("pymongo.client").addFilter(shorten_driver_error)


def shorten_driver_error(record: logging.LogRecord) -> bool:
    """Log an error of the driver's background task in one line.

    The task tidies up connections and cursors. A server that went away ends it, which is no fault of the program:
    the driver goes on by itself. The stack of any other error stays.
    """
    error = record.exc_info[1] if record.exc_info else None
    if error is not None and (type(error).__module__ == "pymongo.errors" or isinstance(error, OSError)):
        record.msg = f"{record.getMessage()} {type(error).__name__}"
        record.args, record.exc_info = (), None
    return True


def log_retry(details: RetryDetails) -> None:
    """Log that a call failed and a retry is scheduled.

    The library's own hook logs the text of the error. That text may contain the secret of an alert URL or the
    documents of a failed write, so only the type of the error is logged here.
    """
    structlog.get_logger().warning(
        "retry.scheduled",
        attempt=details.retry_num,
        error=type(details.caused_by).__name__,
        wait_s=round(details.wait_for, 2),
    )
