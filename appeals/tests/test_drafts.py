"""What somebody has written so far is there again: saved by the button, by the script, and on the way."""

import re

import pytest

from appeals.models import Appeal, AppealDraft
from appeals.tests.cases import NOON, TICK_LATER, appealed, penalised
from complaints.tests.factories import make_member, make_picture, moment
from complaints.tests.pages import Shop, browser, make_shop, member, picture, text_of
from evidence.models import Evidence
from merchants.models import Grant
from penalties.models import Penalty

pytestmark = pytest.mark.django_db

LATER = "2026-03-11T08:00+08:00"


@pytest.fixture
def shop() -> Shop:
    return make_shop()


@pytest.fixture
def penalty(shop: Shop) -> Penalty:
    return penalised(shop.program)


def form_of(penalty: Penalty) -> str:
    return f"/violations/{penalty.penalty_no}/appeal/"


def test_the_button_keeps_text_proofs_and_pictures_and_another_day_they_are_there(shop, penalty):
    sent = {"step": "draft", "description": "Half a sent", "proofs": ["shipping_record"], "pictures": picture()}
    with browser(shop.administrator, NOON) as client:
        assert client.post(form_of(penalty), sent).headers["Location"] == form_of(penalty)
    with browser(shop.administrator, LATER) as client:
        response = client.get(form_of(penalty))
    shown = response.content.decode()
    assert "Half a sent" in shown
    assert 'value="shipping_record" checked' in shown
    assert re.findall(r'name="pictures_kept" value="(\w+)" checked', shown) == [Evidence.objects.get().token]
    assert "Draft saved: 2026-03-10 12:00:00 Beijing time" in text_of(response)
    assert not Appeal.objects.exists()


def test_a_draft_need_not_be_whole_but_a_bad_picture_is_said(shop, penalty):
    with browser(shop.administrator, NOON) as client:
        assert client.post(form_of(penalty), {"step": "draft"}).status_code == 302
        bad = {"step": "draft", "description": "Kept", "pictures": picture("not.png", b"not a picture")}
        answer = client.post(form_of(penalty), bad)
    assert answer.status_code == 400
    assert "not.png" in text_of(answer)
    assert AppealDraft.objects.get().description == "Kept"


def test_the_script_saves_while_somebody_writes(shop, penalty):
    kept = make_picture(shop.merchant)
    sent = {"description": "First line", "proofs": ["refund_record"], "pictures_kept": kept.token}
    with browser(shop.administrator, NOON) as client:
        answer = client.post(f"{form_of(penalty)}draft/", sent)
        assert answer.json() == {"words": "Draft saved: 2026-03-10 12:00:00 Beijing time"}
        refused = client.post(f"{form_of(penalty)}draft/", {"description": "x" * 2001})
        assert client.get(f"{form_of(penalty)}draft/").status_code == 405
    draft = AppealDraft.objects.get()
    assert (draft.description, draft.proofs, draft.saved_at) == ("First line", ["refund_record"], moment(NOON))
    assert draft.evidence.get() == kept
    assert (refused.status_code, "2000" in refused.json()["words"]) == (400, True)


def test_what_was_checked_but_not_submitted_is_kept_too(shop, penalty):
    with browser(shop.administrator, NOON) as client:
        sent = {"step": "check", "description": "All is solved.", "pictures": picture()}
        assert "Submit this appeal?" in text_of(client.post(form_of(penalty), sent))
        assert "All is solved." in client.get(form_of(penalty)).content.decode()


def test_a_draft_is_its_writers_own(shop, penalty):
    colleague = make_member(shop.merchant, is_administrator=True)
    with browser(shop.administrator, NOON) as client:
        client.post(form_of(penalty), {"step": "draft", "description": "Mine alone"})
    with browser(colleague, NOON) as client:
        assert "Mine alone" not in client.get(form_of(penalty)).content.decode()
        client.post(form_of(penalty), {"step": "draft", "description": "Another"})
    assert AppealDraft.objects.count() == 2


def test_a_draft_takes_no_evidence_of_others(shop, penalty):
    foreign = make_picture(make_shop().merchant)
    with browser(shop.administrator, NOON) as client:
        answer = client.post(f"{form_of(penalty)}draft/", {"description": "x", "pictures_kept": foreign.token})
    assert answer.status_code == 400
    assert not AppealDraft.objects.get().evidence.exists()


def test_drafts_go_when_the_appeal_is_submitted(shop, penalty):
    with browser(shop.administrator, NOON) as client:
        client.post(form_of(penalty), {"step": "draft", "description": "Soon"})
    appealed(penalty)
    assert not AppealDraft.objects.exists()


def test_a_draft_that_arrives_after_the_appeal_or_the_window_is_not_kept(shop, penalty):
    other = penalised(shop.program)
    appealed(penalty)
    with browser(shop.administrator, NOON) as client:
        late = client.post(f"{form_of(penalty)}draft/", {"description": "x"})
    with browser(shop.administrator, TICK_LATER) as client:
        closed = client.post(f"{form_of(other)}draft/", {"description": "x"})
    assert (late.status_code, late.json()["words"]) == (
        409,
        "An appeal against this penalty is under review already.",
    )
    assert (closed.status_code, "window has closed" in closed.json()["words"]) == (409, True)
    assert not AppealDraft.objects.exists()


def test_who_may_not_appeal_keeps_no_draft(shop, penalty):
    with browser(member(shop, Grant.VIEW), NOON) as client:
        assert client.post(f"{form_of(penalty)}draft/", {"description": "x"}).status_code == 403
        assert client.post(form_of(penalty), {"step": "draft", "description": "x"}).status_code == 403
    assert not AppealDraft.objects.exists()
