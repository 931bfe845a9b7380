"""A backup of database and pictures, restored into another database of the test server, and verified."""

import errno
import json
import os
import subprocess
import sys
from io import StringIO
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg2  # type: ignore[import-untyped]  # no stubs for three calls
import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import connection

from appeals.tests.making import sweep
from complaints.tests.factories import file_at, handle_at, make_program, moment, platform_actor
from complaints_portal import backups, postgres_programs
from complaints_portal.demo_pictures import draw
from complaints_portal.postgres_programs import NotDone
from complaints_portal.verifying import hash_of, verify_evidence
from evidence.models import Evidence, evidence_files
from evidence.services import keep_pictures
from notifications.tests.making import count_further

pytestmark = pytest.mark.django_db(transaction=True)

NOW = moment("2026-11-25T02:00Z")


@pytest.fixture
def cases():
    """A complaint handled, one missed, one that waits; and three pictures with their files."""
    program = make_program()
    handle_at("2026-11-20T03:00Z", file_at("2026-11-20T02:00Z", program))
    file_at("2026-11-20T02:00Z", program)
    sweep("handle", "2026-11-24T04:00Z")
    file_at("2026-11-24T02:00Z", program)
    return keep_pictures(
        [draw("receipt", number) for number in range(3)],
        platform_id=program.platform_id,
        merchant_id=program.merchant_id,
        actor=platform_actor(program.platform),
        now=NOW,
    )


@pytest.fixture
def other_database():
    """An empty database beside the test's own, dropped afterwards; its address."""
    name = f"{connection.settings_dict['NAME']}_restored"
    admin = psycopg2.connect(os.environ["DATABASE_URL"])
    admin.autocommit = True
    with admin.cursor() as cursor:
        cursor.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        cursor.execute(f'CREATE DATABASE "{name}"')
    yield urlunsplit(urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{name}"))
    with admin.cursor() as cursor:
        cursor.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
    admin.close()


def content_of(picture: Evidence) -> bytes:
    with picture.file.open() as file:
        return bytes(file.read())


def back_up(directory: Path) -> str:
    out = StringIO()
    call_command("backup", str(directory), stdout=out, stderr=out)
    return out.getvalue()


def restore(directory: Path, database: str, pictures: Path, *more: str) -> subprocess.CompletedProcess[str]:
    """Restore with a real process, as on another machine: another database, another directory for pictures."""
    return subprocess.run(
        [sys.executable, "manage.py", "restore", str(directory), *more],
        cwd=settings.BASE_DIR,
        env={**os.environ, "DATABASE_URL": database, "EVIDENCE_STORAGE": f"file://{pictures}", "LOG_LEVEL": "ERROR"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_what_was_backed_up_is_restored_elsewhere_and_verified(cases, other_database, tmp_path):
    out = back_up(tmp_path / "backup")
    assert "3 pictures" in out
    manifest = json.loads((tmp_path / "backup" / "manifest.json").read_text())
    assert manifest["tables"]["complaints_complaint"] == 3
    assert manifest["tables"]["penalties_penalty"] == 1
    assert (manifest["pictures"], manifest["damaged"]) == (3, [])

    done = restore(tmp_path / "backup", other_database, tmp_path / "pictures")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "broken" not in done.stdout
    assert "holds   The file of each picture is there, and has the hash that its row keeps." in done.stdout
    restored = psycopg2.connect(other_database)
    with restored.cursor() as cursor:
        cursor.execute("SELECT complaint_no FROM complaints_complaint ORDER BY id")
        with connection.cursor() as here:
            here.execute("SELECT complaint_no FROM complaints_complaint ORDER BY id")
            assert cursor.fetchall() == here.fetchall()
    restored.close()
    for picture in cases:
        assert (tmp_path / "pictures" / picture.file.name).read_bytes() == content_of(picture)

    again = restore(tmp_path / "backup", other_database, tmp_path / "pictures")
    assert again.returncode == 1
    assert "is not empty" in again.stderr
    replaced = restore(tmp_path / "backup", other_database, tmp_path / "pictures", "--replace")
    assert replaced.returncode == 0, replaced.stdout + replaced.stderr


def test_restored_on_a_server_that_has_counted_less_its_events_go_on(cases, other_database, tmp_path):
    """Those who read events have come further than the new server: what happens on it must be new to them."""
    count_further(10**12)
    back_up(tmp_path / "backup")
    done = restore(tmp_path / "backup", other_database, tmp_path / "pictures")
    assert done.returncode == 0, done.stdout + done.stderr
    restored = psycopg2.connect(other_database)
    with restored.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO notifications_event (name, merchant_id, subject_id, at, payload)
            SELECT 'complaint.cancelled', merchant_id, subject_id, at, payload FROM notifications_event LIMIT 1
            RETURNING transaction > (SELECT max(transaction) FROM notifications_event)
            """
        )
        assert cursor.fetchone() == (True,)
    restored.close()


def test_a_picture_that_comes_after_the_snapshot_does_no_harm(cases, other_database, tmp_path, monkeypatch):
    """Its row is in neither dump nor list; it is lost from neither, because it is in the next backup."""
    really = postgres_programs.run
    merchant = cases[0].merchant

    def dump_while_one_comes(program, *arguments):
        import threading

        def send():
            keep_pictures(
                [draw("receipt", 9)],
                platform_id=merchant.platform_id,
                merchant_id=merchant.pk,
                actor=platform_actor(merchant.platform),
                now=NOW,
            )
            connection.close()

        sending = threading.Thread(target=send)
        sending.start()
        sending.join()
        really(program, *arguments)

    monkeypatch.setattr(postgres_programs, "run", dump_while_one_comes)
    assert merchant.platform
    manifest = backups.back_up(tmp_path / "backup", now=NOW)
    assert Evidence.objects.count() == 4
    assert (manifest.pictures, manifest.tables["evidence_evidence"]) == (3, 3)
    done = restore(tmp_path / "backup", other_database, tmp_path / "pictures")
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_damaged_and_a_missing_picture_are_named_and_all_else_is_kept(cases, tmp_path):
    Path(evidence_files().path(cases[0].file.name)).write_bytes(b"something else")
    evidence_files().delete(cases[1].file.name)
    found = verify_evidence(batch=2)
    assert found.count == 2
    assert found.examples == [f"{cases[0].file.name} has another hash", f"{cases[1].file.name} is not there"]
    with pytest.raises(CommandError, match=r"invariant\(s\) are broken"):
        call_command("verify", evidence=True, stdout=StringIO(), stderr=StringIO())
    call_command("verify", stdout=StringIO())  # looks at no file
    with pytest.raises(CommandError, match=r"2 picture\(s\) are missing or damaged"):
        back_up(tmp_path / "backup")
    manifest = backups.read_manifest(tmp_path / "backup")
    assert manifest.damaged == [cases[0].file.name, cases[1].file.name]
    assert manifest.pictures == 2


def spoil_the_dump(directory):
    with (directory / "database.dump").open("ab") as dump:
        dump.write(b"x")


def spoil_a_picture(directory):
    next((directory / "evidence").rglob("*.*")).write_bytes(b"x")


def lose_a_picture(directory):
    next((directory / "evidence").rglob("*.*")).unlink()


def point_outside(directory):
    manifest = json.loads((directory / "manifest.json").read_text())
    (directory / "evidence.sha256").write_text(f"{'0' * 64}  ../../secret\n")
    manifest["list_sha256"] = backups._hash(directory / "evidence.sha256")
    (directory / "manifest.json").write_text(json.dumps(manifest))


def change(**fields):
    def spoil(directory):
        manifest = json.loads((directory / "manifest.json").read_text())
        (directory / "manifest.json").write_text(json.dumps(manifest | fields))

    return spoil


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (spoil_the_dump, "is missing, or is not what was backed up"),
        (spoil_a_picture, "is missing, or is not what was backed up"),
        (lose_a_picture, "is missing, or is not what was backed up"),
        (point_outside, "outside of the backup"),
        (change(format=2), "has format 2"),
        (change(pictures=4), "names 3 pictures, the manifest 4"),
        (change(migrations=["complaints.9999_from_the_future"]), "made by a newer portal"),
        (change(dump_version=99), "pg_restore of PostgreSQL 99 or newer is missing"),
        (lambda directory: (directory / "manifest.json").write_text("{}"), "is no backup"),
        (lambda directory: None, "is not empty"),
    ],
)
def test_what_is_not_whole_is_refused_before_anything_is_touched(cases, tmp_path, spoil, sentence):
    back_up(tmp_path / "backup")
    spoil(tmp_path / "backup")
    with pytest.raises(CommandError, match="Not restored") as refusal:
        call_command("restore", str(tmp_path / "backup"), stdout=StringIO(), stderr=StringIO())
    assert sentence in str(refusal.value)
    assert Evidence.objects.count() == 3


def test_a_backup_is_there_whole_or_not_at_all(cases, tmp_path, monkeypatch):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "letter").write_text("not ours")
    with pytest.raises(CommandError, match="holds something already"):
        back_up(tmp_path / "full")

    def fail(*arguments):
        raise NotDone("pg_dump failed: the disk is full")

    monkeypatch.setattr(postgres_programs, "run", fail)
    with pytest.raises(CommandError, match=r"Nothing was backed up\. pg_dump failed"):
        back_up(tmp_path / "backup")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["full"]


def test_a_database_without_the_portal_is_not_backed_up(other_database, tmp_path):
    done = subprocess.run(
        [sys.executable, "manage.py", "backup", str(tmp_path / "backup")],
        cwd=settings.BASE_DIR,
        env={**os.environ, "DATABASE_URL": other_database},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "Nothing was backed up. The database " in done.stderr
    assert "holds no table of the portal. Point DATABASE_URL at the one that does." in done.stderr
    assert not (tmp_path / "backup").exists()


def test_a_full_disk_is_no_damaged_picture(cases, tmp_path, monkeypatch):
    def full(file, copy_to=None):
        if copy_to is not None:
            raise OSError(errno.ENOSPC, "No space left on device")
        return hash_of(file)

    monkeypatch.setattr(backups, "hash_of", full)
    with pytest.raises(CommandError, match=r"Nothing was backed up\. .*No space left on device"):
        back_up(tmp_path / "backup")
    assert list(tmp_path.iterdir()) == []


def tables_of(database: str) -> int:
    there = psycopg2.connect(database)
    with there.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")
        number: int = cursor.fetchone()[0]
    there.close()
    return number


def test_a_storage_that_takes_no_file_is_found_before_anything_is_thrown_away(cases, other_database, tmp_path):
    back_up(tmp_path / "backup")
    assert restore(tmp_path / "backup", other_database, tmp_path / "pictures").returncode == 0
    there = psycopg2.connect(other_database)
    with there, there.cursor() as cursor:
        cursor.execute("CREATE TABLE precious (id int)")
    there.close()
    (tmp_path / "a file").write_text("not a directory")
    done = restore(tmp_path / "backup", other_database, tmp_path / "a file", "--replace")
    assert done.returncode == 1
    assert "Not restored. The storage of pictures takes no file (" in done.stderr
    assert "Mend EVIDENCE_STORAGE first; nothing was touched." in done.stderr
    there = psycopg2.connect(other_database)
    with there.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM precious")
    there.close()


def test_a_picture_that_cannot_be_stored_is_told_with_what_is_there_already(cases, other_database, tmp_path):
    back_up(tmp_path / "backup")
    year = Path(cases[0].file.name).parts[0]
    (tmp_path / "pictures").mkdir()
    (tmp_path / "pictures" / year).write_text("where a directory must be")
    done = restore(tmp_path / "backup", other_database, tmp_path / "pictures")
    assert done.returncode == 1
    assert "The database holds the backup, but not every picture could be stored: " in done.stderr
    assert "Mend this, and restore again with --replace." in done.stderr
    assert tables_of(other_database) > 0
    (tmp_path / "pictures" / year).unlink()
    again = restore(tmp_path / "backup", other_database, tmp_path / "pictures", "--replace")
    assert again.returncode == 0, again.stdout + again.stderr


def test_programs_older_than_the_server_are_refused():
    version = postgres_programs.server_version()
    assert postgres_programs.find("pg_dump", at_least=version).version >= version
    with pytest.raises(NotDone, match=r"pg_dump of PostgreSQL 99 or newer is missing; found are only"):
        postgres_programs.find("pg_dump", at_least=99)
