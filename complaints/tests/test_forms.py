"""What merchants type: filters, handlings, messages."""

from decimal import Decimal

import pytest
from django.http import QueryDict
from django.utils.datastructures import MultiValueDict

from common.actors import Actor, ActorKind
from complaints.filters import FilterForm
from complaints.forms import HandlingForm, MessageForm
from complaints.models import Complaint
from complaints.search import understood
from complaints.states import Status
from complaints.tests.factories import file_at, make_program, member_actor, moment
from complaints.tests.pages import picture
from evidence.models import Evidence

pytestmark = pytest.mark.django_db

NOON = moment("2026-03-10T12:00+08:00")


def filters(query: str, merchant_id: int = 0) -> FilterForm:
    actor = Actor(kind=ActorKind.MEMBER, name="Li Lei", id=1, merchant_id=merchant_id)
    form = FilterForm(QueryDict(query), actor=actor)
    form.is_valid()
    return form


def handling(complaint: Complaint, *pictures: object, **data: str) -> HandlingForm:
    sent = QueryDict(mutable=True)
    sent.update(data)
    files = MultiValueDict({"pictures": list(pictures)})
    return HandlingForm(sent, files, complaint=complaint, actor=member_actor(complaint.merchant), now=NOON)


@pytest.fixture
def complaint() -> Complaint:
    return file_at("2026-03-10T09:00+08:00", trade_amount=Decimal("128.00"))


@pytest.mark.parametrize(
    ("query", "statuses"),
    [
        ("", ["pending"]),
        ("status=handled", ["handled"]),
        ("status=handled&status=finished&status=handled", ["handled", "finished"]),
        ("status=all", Status.values),
        ("q=138", Status.values),
        ("q=138&status=pending", ["pending"]),
        ("dispute_type=x", ["pending"]),
    ],
)
def test_without_a_choice_the_list_shows_what_is_pending_and_a_search_looks_everywhere(query, statuses):
    assert list(filters(query).statuses()) == statuses


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("status=overdue", "status"),
        ("due=7", "due"),
        ("due=DROP", "due"),
        ("protection=maybe", "protection"),
        ("filed_from=yesterday", "filed_from"),
        ("filed_from=2026-02-30", "filed_from"),
        ("filed_from=2026-03-10&filed_to=2026-03-09", "filed_to"),
        ("mini_program=x", "mini_program"),
        ("q=" + "9" * 65, "q"),
        ("q=1%002", "q"),
    ],
)
def test_a_bad_filter_is_named(query, field):
    assert list(filters(query).errors) == [field]


def test_another_merchants_mini_program_is_no_filter():
    own, other = make_program(), make_program()
    assert not filters(f"mini_program={own.pk}", own.merchant_id).errors
    assert "mini_program" in filters(f"mini_program={other.pk}", own.merchant_id).errors


def test_blanks_in_a_pasted_number_do_not_count():
    assert understood(filters("q=+138 1234%0A 5678 ").wanted().search).number == "13812345678"


@pytest.mark.parametrize(
    ("typed", "amount"), [("12.5", "12.5"), ("¥1,2.50", "12.50"), ("￥12", "12"), ("12元", "12"), (" 12 ", "12")]
)
def test_amounts_are_taken_as_people_write_them(complaint, typed, amount):
    form = handling(complaint, method="other_refund", refund_amount=typed, refund_reference="R-1")
    assert form.is_valid(), form.errors
    assert form.given().refund_amount == Decimal(amount)


@pytest.mark.parametrize("typed", ["", "0", "-1", "0.001", "128.01", "12,5x", "NaN", "Infinity", "1e9"])
def test_an_amount_that_cannot_be_refunded_is_refused(complaint, typed):
    form = handling(complaint, method="other_refund", refund_amount=typed, refund_reference="R-1")
    assert list(form.errors) == ["refund_amount"]


@pytest.mark.parametrize(
    ("method", "missing"),
    [
        ("", {"method"}),
        ("give_up", {"method"}),
        ("fund_refund", {"method"}),
        ("other_refund", {"refund_amount", "refund_reference"}),
        ("shipped", {"tracking", "note", "pictures"}),
        ("other", {"note", "pictures"}),
        ("after_sales", {"note", "pictures"}),
        ("not_liable", {"note", "pictures"}),
    ],
)
def test_all_that_a_way_of_handling_lacks_is_said_at_once(complaint, method, missing):
    assert set(handling(complaint, method=method).errors) == missing


def test_what_the_chosen_way_does_not_ask_for_is_left_out(complaint):
    form = handling(
        complaint, picture(), method="other", note="Agreed.", refund_amount="5", refund_reference="R", tracking="SF 1"
    )
    assert form.is_valid(), form.errors
    given = form.given()
    assert (given.refund_amount, given.refund_reference, given.tracking) == (None, "", "")
    assert len(given.evidence) == 1


def test_pictures_are_kept_although_the_rest_is_wrong(complaint):
    form = handling(complaint, picture(), method="shipped")
    assert set(form.errors) == {"tracking", "note"}
    assert form["pictures"].value() == [Evidence.objects.get().token]


def test_line_ends_count_once(complaint):
    text = "\r\n".join(["x"] * 500)  # 999 characters as the browser counts
    assert handling(complaint, picture(), method="other", note=text).is_valid()
    assert list(handling(complaint, picture(), method="other", note=text + "xx").errors) == ["note"]


def test_a_message_may_be_of_pictures_alone(complaint):
    files = MultiValueDict({"pictures": [picture()]})
    form = MessageForm({}, files, complaint=complaint, actor=member_actor(complaint.merchant), now=NOON)
    assert form.is_valid()
