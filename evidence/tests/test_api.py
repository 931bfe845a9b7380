"""Pictures for programs."""

from pathlib import Path

import pytest

from complaints.tests.calling import Caller, merchant_caller, platform_caller
from complaints.tests.factories import make_platform
from evidence.models import Evidence
from evidence.tests.conftest import keep_for
from evidence.tests.making import png
from merchants.models import Grant, Merchant


@pytest.fixture
def picture(directory: Path, merchant: Merchant) -> Evidence:
    (kept,) = keep_for(merchant, ("record.png", png()))
    return kept


def ask(caller: Caller, evidence: Evidence, **headers: str) -> int:
    answer = caller.get(f"/api/v1/evidence/{evidence.token}/", headers=headers)
    if answer.streaming:
        assert answer.getvalue()  # and the file is let go of
    status: int = answer.status_code
    return status


def test_the_merchant_and_the_platform_get_the_bytes_that_are_stored(picture, merchant):
    for caller in (merchant_caller(merchant), platform_caller(merchant.platform)):
        answer = caller.get(f"/api/v1/evidence/{picture.token}/")
        assert answer.status_code == 200
        assert answer["Content-Type"] == "image/png"
        assert answer["X-Content-Type-Options"] == "nosniff"
        sent = answer.getvalue()
        assert sent.startswith(b"\x89PNG")
        assert len(sent) == picture.size


@pytest.mark.parametrize("accept", ["image/*", "image/webp,image/png;q=0.8", "*/*", "application/json"])
def test_whatever_the_caller_accepts_it_gets_the_picture(picture, merchant, accept):
    assert ask(merchant_caller(merchant), picture, Accept=accept) == 200


def test_who_has_it_already_is_told_so(picture, merchant):
    tag = f'"{picture.stored_sha256}"'

    assert ask(merchant_caller(merchant), picture, **{"If-None-Match": tag}) == 304


def test_for_others_it_does_not_exist(picture, merchant, other_merchant):
    strangers = [
        merchant_caller(other_merchant),
        platform_caller(make_platform()),
        merchant_caller(merchant, Grant.HANDLE),
    ]

    assert [ask(stranger, picture) for stranger in strangers] == [404, 404, 404]
    assert ask(Caller("cpk_0123456789_unknown"), picture) == 401


def test_a_refusal_is_a_problem_document_also_for_who_accepts_pictures_only(picture):
    answer = platform_caller(make_platform()).get(f"/api/v1/evidence/{picture.token}/", headers={"Accept": "image/*"})

    assert (answer.status_code, answer["Content-Type"]) == (404, "application/problem+json")
