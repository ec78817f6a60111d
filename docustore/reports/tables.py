"""Answers of queries as CSV and as HTML. Pure.

Texts are harmless: a spreadsheet runs no cell as a formula (`docustore.exports.cells`), a browser no text as HTML.
"""

from collections.abc import Iterable
from datetime import datetime
from html import escape
from typing import Final

from docustore.analytics.cube.tables import Table
from docustore.analytics.cube.tables import csv_of as table_as_csv
from docustore.analytics.query.answers import Cell, QueryAnswer
from docustore.analytics.query.columns import ColumnType

_NUMBERS: Final = frozenset({ColumnType.INTEGER, ColumnType.NUMBER})
_STYLE: Final = (
    "body{font-family:system-ui,sans-serif}table{border-collapse:collapse}"
    "th,td{padding:.25rem .75rem;border-bottom:1px solid #ccc;text-align:left}"
    ".n{text-align:right;font-variant-numeric:tabular-nums}"
)


def csv_of(answer: QueryAnswer) -> str:
    """Write the rows as CSV (RFC 4180) with a line of names; null is empty."""
    return table_as_csv(Table(columns=[column.name for column in answer.columns], rows=answer.rows))


def html_of(answer: QueryAnswer, *, title: str, slot: datetime) -> str:
    """Write a whole page without scripts and without addresses of other files."""
    head = "".join(f"<th{_class(column.type)}>{escape(column.name)}</th>" for column in answer.columns)
    types = [column.type for column in answer.columns]
    body = "".join(f"<tr>{_html_cells(row, types)}</tr>\n" for row in answer.rows)
    note = escape(note_of(answer, slot=slot))
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f"<style>{_STYLE}</style></head><body>\n<h1>{escape(title)}</h1>\n<p>{note}</p>\n"
        f"<table><thead><tr>{head}</tr></thead>\n<tbody>\n{body}</tbody></table>\n</body></html>\n"
    )


def note_of(answer: QueryAnswer, *, slot: datetime) -> str:
    """Say in a sentence what the rows are."""
    as_of = "before the first change" if answer.as_of is None else f"as of {answer.as_of:%Y-%m-%d %H:%M:%S} UTC"
    rows = f"the first {len(answer.rows)} rows" if answer.is_truncated else f"{len(answer.rows)} rows"
    exact = "" if answer.is_exact else ", not exact"
    return f"Report of {slot:%Y-%m-%d %H:%M} UTC: {rows}, {as_of}, by {answer.source}{exact}."


def _html_cells(row: Iterable[Cell], types: Iterable[ColumnType]) -> str:
    return "".join(
        f"<td{_class(kind)}>{'' if cell is None else escape(str(cell))}</td>"
        for cell, kind in zip(row, types, strict=True)
    )


def _class(kind: ColumnType) -> str:
    return ' class="n"' if kind in _NUMBERS else ""
