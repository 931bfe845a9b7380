"""F16: the disk is full, or cannot be written, while pictures are sent."""

import errno
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.core.files.storage import FileSystemStorage

from complaints.models import Message
from complaints.tests.pages import browser, make_shop, picture
from evidence import services
from evidence.models import Evidence
from evidence.tests.conftest import directory, files_in
from evidence.tests.making import png
from evidence.tests.test_services import large_picture, no_file_longer_than
from tests_faults.conftest import Report

__all__ = ["directory"]

pytestmark = pytest.mark.django_db(transaction=True)

FILED, LATER = "2026-11-20T02:00Z", "2026-11-20T03:00Z"
TYPED = "See what came, please."


@contextmanager
def storage_says(code: int) -> Iterator[None]:
    """Let the storage refuse every file as the kernel would."""

    def refuse(*_given: Any) -> str:
        raise OSError(code, errno.errorcode[code])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(FileSystemStorage, "_save", refuse)
        yield


@contextmanager
def file_in_the_way(directory: Path) -> Iterator[None]:
    """Let a file stand where the directory should be: not even root can write into it."""
    shutil.rmtree(directory, ignore_errors=True)
    directory.write_text("in the way")
    yield
    directory.unlink()


Fault = Callable[[Path], AbstractContextManager[None]]
FAULTS: dict[str, Fault] = {
    "full in mid-file (RLIMIT_FSIZE)": lambda _directory: no_file_longer_than(30_000),
    "no space (ENOSPC)": lambda _directory: storage_says(errno.ENOSPC),
    "read-only (EROFS)": lambda _directory: storage_says(errno.EROFS),
    "no rights (EACCES)": lambda _directory: storage_says(errno.EACCES),
    "cannot be entered": file_in_the_way,
}


def send(*, with_small: bool) -> Any:
    """Send a message with a large picture through the page, as a browser does."""
    shop = make_shop()
    complaint = shop.files(FILED)
    pictures = [picture("small.png", png())] if with_small else []
    pictures.append(picture("noise.png", large_picture()[1]))
    with browser(shop.administrator, LATER) as client:
        page = f"/complaints/{complaint.complaint_no}/messages/"
        return client.post(page, {"text": TYPED, "pictures": pictures})


def test_f16_no_orphan_and_what_was_typed_stays(directory: Path, report: Report) -> None:
    for fault in FAULTS.values():
        with fault(directory):
            answer = send(with_small=False)
        assert answer.status_code == 400
        assert TYPED in answer.content.decode()
        assert "could not be stored just now" in answer.content.decode()
    assert not Evidence.objects.exists()
    assert not files_in(directory)
    with no_file_longer_than(30_000):  # the small one fits, and is kept for when the form is sent again
        answer = send(with_small=True)
    assert TYPED in answer.content.decode()
    assert [each.name for each in Evidence.objects.all()] == ["small.png"]
    assert [path.stem for path in files_in(directory)] == [Evidence.objects.get().token]
    assert not Message.objects.exists()
    report.survived(
        "F16",
        "the disk is full or read-only during an upload",
        size=f"{len(FAULTS)} ways",
        landed=f"{len(FAULTS)} of {len(FAULTS)} refused",
        result="0 orphan rows, 0 orphan files, the text stays",
    )


def test_f16_without_the_hook_half_a_file_stays(
    directory: Path,
    report: Report,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(services, "_FilesOfTransaction", lambda _names: lambda: None)
    with no_file_longer_than(30_000):
        send(with_small=False)
    orphans = len(files_in(directory)) - Evidence.objects.count()
    assert orphans == 1
    report.bitten("F16", "files not removed with their rows", size="1 upload", damage=f"{orphans} orphan file")
