"""The published numbers, and what happens when an operator changes one: it never reaches back."""

from dataclasses import fields
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest

from common.policy import Policy, PolicyError, policy_at, policy_spans, read_policy_file
from complaints.intake import file_complaint
from complaints.tests.factories import file_at, make_filing, make_program, moment, platform_actor
from deadlines.models import Deadline

PUBLISHED = {
    "handle_hours": 96,
    "handle_points": 1,
    "refund_hours": 168,
    "refund_points": 1,
    "appeal_complaint_timeout_hours": 168,
    "appeal_refund_overdue_hours": 720,
    "review_working_days": 3,
    "supplement_hours": 168,
    "appeals_per_penalty": 3,
    "refusals_per_refund": 1,
    "finish_hours": 168,
    "bonus_percent": 30,
    "bonus_cap": Decimal("10000.00"),
    "bonus_share": 3,
    "top_up_four_eyes": Decimal("50000.00"),
    "four_eyes_cases": 100,
    "refund_doubt_hours": 1,
    "reminder_hours": (48, 24, 6, 1),
    "pictures_per_submission": 9,
    "picture_megabytes": 5,
    "points_thresholds": {},
}
"""Copied from the guide by hand; a number that changes here changes for every merchant."""

CHANGE = "2026-11-20T02:00:00Z"
SHORTER = f"""
[[policy]]
since = {CHANGE}
handle_hours = 48
handle_points = 2
"""


def test_the_published_numbers_are_those_of_the_guide():
    policy = policy_at(moment("2026-11-20T02:00Z"))
    assert {each.name: getattr(policy, each.name) for each in fields(Policy)} == PUBLISHED


def test_hours_and_megabytes_are_told_in_the_units_that_the_code_adds_up():
    policy = Policy()
    assert policy.handle_within == timedelta(days=4)
    assert policy.refund_within == timedelta(days=7)
    assert policy.supplement_within == timedelta(days=7)
    assert policy.finish_after == timedelta(days=7)
    assert policy.picture_max_bytes == 5_242_880
    assert policy.appeal_within("complaint_timeout") == timedelta(days=7)
    assert policy.appeal_within("refund_overdue") == timedelta(days=30)
    with pytest.raises(KeyError):
        policy.appeal_within("something_else")


class TestReminders:
    DUE = moment("2026-11-24T02:00Z")

    @pytest.mark.parametrize(
        ("now", "reminder"),
        [
            ("2026-11-20T02:00Z", "2026-11-22T02:00Z"),
            ("2026-11-22T01:59:59.999999Z", "2026-11-22T02:00Z"),
            ("2026-11-22T02:00Z", "2026-11-23T02:00Z"),
            ("2026-11-23T02:00Z", "2026-11-23T20:00Z"),
            ("2026-11-23T20:00Z", "2026-11-24T01:00Z"),
            ("2026-11-24T00:59:59.999999Z", "2026-11-24T01:00Z"),
            ("2026-11-24T01:00Z", None),
            ("2026-11-24T02:00Z", None),
        ],
    )
    def test_the_next_one_is_48_24_6_and_1_hours_before(self, now, reminder):
        expected = moment(reminder) if reminder else None
        assert Policy().reminds_at(self.DUE, moment(now)) == expected

    def test_the_order_of_the_numbers_does_not_matter(self):
        policy = Policy(reminder_hours=(1, 48))
        assert policy.reminds_at(self.DUE, moment("2026-11-20T02:00Z")) == moment("2026-11-22T02:00Z")


class TestDatedPolicy:
    def test_without_a_file_the_published_policy_holds_at_all_times(self):
        assert policy_at(datetime(1, 1, 1, tzinfo=UTC)) == Policy() == policy_at(datetime(9999, 12, 31, tzinfo=UTC))

    @pytest.mark.parametrize(
        ("at", "hours", "points"),
        [
            ("2026-11-20T01:59:59.999999Z", 96, 1),
            ("2026-11-20T02:00:00Z", 48, 2),
            ("2026-11-20T10:00:00+08:00", 48, 2),
            ("2026-11-20T02:00:00.000001Z", 48, 2),
        ],
    )
    def test_a_change_holds_from_its_very_moment(self, policy_file, at, hours, points):
        policy_file(SHORTER)
        policy = policy_at(moment(at))
        assert (policy.handle_hours, policy.handle_points) == (hours, points)
        assert policy.refund_hours == 168, "what the table does not name stays"

    @pytest.mark.django_db
    @pytest.mark.parametrize(
        ("filed_at", "handle_by", "points"),
        [
            ("2026-11-20T01:59:59.999999Z", "2026-11-24T01:59:59.999999Z", 1),
            ("2026-11-20T02:00:00Z", "2026-11-22T02:00:00Z", 2),
        ],
    )
    def test_a_complaint_is_judged_by_the_policy_in_force_when_it_was_filed(
        self, policy_file, filed_at, handle_by, points
    ):
        policy_file(SHORTER)
        complaint = file_at(filed_at)
        clock = Deadline.objects.get(kind="handle", subject_id=complaint.pk)
        assert complaint.handle_by == clock.due_at == moment(handle_by)
        assert clock.points == points

    @pytest.mark.django_db
    def test_what_was_filed_before_the_change_keeps_deadline_and_points(self, policy_file):
        complaint = file_at("2026-11-19T02:00Z")
        policy_file("[[policy]]\nsince = 2026-11-01T00:00:00Z\nhandle_hours = 1\nhandle_points = 9\n")
        complaint.refresh_from_db()
        clock = Deadline.objects.get(kind="handle", subject_id=complaint.pk)
        assert policy_at(complaint.filed_at).handle_hours == 1, "the file is read, or this test proves nothing"
        assert (complaint.handle_by, clock.due_at, clock.points) == (
            moment("2026-11-23T02:00Z"),
            moment("2026-11-23T02:00Z"),
            1,
        )

    @pytest.mark.django_db
    def test_what_was_filed_elsewhere_earlier_is_judged_by_then(self, policy_file):
        policy_file(SHORTER)
        program = make_program()
        filed = file_complaint(
            make_filing(program, filed_at=moment("2026-11-19T02:00Z")),
            platform_id=program.platform_id,
            actor=platform_actor(program.platform),
            now=moment("2026-11-21T00:00Z"),
        )
        complaint = filed.complaint
        assert complaint.handle_by == moment("2026-11-23T02:00Z")

    def test_a_later_change_keeps_what_an_earlier_one_said_whatever_their_order(self, policy_file):
        policy_file(
            "[[policy]]\nsince = 2027-03-01T00:00:00+08:00\nrefund_hours = 72\n"
            "[[policy]]\nsince = 2027-01-01T00:00:00+08:00\nhandle_hours = 48\n"
        )
        assert [(span.policy.handle_hours, span.policy.refund_hours) for span in policy_spans()] == [
            (96, 168),
            (48, 168),
            (48, 72),
        ]


class TestReading:
    @pytest.fixture
    def path(self, tmp_path):
        return tmp_path / "policy.toml"

    def read(self, path, line, since="since = 2027-01-01T00:00:00+08:00"):
        path.write_text(f"[[policy]]\n{since}\n{line}\n", encoding="utf-8")
        return read_policy_file(path)

    @pytest.mark.parametrize(
        ("line", "name", "value"),
        [
            ("handle_hours = 48", "handle_hours", 48),
            ('bonus_cap = "12345.6"', "bonus_cap", Decimal("12345.60")),
            ("bonus_cap = 500", "bonus_cap", Decimal("500.00")),
            ("reminder_hours = [1, 72, 24]", "reminder_hours", (72, 24, 1)),
            ("points_thresholds = { warning = 3, hidden = 12 }", "points_thresholds", {"warning": 3, "hidden": 12}),
        ],
    )
    def test_each_kind_of_number_is_read(self, path, line, name, value):
        ((since, overrides),) = self.read(path, line)
        assert since == datetime(2027, 1, 1, tzinfo=timezone(timedelta(hours=8)))
        assert overrides == {name: value}
        assert str(overrides[name]) == str(value) or name == "points_thresholds"

    @pytest.mark.parametrize(
        ("line", "sentence"),
        [
            ("handel_hours = 48", "unknown number 'handel_hours'; known are handle_hours, handle_points, "),
            ("handle_hours = 0", "handle_hours must be above zero, not 0"),
            ("handle_hours = -1", "handle_hours must be above zero, not -1"),
            (f"handle_hours = 0x{'f' * 5000}", "handle_hours must not be above 32767, not …"),
            (f"handle_hours = {'9' * 5000}", "this has a number or a depth that no policy has"),
            (f"reminder_hours = {'[' * 5000}", "this has a number or a depth that no policy has"),
            ("handle_hours = 32768", "handle_hours must not be above 32767, not 32768"),
            ("handle_hours = true", "handle_hours must be a whole number, not True"),
            ("handle_hours = 48.5", "handle_hours must be a whole number, not 48.5"),
            ('handle_hours = "48"', "handle_hours must be a whole number, not '48'"),
            ("reminder_hours = 48", "reminder_hours must be a list of whole numbers above zero, not 48"),
            ("reminder_hours = [48, 0]", "reminder_hours must be above zero, not 0"),
            ("reminder_hours = [48, true]", "reminder_hours must be a whole number, not True"),
            ("bonus_cap = 100.5", "bonus_cap must be an amount in yuan, as a string, not 100.5"),
            ("bonus_cap = true", "bonus_cap must be an amount in yuan, as a string, not True"),
            ('bonus_cap = "much"', "bonus_cap must be an amount in yuan, as a string, not 'much'"),
            ('bonus_cap = "NaN"', "bonus_cap must be an amount in yuan, as a string, not 'NaN'"),
            ('bonus_cap = "Infinity"', "bonus_cap must be an amount in yuan, as a string, not 'Infinity'"),
            ('bonus_cap = "0.001"', "bonus_cap must be above zero, not 0.00"),
            ('bonus_cap = "-1"', "bonus_cap must be above zero, not -1.00"),
            ("points_thresholds = 3", "points_thresholds must be a table of names and points, not 3"),
            ("points_thresholds = { warning = 0 }", "points_thresholds.warning must be above zero, not 0"),
        ],
    )
    def test_a_number_that_cannot_be_meant_is_refused(self, path, line, sentence):
        with pytest.raises(PolicyError) as refusal:
            self.read(path, line)
        assert str(refusal.value).startswith(f"{path}: {sentence}")

    @pytest.mark.parametrize(
        ("since", "shown"),
        [
            ("", "None"),
            ("since = 2027-01-01T00:00:00", "datetime.datetime(2027, 1, 1, 0, 0)"),
            ("since = 2027-01-01", "datetime.date(2027, 1, 1)"),
            ('since = "2027-01-01T00:00:00Z"', "'2027-01-01T00:00:00Z'"),
        ],
    )
    def test_a_moment_without_its_zone_is_refused(self, path, since, shown):
        with pytest.raises(PolicyError) as refusal:
            self.read(path, "handle_hours = 48", since=since)
        assert str(refusal.value) == (
            f"{path}: every policy needs `since`, a date and time with its offset, not {shown}"
        )

    def test_the_same_moment_twice_is_refused_also_when_it_is_written_in_two_zones(self, path):
        path.write_text(
            "[[policy]]\nsince = 2027-01-01T08:00:00+08:00\nhandle_hours = 48\n"
            "[[policy]]\nsince = 2027-01-01T00:00:00Z\nhandle_hours = 24\n",
            encoding="utf-8",
        )
        with pytest.raises(PolicyError, match="two policies start at 2027-01-01T08:00:00"):
            read_policy_file(path)

    @pytest.mark.parametrize("text", ["[[policy]\n", "handle_hours 48\n", "[[policy]]\nsince = 2027-13-01T00:00:00Z\n"])
    def test_what_is_not_toml_is_refused_with_the_place(self, path, text):
        path.write_text(text, encoding="utf-8")
        with pytest.raises(PolicyError, match=r"policy\.toml: .*line \d"):
            read_policy_file(path)

    def test_what_is_not_text_is_refused(self, path):
        path.write_bytes(b"\xff\xfe")
        with pytest.raises(PolicyError, match="utf-8"):
            read_policy_file(path)

    def test_a_file_that_is_not_there_is_refused(self, path):
        with pytest.raises(PolicyError, match="No such file"):
            read_policy_file(path)

    def test_a_number_outside_a_policy_is_refused(self, path):
        path.write_text("handle_hours = 48\n", encoding="utf-8")
        with pytest.raises(PolicyError, match=r"only \[\[policy\]\] tables may stand here, not handle_hours"):
            read_policy_file(path)

    @pytest.mark.parametrize(
        "text", ['policy = "48 h"\n', "policy = 48\n", "policy = [48]\n", "[policy]\nhandle_hours = 1\n"]
    )
    def test_a_policy_that_is_not_a_table_of_its_own_is_refused(self, path, text):
        path.write_text(text, encoding="utf-8")
        with pytest.raises(PolicyError, match=r"write each policy as a table of its own, under \[\[policy\]\]"):
            read_policy_file(path)
