"""A picture's row and its file come together and go together, whatever fails in between."""

import base64
import hashlib
import os
import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path

import pytest
from django.core.files.base import ContentFile
from django.core.files.uploadedfile import SimpleUploadedFile, TemporaryUploadedFile
from django.db import DatabaseError, connection, transaction

from common.errors import BadInput
from evidence.models import Evidence, evidence_files
from evidence.services import NotKept, decode_base64_pictures
from evidence.tests import making
from evidence.tests.conftest import NOW, files_in, keep_for
from merchants.models import Merchant

PICTURE = ("proof.png", making.png())


class ChangeOfMindError(Exception):
    pass


def keep_and_roll_back(merchant: Merchant, directory: Path) -> None:
    """Keep two pictures in a transaction, see that their files are there, and roll it back."""
    before = len(files_in(directory))
    try:
        with transaction.atomic():
            keep_for(merchant, PICTURE, PICTURE)
            assert len(files_in(directory)) == before + 2
            raise ChangeOfMindError
    except ChangeOfMindError:
        pass


def test_a_kept_picture_has_a_row_that_says_everything_about_its_file(merchant: Merchant, directory: Path) -> None:
    sent = making.jpeg()
    (evidence,) = keep_for(merchant, ("../退款.JPG", sent))
    (path,) = files_in(directory)
    stored = path.read_bytes()
    assert path == directory / "2026" / "11" / f"{evidence.token}.jpg"
    assert evidence.file.name == f"2026/11/{evidence.token}.jpg"
    assert (evidence.platform_id, evidence.merchant_id) == (merchant.platform_id, merchant.pk)
    assert (evidence.name, evidence.content_type) == ("退款.JPG", "image/jpeg")
    assert (evidence.width, evidence.height, evidence.size) == (60, 40, len(stored))
    assert evidence.sent_sha256 == hashlib.sha256(sent).hexdigest()
    assert evidence.stored_sha256 == hashlib.sha256(stored).hexdigest()
    assert (evidence.uploaded_by, evidence.uploaded_at) == ("Li Lei", NOW)


def test_uploads_and_plain_bytes_are_kept_in_the_order_sent(merchant: Merchant, directory: Path) -> None:
    on_disk = TemporaryUploadedFile("big.webp", "text/html", 0, None)
    on_disk.write(making.webp())
    on_disk.size = on_disk.tell()
    upload = SimpleUploadedFile("second.php", making.jpeg(), content_type="application/x-php")
    kept = keep_for(merchant, PICTURE, upload, on_disk)
    on_disk.close()
    assert [each.name for each in kept] == ["proof.png", "second.php", "big.webp"]
    assert [each.content_type for each in kept] == ["image/png", "image/jpeg", "image/webp"]
    assert len({each.token for each in kept}) == 3


def test_nine_pictures_are_kept_and_ten_are_refused(merchant: Merchant, directory: Path) -> None:
    assert len(keep_for(merchant, *[PICTURE] * 9)) == 9
    with pytest.raises(BadInput) as refused:
        keep_for(merchant, *[PICTURE] * 10)
    assert (refused.value.code, refused.value.field) == ("too_many_pictures", "pictures")
    assert Evidence.objects.count() == len(files_in(directory)) == 9


def test_the_limits_are_those_of_the_policy_in_force(
    merchant: Merchant, directory: Path, policy_file: Callable[[str], None]
) -> None:
    policy_file("[[policy]]\nsince = 2026-11-01T00:00:00Z\npictures_per_submission = 1\npicture_megabytes = 1\n")
    assert keep_for(merchant, PICTURE)
    with pytest.raises(BadInput):
        keep_for(merchant, PICTURE, PICTURE)
    with pytest.raises(BadInput) as refused:
        keep_for(merchant, ("large.png", making.png() + bytes(making.MEGABYTE)))
    assert refused.value.code == "picture_too_large"


def test_an_upload_above_the_limit_is_refused_before_it_is_read(merchant: Merchant, directory: Path) -> None:
    upload = SimpleUploadedFile("large.png", making.png())
    upload.size = 5 * making.MEGABYTE + 1
    with pytest.raises(BadInput) as refused:
        keep_for(merchant, upload)
    assert refused.value.code == "picture_too_large"


def test_one_bad_picture_among_good_ones_leaves_nothing(merchant: Merchant, directory: Path) -> None:
    with pytest.raises(BadInput) as refused:
        keep_for(merchant, PICTURE, ("page\u202e.html", b"<html>"), PICTURE)
    assert "“page.html”" in str(refused.value)
    assert not Evidence.objects.exists()
    assert not files_in(directory)


# The surrounding transaction decides.


def test_a_rollback_to_a_savepoint_removes_the_file(merchant: Merchant, directory: Path) -> None:
    keep_and_roll_back(merchant, directory)
    assert not Evidence.objects.exists()
    assert not files_in(directory)


def test_only_the_files_of_what_is_rolled_back_are_removed(merchant: Merchant, directory: Path) -> None:
    with transaction.atomic():
        (kept,) = keep_for(merchant, PICTURE)
        keep_and_roll_back(merchant, directory)
    assert list(Evidence.objects.all()) == [kept]
    assert [path.stem for path in files_in(directory)] == [kept.token]


@pytest.mark.django_db(transaction=True)
def test_a_rollback_of_the_whole_transaction_removes_the_files(merchant: Merchant, directory: Path) -> None:
    keep_and_roll_back(merchant, directory)
    assert not Evidence.objects.exists()
    assert not files_in(directory)


@pytest.mark.django_db(transaction=True)
def test_a_commit_keeps_the_file(merchant: Merchant, directory: Path) -> None:
    with transaction.atomic():
        keep_for(merchant, PICTURE)
    assert Evidence.objects.count() == len(files_in(directory)) == 1


@pytest.mark.django_db(transaction=True)
def test_a_commit_hook_of_others_that_fails_does_not_cost_the_file(merchant: Merchant, directory: Path) -> None:
    def fail() -> None:
        raise ChangeOfMindError

    def keep_behind_a_hook_that_fails() -> None:
        with transaction.atomic():
            transaction.on_commit(fail)
            keep_for(merchant, PICTURE)

    with pytest.raises(ChangeOfMindError):
        keep_behind_a_hook_that_fails()
    assert Evidence.objects.count() == len(files_in(directory)) == 1


@pytest.mark.django_db(transaction=True)
def test_a_database_that_goes_away_in_mid_transaction_leaves_no_file(merchant: Merchant, directory: Path) -> None:
    def lose_the_connection() -> None:
        with transaction.atomic():
            keep_for(merchant, PICTURE)
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")

    with pytest.raises(DatabaseError):
        lose_the_connection()
    connection.close()
    assert not Evidence.objects.exists()
    assert not files_in(directory)


# F16: the storage fails.


@contextmanager
def no_file_longer_than(size: int) -> Iterator[None]:
    """Let the kernel refuse every write of this process beyond so many bytes of a file, as a full disk does."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def large_picture() -> tuple[str, bytes]:
    """Return a picture that needs some 100 kB."""
    noise = making.image(size=(256, 128))
    noise.frombytes(os.urandom(256 * 128 * 3))
    return "noise.png", making.encode(noise, "PNG")


def test_the_fault_is_real_a_full_disk_leaves_half_a_file_in_the_plain_storage(directory: Path) -> None:
    with no_file_longer_than(30_000), pytest.raises(OSError, match="too large"):
        evidence_files().save("half.png", ContentFile(large_picture()[1]))
    assert [path.stat().st_size for path in files_in(directory)] == [30_000]


def refused_as_not_kept(merchant: Merchant, *files: tuple[str, bytes]) -> NotKept:
    with pytest.raises(NotKept) as refused:
        keep_for(merchant, *files)
    assert refused.value.status == HTTPStatus.SERVICE_UNAVAILABLE
    assert not Evidence.objects.exists()
    return refused.value


def test_a_disk_that_is_full_in_mid_write_leaves_no_row_and_no_file(merchant: Merchant, directory: Path) -> None:
    with no_file_longer_than(30_000):
        refusal = refused_as_not_kept(merchant, large_picture())
    assert "“noise.png”" in str(refusal)
    assert not files_in(directory)


def test_a_disk_that_fills_at_the_second_picture_does_not_keep_the_first(merchant: Merchant, directory: Path) -> None:
    with no_file_longer_than(30_000):
        refused_as_not_kept(merchant, PICTURE, large_picture())
    assert not files_in(directory)


def test_a_directory_that_cannot_be_written_leaves_no_row(merchant: Merchant, directory: Path) -> None:
    directory.write_text("a file stands where the directory should be")
    refused_as_not_kept(merchant, PICTURE)
    assert directory.read_text().startswith("a file")


def test_after_a_full_disk_the_transaction_around_it_still_works(merchant: Merchant, directory: Path) -> None:
    with transaction.atomic():
        with no_file_longer_than(30_000):
            refused_as_not_kept(merchant, large_picture())
        (kept,) = keep_for(merchant, PICTURE)
    assert list(Evidence.objects.all()) == [kept]
    assert [path.stem for path in files_in(directory)] == [kept.token]


# Pictures that come in JSON.


def in_json(data: bytes, name: str = "proof.png") -> dict[str, str]:
    return {"name": name, "content": base64.b64encode(data).decode()}


def test_base64_becomes_names_and_bytes() -> None:
    assert decode_base64_pictures([in_json(b"one"), in_json(b"four", "../b.png")], now=NOW) == [
        ("proof.png", b"one"),
        ("b.png", b"four"),
    ]


@pytest.mark.parametrize(
    ("picture", "code"),
    [
        ({"name": "a.png", "content": "not base64!"}, "picture_unreadable"),
        ({"name": "a.png", "content": "YWJj\nZGVm"}, "picture_unreadable"),
        ({"name": "a.png", "content": "YWJ"}, "picture_unreadable"),
        ({"name": "a.png", "content": "ＹＷＪｊ"}, "picture_unreadable"),
        ({"name": "a.png", "content": "data:image/png;base64,YWJj"}, "picture_unreadable"),
        ({"name": "a.png", "content": None}, "picture_unreadable"),
        ({"name": ["a.png"], "content": "YWJj"}, "picture_unreadable"),
        ({"content": "YWJj"}, "picture_unreadable"),
        ({"name": "a.png", "content": "!" * (7 * making.MEGABYTE)}, "picture_too_large"),
    ],
)
def test_what_is_not_strict_base64_is_refused(picture: dict[str, object], code: str) -> None:
    with pytest.raises(BadInput) as refused:
        decode_base64_pictures([picture], now=NOW)
    assert refused.value.code == code


def test_the_largest_picture_allowed_passes_as_base64() -> None:
    data = bytes(5 * making.MEGABYTE)
    assert decode_base64_pictures([in_json(data)], now=NOW) == [("proof.png", data)]


def test_ten_pictures_in_json_are_refused_undecoded() -> None:
    with pytest.raises(BadInput) as refused:
        decode_base64_pictures([{"name": "a.png", "content": "not base64!"}] * 10, now=NOW)
    assert refused.value.code == "too_many_pictures"
