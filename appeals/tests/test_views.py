"""The pages of appeals, as a browser without scripts uses them. The clock is set only at the door."""

import re
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from appeals.models import Appeal, AppealDraft
from appeals.queries import status_counts
from appeals.services import Decision, claim, correct, reject, supplement
from appeals.states import Status
from appeals.tests.cases import (
    HANDLED,
    NOON,
    SECOND_LATER,
    TICK_LATER,
    WINDOW_ENDS,
    appealed,
    asked,
    penalised,
    rejected,
    reviewer,
)
from complaints.models import HistoryLine
from complaints.services import leave_message
from complaints.tests.factories import make_picture, member_actor, moment
from complaints.tests.pages import Shop, browser, make_shop, member, picture, text_of
from deadlines.models import Deadline
from deadlines.tests.explaining import plans_of
from evidence.models import Evidence
from merchants.models import Grant
from notifications.models import Event
from penalties.models import Penalty

pytestmark = pytest.mark.django_db

DESCRIPTION = "Refunded in full on Tuesday; the consumer wrote that all is well."
RECORDS = "/appeals/"


@pytest.fixture
def shop() -> Shop:
    return make_shop("Tea House")


@pytest.fixture
def penalty(shop: Shop) -> Penalty:
    return penalised(shop.program)


@pytest.fixture
def proof(shop: Shop) -> Evidence:
    return make_picture(shop.merchant)


def form_of(penalty: Penalty) -> str:
    return f"/violations/{penalty.penalty_no}/appeal/"


def sent(proof: Evidence | None, step: str = "submit", **fields: Any) -> dict[str, Any]:
    """Return an appeal as a browser sends it."""
    kept = {"pictures_kept": proof.token} if proof else {}
    return {"step": step, "description": DESCRIPTION, "proofs": ["refund_record"], **kept, **fields}


def page_of(appeal: Appeal, verb: str = "") -> str:
    return f"{RECORDS}{appeal.pk}/" + (f"{verb}/" if verb else "")


def everything() -> dict[str, Any]:
    """Return all rows that a submission could change."""
    models = (Appeal, Penalty, HistoryLine, Event, Deadline)
    return {model.__name__: list(model.objects.order_by("pk").values()) for model in models}


# Who is let in


def test_what_belongs_to_another_merchant_does_not_exist(shop, penalty, proof):
    appeal = appealed(penalty)
    before = everything()
    with browser(make_shop().administrator, NOON) as client:
        assert client.get(form_of(penalty)).status_code == 404
        assert client.post(form_of(penalty), sent(proof)).status_code == 404
        assert client.post(f"{form_of(penalty)}draft/", sent(proof)).status_code == 404
        assert client.get(page_of(appeal)).status_code == 404
        assert client.post(page_of(appeal, "supplement"), {"supplement": "x"}).status_code == 404
        assert client.post(page_of(appeal, "withdraw")).status_code == 404
        assert "row-link" not in client.get(RECORDS).content.decode()
    assert everything() == before
    assert not AppealDraft.objects.exists()


def test_a_member_without_the_grant_to_appeal_learns_whom_to_ask(shop, penalty, proof):
    appeal = asked(penalised(shop.program))
    before = everything()
    with browser(member(shop, Grant.VIEW, Grant.HANDLE), NOON) as client:
        for answer in (client.get(form_of(penalty)), client.post(form_of(penalty), sent(proof, pictures=picture()))):
            assert answer.status_code == 403
            assert "Wang Fang" in text_of(answer)
        assert client.post(f"{form_of(penalty)}draft/", sent(proof)).status_code == 403
        assert client.post(page_of(appeal, "supplement"), {"supplement": "x"}).status_code == 403
        assert client.post(page_of(appeal, "withdraw")).status_code == 403
        shown = client.get(page_of(appeal)).content.decode()
    assert "You may see this appeal, but not answer what staff ask for." in shown
    assert "Wang Fang" in shown
    assert "<textarea" not in shown
    assert "Withdraw the appeal" not in shown
    assert everything() == before


def test_a_number_that_no_appeal_can_have_is_not_found(shop):
    with browser(shop.administrator, NOON) as client:
        assert client.get(f"{RECORDS}{10**30}/").status_code == 404


def test_who_is_not_signed_in_is_asked_to(client, penalty, proof):
    for address in (form_of(penalty), RECORDS):
        assert client.get(address).headers["Location"].startswith("/accounts/login/")
    assert client.post(form_of(penalty), sent(proof)).headers["Location"].startswith("/accounts/login/")
    assert not Appeal.objects.exists()


# Submitting


def test_an_appeal_goes_from_the_form_over_the_question_to_its_record(shop, penalty):
    with browser(shop.administrator, NOON) as client:
        first = client.post(form_of(penalty), sent(None, "check", pictures=picture()))
        assert not Appeal.objects.exists()
        asks = first.content.decode()
        assert "Submit this appeal?" in text_of(first)
        assert "6 d 21 h left 2026-03-17 09:30 Beijing time" in text_of(first)
        assert "3 attempts are left. If this appeal is rejected, 2 remain." in text_of(first)
        hidden = re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', asks)
        again = {name: value for name, value in hidden if name != "csrfmiddlewaretoken"}
        assert again["description"] == DESCRIPTION
        answer = client.post(form_of(penalty), {"step": "submit", **again})
        appeal = Appeal.objects.get()
        assert answer.headers["Location"] == page_of(appeal)
        shown = text_of(client.get(page_of(appeal)))
    assert (appeal.submitted_at, appeal.attempt, appeal.proofs) == (moment(NOON), 1, ["refund_record"])
    assert appeal.evidence.get().token == again["pictures_kept"]
    assert not appeal.unsolved_knowingly
    assert DESCRIPTION in shown
    assert "The appeal was submitted." in shown
    assert not AppealDraft.objects.exists()


def test_back_from_the_question_everything_stands_in_the_form(shop, penalty, proof):
    with browser(shop.administrator, NOON) as client:
        shown = client.post(form_of(penalty), sent(proof, "edit")).content.decode()
    assert DESCRIPTION in shown
    assert re.search(r'value="refund_record" checked', shown)
    assert re.search(rf'name="pictures_kept" value="{proof.token}" checked', shown)


def test_the_last_attempt_is_named_as_such(shop, penalty, proof):
    rejected(penalty)
    rejected(penalty)
    with browser(shop.administrator, NOON) as client:
        shown = text_of(client.post(form_of(penalty), sent(proof, "check")))
    assert "1 attempt is left. If this appeal is rejected, none remains, and the penalty stays." in shown


@pytest.mark.parametrize(
    ("at", "status"),
    [("2026-03-17T09:29:59.999999+08:00", 302), (WINDOW_ENDS, 302), (TICK_LATER, 409), (SECOND_LATER, 409)],
)
def test_the_moment_of_the_last_post_is_judged(shop, penalty, proof, at, status):
    before = everything()
    with browser(shop.administrator, "2026-03-17T09:00+08:00") as client:
        assert client.post(form_of(penalty), sent(proof, "check")).status_code == 200
    with browser(shop.administrator, at) as client:
        answer = client.post(form_of(penalty), sent(proof))
    assert answer.status_code == status
    assert Appeal.objects.exists() is (status == 302)
    if status == 409:
        assert everything() == before
        assert "The appeal window has closed" in text_of(answer)
        assert DESCRIPTION in answer.content.decode()
        assert 'value="submit"' not in answer.content.decode()


def test_a_fourth_attempt_is_refused(shop, penalty, proof):
    for _ in range(3):
        rejected(penalty)
    before = everything()
    with browser(shop.administrator, NOON) as client:
        answer = client.post(form_of(penalty), sent(proof))
        again = client.get(form_of(penalty), follow=True)
    assert answer.status_code == 409
    assert "All attempts to appeal this penalty are spent." in text_of(answer)
    assert "All attempts to appeal this penalty are spent." in text_of(again)
    assert everything() == before


def test_a_second_appeal_while_one_is_open_is_refused(shop, penalty, proof):
    appealed(penalty)
    before = everything()
    with browser(shop.administrator, NOON) as client:
        answer = client.post(form_of(penalty), sent(proof))
    assert answer.status_code == 409
    assert "is under review already" in text_of(answer)
    assert DESCRIPTION in answer.content.decode()
    assert everything() == before


@pytest.mark.parametrize("step", ["check", "submit"])
def test_what_an_appeal_lacks_is_said_at_once_and_the_rest_is_kept(shop, penalty, step):
    before = everything()
    with browser(shop.administrator, NOON) as client:
        no_picture = client.post(form_of(penalty), sent(None, step))
        no_words = client.post(form_of(penalty), sent(None, step, description=" ", pictures=picture()))
        nothing = text_of(client.post(form_of(penalty), {"step": step}))
    assert (no_picture.status_code, no_words.status_code) == (400, 400)
    assert "Add at least one picture that proves what you say." in text_of(no_picture)
    assert DESCRIPTION in no_picture.content.decode()
    assert "Describe how the consumer&#x27;s problem was solved." in text_of(no_words)
    assert re.search(r'name="pictures_kept" value="\w+" checked', no_words.content.decode())
    assert re.search(r'value="refund_record" checked', no_words.content.decode())
    assert "Add at least one picture" in nothing
    assert "Describe how" in nothing
    assert everything() == before


def test_evidence_of_somebody_else_proves_nothing_here(shop, penalty):
    foreign = make_picture(make_shop().merchant)
    before = everything()
    with browser(shop.administrator, NOON) as client:
        answer = client.post(form_of(penalty), sent(foreign))
    assert answer.status_code == 400
    assert "A picture that was sent earlier is no longer there. Send it again." in text_of(answer)
    assert foreign.token not in answer.content.decode()
    assert everything() == before


def test_too_long_a_text_and_an_unknown_proof_are_refused(shop, penalty, proof):
    with browser(shop.administrator, NOON) as client:
        long = client.post(form_of(penalty), sent(proof, description="x" * 2001))
        other = client.post(form_of(penalty), sent(proof, proofs=["refund_proof"]))
    assert (long.status_code, other.status_code) == (400, 400)
    assert "x" * 2001 in long.content.decode()
    assert not Appeal.objects.exists()


def test_evidence_of_the_case_is_offered_and_taken_with_one_tick(shop, penalty):
    said, earlier = make_picture(shop.merchant), rejected(penalty).evidence.get()
    actor = member_actor(shop.merchant)
    leave_message(penalty.complaint_id, "See here.", evidence=[said], actor=actor, now=moment(HANDLED))
    elsewhere = make_picture(shop.merchant)
    with browser(shop.administrator, NOON) as client:
        shown = client.get(form_of(penalty)).content.decode()
        offered = re.findall(r'name="pictures_kept" value="(\w+)">', shown)
        assert sorted(offered) == sorted([said.token, earlier.token])
        assert elsewhere.token not in shown
        assert client.post(form_of(penalty), sent(said)).status_code == 302
    assert Appeal.objects.latest("attempt").evidence.get() == said


# Unsolved


def test_an_unsolved_problem_is_named_and_only_a_knowing_word_goes_on(shop):
    penalty = penalised(shop.program, solved=False)
    proof = make_picture(shop.merchant)
    with browser(shop.administrator, NOON) as client:
        assert "The complaint is still pending: handle it first" in text_of(client.get(form_of(penalty)))
        for step in ("check", "submit"):
            refused = client.post(form_of(penalty), sent(proof, step))
            assert refused.status_code == 400
            assert "I know that the problem seems unsolved" in text_of(refused)
            assert DESCRIPTION in refused.content.decode()
        assert not Appeal.objects.exists()
        asks = client.post(form_of(penalty), sent(proof, "check", knowingly="on"))
        assert 'name="knowingly" value="on"' in asks.content.decode()
        assert client.post(form_of(penalty), sent(proof, knowingly="on")).status_code == 302
        assert "Submitted although the problem seemed unsolved." in text_of(client.get(page_of(Appeal.objects.get())))
    assert Appeal.objects.get().unsolved_knowingly


def test_of_a_solved_problem_nobody_is_asked(shop, penalty):
    with browser(shop.administrator, NOON) as client:
        assert "seems unsolved" not in text_of(client.get(form_of(penalty)))


# The records


def test_the_records_show_every_appeal_the_newest_first_by_status(shop, penalty):
    first = rejected(penalty)
    second = appealed(penalty, "2026-03-10T13:00+08:00")
    third = asked(penalised(shop.program), "2026-03-10T14:00+08:00")
    with browser(shop.administrator, "2026-03-10T15:00+08:00") as client:
        for query, expected in (("", [third, second, first]), ("?status=rejected", [first]), ("?status=approved", [])):
            shown = client.get(RECORDS + query)
            found = re.findall(r'row-link" href="/appeals/(\d+)/"', shown.content.decode())
            assert found == [str(each.pk) for each in expected]
        assert "No appeal has this status" in text_of(shown)
        assert "Answer by 6 d 23 h left 2026-03-17 14:00" in text_of(client.get(RECORDS))


def test_the_records_take_as_many_queries_for_twenty_as_for_one(shop):
    counts = []
    for number in (1, 20):
        while Appeal.objects.count() < number:
            appealed(penalised(shop.program))
        with browser(shop.administrator, NOON) as client, CaptureQueriesContext(connection) as queries:
            client.get(RECORDS)
        counts.append(len(queries))
    assert counts[0] == counts[1] <= 12


def test_an_empty_record_says_where_an_appeal_begins(shop):
    with browser(shop.administrator, NOON) as client:
        assert "An appeal begins on the page of its violation." in text_of(client.get(RECORDS))


def test_a_review_is_due_in_working_days_and_says_when_that_may_still_move(shop, penalty):
    appeal = appealed(penalty)  # a Tuesday: Wednesday, Thursday, Friday
    with browser(shop.administrator, NOON) as client:
        shown = text_of(client.get(page_of(appeal)))
        Appeal.objects.update(is_provisional=True)
        provisional = text_of(client.get(page_of(appeal)))
    assert "Reviewed by 3 d 11 h left 2026-03-13 23:59 Beijing time" in shown
    assert "within 3 working days" in shown
    assert "provisional" not in shown
    assert "2026-03-13 23:59 Beijing time provisional" in provisional
    assert "may only move later" in provisional


def test_a_decision_shows_its_reason_and_message_and_names_nobody(shop, penalty):
    appeal = rejected(penalty)
    with browser(shop.administrator, NOON) as client:
        response = client.get(page_of(appeal))
    assert "What staff decided The consumer&#x27;s problem is not solved The consumer still waits." in text_of(response)
    assert "Zhao" not in response.content.decode()
    assert "Withdraw the appeal" not in text_of(response)


def test_what_staff_asked_and_decided_before_stays_readable(shop, penalty):
    """Asked, rejected, and corrected: the page and the time line show the words of all three."""
    appeal, staff, later = asked(penalty), reviewer(), "2026-03-10T15:00+08:00"
    supplement(appeal.pk, "Here it is.", actor=member_actor(penalty.merchant), now=moment(NOON))
    claim(appeal.pk, actor=staff, now=moment(later))
    reject(appeal.pk, Decision("not_solved", "The consumer still waits."), actor=staff, now=moment(later))
    correct(appeal.pk, Decision("decided_wrongly", "The consumer was mistaken."), actor=staff, now=moment(later))
    with browser(shop.administrator, later) as client:
        shown = text_of(client.get(page_of(appeal)))
        line = text_of(client.get(f"/violations/{penalty.penalty_no}/"))
    assert "What staff decided The decision was wrong The consumer was mistaken." in shown
    assert "What staff asked for The pictures cannot be read The second picture is dark." in shown
    assert (
        "An earlier decision, corrected since rejected"
        " The consumer&#x27;s problem is not solved The consumer still waits."
    ) in shown
    for words in (
        "Asked for more evidence on the appeal. The second picture is dark.",
        "Rejected the appeal. The consumer still waits.",
        "Corrected the decision on the appeal. The consumer was mistaken.",
    ):
        assert words in line


def test_the_page_of_a_penalty_shows_what_staff_ask_for(shop, penalty):
    asked(penalty)
    with browser(shop.administrator, NOON) as client:
        shown = text_of(client.get(f"/violations/{penalty.penalty_no}/"))
    assert "What staff ask for The pictures cannot be read The second picture is dark." in shown


# Supplement, withdraw


def test_what_staff_ask_for_stands_with_its_clock_and_can_be_given(shop, penalty):
    appeal = asked(penalty)
    with browser(shop.administrator, "2026-03-16T12:00+08:00") as client:
        shown = text_of(client.get(page_of(appeal)))
        assert "What staff ask for The pictures cannot be read The second picture is dark." in shown
        assert "Answer by 1 d 0 h left 2026-03-17 12:00 Beijing time" in shown
        given = {"supplement": "Here it is.", "pictures": picture()}
        assert client.post(page_of(appeal, "supplement"), given).status_code == 302
        after = text_of(client.get(page_of(appeal)))
    appeal.refresh_from_db()
    assert (appeal.status, appeal.supplemented_at) == ("submitted", moment("2026-03-16T12:00+08:00"))
    assert appeal.supplement_evidence.count() == 1
    assert "What staff asked for The pictures cannot be read The second picture is dark." in after
    assert "What you added Here it is." in after
    assert "The review goes on" in after


@pytest.mark.parametrize(("at", "status"), [("2026-03-17T12:00+08:00", 302), ("2026-03-17T12:00:00.000001+08:00", 409)])
def test_a_supplement_is_in_time_at_the_very_moment_and_late_after_it(shop, penalty, at, status):
    appeal = asked(penalty)
    before = everything()
    with browser(shop.administrator, at) as client:
        answer = client.post(page_of(appeal, "supplement"), {"supplement": "Here it is."})
    assert answer.status_code == status
    if status == 409:
        assert "The time for more evidence is over" in text_of(answer)
        assert "Here it is." in answer.content.decode()
        assert everything() == before


def test_an_empty_supplement_is_refused_and_pictures_are_kept(shop, penalty):
    appeal = asked(penalty)
    foreign = make_picture(make_shop().merchant)
    with browser(shop.administrator, NOON) as client:
        assert "Write what staff asked for" in text_of(client.post(page_of(appeal, "supplement"), {"supplement": " "}))
        too_long = {"supplement": "x" * 2001, "pictures": picture()}
        again = client.post(page_of(appeal, "supplement"), too_long)
        others = client.post(page_of(appeal, "supplement"), {"supplement": "x", "pictures_kept": foreign.token})
    assert re.search(r'name="pictures_kept" value="\w+" checked', again.content.decode())
    assert (again.status_code, others.status_code) == (400, 400)
    appeal.refresh_from_db()
    assert appeal.status == "more_wanted"


def test_nobody_asked_so_nothing_can_be_added(shop, penalty):
    appeal = appealed(penalty)
    with browser(shop.administrator, NOON) as client:
        answer = client.post(page_of(appeal, "supplement"), {"supplement": "One more thing."})
    assert answer.status_code == 409
    assert "One more thing." in answer.content.decode()


def test_the_question_before_a_withdrawal_says_whether_the_window_is_still_open(shop, penalty):
    appeal = appealed(penalty)
    for at, is_open in ((WINDOW_ENDS, True), (TICK_LATER, False)):
        with browser(shop.administrator, at) as client:
            asks = text_of(client.get(page_of(appeal)))
        assert ("you can appeal again while the window is open" in asks) is is_open
        assert ("Its appeal window has closed, so you cannot appeal again" in asks) is not is_open


def test_an_appeal_is_withdrawn_after_a_question_and_the_penalty_can_be_appealed_again(shop, penalty, proof):
    appeal = appealed(penalty)
    with browser(shop.administrator, NOON) as client:
        shown = client.get(page_of(appeal)).content.decode()
        assert "Withdraw this appeal?" in shown
        assert client.get(page_of(appeal, "withdraw")).headers["Location"] == page_of(appeal)
        assert client.post(page_of(appeal, "withdraw")).status_code == 302
        again = client.post(page_of(appeal, "withdraw"))
        assert again.status_code == 409
        assert "The appeal is “withdrawn” now" in text_of(again)
        assert "3 attempts are left" in text_of(client.post(form_of(penalty), sent(proof, "check")))
    appeal.refresh_from_db()
    penalty.refresh_from_db()
    assert (appeal.status, penalty.status) == ("withdrawn", "in_effect")
    assert not Deadline.objects.filter(kind="review").exists()


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_every_page_renders_in_both_languages(shop, penalty, proof, language):
    one = asked(penalised(shop.program))
    other = rejected(penalised(shop.program))
    with browser(shop.administrator, NOON, language) as client:
        for address in (form_of(penalty), RECORDS, page_of(one), page_of(other)):
            assert client.get(address).status_code == 200
        assert client.post(form_of(penalty), sent(proof, "check")).status_code == 200


def test_each_status_is_counted_by_its_index_whatever_else_a_merchant_appealed(shop):
    with connection.cursor() as cursor:
        # Of a table with no rows the planner takes any index; without the others it shows what this one can do.
        cursor.execute("SET LOCAL enable_bitmapscan = off; SET LOCAL enable_seqscan = off")
        cursor.execute("DROP INDEX appeal_queue, appeal_by_merchant, one_open_appeal_per_penalty, appeal_by_decision")
    (plan,) = plans_of(lambda: status_counts(Appeal.objects.filter(merchant=shop.merchant)))
    assert plan.count("appeal_by_status") == len(Status)
    assert len(re.findall(r"Index Cond: \(\(merchant_id = \d+\) AND \(\(?status\b", plan)) == len(Status)
