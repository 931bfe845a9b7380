"""From events to notices, letters and robot calls: each once, for whoever chose it and may see it."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection, transaction

from complaints.intake import HandledElsewhere, file_complaints
from complaints.tests.factories import make_filing, moment, platform_actor
from complaints.tests.racing import outcome_of, started, until_waiting
from merchants.models import Grant
from merchants.team import remove_member
from merchants.tests.people import acting
from notifications import telling
from notifications.models import Event, Kind, Letter, Notice, Robot, RobotCall, Watermark
from notifications.notices import TOLD
from notifications.telling import READER, tell
from notifications.tests.making import chosen, happens, make_house, notices, start_telling, tell_at

NOW = "2026-11-20T10:00+08:00"


def make_robot(house, **fields):
    given = {"name": "Desk", "product": "feishu", "url": "https://open.feishu.cn/x", "language": "en", **fields}
    return Robot.objects.create(merchant=house.merchant, changed_by="Wang", changed_at=moment(NOW), **given)


@pytest.mark.usefixtures("at_once")
class TestWhoIsTold:
    def test_a_new_complaint_makes_one_notice_and_a_letter_for_each_who_chose_it(self):
        house = make_house()
        chosen(house.wang, house.merchant)
        house.member("Li")  # never chose: new complaints stand in the page only
        complaint = house.files(NOW)
        assert tell_at(NOW) == 1
        notice = Notice.objects.get()
        assert (notice.kind, notice.name, notice.merchant, notice.subject_id) == (
            "complaint",
            "complaint.filed",
            house.merchant,
            complaint.pk,
        )
        assert [letter.membership.user for letter in Letter.objects.all()] == [house.wang]
        assert Letter.objects.get().due_at == moment(NOW)

    def test_the_same_event_delivered_twice_makes_one_notice(self):
        house = make_house()
        chosen(house.wang, house.merchant)
        make_robot(house, kinds=Kind.values)
        house.files(NOW)
        assert tell_at(NOW) == 1
        Watermark.objects.filter(name=READER).update(transaction=0, event_id=0)
        assert tell_at(NOW) == 0
        assert (Notice.objects.count(), Letter.objects.count(), RobotCall.objects.count()) == (1, 1, 1)

    def test_nobody_is_told_what_their_own_side_said(self):
        house = make_house()
        happens(house, NOW, role="merchant")
        happens(house, NOW, role="staff")
        happens(house, NOW, role="consumer")
        assert tell_at(NOW) == 2

    def test_history_that_is_taken_in_tells_nobody(self):
        house = make_house()
        chosen(house.wang, house.merchant)
        filings = [make_filing(house.program, filed_at=moment("2025-01-02T10:00+08:00")) for _ in range(3)]
        platform = house.merchant.platform

        def taken_in(filings, **options):
            file_complaints(
                filings, platform_id=platform.pk, actor=platform_actor(platform), now=moment(NOW), **options
            )

        taken_in(filings, is_history=True)
        assert Event.objects.count() == 3
        assert tell_at(NOW) == 0
        elsewhere = HandledElsewhere(method="shipped", at=moment(NOW), note="Sent.")
        taken_in([make_filing(house.program, handled=elsewhere, filed_at=moment(NOW))])
        assert tell_at(NOW) == 0, "whoever handled it knows it"
        taken_in([make_filing(house.program)])
        assert tell_at(NOW) == 1
        assert Letter.objects.count() == 1

    def test_letters_are_for_members_who_may_see_are_active_and_have_an_address(self):
        house = make_house()
        for name, grants, fields in (
            ("Viewer", (Grant.VIEW,), {}),
            ("Blind", (Grant.HANDLE,), {}),
            ("Off", (Grant.VIEW,), {"is_active": False}),
            ("Nowhere", (Grant.VIEW,), {"email": ""}),
        ):
            chosen(house.member(name, *grants, **fields), house.merchant)
        chosen(house.member("Quiet"), house.merchant, mail="none")
        happens(house, NOW)
        tell_at(NOW)
        assert {letter.membership.user.last_name for letter in Letter.objects.all()} == {"Viewer"}

    def test_a_robot_hears_the_kinds_that_were_chosen_while_it_is_on(self):
        house, other = make_house(), make_house("Wine House")
        hears = make_robot(house, kinds=["message"])
        make_robot(house, name="Off", kinds=["message"], is_on=False)
        make_robot(house, name="Other kinds", kinds=["penalty"])
        make_robot(other, kinds=["message"])
        happens(house, NOW)
        tell_at(NOW)
        assert [call.robot for call in RobotCall.objects.all()] == [hears]

    def test_that_a_robot_fails_concerns_whoever_may_change_settings(self):
        house = make_house()
        for user in (house.wang, house.member("Viewer"), house.member("Setter", Grant.VIEW, Grant.SETTINGS)):
            chosen(user, house.merchant)
        happens(house, NOW, "robot.failed", name="Desk", since=NOW)
        tell_at(NOW)
        assert {letter.membership.user.last_name for letter in Letter.objects.all()} == {"Wang Fang", "Setter"}

    def test_many_events_in_batches_give_as_many_notices_with_few_queries(self, django_assert_max_num_queries):
        house = make_house()
        chosen(house.wang, house.merchant)
        for number in range(25):
            happens(house, NOW, complaint_no=str(number))
        with django_assert_max_num_queries(3 * 12):
            assert tell(now=moment(NOW), batch=10) == 25
        assert [notice.payload["complaint_no"] for notice in Notice.objects.order_by("pk")] == [
            str(number) for number in range(25)
        ]
        assert Letter.objects.count() == 25

    def test_what_was_read_is_read_once(self):
        house = make_house()
        happens(house, NOW)
        assert tell_at(NOW) == 1
        assert tell_at(NOW) == 0
        happens(house, NOW, "complaint.confirmed")
        assert tell_at(NOW) == 1
        assert notices() == ["complaint.message_left", "complaint.confirmed"]

    def test_whoever_is_removed_takes_their_letters_along(self):
        house = make_house()
        li = house.member("Li")
        chosen(li, house.merchant)
        happens(house, NOW)
        tell_at(NOW)
        remove_member(house.place(li).pk, actor=acting(house.wang, house.merchant), now=moment(NOW))
        assert Letter.objects.filter(membership__user=li).count() == 0

    def test_without_its_position_it_fails_loudly(self):
        Watermark.objects.filter(name=READER).delete()
        with pytest.raises(Watermark.DoesNotExist):
            tell_at(NOW)


def test_every_event_that_is_told_has_a_kind():
    assert {kind for kind, _is_told in TOLD.values()} == set(Kind)


@pytest.mark.django_db(transaction=True)
class TestTwoWorkers:
    @pytest.fixture
    def house(self, db):
        start_telling()
        house = make_house()
        chosen(house.wang, house.merchant)
        return house

    def test_while_one_tells_another_stands_aside_and_each_event_is_told_once(self, house):
        happens(house, NOW)
        with transaction.atomic():
            Watermark.objects.select_for_update().get(name=READER)
            with started(lambda: tell_at(NOW)) as (other,):
                assert other.result(timeout=30) == 0
        with started(lambda: tell_at(NOW), lambda: tell_at(NOW)) as runs:
            assert sum(run.result(timeout=30) for run in runs) == 1
        assert (Notice.objects.count(), Letter.objects.count()) == (1, 1)

    def test_control_without_the_lock_both_would_tell(self, house, monkeypatch):
        happens(house, NOW)

        def unlocked(self, **_options):
            return self

        monkeypatch.setattr("django.db.models.query.QuerySet.select_for_update", unlocked)
        with ThreadPoolExecutor(2) as pool:
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute("LOCK TABLE notifications_notice IN EXCLUSIVE MODE")
                runs = [pool.submit(outcome_of, lambda: tell_at(NOW)) for _worker in range(2)]
                until_waiting(2)
            outcomes = [run.result(timeout=30) for run in runs]
        assert any(isinstance(each, Exception) for each in outcomes), "the second one meets the unique constraint"

    def test_what_is_not_committed_yet_is_told_of_later(self, house):
        with transaction.atomic():
            happens(house, NOW)
            with started(lambda: tell_at(NOW)) as (other,):
                assert other.result(timeout=30) == 0
        assert tell_at(NOW) == 1

    def test_killed_in_the_middle_it_leaves_whole_batches(self, house, monkeypatch):
        for number in range(3):
            happens(house, NOW, complaint_no=str(number))
        calls = []

        def dies(made, *, now):
            calls.append(1)
            if len(calls) == 2:
                raise SystemExit

        monkeypatch.setattr(telling, "_write_calls", dies)
        with pytest.raises(SystemExit):
            tell(now=moment(NOW), batch=1)
        assert Notice.objects.count() == 1
        monkeypatch.undo()
        assert tell(now=moment(NOW), batch=1) == 2
        assert (Notice.objects.count(), Letter.objects.count()) == (3, 3)
