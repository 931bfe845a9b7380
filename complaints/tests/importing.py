"""Run the import as people do: the command, on a file; and read what it left."""

import csv
import json
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

from django.core.management import CommandError, call_command

from merchants.models import MiniProgram

HEADER = "app_id,trade_no,trade_amount,dispute_type,description,filed_at,upstream_id\n"


@dataclass
class Outcome:
    """What an import said: its exit status, its counts, and the sentence with which it ended."""

    status: int
    counts: dict[str, Any]
    sentence: str
    said: str


def run_import(path: Path, *arguments: str) -> Outcome:
    """Import a file, and return what it said."""
    out = StringIO()
    status, sentence = 0, ""
    try:
        call_command("import_complaints", str(path), *arguments, "--json", stdout=out)
    except CommandError as error:
        status, sentence = error.returncode, str(error)
    said = out.getvalue()
    return Outcome(status, json.loads(said.splitlines()[-1]) if said else {}, sentence, said)


def bad_rows(path: Path) -> list[dict[str, str]]:
    """Return the bad rows that the import wrote beside the file."""
    with path.with_name(path.name + ".errors.csv").open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def row(program: MiniProgram, trade_no: str, **fields: str) -> str:
    """Return a good line of CSV below `HEADER`; the upstream id is made from the trade number."""
    values = {
        "app_id": program.app_id,
        "trade_no": trade_no,
        "trade_amount": "128.00",
        "dispute_type": "not delivered",
        "description": "Nothing came.",
        "filed_at": "2026-11-20T02:00:00Z",
        "upstream_id": f"U-{trade_no}",
        **fields,
    }
    return ",".join(values.values()) + "\n"
