"""Staff revoke penalties without an appeal: one, or all that a sweep run issued, with a preview."""

import pytest
from django.db import connection
from django.urls import reverse
from freezegun import freeze_time

from appeals.tests.making import APPROVE, appeal_at, decide_at, make_reviewer, penalty_issued, sweep, when
from appeals.tests.test_desk import member_of, signed_in, text_of
from common.actors import Actor, ActorKind
from common.errors import BadInput, NotAllowed
from complaints.models import HistoryLine
from complaints.tests.factories import file_at, make_program, make_user
from deadlines.models import Deadline, SweepRun
from notifications.models import Event
from penalties import services
from penalties.models import Penalty

ISSUED = "2026-11-16T10:00+08:00"
NOW = "2026-11-17T10:00+08:00"

pytestmark = pytest.mark.django_db


@pytest.fixture
def ops(db):
    return member_of("ops", "Chen")


@pytest.fixture
def run():
    """A sweep run that issued three penalties to two merchants; one is under appeal."""
    program, other = make_program(), make_program()
    for each in (program, program, other):
        file_at("2026-11-02T10:00+08:00", each)
    sweep("handle", ISSUED)
    appeal_at("2026-11-16T11:00+08:00", Penalty.objects.earliest("pk"))
    return SweepRun.objects.get(kind="handle")


def post(client, address, **data):
    with freeze_time(when(NOW)):
        return client.post(address, data)


def single(penalty):
    return reverse("admin:penalties_penalty_revoke", args=[penalty.pk])


def whole(run):
    return reverse("admin:penalties_penalty_revoke_run", args=[run.pk])


def statuses():
    return list(Penalty.objects.order_by("pk").values_list("status", flat=True))


def staff_actor(user, *grants):
    return Actor(kind=ActorKind.STAFF, name=str(user), id=user.pk, grants=frozenset(grants))


def test_one_penalty_is_revoked_with_a_reason_after_a_preview(ops):
    penalty = penalty_issued(ISSUED)
    client = signed_in(ops)
    assert single(penalty) in text_of(client.get(reverse("admin:penalties_penalty_change", args=[penalty.pk])))
    preview = client.get(single(penalty))
    assert preview.status_code == 200
    assert penalty.merchant.name in text_of(preview)
    penalty.refresh_from_db()
    assert penalty.status == "in_effect"
    assert post(client, single(penalty), reason="The gateway was down.").status_code == 302
    penalty.refresh_from_db()
    assert (penalty.status, penalty.revoked_by, penalty.revoked_reason) == ("revoked", "Chen", "The gateway was down.")


def test_a_penalty_is_not_revoked_without_a_reason(ops):
    penalty = penalty_issued(ISSUED)
    refused = post(signed_in(ops), single(penalty), reason=" ")
    assert refused.status_code == 400
    assert "Give the reason; the merchant reads it." in text_of(refused)
    assert statuses() == ["in_effect"]


def test_a_penalty_under_appeal_and_one_revoked_already_are_refused_and_the_text_is_kept(ops):
    appealed, revoked = penalty_issued(ISSUED), penalty_issued(ISSUED)
    appeal_at("2026-11-16T11:00+08:00", appealed)
    client = signed_in(ops)
    post(client, single(revoked), reason="Once.")
    before = statuses()
    for penalty, sentence in ((appealed, "Decide the appeal instead."), (revoked, "so this can no longer be done")):
        refused = post(client, single(penalty), reason="My long reason.")
        assert refused.status_code == 409
        assert sentence in text_of(refused)
        assert "My long reason." in text_of(refused)
    assert statuses() == before


def back(penalty):
    return reverse("admin:penalties_penalty_reinstate", args=[penalty.pk])


def change_page(client, penalty):
    return text_of(client.get(reverse("admin:penalties_penalty_change", args=[penalty.pk])))


def test_a_penalty_revoked_by_mistake_is_put_back_with_a_reason_after_a_preview(ops):
    penalty = penalty_issued(ISSUED)
    client = signed_in(ops)
    assert back(penalty) not in change_page(client, penalty)
    post(client, single(penalty), reason="The gateway was down.")
    shown = change_page(client, penalty)
    assert back(penalty) in shown
    assert single(penalty) not in shown
    preview = text_of(client.get(back(penalty)))
    for words in (penalty.merchant.name, "The gateway was down.", "a whole new appeal window opens"):
        assert words in preview
    refused = post(client, back(penalty), reason=" ")
    assert refused.status_code == 400
    assert "Give the reason; the merchant reads it." in text_of(refused)
    assert statuses() == ["revoked"]
    assert post(client, back(penalty), reason="It was another gateway.").status_code == 302
    penalty.refresh_from_db()
    assert (penalty.status, penalty.appeal_by) == ("in_effect", when("2026-11-24T10:00+08:00"))
    line = HistoryLine.objects.get(noun="penalty", verb="reinstate")
    assert (line.actor_name, line.detail["reason"]) == ("Chen", "It was another gateway.")
    assert single(penalty) in change_page(client, penalty)


def test_what_is_in_effect_or_was_revoked_by_an_appeal_is_not_put_back_and_the_text_is_kept(ops):
    standing, appealed = penalty_issued(ISSUED), penalty_issued(ISSUED)
    decide_at(
        "2026-11-16T12:00+08:00",
        "approve",
        appeal_at("2026-11-16T11:00+08:00", appealed),
        APPROVE,
        by=make_reviewer("Li"),
    )
    client = signed_in(ops)
    assert back(appealed) not in change_page(client, appealed)
    before = statuses()
    for penalty, sentence in (
        (standing, "This penalty is not revoked."),
        (appealed, "Correct the decision on the appeal instead."),
    ):
        looked_at = text_of(client.get(back(penalty)))
        assert sentence in looked_at
        assert "<textarea" not in looked_at
        refused = post(client, back(penalty), reason="My long reason.")
        assert refused.status_code == 409
        assert "My long reason." in text_of(refused)
    assert statuses() == before


@pytest.mark.parametrize("group", ["reviewer", "auditor", None])
def test_who_may_not_revoke_is_refused(run, group):
    user = member_of(group or "ops", "Zhao")
    if group is None:
        user.groups.clear()
    client = signed_in(user)
    penalty = Penalty.objects.latest("pk")
    before = statuses()
    for address in (single(penalty), back(penalty), whole(run)):
        assert client.get(address).status_code == 403
        assert post(client, address, reason="Because.").status_code == 403
    assert statuses() == before


def test_a_run_is_previewed_and_revoked_but_for_what_is_under_appeal(ops, run):
    client = signed_in(ops)
    assert whole(run) in text_of(client.get(reverse("admin:deadlines_sweeprun_change", args=[run.pk])))
    preview = client.get(whole(run)).context["preview"]
    assert (preview.in_effect, preview.points, preview.merchants, preview.under_appeal) == (2, 2, 2, 1)
    assert len(preview.first) == 2
    assert statuses() == ["under_appeal", "in_effect", "in_effect"]
    with freeze_time(when(NOW)):
        done = client.post(whole(run), {"reason": "The gateway was down."}, follow=True)
    assert statuses() == ["under_appeal", "revoked", "revoked"]
    assert "2 penalties were revoked. 2 points were given back." in text_of(done)
    assert "1 penalty is under appeal and was left" in text_of(done)


def test_revoking_a_run_leaves_a_line_and_an_event_each_and_stops_the_windows(ops, run):
    done = services.revoke_run(
        run.pk, reason="Our fault.", actor=staff_actor(ops, "penalties.revoke_penalty"), now=when(NOW), batch=1
    )
    assert (done.revoked, done.points, done.under_appeal, done.in_use, done.revoked_before) == (2, 2, 1, 0, 0)
    lines = HistoryLine.objects.filter(noun="penalty", verb="revoke")
    assert {(line.actor_name, line.from_state, line.to_state, line.at) for line in lines} == {
        ("Chen", "in_effect", "revoked", when(NOW))
    }
    assert all(line.detail["by_hand"] and line.detail["reason"] == "Our fault." for line in lines)
    assert Event.objects.filter(name="penalty.revoked").count() == len(lines) == 2
    revoked = Penalty.objects.filter(status="revoked")
    assert {(each.revoked_at, each.revoked_by, each.revoked_reason) for each in revoked} == {
        (when(NOW), "Chen", "Our fault.")
    }
    assert list(Deadline.objects.filter(kind="appeal").values_list("subject_id", flat=True)) == [
        Penalty.objects.get(status="under_appeal").pk
    ]


def test_a_run_is_revoked_once(ops, run):
    actor = staff_actor(ops, "penalties.revoke_penalty")
    services.revoke_run(run.pk, reason="Our fault.", actor=actor, now=when(NOW))
    again = services.revoke_run(run.pk, reason="Our fault.", actor=actor, now=when(NOW))
    assert (again.revoked, again.points, again.revoked_before) == (0, 0, 2)
    assert Event.objects.filter(name="penalty.revoked").count() == 2


def test_other_runs_are_left(ops, run):
    other = penalty_issued("2026-11-16T12:00+08:00")
    services.revoke_run(run.pk, reason="Our fault.", actor=staff_actor(ops, "penalties.revoke_penalty"), now=when(NOW))
    other.refresh_from_db()
    assert other.status == "in_effect"


@pytest.mark.parametrize(
    ("reason", "grants", "refusal"),
    [
        ("", ["penalties.revoke_penalty"], BadInput),
        ("x" * 1001, ["penalties.revoke_penalty"], BadInput),
        ("Why.", ["penalties.view_penalty"], NotAllowed),
    ],
)
def test_revoking_a_run_needs_a_reason_and_the_permission(ops, run, reason, grants, refusal):
    before = statuses()
    with pytest.raises(refusal):
        services.revoke_run(run.pk, reason=reason, actor=staff_actor(ops, *grants), now=when(NOW))
    assert statuses() == before


@pytest.mark.django_db(transaction=True)
def test_what_somebody_else_holds_is_left_and_reported_and_taken_the_next_time():
    penalty = penalty_issued(ISSUED)
    run_id = SweepRun.objects.get(kind="handle").pk
    actor = staff_actor(make_user(), "penalties.revoke_penalty")
    other = connection.copy()
    other.set_autocommit(False)
    try:
        with other.cursor() as cursor:
            cursor.execute("SELECT 1 FROM penalties_penalty WHERE id = %s FOR NO KEY UPDATE", [penalty.pk])
        held = services.revoke_run(run_id, reason="Our fault.", actor=actor, now=when(NOW))
        assert (held.revoked, held.in_use) == (0, 1)
        assert statuses() == ["in_effect"]
    finally:
        other.rollback()
        other.close()
    freed = services.revoke_run(run_id, reason="Our fault.", actor=actor, now=when(NOW))
    assert (freed.revoked, freed.in_use) == (1, 0)
