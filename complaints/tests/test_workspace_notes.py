"""What members note for each other, and the name and phone that one looked at: written down, and theirs alone."""

import json

import pytest
from django.db import DatabaseError, transaction
from django.http import Http404
from django.utils.translation import override

from common.actors import Actor, ActorKind
from common.errors import BadInput, NotAllowed
from complaints.models import Complaint, HistoryLine, InternalLine, Message
from complaints.queries import with_everything
from complaints.services import cancel
from complaints.tests.factories import STAFF, consumer_actor, file_at, make_program, moment, platform_actor
from complaints.timeline import timeline
from complaints.workspace.assigning import assign
from complaints.workspace.notes import NOTE_LIMIT, Contact, lines_of, reveal, write_note
from merchants.models import Grant, Merchant
from merchants.tests.people import acting, make_person, make_team, place_of
from notifications.models import Event

pytestmark = pytest.mark.django_db

NOW = moment("2026-03-10T12:00+08:00")
LATER = moment("2026-03-10T12:05+08:00")
SECRET = "He said that he wants a free one, too."


@pytest.fixture
def merchant() -> Merchant:
    return make_team()[0]


@pytest.fixture
def complaint(merchant) -> Complaint:
    return file_at(
        "2026-03-09T09:00+08:00",
        make_program(merchant=merchant),
        consumer_name="Zhang Weimin",
        consumer_phone="13812345678",
    )


@pytest.fixture
def member(merchant) -> Actor:
    return acting(make_person(merchant, "Li Lei", Grant.VIEW, Grant.HANDLE), merchant)


def a_key_of(merchant: Merchant, **fields) -> Actor:
    """A merchant's own program, with every grant."""
    return Actor(
        kind=ActorKind.MERCHANT, name="key", id=1, merchant_id=merchant.pk, grants=frozenset(Grant.values), **fields
    )


class TestWriteNote:
    def test_it_is_kept_with_who_and_when(self, complaint, member):
        line = write_note(complaint.pk, f"  {SECRET}\n", actor=member, now=NOW)
        line.refresh_from_db()
        assert (line.kind, line.text, line.actor_name, line.actor_id, line.at) == (
            "note",
            SECRET,
            "Li Lei",
            member.id,
            NOW,
        )

    def test_it_can_be_added_after_the_end_and_changes_nothing_of_the_complaint(self, complaint, member):
        cancel(complaint.pk, reason="", actor=consumer_actor(complaint), now=NOW)
        before = Complaint.objects.values().get(pk=complaint.pk)
        write_note(complaint.pk, SECRET, actor=member, now=LATER)
        assert Complaint.objects.values().get(pk=complaint.pk) == before

    @pytest.mark.parametrize("text", ["", "   \n\t "])
    def test_an_empty_one_is_refused(self, complaint, member, text):
        with override("en"), pytest.raises(BadInput, match=r"Write the note first\.") as refusal:
            write_note(complaint.pk, text, actor=member, now=NOW)
        assert refusal.value.field == "text"
        assert not InternalLine.objects.exists()

    def test_one_above_the_limit_is_refused_and_one_at_the_limit_is_not(self, complaint, member):
        write_note(complaint.pk, "留" * NOTE_LIMIT, actor=member, now=NOW)
        with override("en"), pytest.raises(BadInput, match="Keep the note to 2000 characters") as refusal:
            write_note(complaint.pk, "留" * (NOTE_LIMIT + 1), actor=member, now=NOW)
        assert refusal.value.field == "text"
        assert InternalLine.objects.count() == 1

    def test_the_database_refuses_to_change_or_delete_it(self, complaint, member):
        write_note(complaint.pk, SECRET, actor=member, now=NOW)
        with pytest.raises(DatabaseError), transaction.atomic():
            InternalLine.objects.update(text="")
        with pytest.raises(DatabaseError), transaction.atomic():
            InternalLine.objects.all().delete()


@pytest.mark.parametrize(
    "verb",
    [
        lambda pk, actor: write_note(pk, SECRET, actor=actor, now=NOW),
        lambda pk, actor: reveal(pk, actor=actor, now=NOW),
    ],
)
class TestWhoMayNot:
    def test_a_member_who_only_looks(self, verb, complaint, merchant):
        looks = acting(make_person(merchant, "Only Looks", Grant.VIEW, Grant.REFUND), merchant)
        with pytest.raises(NotAllowed):
            verb(complaint.pk, looks)
        assert not InternalLine.objects.exists()

    def test_for_a_member_without_grants_and_for_a_neighbour_it_does_not_exist(self, verb, complaint, merchant):
        other, administrator = make_team("Other House")
        for actor in (acting(make_person(merchant, "Newcomer"), merchant), acting(administrator, other)):
            with pytest.raises(Http404):
                verb(complaint.pk, actor)
        assert not InternalLine.objects.exists()

    def test_neither_programs_nor_the_platform_nor_staff_nor_the_consumer(self, verb, complaint, merchant):
        outside = (
            a_key_of(merchant),
            platform_actor(merchant.platform),
            STAFF,
            consumer_actor(complaint),
        )
        for actor in outside:
            with pytest.raises((NotAllowed, Http404)):
                verb(complaint.pk, actor)
        assert not InternalLine.objects.exists()


class TestReveal:
    def test_it_shows_name_and_phone_whole_and_writes_down_who_looked_each_time(self, complaint, member):
        assert reveal(complaint.pk, actor=member, now=NOW) == Contact("Zhang Weimin", "13812345678")
        reveal(complaint.pk, actor=member, now=LATER)
        looked = InternalLine.objects.order_by("at").values_list("kind", "actor_name", "at", "text")
        assert list(looked) == [("reveal", "Li Lei", NOW, ""), ("reveal", "Li Lei", LATER, "")]

    def test_what_was_looked_at_is_not_in_the_line(self, complaint, member):
        reveal(complaint.pk, actor=member, now=NOW)
        (line,) = InternalLine.objects.values()
        assert "13812345678" not in str(line)
        assert "Zhang" not in str(line)


class TestLinesOf:
    def test_members_of_the_merchant_read_them_newest_first_whatever_their_grants(self, complaint, member, merchant):
        first = write_note(complaint.pk, "first", actor=member, now=NOW)
        second = write_note(complaint.pk, "second", actor=member, now=LATER)
        looks = acting(make_person(merchant, "Only Looks", Grant.VIEW), merchant)
        assert lines_of(complaint, looks) == [second, first]

    def test_of_this_complaint_only(self, complaint, member, merchant):
        write_note(complaint.pk, "here", actor=member, now=NOW)
        other = file_at("2026-03-09T09:00+08:00", complaint.mini_program)
        assert not lines_of(other, member)

    def test_nobody_else_does(self, complaint, member, merchant):
        write_note(complaint.pk, SECRET, actor=member, now=NOW)
        other, administrator = make_team("Other House")
        outside = (
            a_key_of(merchant),
            acting(administrator, other),
            platform_actor(merchant.platform),
            STAFF,
            consumer_actor(complaint),
        )
        for actor in outside:
            assert not lines_of(complaint, actor)


def test_nothing_of_it_is_told_or_stands_in_the_negotiation_history(complaint, member, merchant):
    before = (HistoryLine.objects.count(), Event.objects.count(), Message.objects.count())
    write_note(complaint.pk, SECRET, actor=member, now=NOW)
    reveal(complaint.pk, actor=member, now=NOW)
    li = place_of(make_person(merchant, "Assigned Person", Grant.VIEW, Grant.HANDLE), merchant)
    assign({complaint.pk: li.pk}, actor=member, now=NOW)
    assert InternalLine.objects.count() == 3
    assert (HistoryLine.objects.count(), Event.objects.count(), Message.objects.count()) == before
    for actor in (member, STAFF, platform_actor(merchant.platform)):
        told = timeline(with_everything(actor).get(pk=complaint.pk))
        assert told
        assert SECRET not in str(told)
        assert "Assigned Person" not in str(told)
    assert SECRET not in json.dumps(list(Event.objects.values_list("payload", flat=True)))
