"""Structured logging, configured once by each entry point.

Everything goes to stderr: stdout belongs to a command's result. Event names are `area.past_tense`; values are
keys, never part of a sentence, and never e-mails, names, tokens or documents.
"""

import logging
import sys
from typing import Literal

import stamina.instrumentation
import structlog
from stamina.instrumentation import RetryDetails


def configure_logging(*, log_format: Literal["console", "json"], level: str) -> None:
    """Send structlog's and the libraries' records to stderr in one format."""
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


def log_retry(details: RetryDetails) -> None:
    """Log that something failed and is to be tried again.

    The library's own hook writes the error out, and an error's text may hold what no log may: the secret in an
    alert address, or the documents of a write that failed.
    """
    structlog.get_logger().warning(
        "retry.scheduled",
        attempt=details.retry_num,
        error=type(details.caused_by).__name__,
        wait_s=round(details.wait_for, 2),
    )
