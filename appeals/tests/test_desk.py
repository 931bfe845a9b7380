"""The desk of a review, through its door: who may do what, what is refused and how, and what stays as typed."""

import re

import pytest
from django.contrib.auth.models import Group
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from freezegun import freeze_time

from appeals import services
from appeals.models import Appeal, ReplyTemplate
from appeals.tests.making import APPROVE, ASK, REJECT, appeal_at, decide_at, merchant_of, penalty_issued, staff, when
from complaints.models import HistoryLine
from complaints.tests.factories import make_picture, make_program, make_user
from deadlines.models import Deadline

ISSUED = "2026-11-16T10:00+08:00"
SUBMITTED = "2026-11-17T10:00+08:00"
NOW = "2026-11-18T10:00:00+08:00"
SOON_AFTER = "2026-11-18T10:00:10+08:00"

pytestmark = pytest.mark.django_db


def member_of(group, name):
    user = make_user(name.lower(), first_name=name, is_staff=True)
    user.groups.add(Group.objects.get(name=group))
    return user


def signed_in(user):
    client = Client(headers={"accept-language": "en"})
    client.force_login(user, backend="merchants.backends.PeopleBackend")
    return client


@pytest.fixture
def li():
    return member_of("reviewer", "Li")


@pytest.fixture
def wang():
    return member_of("reviewer", "Wang")


@pytest.fixture
def appeal():
    return appeal_at(SUBMITTED, penalty_issued(ISSUED))


def desk(appeal):
    return reverse("admin:appeals_appeal_change", args=[appeal.pk])


def act(client, appeal, verb, at=NOW, **data):
    with freeze_time(when(at)):
        return client.post(reverse("admin:appeals_appeal_act", args=[appeal.pk, verb]), data)


def look(client, appeal, at=NOW, **query):
    with freeze_time(when(at)):
        return client.get(desk(appeal), query)


def text_of(response):
    return response.content.decode()


def state(appeal):
    """Everything that a decision would change."""
    return (
        Appeal.objects.filter(pk=appeal.pk).values().get(),
        list(HistoryLine.objects.order_by("pk").values_list("pk", flat=True)),
        list(Deadline.objects.order_by("pk").values_list("pk", "due_at")),
    )


WORDS = {"reason_code": "solved", "message": "The consumer confirmed it."}


def test_an_appeal_is_claimed_approved_and_the_next_review_is_shown_but_not_claimed(li, appeal):
    following = appeal_at("2026-11-17T11:00+08:00", penalty_issued(ISSUED))
    client = signed_in(li)
    assert act(client, appeal, "claim").status_code == 302
    done = act(client, appeal, "approve", **WORDS)
    assert (done.status_code, done.url) == (302, desk(following))
    appeal.refresh_from_db()
    following.refresh_from_db()
    assert (appeal.status, appeal.decided_by, appeal.message) == ("approved", li, "The consumer confirmed it.")
    assert appeal.penalty.status == "revoked"
    assert following.claimed_by is None


def test_after_the_last_review_the_queue_is_shown(li, appeal):
    client = signed_in(li)
    act(client, appeal, "claim")
    done = act(client, appeal, "reject", reason_code="not_solved", message="Handle it first.")
    assert done.url == reverse("admin:appeals_appeal_changelist")


def test_the_second_of_two_decisions_is_refused_by_name_and_changes_nothing(li, wang, appeal):
    """Wang had claimed it long ago; Li took the cold claim over and decided while Wang was still writing."""
    services.claim(appeal.pk, actor=staff(wang), now=when("2026-11-17T15:00+08:00"))
    assert act(signed_in(li), appeal, "claim").status_code == 302
    assert act(signed_in(li), appeal, "approve", **WORDS).status_code == 302
    before = state(appeal)
    late = act(
        signed_in(wang), appeal, "reject", at=SOON_AFTER, reason_code="not_solved", message="I wrote this for long."
    )
    assert late.status_code == 409
    assert "Li decided this 10 s ago." in text_of(late)
    assert "I wrote this for long." in text_of(late)
    assert state(appeal) == before


def test_a_decision_of_somebody_else_than_who_claimed_it_is_refused_by_name(li, wang, appeal):
    act(signed_in(li), appeal, "claim")
    before = state(appeal)
    for verb, words in (("claim", {}), ("release", {}), ("approve", WORDS)):
        refused = act(signed_in(wang), appeal, verb, at=SOON_AFTER, **words)
        assert refused.status_code == 409
        assert "Li claimed this 10 s ago and is working on it." in text_of(refused)
    assert state(appeal) == before


def test_a_decision_without_a_claim_is_refused(li, appeal):
    before = state(appeal)
    refused = act(signed_in(li), appeal, "approve", **WORDS)
    assert refused.status_code == 409
    assert "Claim this review before you decide it." in text_of(refused)
    assert state(appeal) == before


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ({"reason_code": "", "message": "Kept as typed."}, "Choose a reason from the list."),
        ({"reason_code": "solved", "message": " "}, "Write a message to the merchant; they read why."),
        ({"reason_code": "not_solved", "message": "Kept as typed."}, "not_solved is not one of the available choices."),
        ({"reason_code": "solved", "message": "x" * 1001}, "at most 1000 characters"),
    ],
)
def test_a_decision_needs_a_reason_of_its_own_and_a_message_and_keeps_the_text(li, appeal, words, sentence):
    client = signed_in(li)
    act(client, appeal, "claim")
    before = state(appeal)
    refused = act(client, appeal, "approve", **words)
    assert refused.status_code == 400
    assert sentence in text_of(refused)
    assert words["message"].strip() in text_of(refused)
    assert state(appeal) == before


def test_a_decision_on_a_withdrawn_appeal_is_refused(li, appeal):
    client = signed_in(li)
    act(client, appeal, "claim")
    services.withdraw(appeal.pk, actor=merchant_of(appeal.penalty), now=when(NOW))
    before = state(appeal)
    refused = act(client, appeal, "approve", at=SOON_AFTER, **WORDS)
    assert refused.status_code == 409
    assert "The merchant has withdrawn this appeal meanwhile" in text_of(refused)
    assert state(appeal) == before


def test_who_amended_the_penalty_by_hand_sees_why_a_colleague_must_decide(li, appeal):
    HistoryLine.objects.create(
        complaint=appeal.penalty.complaint,
        noun="penalty",
        noun_id=appeal.penalty_id,
        verb="reinstate",
        to_state="in_effect",
        actor_kind="staff",
        actor_id=li.pk,
        actor_name="Li",
        at=when(ISSUED),
        detail={"by_hand": True},
    )
    client = signed_in(li)
    shown = text_of(look(client, appeal))
    assert "so a colleague must decide" in shown
    assert "/claim/act/" not in shown
    before = state(appeal)
    for verb, words in (("claim", {}), ("approve", WORDS)):
        assert act(client, appeal, verb, **words).status_code == 403
    assert state(appeal) == before


def test_more_evidence_is_asked_for(li, appeal):
    client = signed_in(li)
    act(client, appeal, "claim")
    act(client, appeal, "ask", reason_code="evidence_unreadable", message="Send it again.")
    appeal.refresh_from_db()
    assert (appeal.status, appeal.asked_reason_code, appeal.asked_for) == (
        "more_wanted",
        "evidence_unreadable",
        "Send it again.",
    )
    assert (appeal.reason_code, appeal.message) == ("", "")
    assert 'data-verb="approve"' not in text_of(look(client, appeal))


def test_what_was_asked_for_stands_on_the_desk_beside_the_answer_and_the_decision(li, appeal):
    decide_at(NOW, "ask", appeal, ASK, by=li)
    services.supplement(appeal.pk, "Here it is.", actor=merchant_of(appeal.penalty), now=when(SOON_AFTER))
    decide_at("2026-11-18T11:00+08:00", "reject", appeal, REJECT, by=li)
    shown = look(signed_in(li), appeal, at="2026-11-18T12:00+08:00")
    said = text_of(shown).partition('aria-labelledby="says-title"')[2].partition("</section>")[0]
    assert 0 < said.index(ASK.message) < said.index("Here it is.")
    decision = text_of(shown).partition('id="decide"')[2].partition("</section>")[0]
    assert REJECT.message in decision
    assert ASK.message not in decision


def test_a_decision_is_corrected_with_a_reason_and_both_stand_in_the_history(li, wang, appeal):
    decide_at(NOW, "approve", appeal, APPROVE, by=wang)
    client = signed_in(li)
    assert 'data-verb="correct"' in text_of(look(client, appeal, at=SOON_AFTER))
    assert act(client, appeal, "correct", reason_code="decided_wrongly", message="").status_code == 400
    done = act(client, appeal, "correct", at=SOON_AFTER, reason_code="decided_wrongly", message="Two cases mixed up.")
    assert (done.status_code, done.url) == (302, desk(appeal))
    appeal.refresh_from_db()
    assert (appeal.status, appeal.decided_by, appeal.penalty.status) == ("rejected", li, "in_effect")
    lines = HistoryLine.objects.filter(noun="appeal", noun_id=appeal.pk).order_by("pk").values_list("verb", flat=True)
    assert list(lines) == ["submit", "approve", "correct"]
    shown = text_of(look(client, appeal, at=SOON_AFTER))
    assert APPROVE.message in shown
    assert "Two cases mixed up." in shown


def test_a_review_goes_back_to_the_queue(li, wang, appeal):
    act(signed_in(li), appeal, "claim")
    assert act(signed_in(li), appeal, "release").status_code == 302
    assert act(signed_in(wang), appeal, "claim").status_code == 302


@pytest.mark.parametrize(
    ("group", "sees", "acts"), [("reviewer", 200, 302), ("ops", 200, 403), ("auditor", 200, 403), (None, 403, 403)]
)
def test_who_may_see_the_desk_and_who_may_use_it(appeal, group, sees, acts):
    user = member_of(group, "Zhao") if group else make_user("zhao", is_staff=True)
    client = signed_in(user)
    before = state(appeal)
    shown = look(client, appeal)
    assert shown.status_code == sees
    assert ("/claim/act/" in text_of(shown)) == (group == "reviewer")
    for verb in ("approve", "reject", "ask", "correct", "release"):
        assert act(client, appeal, verb, **WORDS).status_code == (
            403 if acts == 403 else 409 if verb != "correct" else 400
        )
    assert state(appeal) == before
    assert act(client, appeal, "claim").status_code == acts


def test_members_and_strangers_are_sent_away(appeal):
    for client in (Client(), signed_in(make_user("member"))):
        assert look(client, appeal).status_code in (302, 403)
        assert act(client, appeal, "claim").status_code in (302, 403)
    appeal.refresh_from_db()
    assert appeal.claimed_by is None


def test_what_is_not_there_is_404_and_verbs_are_posted(li, appeal):
    client = signed_in(li)
    assert client.get("/admin/appeals/appeal/999999/change/").status_code == 404
    assert client.get("/admin/appeals/appeal/nonsense/change/").status_code == 404
    assert client.post(f"/admin/appeals/appeal/{appeal.pk}/submit/act/").status_code == 404
    assert client.get(f"/admin/appeals/appeal/{appeal.pk}/approve/act/").status_code == 405


def test_a_reason_brings_its_text_in_the_language_of_whoever_appealed(li, appeal):
    ReplyTemplate.objects.filter(verb="reject", reason_code="not_solved").update(
        text_zh="尚未解决。", text_en="Unsolved."
    )
    client = signed_in(li)
    act(client, appeal, "claim")
    chosen = text_of(look(client, appeal, verb="reject", reason="not_solved"))
    assert re.search(r"<textarea[^>]*id=\"id_reject_message\"[^>]*>\s*尚未解决。</textarea>", chosen)
    member = make_user("member", language="en")
    Appeal.objects.filter(pk=appeal.pk).update(actor_id=member.pk)
    posted = act(client, appeal, "reject", template="1", reason_code="not_solved", message="Something else.")
    assert posted.status_code == 200
    assert re.search(r"<textarea[^>]*id=\"id_reject_message\"[^>]*>\s*Unsolved.</textarea>", text_of(posted))
    appeal.refresh_from_db()
    assert appeal.status == "submitted"


def test_a_picture_that_was_used_in_another_case_is_flagged(li):
    penalty, other = penalty_issued(ISSUED), penalty_issued(ISSUED)
    picture, again, own = make_picture(penalty.merchant), make_picture(other.merchant), make_picture(penalty.merchant)
    type(again).objects.filter(pk=again.pk).update(sent_sha256=picture.sent_sha256)
    appeal = appeal_at(SUBMITTED, penalty, evidence=(picture, own))
    assert "Same picture" not in text_of(look(signed_in(li), appeal))
    appeal_at(SUBMITTED, other, evidence=(again,))
    shown = text_of(look(signed_in(li), appeal))
    assert shown.count("Same picture in 1 other case") == 1
    assert other.complaint.complaint_no in shown


def test_the_desk_shows_the_case_and_the_merchants_record(li):
    program = make_program()
    old = penalty_issued("2026-11-02T10:00+08:00", program=program)
    decide_at("2026-11-04T10:00+08:00", "approve", appeal_at("2026-11-03T10:00+08:00", old), APPROVE, by=li)
    penalty = penalty_issued(ISSUED, program=program)
    first = appeal_at("2026-11-16T11:00+08:00", penalty)
    decide_at("2026-11-16T12:00+08:00", "reject", first, REJECT, by=li)
    appeal = appeal_at(SUBMITTED, penalty, description="The parcel came after all.")
    shown = look(signed_in(li), appeal)
    record = {str(tally.label): tally.words for tally in shown.context["record"]}
    assert record["points in effect or under appeal"] == "1"
    assert record["penalties in 90 days"] == "2"
    assert (record["appeals approved"], record["appeals rejected"]) == ("1", "1")
    text = text_of(shown)
    for words in (penalty.penalty_no, penalty.complaint.trade_no, "The parcel came after all.", REJECT.message):
        assert words in text
    assert f'href="{desk(first)}"' in text


def test_next_and_previous_follow_the_queue_past_what_colleagues_work_on(li, wang, appeal):
    theirs, later = (appeal_at(f"2026-11-18T0{hour}:00+08:00", penalty_issued(ISSUED)) for hour in (1, 2))
    services.claim(theirs.pk, actor=staff(wang), now=when(NOW))
    shown = look(signed_in(li), appeal)
    assert (shown.context["before"], shown.context["after"]) == (None, later.pk)
    assert look(signed_in(li), later).context["before"] == appeal.pk


def test_the_keys_are_also_shown_as_text_and_nothing_is_inline(li, appeal):
    shown = text_of(look(signed_in(li), appeal))
    for key in "jkcarm?":
        assert f"<kbd>{key}</kbd>" in shown
    assert " style=" not in shown
    assert " onclick=" not in shown


def test_asked_review_waits_for_the_merchant(li, appeal):
    decide_at(NOW, "ask", appeal, ASK, by=li)
    shown = text_of(look(signed_in(li), appeal, at=SOON_AFTER))
    assert "Waiting for the merchant" in shown
    assert ASK.message in shown


def test_a_desk_asks_a_fixed_number_of_questions(li, appeal):
    client = signed_in(li)
    look(client, appeal)
    with CaptureQueriesContext(connection) as few:
        look(client, appeal)
    appeal.evidence.add(*(make_picture(appeal.merchant) for _ in range(6)))
    with CaptureQueriesContext(connection) as many:
        look(client, appeal)
    assert len(many) == len(few)
    assert len(many) <= 30
