"""Canned replies: made, changed, deleted, refused; and how a text is filled in for one complaint."""

from decimal import Decimal
from functools import partial

import pytest
from django.db import IntegrityError
from django.http import Http404
from django.utils.translation import override

from common.actors import Actor, ActorKind
from common.errors import BadInput, NotAllowed
from complaints.methods import check
from complaints.models import CannedReply, Complaint, Method
from complaints.tests.factories import STAFF, file_at, make_picture, make_program, member_actor, moment, platform_actor
from complaints.tests.racing import collide
from complaints.workspace.canned import (
    MOST,
    VARIABLES,
    CannedInput,
    canned_of,
    delete_canned,
    filled,
    handling_by,
    save_canned,
)
from merchants.models import Grant, Merchant
from merchants.tests.people import acting, make_person, make_team

pytestmark = pytest.mark.django_db

NOW = moment("2026-03-10T12:00+08:00")
LATER = moment("2026-03-11T12:00+08:00")
SORRY = CannedInput(title="Sorry", text="Dear {consumer}, we are sorry.")


@pytest.fixture
def merchant() -> Merchant:
    return make_team()[0]


@pytest.fixture
def member(merchant) -> Actor:
    return acting(make_person(merchant, "Li Lei", Grant.VIEW, Grant.HANDLE), merchant)


def complaint_of(merchant: Merchant, **fields) -> Complaint:
    given = {"trade_amount": Decimal("1234.50"), "consumer_name": "张小明", "dispute_type": "not delivered", **fields}
    return file_at("2026-03-09T09:00+08:00", make_program("2021001", merchant=merchant), trade_no="T-1", **given)


def said(text: str, complaint: Complaint, actor: Actor) -> str:
    return filled(CannedReply(text=text), complaint, actor)


def refused(given: CannedInput, actor: Actor, sentence: str, field: str, **options) -> None:
    """Expect a refusal beside a field, which kept what was there."""
    before = list(CannedReply.objects.order_by("pk").values())
    with override("en"), pytest.raises(BadInput) as refusal:
        save_canned(given, actor=actor, now=LATER, **options)
    assert (str(refusal.value), refusal.value.field) == (sentence, field)
    assert list(CannedReply.objects.order_by("pk").values()) == before


class TestSave:
    def test_it_is_kept_with_its_pictures_and_who_changed_it_last(self, merchant, member):
        picture = make_picture(merchant)
        given = CannedInput(title=" Sent ", text=" On its way: {order} ", method="shipped", pictures=(picture,))
        canned = save_canned(given, actor=member, now=NOW)
        canned.refresh_from_db()
        assert (canned.title, canned.text, canned.method, canned.refund) == (
            "Sent",
            "On its way: {order}",
            "shipped",
            "",
        )
        assert (canned.changed_by, canned.changed_at, canned.merchant) == ("Li Lei", NOW, merchant)
        assert list(canned.pictures.all()) == [picture]

    def test_it_is_changed_with_everything_that_it_said(self, merchant, member):
        first = save_canned(
            CannedInput(title="Sent", text="Here", method="shipped", pictures=(make_picture(merchant),)),
            actor=member,
            now=NOW,
        )
        wanted = CannedInput(title="Back", text="Money back", method="other_refund", refund="trade")
        changed = save_canned(wanted, canned_id=first.pk, actor=member, now=LATER)
        assert CannedReply.objects.get() == changed == first
        changed.refresh_from_db()
        assert (changed.title, changed.refund, changed.changed_at) == ("Back", "trade", LATER)
        assert not changed.pictures.exists()

    def test_it_may_keep_its_own_title(self, member):
        canned = save_canned(SORRY, actor=member, now=NOW)
        save_canned(SORRY, canned_id=canned.pk, actor=member, now=LATER)
        assert CannedReply.objects.count() == 1

    def test_an_amount_without_a_way_that_refunds_is_dropped(self, member):
        given = CannedInput(title="Sent", text="Here", method="shipped", refund="asked")
        assert save_canned(given, actor=member, now=NOW).refund == ""

    def test_two_merchants_may_have_the_same_title(self, merchant, member):
        other, administrator = make_team("Other House")
        save_canned(SORRY, actor=member, now=NOW)
        save_canned(SORRY, actor=acting(administrator, other), now=NOW)
        assert [each.merchant for each in canned_of(merchant.pk)] == [merchant]


class TestRefusals:
    @pytest.mark.parametrize(
        ("given", "sentence", "field"),
        [
            (CannedInput(title=" ", text="x"), "Give the reply a title, so that it can be found.", "title"),
            (CannedInput(title="x" * 61, text="x"), "Keep the title to 60 characters.", "title"),
            (CannedInput(title="x", text=" \n"), "Write the text of the reply.", "text"),
            (CannedInput(title="x", text="x" * 1001), "Keep the text to 1000 characters.", "text"),
            (CannedInput(title="x", text="x", method="magic"), "Choose one of the six ways of handling.", "method"),
            (CannedInput(title="x", text="x", method="fund_refund"), "Say how much is refunded.", "refund"),
            (
                CannedInput(title="x", text="x", method="other_refund", refund="half"),
                "Say how much is refunded.",
                "refund",
            ),
        ],
    )
    def test_what_cannot_be_taken(self, member, given, sentence, field):
        refused(given, member, sentence, field)

    def test_the_limits_themselves_can(self, member):
        save_canned(CannedInput(title="x" * 60, text="x" * 1000), actor=member, now=NOW)

    @pytest.mark.parametrize("text", ["Dear {costumer}", "{ }", "{}", "{consumer} {姓名}", "{CONSUMER}"])
    def test_a_variable_that_there_is_not_and_the_refusal_names_those_that_there_are(self, member, text):
        with (
            override("en"),
            pytest.raises(BadInput, match=r"There is no variable \{.*\}\. There are: \{consumer\}, ") as refusal,
        ):
            save_canned(CannedInput(title="x", text=text), actor=member, now=NOW)
        assert refusal.value.field == "text"
        assert not CannedReply.objects.exists()

    def test_a_title_that_another_has(self, member):
        save_canned(SORRY, actor=member, now=NOW)
        other = save_canned(CannedInput(title="Other", text="x"), actor=member, now=NOW)
        sentence = "Another canned reply has this title."
        refused(SORRY, member, sentence, "title")
        refused(SORRY, member, sentence, "title", canned_id=other.pk)

    def test_more_than_a_merchant_may_have(self, merchant, member):
        CannedReply.objects.bulk_create(
            CannedReply(merchant=merchant, title=f"{number}", text="x", changed_at=NOW) for number in range(MOST - 1)
        )
        last = save_canned(SORRY, actor=member, now=NOW)
        refused(
            CannedInput(title="One more", text="x"),
            member,
            "There are 100 canned replies already. Delete one first.",
            "title",
        )
        save_canned(SORRY, canned_id=last.pk, actor=member, now=LATER)

    def test_another_merchants_does_not_exist(self, member):
        other, administrator = make_team("Other House")
        theirs = save_canned(SORRY, actor=acting(administrator, other), now=NOW)
        with pytest.raises(Http404):
            save_canned(CannedInput(title="Mine", text="x"), canned_id=theirs.pk, actor=member, now=NOW)
        with pytest.raises(Http404):
            delete_canned(theirs.pk, actor=member)
        theirs.refresh_from_db()
        assert theirs.title == "Sorry"

    def test_whoever_does_not_handle_and_everybody_who_is_no_member(self, merchant, member):
        canned = save_canned(SORRY, actor=member, now=NOW)
        own = member_actor(merchant)
        outside = (
            acting(make_person(merchant, "Only Looks", Grant.VIEW, Grant.SETTINGS), merchant),
            Actor(kind=ActorKind.MERCHANT, name="key", id=1, merchant_id=merchant.pk, grants=own.grants),
            platform_actor(merchant.platform),
            STAFF,
        )
        for actor in outside:
            with pytest.raises(NotAllowed):
                save_canned(CannedInput(title="New", text="x"), actor=actor, now=NOW)
            with pytest.raises(NotAllowed):
                delete_canned(canned.pk, actor=actor)
        assert [each.title for each in CannedReply.objects.all()] == ["Sorry"]

    def test_the_database_knows_what_a_refund_needs(self, merchant):
        with pytest.raises(IntegrityError, match="a_canned_refund_says_how_much"):
            CannedReply.objects.create(merchant=merchant, title="x", text="x", method="fund_refund", changed_at=NOW)


class TestDelete:
    def test_it_gives_back_what_it_said_so_that_it_can_be_made_again(self, merchant, member):
        given = CannedInput(
            title="Back", text="{me}", method="other_refund", refund="asked", pictures=(make_picture(merchant),)
        )
        canned = save_canned(given, actor=member, now=NOW)
        assert delete_canned(canned.pk, actor=member) == given
        assert not CannedReply.objects.exists()
        save_canned(given, actor=member, now=LATER)

    def test_twice_it_is_not_there_any_more(self, member):
        canned = save_canned(SORRY, actor=member, now=NOW)
        delete_canned(canned.pk, actor=member)
        with pytest.raises(Http404):
            delete_canned(canned.pk, actor=member)


class TestFilled:
    def test_every_variable_has_its_value(self, merchant, member):
        complaint = complaint_of(merchant, merchant_order_no="JC-7", requested_refund_amount=Decimal("99.90"))
        values = {
            "consumer": "张**",
            "complaint": complaint.complaint_no,
            "order": "JC-7",
            "trade": "T-1",
            "amount": "¥1,234.50",
            "refund": "¥99.90",
            "dispute": "not delivered",
            "program": "Shop 2021001",
            "me": "Li Lei",
        }
        assert set(values) == set(VARIABLES)
        for name, value in values.items():
            assert said(f"a {{{name}}} b", complaint, member) == f"a {value} b"
            assert said(f"{{ {name}  }}", complaint, member) == value

    @pytest.mark.parametrize(
        ("name", "masked"),
        [
            ("", ""),
            (" ", ""),
            ("张", "*"),
            ("张明", "张*"),
            ("张小明", "张**"),
            ("欧阳小明", "欧***"),
            ("John Doe", "J***"),
            ("阿卜杜拉·买买提", "阿***"),
        ],
    )
    def test_a_name_never_leaves_the_portal_whole(self, merchant, member, name, masked):
        assert said("{consumer}", complaint_of(merchant, consumer_name=name), member) == masked

    def test_what_is_missing_is_said_by_what_is_nearest(self, merchant, member):
        complaint = complaint_of(merchant)
        assert said("{order} {refund}", complaint, member) == "T-1 ¥1,234.50"

    def test_braces_in_a_value_stay_as_they_are(self, merchant, member):
        complaint = complaint_of(merchant, dispute_type="{me} {consumer} {unknown}")
        assert said("{dispute}!", complaint, member) == "{me} {consumer} {unknown}!"

    def test_braces_that_are_no_variable_and_a_variable_of_another_time_stay(self, merchant, member):
        text = '{"a": 1} {consumer} { consumer name } {formerly}'
        assert said(text, complaint_of(merchant), member) == '{"a": 1} 张** { consumer name } {formerly}'

    def test_nothing_else_of_the_consumer_can_be_said(self, merchant, member):
        complaint = complaint_of(merchant, consumer_phone="13812345678")
        text = " ".join(f"{{{name}}}" for name in VARIABLES)
        assert "13812345678" not in said(text, complaint, member)
        assert "小明" not in said(text, complaint, member)


class TestHandlingBy:
    @pytest.mark.parametrize(
        ("refund", "asked", "amount"),
        [("asked", "99.90", "99.90"), ("asked", None, "1234.50"), ("trade", "99.90", "1234.50"), ("", "99.90", None)],
    )
    def test_it_refunds_what_it_says(self, merchant, member, refund, asked, amount):
        complaint = complaint_of(merchant, requested_refund_amount=asked and Decimal(asked))
        canned = CannedReply(text="Dear {consumer}", method="other_refund" if refund else "shipped", refund=refund)
        picture = make_picture(merchant)
        given = handling_by(canned, complaint, member, [picture])
        assert given.refund_amount == (amount and Decimal(amount))
        assert (given.method, given.note, given.evidence) == (canned.method, "Dear 张**", (picture,))

    def test_what_it_lacks_for_this_complaint_is_refused_by_the_rules_of_handling(self, merchant, member):
        nothing_asked = complaint_of(merchant, requested_refund_amount=Decimal(0))
        canned = CannedReply(text="x", method=Method.OTHER_REFUND, refund="asked")
        with pytest.raises(BadInput) as refusal:
            check(nothing_asked, handling_by(canned, nothing_asked, member, [make_picture(merchant)]))
        assert refusal.value.field == "refund_amount"

    def test_a_text_that_grows_too_long_is_refused(self, merchant, member):
        complaint = complaint_of(merchant, dispute_type="x" * 200)
        canned = CannedReply(text="{dispute} " * 9, method=Method.OTHER)
        with pytest.raises(BadInput) as refusal:
            check(complaint, handling_by(canned, complaint, member, [make_picture(merchant)]))
        assert refusal.value.field == "note"


@pytest.mark.django_db(transaction=True)
def test_of_two_replies_with_one_title_at_the_same_moment_one_is_refused():
    merchant, administrator = make_team()
    call = partial(save_canned, SORRY, actor=acting(administrator, merchant), now=NOW)
    outcomes = collide(Merchant.objects.filter(pk=merchant.pk), call, call)
    assert len([each for each in outcomes if isinstance(each, BadInput)]) == 1
    assert CannedReply.objects.count() == 1
