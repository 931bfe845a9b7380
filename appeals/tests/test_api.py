"""Appeals through the API: the same verbs, permissions and refusals as on the pages."""

import base64
from pathlib import Path
from typing import Any

import pytest
from freezegun import freeze_time
from pytest_django import Settings

from appeals.models import Appeal
from appeals.tests.cases import NOON, SECOND_LATER, WINDOW_ENDS, appealed, asked, penalised, rejected
from complaints.models import HistoryLine
from complaints.tests.calling import Caller, merchant_caller, platform_caller
from complaints.tests.factories import make_picture, make_program, moment
from complaints_portal.tests.test_openapi import assert_true_to_description
from deadlines.models import Deadline
from evidence.models import Evidence
from evidence.tests.making import png
from merchants.models import Grant, MiniProgram
from notifications.models import Event
from penalties.models import Penalty

pytestmark = pytest.mark.django_db

APPEALS = "/api/v1/appeals/"
PICTURE = {"name": "record.png", "content": base64.b64encode(png()).decode()}
GIVEN: dict[str, Any] = {"description": "Refunded.", "proofs": ["refund_record"], "pictures": [PICTURE]}


@pytest.fixture
def program() -> MiniProgram:
    return make_program("2021001")


@pytest.fixture
def penalty(program: MiniProgram) -> Penalty:
    return penalised(program)


@pytest.fixture
def shop(program: MiniProgram) -> Caller:
    return merchant_caller(program.merchant, Grant.VIEW, Grant.APPEAL)


@pytest.fixture(autouse=True)
def pictures(tmp_path: Path, settings: Settings) -> Path:
    backend = "django.core.files.storage.FileSystemStorage"
    settings.STORAGES = settings.STORAGES | {"evidence": {"BACKEND": backend, "OPTIONS": {"location": tmp_path}}}
    return tmp_path


def submit_path(penalty: Penalty) -> str:
    return f"/api/v1/penalties/{penalty.penalty_no}/appeals/"


def path_of(appeal: Appeal, verb: str = "") -> str:
    return f"{APPEALS}{appeal.pk}/" + (f"{verb}/" if verb else "")


def everything() -> dict[str, Any]:
    """Return all rows that a submission could change."""
    models = (Appeal, Penalty, HistoryLine, Event, Deadline, Evidence)
    return {model.__name__: list(model.objects.order_by("pk").values()) for model in models}


def assert_refused(answer: Any, status: int, code: str, before: dict[str, Any], pointer: str = "") -> None:
    """A refusal has its status, its code and its place, and changed nothing."""
    document = answer.json()
    assert (answer.status_code, document["code"]) == (status, code), document
    assert_true_to_description(document, "Problem")
    if pointer:
        assert [place["pointer"] for place in document["errors"]] == [pointer]
    assert everything() == before


def test_an_appeal_is_submitted_once_for_one_idempotency_key(penalty, shop):
    with freeze_time(NOON):
        first = shop.post(submit_path(penalty), GIVEN, key="one")
        again = shop.post(submit_path(penalty), GIVEN, key="one")
    assert (first.status_code, again.status_code) == (201, 201)
    assert again["Idempotent-Replayed"] == "true"
    appeal = Appeal.objects.get()
    document = first.json()
    assert_true_to_description(document, "Appeal")
    assert (first["Location"], document["url"]) == (path_of(appeal), path_of(appeal))
    assert document["submitted_at"] == "2026-03-10T04:00:00Z"
    assert document["review_by"] == "2026-03-13T15:59:59.999999Z"
    assert document["allowed_actions"] == ["withdraw"]
    assert len(document["pictures"]) == 1
    assert shop.get(path_of(appeal)).json() == document
    penalty.refresh_from_db()
    assert penalty.status == "under_appeal"


def test_pictures_of_the_case_count_as_evidence(program, penalty, shop):
    given = make_picture(program.merchant)
    with freeze_time(NOON):
        answer = shop.post(submit_path(penalty), GIVEN | {"pictures": [], "evidence": [given.token]})
    assert answer.status_code == 201
    assert Appeal.objects.get().evidence.get() == given


@pytest.mark.parametrize(("at", "status"), [(WINDOW_ENDS, 201), (SECOND_LATER, 409)])
def test_the_very_end_of_the_window_is_in_time_and_a_second_later_is_not(penalty, shop, at, status):
    before = everything()
    with freeze_time(at):
        answer = shop.post(submit_path(penalty), GIVEN)
    assert answer.status_code == status
    if status == 409:
        assert_refused(answer, 409, "closed", before)


def test_a_fourth_attempt_is_refused(penalty, shop):
    for _ in range(3):
        rejected(penalty)
    before = everything()
    with freeze_time(NOON):
        assert_refused(shop.post(submit_path(penalty), GIVEN), 409, "no_attempts_left", before)


def test_a_second_appeal_while_one_is_open_is_refused(penalty, shop):
    appealed(penalty)
    before = everything()
    with freeze_time(NOON):
        assert_refused(shop.post(submit_path(penalty), GIVEN), 409, "under_appeal", before)


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"pictures": []}, "#/pictures"),
        ({"description": " "}, "#/description"),
        ({"proofs": ["refund_proof"]}, "#/proofs"),
        ({"proofs": ["a feeling"]}, "#/proofs/0"),
        ({"evidence": ["0" * 32]}, "#/evidence"),
        ({"pictures": [PICTURE] * 10}, "#/pictures"),
        ({"pictures": [{"name": "a.png", "content": "?"}]}, "#/pictures"),
    ],
)
def test_what_cannot_be_taken_is_named_and_changes_nothing(penalty, shop, changes, pointer):
    before = everything()
    with freeze_time(NOON):
        answer = shop.post(submit_path(penalty), GIVEN | changes)
    assert_refused(answer, 400, answer.json()["code"], before, pointer)


def test_evidence_of_somebody_else_is_refused_like_evidence_that_is_not_there(penalty, shop):
    foreign = make_picture(make_program().merchant)
    before = everything()
    with freeze_time(NOON):
        answer = shop.post(submit_path(penalty), GIVEN | {"evidence": [foreign.token]})
    assert_refused(answer, 400, "picture_unknown", before, "#/evidence")


def test_an_unsolved_problem_needs_a_knowing_word(program, shop):
    penalty = penalised(program, solved=False)
    before = everything()
    with freeze_time(NOON):
        assert_refused(shop.post(submit_path(penalty), GIVEN), 400, "seems_unsolved", before, "#/knowingly")
        answer = shop.post(submit_path(penalty), GIVEN | {"knowingly": True})
    assert answer.json()["unsolved_knowingly"] is True


def test_only_a_merchants_key_with_the_grant_appeals_and_others_find_nothing(program, penalty):
    appeal = asked(penalised(program))
    before = everything()
    moves = [
        (submit_path(penalty), GIVEN),
        (path_of(appeal, "supplement"), {"text": "x"}),
        (path_of(appeal, "withdraw"), {}),
    ]
    with freeze_time(NOON):
        for path, document in moves:
            for caller, status in (
                (merchant_caller(program.merchant, Grant.VIEW, Grant.HANDLE), 403),
                (merchant_caller(program.merchant, Grant.APPEAL), 403),
                (platform_caller(program.platform), 403),
                (merchant_caller(make_program().merchant, Grant.VIEW, Grant.APPEAL), 404),
            ):
                assert caller.post(path, document).status_code == status, path
    assert everything() == before


def test_platforms_read_and_strangers_do_not(program, penalty, shop):
    appeal = rejected(penalty)
    platform, stranger = platform_caller(program.platform), merchant_caller(make_program().merchant)
    for caller in (shop, platform):
        answer = caller.get(path_of(appeal))
        assert answer.json()["message"] == "The consumer still waits."
        assert answer.json()["allowed_actions"] == []
        assert "Zhao" not in answer.content.decode()
        assert_true_to_description(answer.json(), "Appeal")
        assert [row["id"] for row in caller.get(APPEALS).json()["results"]] == [appeal.pk]
    assert stranger.get(path_of(appeal)).status_code == 404
    assert stranger.get(APPEALS).json()["results"] == []
    assert merchant_caller(program.merchant, Grant.APPEAL).get(APPEALS).status_code == 403


def test_a_list_is_narrowed_and_paged(program, penalty, shop):
    first = rejected(penalty)
    second = appealed(penalty, "2026-03-10T13:00+08:00")
    third = asked(penalised(program), "2026-03-10T14:00+08:00")

    def found(query: str) -> list[int]:
        return [row["id"] for row in shop.get(f"{APPEALS}?{query}").json()["results"]]

    assert found("") == [third.pk, second.pk, first.pk]
    assert found("status=rejected&status=more_wanted") == [third.pk, first.pk]
    assert found(f"penalty_no={penalty.penalty_no}") == [second.pk, first.pk]
    assert found("submitted_after=2026-03-10T05:00:00Z") == [third.pk, second.pk]
    assert found("submitted_before=2026-03-10T05:00:00Z") == [first.pk]
    page = shop.get(f"{APPEALS}?page_size=2").json()
    assert_true_to_description(page, "AppealPage")
    assert [row["id"] for row in shop.get(page["next"]).json()["results"]] == [first.pk]
    assert shop.get(f"{APPEALS}?status=lost").status_code == 400


@pytest.mark.parametrize(("at", "status"), [("2026-03-17T04:00:00Z", 200), ("2026-03-17T04:00:01Z", 409)])
def test_a_supplement_is_in_time_at_the_very_moment_and_late_after_it(penalty, shop, at, status):
    appeal = asked(penalty)
    before = everything()
    with freeze_time(at):
        answer = shop.post(path_of(appeal, "supplement"), {"text": "Brighter.", "pictures": [PICTURE]})
    if status == 409:
        assert_refused(answer, 409, "late", before)
        return
    document = answer.json()
    assert (answer.status_code, document["status"], document["supplement"]) == (200, "submitted", "Brighter.")
    assert len(document["supplement_pictures"]) == 1
    assert (document["asked_reason_code"], document["asked_for"]) == (
        "evidence_unreadable",
        "The second picture is dark.",
    )
    assert (document["reason_code"], document["message"]) == ("", "")
    assert_true_to_description(document, "Appeal")


def test_an_empty_supplement_and_evidence_of_others_are_refused(penalty, shop):
    appeal, foreign = asked(penalty), make_picture(make_program().merchant)
    before = everything()
    with freeze_time(NOON):
        assert_refused(shop.post(path_of(appeal, "supplement"), {}), 400, "bad_input", before, "#/text")
        taken = shop.post(path_of(appeal, "supplement"), {"text": "x", "evidence": [foreign.token]})
    assert_refused(taken, 400, "picture_unknown", before, "#/evidence")


def test_an_appeal_is_withdrawn_once(penalty, shop):
    appeal = appealed(penalty)
    with freeze_time(NOON):
        answer = shop.post(path_of(appeal, "withdraw"))
        assert (answer.status_code, answer.json()["status"]) == (200, "withdrawn")
        before = everything()
        assert_refused(shop.post(path_of(appeal, "withdraw")), 409, "illegal_move", before)
    penalty.refresh_from_db()
    assert penalty.status == "in_effect"
    assert HistoryLine.objects.filter(noun="appeal", verb="withdraw", at=moment(NOON)).count() == 1
