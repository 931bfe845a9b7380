"""Back up the database and the pictures together, and restore both.

The database is dumped first, at a snapshot; the pictures follow, those whose rows are in that snapshot. A picture that
comes meanwhile has no row in the dump, and one that is copied without a row does no harm. Every file has its hash in
the backup, so a restore knows before it begins whether the backup is whole.
"""

import errno
import json
import shutil
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from uuid import uuid4

from django.apps import apps
from django.core.files import File
from django.core.files.base import ContentFile
from django.db import connection, transaction
from django.db.migrations.recorder import MigrationRecorder

from complaints_portal import postgres_programs
from complaints_portal.health import known_migrations
from complaints_portal.postgres_programs import NotDone
from complaints_portal.verifying import hash_of, what_is_wrong
from evidence.models import Evidence, evidence_files

FORMAT = 1
MANIFEST, DUMP, LIST, FILES = "manifest.json", "database.dump", "evidence.sha256", "evidence"
ROWS = 500
NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@dataclass(slots=True, kw_only=True)
class Manifest:
    """What a backup holds. `tables` counts the rows of each table, `damaged` names pictures that were not as stored."""

    format: int
    made_at: str
    server_version: int
    dump_version: int
    migrations: list[str]
    tables: dict[str, int]
    dump_sha256: str = ""
    list_sha256: str = ""
    pictures: int = 0
    picture_bytes: int = 0
    damaged: list[str] = field(default_factory=list)


def back_up(directory: Path, *, now: datetime) -> Manifest:
    """Write a backup into a directory that does not exist yet, or is empty. It is there whole, or not at all.

    Pictures that are missing or damaged are named in the manifest; the rest is kept all the same. Refuses with
    `NotDone`: a directory that holds something, a database without a table of the portal, and a pg_dump that is older
    than the server.
    """
    if directory.exists() and (not directory.is_dir() or any(directory.iterdir())):
        raise NotDone(f"{directory} holds something already; name a directory that does not exist.")
    version = postgres_programs.server_version()
    if not count_tables():
        name = connection.settings_dict["NAME"]
        raise NotDone(f"The database {name} holds no table of the portal. Point DATABASE_URL at the one that does.")
    program = postgres_programs.find("pg_dump", at_least=version)
    unfinished = directory.with_name(f"{directory.name}.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True, mode=0o700)
    try:
        with transaction.atomic():
            snapshot = _snapshot()
            arguments = ("--format=custom", "--no-owner", "--no-privileges", f"--snapshot={snapshot}")
            postgres_programs.run(program, *arguments, f"--file={unfinished / DUMP}")
            manifest = Manifest(
                format=FORMAT,
                made_at=now.isoformat(),
                server_version=version,
                dump_version=program.version,
                migrations=sorted(f"{app}.{name}" for app, name in _applied()),
                tables=count_tables(),
            )
            _copy_out(manifest, unfinished)
        manifest.dump_sha256 = _hash(unfinished / DUMP)
        manifest.list_sha256 = _hash(unfinished / LIST)
        (unfinished / MANIFEST).write_text(json.dumps(asdict(manifest), indent=1))
        if directory.exists():
            directory.rmdir()
        unfinished.rename(directory)
    except BaseException:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise
    return manifest


def _snapshot() -> str:
    """Let this transaction see one moment of the data, and return the name by which pg_dump sees the same."""
    with connection.cursor() as cursor:
        if len(connection.atomic_blocks) == 1:  # else somebody has looked at the data in this transaction already
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        cursor.execute("SELECT pg_export_snapshot()")
        return str(cursor.fetchone()[0])


def _applied() -> set[tuple[str, str]]:
    return set(MigrationRecorder(connection).applied_migrations())


def count_tables() -> dict[str, int]:
    """Count the rows of every table of the portal."""
    models = apps.get_models(include_auto_created=True)
    names = sorted({model._meta.db_table for model in models if model._meta.managed})  # noqa: SLF001 (Django's own API)
    with connection.cursor() as cursor:
        there = set(connection.introspection.table_names(cursor))
        known = [name for name in names if name in there]
        if not known:
            return {}
        counts = [f"SELECT '{name}', count(*) FROM {connection.ops.quote_name(name)}" for name in known]  # noqa: S608 (names of models)
        cursor.execute(" UNION ALL ".join(counts))
        return dict(cursor.fetchall())


def _copy_out(manifest: Manifest, directory: Path) -> None:
    """Copy the pictures of the snapshot, each hash checked on the way, and write down the list of hashes."""
    with (directory / LIST).open("w") as listed:
        for row in _pictures():
            name = str(row.file.name)
            target = directory / FILES / name
            target.parent.mkdir(parents=True, exist_ok=True)
            try:
                with evidence_files().open(name) as source, target.open("wb") as copy:
                    found = hash_of(source, copy)
            except Exception as error:  # each storage fails in its own way; whatever it was, this picture is not there
                if isinstance(error, OSError) and error.errno in NO_ROOM:
                    raise  # the backup has no place, and the picture may be as good as ever
                target.unlink(missing_ok=True)
                manifest.damaged.append(name)
                continue
            if found != row.stored_sha256:
                manifest.damaged.append(name)
            listed.write(f"{found}  {name}\n")
            manifest.pictures += 1
            manifest.picture_bytes += target.stat().st_size


def _pictures() -> Iterator[Evidence]:
    last = 0
    while rows := list(Evidence.objects.filter(pk__gt=last).order_by("pk").only("file", "stored_sha256")[:ROWS]):
        last = rows[-1].pk
        yield from rows


def read_manifest(directory: Path) -> Manifest:
    """Read a backup's manifest, and hold everything in the backup to it. Refuses with `NotDone` what is not whole."""
    try:
        manifest = Manifest(**json.loads((directory / MANIFEST).read_text()))
    except (OSError, ValueError, TypeError) as error:
        raise NotDone(f"{directory} is no backup: its {MANIFEST} cannot be read ({error}).") from error
    if manifest.format != FORMAT:
        raise NotDone(f"{directory} has format {manifest.format}; this portal reads format {FORMAT}.")
    for name, wanted in ((DUMP, manifest.dump_sha256), (LIST, manifest.list_sha256)):
        if not (directory / name).is_file() or _hash(directory / name) != wanted:
            raise NotDone(f"{directory / name} is missing, or is not what was backed up.")
    number = 0
    for sha256, name in _listed(directory):
        number += 1
        path = directory / FILES / name
        if not path.resolve().is_relative_to((directory / FILES).resolve()):
            raise NotDone(f"{directory / LIST} names a file outside of the backup: {name}")
        if not path.is_file() or _hash(path) != sha256:
            raise NotDone(f"{path} is missing, or is not what was backed up.")
    if number != manifest.pictures:
        raise NotDone(f"{directory / LIST} names {number} pictures, the manifest {manifest.pictures}.")
    return manifest


def restore(directory: Path, *, replace: bool) -> Manifest:
    """Restore a backup whose manifest holds. Afterwards the data is what it was; the caller verifies it.

    Refuses with `NotDone`: a backup that is not whole or was made by a newer portal, a database that is not empty
    unless it is to be replaced, a picture that is there already with other content, a storage of pictures that takes
    none, and a pg_restore that is too old.
    """
    manifest = read_manifest(directory)
    unknown = set(manifest.migrations) - {f"{app}.{name}" for app, name in known_migrations()}
    if unknown:
        raise NotDone(
            f"The backup was made by a newer portal; this one does not know {', '.join(sorted(unknown)[:5])}."
        )
    least = max(manifest.dump_version, postgres_programs.server_version())
    program = postgres_programs.find("pg_restore", at_least=least)
    if not replace:
        _refuse_what_is_there(directory)
    _try_the_storage()
    _empty_the_database()
    arguments = ("--no-owner", "--no-privileges", "--single-transaction", "--exit-on-error")
    try:
        postgres_programs.run(program, *arguments, directory / DUMP)
    except NotDone as failure:
        raise NotDone(f"The database is empty now; mend this and restore again. {failure}") from failure
    try:
        _copy_in(directory)
    except Exception as failure:  # each storage fails in its own way
        raise NotDone(
            f"The database holds the backup, but not every picture could be stored: {failure} "
            "Mend this, and restore again with --replace."
        ) from failure
    return manifest


def differences(manifest: Manifest) -> list[str]:
    """Return a sentence for each table that does not hold as many rows as the manifest says."""
    found = count_tables()
    return [
        f"{name} has {found.get(name, 0)} rows, not {wanted}."
        for name, wanted in manifest.tables.items()
        if found.get(name, 0) != wanted
    ]


def _refuse_what_is_there(directory: Path) -> None:
    with connection.cursor() as cursor:
        there = connection.introspection.table_names(cursor)
    if there:
        raise NotDone(
            f"The database {connection.settings_dict['NAME']} is not empty ({len(there)} tables). Name an empty one "
            "with DATABASE_URL, or throw its data away with --replace."
        )
    for sha256, name in _listed(directory):
        if evidence_files().exists(name) and what_is_wrong(name, sha256):
            raise NotDone(f"The storage of pictures holds another {name}. Name another one, or use --replace.")


def _try_the_storage() -> None:
    """Refuse a storage that takes no file, while all that was there is still there."""
    store = evidence_files()
    try:
        store.delete(store.save(f"health/{uuid4().hex}.txt", ContentFile(b"written before a restore")))
    except Exception as error:  # each storage fails in its own way
        raise NotDone(
            f"The storage of pictures takes no file ({type(error).__name__}: {error}). Mend EVIDENCE_STORAGE first; "
            "nothing was touched."
        ) from error


def _empty_the_database() -> None:
    """Drop what the schema `public` holds, but the schema itself, which may belong to somebody else.

    A sequence goes with its table, and what an extension brought stays.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT format('DROP %s IF EXISTS %s CASCADE',
                CASE relkind WHEN 'v' THEN 'VIEW' WHEN 'm' THEN 'MATERIALIZED VIEW' WHEN 'S' THEN 'SEQUENCE'
                    ELSE 'TABLE' END, oid::regclass)
            FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'v', 'm', 'S')
                AND NOT relispartition AND NOT EXISTS (
                    SELECT FROM pg_depend WHERE objid = pg_class.oid AND deptype IN ('a', 'i', 'e')
                        AND (relkind = 'S' OR deptype = 'e'))
            UNION ALL
            SELECT format('DROP ROUTINE IF EXISTS %s CASCADE', oid::regprocedure) FROM pg_proc
            WHERE pronamespace = 'public'::regnamespace AND NOT EXISTS (
                SELECT FROM pg_depend WHERE objid = pg_proc.oid AND deptype = 'e')
            """
        )
        for (statement,) in cursor.fetchall():
            cursor.execute(statement)


def _copy_in(directory: Path) -> None:
    """Put every picture of the backup into the storage, under the name that its row has."""
    store = evidence_files()
    for sha256, name in _listed(directory):
        if store.exists(name):
            if not what_is_wrong(name, sha256):
                continue
            store.delete(name)
        with (directory / FILES / name).open("rb") as source:
            stored_as = store.save(name, File(source))
        if stored_as != name:
            with suppress(Exception):  # the sentence below matters more than what is left behind
                store.delete(stored_as)
            raise NotDone(f"The storage of pictures would not take {name} under its name.")


def _listed(directory: Path) -> Iterator[tuple[str, str]]:
    with (directory / LIST).open() as lines:
        for line in lines:
            sha256, _space, name = line.rstrip("\n").partition("  ")
            yield sha256, name


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return hash_of(file)
