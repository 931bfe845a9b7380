"""What changed since the last visit: in words, the newest first, each with its link, and nobody else's."""

import re

import pytest
from django.db import connection
from django.utils.translation import override

from appeals import services as appeals
from appeals.tests.making import (
    APPROVE,
    ASK,
    CORRECT,
    REJECT,
    appeal_at,
    decide_at,
    make_reviewer,
    penalty_issued,
    sweep,
)
from appeals.tests.making import staff as reviewer
from complaints import services
from complaints.intake import file_complaints
from complaints.models import Complaint
from complaints.tests.copying import copy_complaint
from complaints.tests.factories import (
    STAFF,
    consumer_actor,
    handle_at,
    make_filing,
    member_actor,
    moment,
    platform_actor,
)
from complaints.tests.pages import Shop, browser, make_shop, member, text_of
from complaints.workspace.assigning import assign
from complaints.workspace.notes import write_note
from complaints_portal.changes import LOOKS, SENTENCES, SHOWN, Change, Changes, changes_since
from deadlines.tests.explaining import plans_of
from merchants.models import Grant, Membership
from merchants.tests.people import acting
from notifications.models import NEWS, Event
from refunds.models import NoRefundClaim
from refunds.tests.making import case_at, claim_at, rule_at

pytestmark = pytest.mark.django_db

SINCE = moment("2026-03-10T12:00+08:00")
JUST_AFTER = moment("2026-03-10T12:00:00.000001+08:00")
LATER = moment("2026-03-10T13:00+08:00")


@pytest.fixture
def shop() -> Shop:
    return make_shop()


def changed(shop: Shop, since=SINCE) -> Changes:
    with override("en"):
        place = Membership.objects.get(user=shop.administrator)
        return changes_since(since, actor=acting(shop.administrator, shop.merchant), membership_id=place.pk)


def words(shop: Shop) -> list[str]:
    return [change.words for change in changed(shop).told]


def told_of(shop: Shop, complaint: Complaint) -> Change:
    """The one change about a complaint."""
    (change,) = [each for each in changed(shop).told if each.url == f"/complaints/{complaint.complaint_no}/"]
    assert change.about == "not delivered"
    return change


class TestWhatIsTold:
    @pytest.mark.parametrize(
        ("verb", "sentence"),
        [
            ("confirm", "The consumer confirmed that the problem is solved."),
            ("contest", "The consumer said that the problem is not solved. Support staff look at it."),
            ("cancel", "The consumer withdrew the complaint."),
        ],
    )
    def test_what_the_consumer_did(self, shop, verb, sentence):
        complaint = shop.files("2026-03-09T09:00+08:00")
        if verb != "cancel":
            handle_at("2026-03-10T09:00+08:00", complaint)
        facts = {} if verb == "confirm" else {"reason": "No."}
        getattr(services, verb)(complaint.pk, actor=consumer_actor(complaint), now=LATER, **facts)
        change = told_of(shop, complaint)
        assert (change.words, change.at) == (sentence, LATER)

    def test_what_the_platform_closed(self, shop):
        complaint = shop.files("2026-03-09T09:00+08:00")
        services.close(complaint.pk, reason="Twice.", actor=STAFF, now=LATER)
        assert told_of(shop, complaint).words == "The platform closed the complaint."

    def test_messages_of_the_other_side_several_about_one_complaint_in_one_line(self, shop):
        once, twice, support = (shop.files("2026-03-09T09:00+08:00") for _ in range(3))
        for complaint, text in ((once, "Well?"), (twice, "Well?"), (twice, "Well??")):
            services.leave_message(complaint.pk, text, actor=consumer_actor(complaint), now=LATER)
        for actor in (STAFF, member_actor(shop.merchant)):
            services.leave_message(support.pk, "Please look.", actor=actor, now=LATER)
        assert told_of(shop, once).words == "The consumer left a message."
        assert told_of(shop, twice).words == "The consumer left 2 messages."
        assert told_of(shop, support).words == "Support staff left a message."

    @pytest.mark.parametrize(
        ("verb", "sentence"),
        [
            ("accept", "Support staff ruled that no refund is due."),
            ("overrule", "Support staff ruled that a refund is due."),
        ],
    )
    def test_rulings_once_each(self, shop, verb, sentence):
        complaint = shop.files("2026-03-09T09:00+08:00")
        claim_at("2026-03-10T09:00+08:00", complaint)
        rule_at("2026-03-10T13:00+08:00", NoRefundClaim.objects.get(), verb)
        assert told_of(shop, complaint).words == sentence

    @pytest.mark.parametrize(
        ("verb", "decision", "sentence"),
        [
            ("approve", APPROVE, "An appeal was approved: the points are given back."),
            ("reject", REJECT, "An appeal was rejected."),
            ("ask", ASK, "Support staff want more evidence on an appeal."),
        ],
    )
    def test_decisions_on_appeals_lead_to_the_appeal(self, shop, verb, decision, sentence):
        penalty = penalty_issued("2026-03-08T09:00+08:00", program=shop.program)
        appeal = appeal_at("2026-03-09T09:00+08:00", penalty)
        decide_at("2026-03-10T13:00+08:00", verb, appeal, decision, by=make_reviewer())
        (change,) = changed(shop).told
        assert (change.words, change.url, change.about) == (sentence, f"/appeals/{appeal.pk}/", penalty.penalty_no)

    def test_a_decision_that_was_corrected_and_a_review_that_goes_on(self, shop):
        penalty = penalty_issued("2026-03-08T09:00+08:00", program=shop.program)
        person = make_reviewer()
        appeal = decide_at(
            "2026-03-09T10:00+08:00", "reject", appeal_at("2026-03-09T09:00+08:00", penalty), REJECT, by=person
        )
        appeals.correct(appeal.pk, CORRECT, actor=reviewer(person), now=LATER)
        assert words(shop) == ["The decision on an appeal was corrected."]

    def test_penalties_are_counted_in_one_line_with_their_points(self, shop):
        for minute in range(3):
            shop.files(f"2026-03-06T12:{minute:02d}+08:00")
        sweep("handle", "2026-03-10T13:00+08:00")
        (change,) = changed(shop).told
        assert change.words == "3 penalties were issued, 3 points in all."
        assert (change.url, change.at) == ("/violations/?issued_from=2026-03-10", LATER)

    def test_new_complaints_are_counted_in_one_line(self, shop):
        shop.files("2026-03-10T12:30+08:00")
        assert words(shop) == ["1 new complaint was filed."]
        shop.files("2026-03-10T13:00+08:00")
        (change,) = changed(shop).told
        assert (change.words, change.at) == ("2 new complaints were filed.", LATER)
        assert change.url == "/complaints/?status=all&filed_from=2026-03-10"

    def test_the_days_of_the_links_are_beijings(self, shop):
        shop.files("2026-03-09T16:30Z")
        (change,) = changed(shop, moment("2026-03-09T16:00Z")).told
        assert change.url.endswith("filed_from=2026-03-10")

    def test_what_others_assigned_to_me_one_line_for_each_who_did(self, shop):
        one, two, three, own, theirs = (shop.files("2026-03-09T09:00+08:00") for _ in range(5))
        me = Membership.objects.get(user=shop.administrator)
        colleague = member(shop, Grant.VIEW, Grant.HANDLE)
        li = acting(colleague, shop.merchant)
        han = acting(member(shop, Grant.VIEW, Grant.HANDLE), shop.merchant)
        assign({one.pk: me.pk}, actor=li, now=LATER)
        assign({two.pk: me.pk, three.pk: me.pk}, actor=han, now=moment("2026-03-10T13:01+08:00"))
        assign({own.pk: me.pk}, actor=acting(shop.administrator, shop.merchant), now=LATER)
        assign({theirs.pk: Membership.objects.get(user=colleague).pk}, actor=han, now=LATER)
        assert words(shop) == [
            f"{han.name} assigned 2 complaints to you.",
            f"{li.name} assigned a complaint to you.",
        ]
        assert told_of(shop, one).words == f"{li.name} assigned a complaint to you."
        assert {"/complaints/?assignee=me"} <= {each.url for each in changed(shop).told}

    def test_what_was_given_to_me_and_taken_away_again_is_no_news(self, shop):
        complaint = shop.files("2026-03-09T09:00+08:00")
        me = Membership.objects.get(user=shop.administrator)
        li = acting(member(shop, Grant.VIEW, Grant.HANDLE), shop.merchant)
        assign({complaint.pk: me.pk}, actor=li, now=LATER)
        assign({complaint.pk: None}, actor=li, now=LATER)
        assert words(shop) == []


class TestWhen:
    def test_before_and_at_the_moment_it_is_known_and_after_it_is_news(self, shop):
        first, second, third = (shop.files("2026-03-09T09:00+08:00") for _ in range(3))
        for complaint, now in ((first, moment("2026-03-10T11:59:59+08:00")), (second, SINCE), (third, JUST_AFTER)):
            services.leave_message(complaint.pk, "Well?", actor=consumer_actor(complaint), now=now)
        assert [complaint.complaint_no in str(changed(shop).told) for complaint in (first, second, third)] == [
            False,
            False,
            True,
        ]

    def test_the_same_for_complaints_and_penalties(self, shop):
        shop.files("2026-03-10T12:00+08:00")
        penalty_issued("2026-03-10T12:00+08:00", program=shop.program)
        assert words(shop) == []
        shop.files("2026-03-10T12:00:00.000001+08:00")
        penalty_issued("2026-03-10T12:00:00.000001+08:00", program=shop.program)
        assert sorted(words(shop)) == ["1 new complaint was filed.", "1 penalty was issued, 1 point in all."]

    def test_the_newest_first(self, shop):
        complaints = [shop.files("2026-03-09T09:00+08:00") for _ in range(3)]
        for minute, complaint in zip((20, 40, 10), complaints, strict=True):
            now = moment(f"2026-03-10T13:{minute}+08:00")
            services.leave_message(complaint.pk, "Well?", actor=consumer_actor(complaint), now=now)
        shop.files("2026-03-10T13:30+08:00")
        times = [change.at for change in changed(shop).told]
        assert times == [moment(f"2026-03-10T13:{minute}+08:00") for minute in (40, 30, 20, 10)]


class TestWhose:
    def test_neither_another_merchants_nor_ones_own_doing(self, shop):
        other = make_shop()
        theirs = other.files("2026-03-10T13:00+08:00")
        services.leave_message(theirs.pk, "Well?", actor=consumer_actor(theirs), now=LATER)
        penalty_issued("2026-03-10T13:00+08:00", program=other.program)
        own = shop.files("2026-03-09T09:00+08:00")
        services.leave_message(own.pk, "Sorry.", actor=member_actor(shop.merchant), now=LATER)
        write_note(own.pk, "Careful.", actor=member_actor(shop.merchant), now=LATER)
        handle_at(LATER, own)
        assert words(shop) == []

    def test_old_cases_that_are_taken_in_are_no_news(self, shop):
        file_complaints(
            [make_filing(shop.program, filed_at=LATER)],
            platform_id=shop.merchant.platform_id,
            actor=platform_actor(shop.merchant.platform),
            now=moment("2026-03-10T14:00+08:00"),
            is_history=True,
        )
        assert words(shop) == []


class TestHowMuch:
    def test_twenty_at_most_and_a_word_that_there_is_more(self, shop):
        complaints = [shop.files("2026-03-09T09:00+08:00") for _ in range(SHOWN + 1)]
        for complaint in complaints[:SHOWN]:
            services.leave_message(complaint.pk, "Well?", actor=consumer_actor(complaint), now=LATER)
        assert (len(changed(shop).told), changed(shop).is_more) == (SHOWN, False)
        services.leave_message(complaints[-1].pk, "Well?", actor=consumer_actor(complaints[-1]), now=LATER)
        assert (len(changed(shop).told), changed(shop).is_more) == (SHOWN, True)

    def test_it_takes_two_statements_however_much_it_is(self, shop, django_assert_num_queries):
        place = Membership.objects.get(user=shop.administrator)
        for number in (1, 12):
            for _ in range(number):
                case_at("2026-03-10T13:00+08:00", program=shop.program)
                penalty_issued("2026-03-10T13:00+08:00", program=shop.program)
            actor = acting(shop.administrator, shop.merchant)
            with django_assert_num_queries(2):
                changes_since(SINCE, actor=actor, membership_id=place.pk)

    def test_each_statement_reads_an_index_of_the_merchant(self, shop):
        other = make_shop()
        for each, number in ((shop, 40), (other, 3000)):
            copy_complaint(each.files("2026-03-10T13:00+08:00"), number - 1, with_rest=True)
            found = Complaint.objects.filter(merchant=each.merchant).order_by("pk")
            Event.objects.bulk_create(
                Event(
                    name="complaint.message_left",
                    merchant=each.merchant,
                    subject_id=complaint.pk,
                    at=LATER,
                    payload={"complaint_no": complaint.complaint_no, "role": "consumer"},
                )
                for complaint in found
            )
        sweep("handle", "2026-03-15T13:00+08:00")
        place = Membership.objects.get(user=shop.administrator)
        some = list(Complaint.objects.filter(merchant=shop.merchant).values_list("pk", flat=True)[:20])
        li = acting(member(shop, Grant.VIEW, Grant.HANDLE), shop.merchant)
        assign(dict.fromkeys(some, place.pk), actor=li, now=LATER)
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")
        actor = acting(shop.administrator, shop.merchant)
        plans = plans_of(lambda: changes_since(SINCE, actor=actor, membership_id=place.pk))
        assert len(plans) == 2
        for index in ("event_news", "complaint_by_", "penalty_by_merchant", "complaint_by_(assignee|whose)"):
            assert any(re.search(index, plan) for plan in plans), index
        assert not [
            plan for plan in plans if re.search(r"Seq Scan on (notifications|complaints_complaint|penal)", plan)
        ]


class TestThePage:
    def test_on_the_first_visit_nothing_is_told_and_then_what_came_since(self, shop):
        with browser(shop.administrator, "2026-03-10T09:00+08:00") as client:
            assert "From your next visit on, what changed meanwhile stands here." in text_of(client.get("/"))
        complaint = shop.files("2026-03-10T10:00+08:00")
        with browser(shop.administrator, "2026-03-10T09:29+08:00") as client:
            assert "From your next visit on" in text_of(client.get("/"))
        with browser(shop.administrator, "2026-03-10T11:00+08:00") as client:
            shown = text_of(client.get("/"))
            assert "You were last here 2026-03-10 09:29 Beijing time 1 new complaint was filed." in shown
            again = text_of(client.get("/"))
        assert "1 new complaint was filed." in again
        with browser(shop.administrator, "2026-03-10T11:31+08:00") as client:
            shown = text_of(client.get("/"))
        assert "Nothing changed" in shown
        assert complaint.status == "pending"

    def test_every_link_leads_somewhere(self, shop):
        penalty = penalty_issued("2026-03-08T09:00+08:00", program=shop.program)
        decide_at(
            "2026-03-10T13:00+08:00", "reject", appeal_at("2026-03-09T09:00+08:00", penalty), REJECT, by=make_reviewer()
        )
        shop.files("2026-03-10T13:00+08:00")
        penalty_issued("2026-03-10T13:00+08:00", program=shop.program)
        case_at("2026-03-10T13:00+08:00", program=shop.program)
        Membership.objects.update(visited_at=SINCE)
        with browser(shop.administrator, "2026-03-10T14:00+08:00") as client:
            page = client.get("/").content.decode()
            links = re.findall(r'<a href="(.*?)"', page.split('class="changes"')[1].split("</ol>")[0])
            assert len(links) == 4
            for link in links:
                assert client.get(link.replace("&amp;", "&")).status_code == 200


def test_every_kind_of_news_has_its_sentence_and_its_look():
    assert set(SENTENCES) == set(NEWS)
    assert {name.partition(".")[2] for name in NEWS} == set(LOOKS)


def test_what_a_sweep_or_the_intake_writes_by_the_hundred_thousand_is_not_indexed():
    assert not {"complaint.filed", "complaint.finished", "penalty.issued", "penalty.window_closed"} & set(NEWS)
