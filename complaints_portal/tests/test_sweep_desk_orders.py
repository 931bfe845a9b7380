"""Extensions and amnesties on the desk: looked at, proposed as seen, decided by a second person, and carried out."""

import re
from datetime import timedelta

import pytest
from celery import current_app
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from appeals.tests.making import sweep
from appeals.tests.test_desk import member_of, signed_in, text_of
from common.errors import IllegalMove
from complaints.models import Complaint, HistoryLine
from complaints.tests.factories import file_at, make_merchant, make_program, moment
from complaints_portal.sweep_desk import order_views, tasks
from complaints_portal.sweep_desk.orders import EXTENSION, person_now
from complaints_portal.tests.test_sweep_desk import address, get, post
from deadlines.models import Deadline, Extended, Extension, OpsLine, SweepRun
from merchants.models import User
from penalties.models import Amnesty, Penalty

pytestmark = pytest.mark.django_db

FILED = "2026-11-20T02:00Z"
NOW = moment("2026-11-25T02:00Z")
SPAN = {
    "began_at": "2026-11-22T10:00:00",
    "ended_at": "2026-11-22T13:00:00",
    "kinds": ["handle", "refund", "appeal", "supplement"],
}
REASON = "The power was out."
POLICY = "[[policy]]\nsince = 2026-01-01T00:00:00+08:00\nfour_eyes_cases = 2\n"


@pytest.fixture
def chen():
    return signed_in(member_of("ops", "Chen"))


@pytest.fixture
def li():
    return signed_in(member_of("ops", "Li"))


@pytest.fixture
def auditor():
    return signed_in(member_of("auditor", "Shen"))


@pytest.fixture
def two_is_few(policy_file):
    """More than two cases need a second person."""
    policy_file(POLICY)


@pytest.fixture
def queue(monkeypatch):
    """What was put into the queue."""
    asked = []

    def ask(*what):
        asked.append(what)
        return True

    monkeypatch.setattr(order_views, "ask_to_carry_out", ask)
    return asked


def file_many(number, name=""):
    program = make_program(merchant=make_merchant(name) if name else None)
    return [file_at(moment(FILED) + timedelta(seconds=second), program) for second in range(number)]


def missed(number):
    complaints = file_many(number)
    sweep("handle", "2026-11-24T04:00Z")
    return SweepRun.objects.latest("pk"), complaints


def look(client, noun, **what):
    return get(client, f"{noun}_new", clock=NOW, look="1", **what)


def seen(response):
    return response.context_data["seen"]


def propose(client, noun, what, **more):
    """Look, then propose what was seen."""
    shown = look(client, noun, **what)
    return post(client, f"{noun}_new", clock=NOW, **{**what, "reason": REASON, "seen": seen(shown), **more})


def dues():
    return list(Complaint.objects.order_by("pk").values_list("handle_by", flat=True))


def untouched():
    return not Extension.objects.exists() and not Amnesty.objects.exists() and not OpsLine.objects.exists()


def test_an_extension_is_looked_at_in_beijing_time_before_anything_is_done(chen):
    file_many(2, "Alpha")
    file_many(1, "Beta")
    before = dues()
    shown = look(chen, "extension", **SPAN)
    preview = shown.context_data["preview"]
    assert preview.total == 3
    assert preview.tally == [
        ("Handle a complaint", 3),
        ("Pay a refund", 0),
        ("Appeal a penalty", 0),
        ("Add evidence", 0),
    ]
    assert preview.merchants == [("Alpha", 2), ("Beta", 1)]
    (first, *_others) = preview.shifts
    assert (first.due_before, first.due_after) == (moment("2026-11-24T02:00:00Z"), moment("2026-11-24T05:00:00Z"))
    text = text_of(shown)
    assert "2026-11-24 10:00:00" in text
    assert "2026-11-24 13:00:00" in text
    assert dues() == before
    assert untouched()


def test_few_cases_are_done_at_once_by_one_person(chen):
    file_many(2)
    done = propose(chen, "extension", SPAN)
    made = Extension.objects.get()
    assert done.url == address("extension", made.pk)
    assert (made.status, made.counted, made.done, made.reason) == ("done", 2, 2, REASON)
    assert (made.began_at, made.ended_at) == (moment("2026-11-22T02:00Z"), moment("2026-11-22T05:00Z"))
    assert dues() == [moment("2026-11-24T05:00:00Z"), moment("2026-11-24T05:00:01Z")]
    text = text_of(get(chen, "extension", made.pk, clock=NOW))
    assert "Done: 2 cases." in text
    assert all(complaint.complaint_no in text for complaint in Complaint.objects.all())
    assert text_of(get(chen, "extensions", clock=NOW)).count(address("extension", made.pk)) == 1


def test_many_cases_wait_for_a_second_person_who_does_them(chen, li, two_is_few):
    file_many(3)
    before = dues()
    propose(chen, "extension", SPAN)
    made = Extension.objects.get()
    assert (made.status, dues()) == ("proposed", before)
    own = text_of(get(chen, "extension", made.pk, clock=NOW))
    assert "You proposed this yourself." in own
    assert address("extension_act", made.pk, "approve") not in own
    refused = post(chen, "extension_act", made.pk, "approve", clock=NOW)
    assert refused.status_code == 403
    assert "You proposed this yourself." in text_of(refused)
    assert dues() == before
    assert str(made) in text_of(get(li, "desk", clock=NOW))
    looked_at = get(li, "extension", made.pk, clock=NOW)
    assert address("extension_act", made.pk, "approve") in text_of(looked_at)
    assert looked_at.context_data["preview"].total == 3, "the second person sees what the first one saw"
    assert "gives back some of the same time" not in text_of(looked_at)
    assert post(li, "extension_act", made.pk, "approve", clock=NOW).status_code == 302
    made.refresh_from_db()
    assert (made.status, made.done, str(made.decided_by)) == ("done", 3, "Li")
    assert dues() == [due + timedelta(hours=3) for due in before]
    again = post(li, "extension_act", made.pk, "approve", clock=NOW)
    assert again.status_code == 409
    assert "Somebody decided this already." in text_of(again)
    assert Extended.objects.count() == 3


def test_what_was_declined_is_never_done(chen, li, two_is_few):
    file_many(3)
    before = dues()
    propose(chen, "extension", SPAN)
    made = Extension.objects.get()
    post(li, "extension_act", made.pk, "decline", clock=NOW)
    made.refresh_from_db()
    assert made.status == "declined"
    for client in (chen, li):
        assert post(client, "extension_act", made.pk, "carry-out", clock=NOW).status_code == 409
    assert dues() == before
    with pytest.raises(IllegalMove):
        EXTENSION.carry_out(made.pk, actor=person_now(made.proposed_by_id), now=NOW)


def test_what_changed_since_it_was_looked_at_is_shown_again_and_not_proposed(chen):
    file_many(2)
    shown = look(chen, "extension", **SPAN)
    file_many(1)
    before = dues()
    refused = post(chen, "extension_new", clock=NOW, **SPAN, reason="My long reason.", seen=seen(shown))
    assert refused.status_code == 409
    text = text_of(refused)
    assert "it was about 2 cases, and is about 3" in text
    assert "My long reason." in text
    assert untouched()
    assert dues() == before
    again = post(chen, "extension_new", clock=NOW, **SPAN, reason="My long reason.", seen=seen(refused))
    assert again.status_code == 302
    assert Extension.objects.get().counted == 3


@pytest.mark.parametrize("forged", ["", "3", "e30:1:x"])
def test_what_was_never_looked_at_is_not_proposed(chen, forged):
    file_many(2)
    refused = post(chen, "extension_new", clock=NOW, **SPAN, reason=REASON, seen=forged)
    assert refused.status_code == 409
    assert "Look at what this does before you propose it." in text_of(refused)
    assert untouched()


def test_another_span_or_noun_than_was_looked_at_is_not_proposed(chen):
    run, _complaints = missed(2)
    token = seen(look(chen, "extension", **SPAN))
    other = {**SPAN, "ended_at": "2026-11-22T14:00:00"}
    refused = post(chen, "extension_new", clock=NOW, **other, reason=REASON, seen=token)
    assert refused.status_code == 409
    assert "This is not what you looked at." in text_of(refused)
    assert post(chen, "amnesty_new", clock=NOW, run=run.pk, reason=REASON, seen=token).status_code == 409
    assert untouched()


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"began_at": ""}, "This field is required."),
        ({"began_at": "soon"}, "Enter a valid date/time."),
        ({"began_at": "0001-01-01T00:00:00"}, "Give a moment of this century."),
        ({"ended_at": "2026-11-22T10:00:00"}, "The span must end after it began."),
        ({"ended_at": "2026-11-25T10:00:01"}, "The span lies in the future."),
        ({"began_at": "2026-11-01T10:00:00"}, "The span is longer than 14 days."),
        ({"kinds": []}, "Choose which kinds of deadlines move."),
        ({"kinds": ["review"]}, "Select a valid choice."),
    ],
)
def test_a_span_that_is_none_is_refused_where_it_was_typed(chen, wrong, sentence):
    file_many(1)
    shown = look(chen, "extension", **{**SPAN, **wrong})
    assert shown.status_code == 400
    assert sentence in text_of(shown)
    assert "preview" not in shown.context_data
    token = seen(look(chen, "extension", **SPAN))
    sent = post(chen, "extension_new", clock=NOW, **{**SPAN, **wrong}, reason=REASON, seen=token)
    assert sent.status_code in (400, 409)
    assert untouched()


def test_a_proposal_without_a_reason_is_refused_and_shown_again(chen):
    file_many(1)
    refused = propose(chen, "extension", SPAN, reason="  ")
    assert refused.status_code == 400
    assert "Give the reason; it stays written down." in text_of(refused)
    assert refused.context_data["preview"].total == 1
    assert untouched()


def test_an_extension_of_the_same_time_is_pointed_out(chen):
    file_many(1)
    propose(chen, "extension", SPAN)
    assert "gives back some of the same time" in text_of(look(chen, "extension", **SPAN))


def test_more_than_a_page_has_time_for_is_left_to_the_queue(chen, li, two_is_few, queue, monkeypatch):
    monkeypatch.setattr(order_views, "IN_REQUEST", 2)
    file_many(3)
    before = dues()
    propose(chen, "extension", SPAN)
    made = Extension.objects.get()
    shown = post(li, "extension_act", made.pk, "approve", clock=NOW)
    assert shown.status_code == 302
    li_user = User.objects.get(username="li")
    assert queue == [("extension", made.pk, li_user.pk)]
    assert dues() == before
    text = text_of(get(li, "extension", made.pk, clock=NOW))
    assert "0 of 3 done" in text
    assert f"manage.py extend --carry-out {made.pk} --as li" in text
    tasks.carry_out(*queue[0])
    made.refresh_from_db()
    assert (made.status, made.done) == ("done", 3)
    assert OpsLine.objects.latest("pk").actor_name == "Li"
    tasks.carry_out(*queue[0])
    assert Extended.objects.count() == 3


def test_without_a_queue_the_page_says_how_to_carry_on(chen, li, two_is_few, monkeypatch, settings):
    monkeypatch.setattr(order_views, "IN_REQUEST", 2)
    monkeypatch.setattr(current_app.conf, "broker_write_url", "redis://127.0.0.1:1/0")
    file_many(3)
    propose(chen, "extension", SPAN)
    made = Extension.objects.get()
    post(li, "extension_act", made.pk, "approve", clock=NOW)
    text = text_of(get(li, "extension", made.pk, clock=NOW))
    assert "The queue is away" in text
    assert f"manage.py extend --carry-out {made.pk}" in text
    made.refresh_from_db()
    assert made.status == "approved"
    monkeypatch.setattr(order_views, "IN_REQUEST", 100)
    assert post(li, "extension_act", made.pk, "carry-out", clock=NOW).status_code == 302
    made.refresh_from_db()
    assert (made.status, made.done) == ("done", 3)


def test_a_task_does_nothing_for_whoever_may_not_any_more(chen, two_is_few, queue):
    file_many(3)
    propose(chen, "extension", SPAN)
    made = Extension.objects.get()
    Extension.objects.update(status="approved")
    before = dues()
    user = User.objects.get(username="chen")
    user.groups.clear()
    tasks.carry_out("extension", made.pk, user.pk)
    user.is_active = False
    user.save()
    tasks.carry_out("extension", made.pk, user.pk)
    assert dues() == before


def test_an_amnesty_of_a_run_is_looked_at_and_given(chen):
    run, complaints = missed(2)
    text = text_of(get(chen, "amnesty_new", clock=NOW, run=run.pk))
    assert re.search(rf'name="run"[^>]*value="{run.pk}"|value="{run.pk}"[^>]*name="run"', text)
    shown = look(chen, "amnesty", run=run.pk)
    preview = shown.context_data["preview"]
    assert preview.total == 2
    assert dict(preview.tally)["points to give back"] == 2
    assert [penalty.subject_id for penalty in preview.penalties] == [complaint.pk for complaint in complaints]
    assert untouched()
    done = propose(chen, "amnesty", {"run": run.pk})
    made = Amnesty.objects.get()
    assert done.url == address("amnesty", made.pk)
    assert (made.status, made.done, made.points) == ("done", 2, 2)
    assert set(Penalty.objects.values_list("status", flat=True)) == {"revoked"}
    page = text_of(get(chen, "amnesty", made.pk, clock=NOW))
    assert all(penalty.penalty_no in page for penalty in Penalty.objects.all())
    assert HistoryLine.objects.filter(verb="revoke").count() == 2


@pytest.mark.parametrize(
    ("first", "last", "number"),
    [
        ("2026-11-24T10:00:00", "2026-11-24T10:00:02", 3),
        ("2026-11-24T10:00:01", "2026-11-24T10:00:02", 2),
        ("2026-11-24T10:00:00", "2026-11-24T10:00:01", 2),
    ],
)
def test_an_amnesty_of_a_span_has_both_its_ends(chen, first, last, number):
    missed(3)
    what = {"missed_from": first, "missed_to": last, "kinds": ["complaint_timeout"]}
    assert look(chen, "amnesty", **what).context_data["preview"].total == number
    propose(chen, "amnesty", what)
    assert Penalty.objects.filter(status="revoked").count() == number


@pytest.mark.parametrize(
    ("what", "sentence"),
    [
        ({}, "Give a sweep run, or both ends of a span."),
        ({"run": "999999"}, "There is no sweep run with this number."),
        ({"run": "0"}, "greater than or equal to 1"),
        ({"run": "x"}, "Enter a whole number."),
        ({"missed_from": "2026-11-24T10:00:00"}, "Give a sweep run, or both ends of a span."),
        ({"missed_from": "2026-11-24T10:00:00", "missed_to": "2026-11-24T10:00:00"}, "must end after it began"),
        ({"missed_from": "2026-11-24T10:00:00", "missed_to": "2026-11-24T10:00:01"}, "Choose which penalties."),
    ],
)
def test_an_amnesty_of_nothing_is_refused_where_it_was_typed(chen, what, sentence):
    missed(1)
    shown = look(chen, "amnesty", **what)
    assert shown.status_code == 400
    assert sentence in text_of(shown)
    assert post(chen, "amnesty_new", clock=NOW, **what, reason=REASON).status_code == 400
    assert untouched()


def test_a_run_and_a_span_together_are_refused(chen):
    run, _complaints = missed(1)
    what = {"run": run.pk, "missed_from": "2026-11-24T10:00:00", "missed_to": "2026-11-24T11:00:00"}
    assert "Give a sweep run or a span, not both." in text_of(look(chen, "amnesty", **what))


def test_an_amnesty_of_many_waits_for_a_second_person(chen, li, two_is_few):
    run, _complaints = missed(3)
    propose(chen, "amnesty", {"run": run.pk})
    made = Amnesty.objects.get()
    assert made.status == "proposed"
    assert get(li, "amnesty", made.pk, clock=NOW).context_data["preview"].total == 3
    assert post(chen, "amnesty_act", made.pk, "approve", clock=NOW).status_code == 403
    assert not Penalty.objects.filter(status="revoked").exists()
    post(li, "amnesty_act", made.pk, "approve", clock=NOW)
    assert Penalty.objects.filter(status="revoked").count() == 3


def test_whoever_may_only_see_sees_all_and_changes_nothing(chen, auditor, two_is_few):
    run, _complaints = missed(3)
    file_many(3)
    propose(chen, "extension", SPAN)
    propose(chen, "amnesty", {"run": run.pk})
    before = dues(), list(Penalty.objects.order_by("pk").values_list("status")), OpsLine.objects.count()
    for noun, made in (("extension", Extension.objects.get()), ("amnesty", Amnesty.objects.get())):
        text = text_of(get(auditor, noun, made.pk, clock=NOW))
        assert "You may look, but not change anything here" in text
        assert address(f"{noun}_act", made.pk, "approve") not in text
        for verb in ("approve", "decline", "carry-out"):
            assert post(auditor, f"{noun}_act", made.pk, verb, clock=NOW).status_code == 403
        assert post(auditor, f"{noun}_new", clock=NOW, **SPAN, run=run.pk, reason=REASON).status_code == 403
        made.refresh_from_db()
        assert made.status == "proposed"
    assert (dues(), list(Penalty.objects.order_by("pk").values_list("status")), OpsLine.objects.count()) == before


def test_what_does_not_exist_is_not_found(chen):
    assert get(chen, "extension", 999999, clock=NOW).status_code == 404
    assert post(chen, "extension_act", 999999, "approve", clock=NOW).status_code == 404
    file_many(1)
    propose(chen, "extension", SPAN)
    made = Extension.objects.get()
    assert post(chen, "extension_act", made.pk, "eat", clock=NOW).status_code == 404
    assert get(chen, "extension_act", made.pk, "approve", clock=NOW).status_code == 405


def queries_of(client, name, *arguments):
    with CaptureQueriesContext(connection) as queries:
        assert client.get(address(name, *arguments)).status_code == 200
    return len(queries)


def test_lists_and_pages_ask_few_questions_however_long_they_are(chen):
    file_many(1)
    propose(chen, "extension", SPAN)
    first = Extension.objects.get()
    queries_of(chen, "extensions")
    listed, shown = queries_of(chen, "extensions"), queries_of(chen, "extension", first.pk)
    file_many(8)
    propose(chen, "extension", SPAN)
    assert Extension.objects.latest("pk").done == 9
    assert queries_of(chen, "extensions") == listed <= 6
    assert queries_of(chen, "extension", Extension.objects.latest("pk").pk) == shown <= 12
    assert Deadline.objects.filter(kind="handle").count() == 9


def test_the_pages_stand_below_the_sweep_runs():
    assert reverse("admin:deadlines_sweeprun_desk") == "/admin/deadlines/sweeprun/desk/"
    assert address("extension_new") == "/admin/deadlines/sweeprun/desk/extensions/new/"
