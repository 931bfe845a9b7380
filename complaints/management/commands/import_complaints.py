"""`manage.py import_complaints FILE`: take complaints in from CSV, JSON Lines or XLSX, as docs/import.md describes."""

import getpass
import json
import os
import sys
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError
from django.db import OperationalError
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from common.actors import Actor, ActorKind
from complaints.importing import mapping_files
from complaints.importing.engine import BATCH, Importer
from complaints.importing.mapping import RowMapping, by_columns, by_field_names
from complaints.importing.readers import Format, open_rows
from complaints.importing.report import BadRowFile, Progress
from complaints.importing.rows import Source, UnusableFile
from merchants.management.portal_command import PortalCommand
from merchants.models import Platform

SOME_BAD, UNUSABLE = 1, 2


class Command(PortalCommand):
    help = (
        "Take complaints in from a file. Rows that are there already are known again; bad rows go to a file beside it."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, help="CSV, JSON Lines, a JSON array or XLSX")
        parser.add_argument("--platform", metavar="CODE", help="whose complaints they are")
        parser.add_argument("--mapping", metavar="NAME|PATH", help="how the file's columns become ours, such as cfpb")
        parser.add_argument("--history", action="store_true", help="take old cases in without starting a clock")
        parser.add_argument("--format", type=Format, choices=list(Format), help="found out when it is not given")
        parser.add_argument("--encoding", default="", help="of a CSV file: found out when it is not given")
        parser.add_argument("--batch", type=int, default=BATCH, help="rows in one transaction (default: %(default)s)")
        parser.add_argument("--dry-run", action="store_true", help="check everything, keep nothing")
        parser.add_argument("--errors", type=Path, metavar="PATH", help="the bad rows (default: FILE.errors.csv)")
        parser.add_argument("--json", action="store_true", help="end with one JSON object of the counts")

    def handle(self, *args: Any, **options: Any) -> None:
        path: Path = options["file"]
        errors: Path = options["errors"] or path.with_name(path.name + ".errors.csv")
        if options["batch"] < 1:
            raise CommandError(_("A batch has at least one row."), returncode=UNUSABLE)
        if errors.resolve() == path.resolve():
            raise CommandError(_("The bad rows cannot go into the file they come from."), returncode=UNUSABLE)
        try:
            with path.open("rb") as stream:
                source = open_rows(stream, format=options["format"], encoding_name=options["encoding"])
                mapping = _mapping(source, options["mapping"])
                with _platform(options["platform"], mapping, dry_run=options["dry_run"]) as platform:
                    self._import(source, mapping, platform, errors, options)
        except UnusableFile as refusal:
            raise CommandError(str(refusal), returncode=UNUSABLE) from refusal
        except OSError as error:
            raise CommandError(
                _("%(file)s: %(error)s. --errors says where the bad rows go.")
                % {"file": error.filename or path, "error": error.strerror},
                returncode=UNUSABLE,
            ) from error

    def _import(
        self, source: Source, mapping: RowMapping, platform: Platform, errors: Path, options: dict[str, Any]
    ) -> None:
        importer = Importer(
            mapping,
            platform_id=platform.pk,
            actor=Actor(kind=ActorKind.PLATFORM, name=f"import by {_who()}", platform_id=platform.pk),
            now=timezone.now(),
            is_history=options["history"],
            dry_run=options["dry_run"],
        )
        progress = Progress(sys.stderr)
        with closing(BadRowFile(errors, source.columns)) as bad_rows:
            try:
                for batch in importer.batches(source, size=options["batch"]):
                    bad_rows.write(batch.bad)
                    progress.count(batch, *source.progress())
            except OperationalError as error:
                raise CommandError(
                    _("The database went away after %(rows)d rows. Run this again: what is in is known again.")
                    % {"rows": progress.rows},
                    returncode=UNUSABLE,
                ) from error
            finally:
                progress.end()
        unused = [] if options["mapping"] else sorted(importer.unused - {""})
        self._tell(source, unused, progress, errors, options)

    def _tell(
        self, source: Source, unused: list[str], progress: Progress, errors: Path, options: dict[str, Any]
    ) -> None:
        for note in source.notes():
            self.stdout.write(str(note))
        if unused:
            self.stdout.write(_("Columns that were not used: %(columns)s.") % {"columns": ", ".join(unused)})
        if options["dry_run"]:
            self.stdout.write(_("This was a dry run: nothing was kept."))
        self.stdout.write(
            _("%(rows)s rows in %(seconds).1f s: %(new)s new, %(known)s already here, %(bad)s bad.")
            % {
                "rows": f"{progress.rows:,}",
                "seconds": progress.seconds,
                "new": f"{progress.new:,}",
                "known": f"{progress.known:,}",
                "bad": f"{progress.bad:,}",
            }
        )
        if options["json"]:
            counts = {name: getattr(progress, name) for name in ("rows", "new", "known", "bad")}
            file = str(errors) if progress.bad else None
            self.stdout.write(json.dumps(counts | {"errors": file, "seconds": round(progress.seconds, 1)}))
        if progress.bad:
            raise CommandError(
                ngettext(
                    "%(bad)d row was bad and was left out; %(file)s says why.",
                    "%(bad)d rows were bad and were left out; %(file)s says why.",
                    progress.bad,
                )
                % {"bad": progress.bad, "file": errors},
                returncode=SOME_BAD,
            )


def _mapping(source: Source, name: str | None) -> RowMapping:
    """Return how the rows are read. Refuses with `UnusableFile`."""
    if not name:
        return by_columns(source.columns) if source.columns else by_field_names()
    mapping = mapping_files.load(name)
    if source.columns:
        mapping.check(source.columns)
    return mapping


@contextmanager
def _platform(code: str | None, mapping: RowMapping, *, dry_run: bool) -> Iterator[Platform]:
    """Give the platform that was named, else the mapping's own, else the only one there is.

    The mapping's own is made when it is missing; a dry run takes it away again.
    """
    if code is None and mapping.platform:
        code, name = mapping.platform
        platform, is_new = Platform.objects.get_or_create(code=code, defaults={"name": name})
        yield platform
        if is_new and dry_run:
            platform.delete()
        return
    platforms = Platform.objects.all() if code is None else Platform.objects.filter(code=code)
    if len(found := list(platforms[:2])) != 1:
        known = ", ".join(Platform.objects.order_by("code").values_list("code", flat=True)[:20]) or _("none")
        raise CommandError(
            _("Say with --platform whose complaints these are. There are: %(known)s.") % {"known": known},
            returncode=UNUSABLE,
        )
    yield found[0]


def _who() -> str:
    """Return the name of the user who runs this, the number where the machine has no name for it."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())
