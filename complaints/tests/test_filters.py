"""Filters of the list: several values, what is active, and addresses that are old."""

from datetime import date
from functools import partial

import pytest
from django.db import connection
from django.http import QueryDict
from django.utils import translation

from common.actors import Actor
from common.keyset import keyset_page
from complaints.filters import FilterForm, opened
from complaints.intake import file_complaints
from complaints.models import Complaint
from complaints.queries import (
    Wanted,
    narrowed,
    segments,
    status_counts,
    types_with,
    usual_dispute_types,
)
from complaints.states import Status
from complaints.tests.copying import copy_complaint
from complaints.tests.factories import (
    file_at,
    handle_at,
    make_filing,
    make_member,
    make_program,
    member_actor,
    moment,
    platform_actor,
)
from complaints.tests.pages import Shop, browser, make_shop
from complaints.workspace.assigning import assign
from deadlines.tests.explaining import plans_of
from merchants.models import Grant, Membership
from merchants.tests.people import acting

pytestmark = pytest.mark.django_db

NOON = moment("2026-03-10T12:00+08:00")


@pytest.fixture(autouse=True)
def _in_english():
    with translation.override("en"):
        yield


@pytest.fixture
def shop() -> Shop:
    return make_shop("Tea House")


@pytest.fixture
def wang(shop: Shop) -> Actor:
    return acting(shop.administrator, shop.merchant)


def found(query: str, actor: Actor) -> set[str]:
    """The dispute types of what these filters find, which name the rows of a test."""
    form = FilterForm(QueryDict(query), actor=actor)
    assert form.is_valid(), form.errors
    rows = narrowed(Complaint.objects.filter(merchant_id=actor.own_merchant_id), form.wanted(), now=NOON)
    return {each.dispute_type for each in rows.filter(status__in=form.statuses())}


def number_of(name: str, shop: Shop) -> int:
    """Add a member of this name who may handle complaints, and return the number of their membership."""
    user = make_member(shop.merchant, Grant.VIEW, Grant.HANDLE, first_name=name)
    return Membership.objects.get(user=user).pk


def test_one_of_several_values_is_enough_and_each_filter_must_hold(shop, wang):
    other = make_program(merchant=shop.merchant)
    third = make_program(merchant=shop.merchant)
    shop.files("2026-03-09T09:00+08:00", dispute_type="Late tea")
    file_at("2026-03-09T09:00+08:00", other, dispute_type="Broken tea")
    file_at("2026-03-09T09:00+08:00", third, dispute_type="Late cup")
    both = f"mini_program={shop.program.pk}&mini_program={other.pk}"
    assert found(both, wang) == {"Late tea", "Broken tea"}
    assert found("dispute_type=LATE&dispute_type=broken", wang) == {"Late tea", "Broken tea", "Late cup"}
    assert found(f"{both}&dispute_type=late", wang) == {"Late tea"}
    assert found("dispute_type_is=Late+tea", wang) == {"Late tea"}
    assert found("dispute_type_is=Late", wang) == found("dispute_type_is=late+tea", wang) == set()
    assert found("dispute_type_is=Late+tea&dispute_type=broken", wang) == {"Late tea", "Broken tea"}


def test_addresses_from_before_there_were_several_values_go_on_working(shop, wang):
    shop.files("2026-03-09T09:00+08:00", dispute_type="Late")
    old = f"q=&mini_program=&dispute_type=&protection=&due=&filed_from=&filed_to=&status=pending&x={shop.program.pk}"
    assert found(old, wang) == {"Late"}
    assert found(f"mini_program={shop.program.pk}&dispute_type=lat&due=48", wang) == set()
    assert found(f"mini_program={shop.program.pk}&dispute_type=lat&due=", wang) == {"Late"}


def test_whose_it_is_me_somebody_nobody_or_several_of_them(shop, wang):
    li, zhao = number_of("Li", shop), number_of("Zhao", shop)
    me = Membership.objects.get(user=shop.administrator).pk
    rows = {name: shop.files("2026-03-09T09:00+08:00", dispute_type=name).pk for name in ("mine", "Li's", "Zhao's")}
    shop.files("2026-03-09T09:00+08:00", dispute_type="nobody's")
    assign({rows["mine"]: me, rows["Li's"]: li, rows["Zhao's"]: zhao}, actor=wang, now=NOON)
    assert found("assignee=me", wang) == {"mine"}
    assert found("assignee=nobody", wang) == {"nobody's"}
    assert found(f"assignee={li}", wang) == {"Li's"}
    assert found(f"assignee={li}&assignee=nobody&assignee=me", wang) == {"Li's", "nobody's", "mine"}


def test_me_is_whoever_looks(shop, wang):
    li = number_of("Li", shop)
    row = shop.files("2026-03-09T09:00+08:00", dispute_type="Li's")
    assign({row.pk: li}, actor=wang, now=NOON)
    assert found("assignee=me", acting(Membership.objects.get(pk=li).user, shop.merchant)) == {"Li's"}
    assert found("assignee=me", wang) == set()


def test_me_of_whoever_is_no_member_finds_nothing(shop):
    shop.files("2026-03-09T09:00+08:00", dispute_type="nobody's")
    assert found("assignee=me", member_actor(shop.merchant)) == set()


def test_who_lost_the_grant_is_offered_while_they_have_some_left(shop, wang):
    li = number_of("Li", shop)
    row = shop.files("2026-03-09T09:00+08:00", dispute_type="Li's")
    assign({row.pk: li}, actor=wang, now=NOON)
    Membership.objects.filter(pk=li).update(grants=[])
    assert found(f"assignee={li}", wang) == {"Li's"}
    assert [each.may_work for each in FilterForm(QueryDict(), actor=wang).people] == [True, False]
    assign({row.pk: None}, actor=wang, now=NOON)
    assert len(FilterForm(QueryDict(), actor=wang).people) == 1


def test_when_it_is_due_one_of_several_and_a_day_in_beijing(shop, wang):
    for name, filed_at in {
        "missed": "2026-03-06T11:59:59.999999+08:00",
        "at this moment": "2026-03-06T12:00+08:00",
        "last moment of the tenth": "2026-03-06T23:59:59.999999+08:00",
        "first moment of the eleventh": "2026-03-07T00:00+08:00",
    }.items():
        shop.files(filed_at, dispute_type=name)
    assert found("due=overdue&due=6", wang) == {"missed", "at this moment"}
    assert found("due=2026-03-10", wang) == {"missed", "at this moment", "last moment of the tenth"}
    assert found("due=2026-03-11", wang) == {"first moment of the eleventh"}


@pytest.mark.parametrize("query", ["due=2026-02-30", "due=2026-3-1", "due=２０２６-03-01", "due=0000-01-01", "due=9"])
def test_a_day_that_is_none_is_refused(query, wang):
    assert list(FilterForm(QueryDict(query), actor=wang).errors) == ["due"]


def test_old_cases_are_never_due(shop, wang):
    file_complaints(
        [make_filing(shop.program, filed_at=moment("2020-03-06T12:00+08:00"))],
        platform_id=shop.program.platform_id,
        actor=platform_actor(shop.program.platform),
        now=NOON,
        is_history=True,
    )
    assert found("due=overdue", wang) == set()
    assert len(found("", wang)) == 1


def test_each_active_value_is_a_chip_that_takes_away_itself_alone(shop, wang):
    query = f"assignee=me&assignee=nobody&due=24&status=pending&mini_program={shop.program.pk}&q=&cursor=x&view=3"
    form = FilterForm(QueryDict(query), actor=wang)
    chips = {chip.words: QueryDict(chip.without) for chip in form.chips()}
    assert list(chips) == [
        "Due: within 24 hours",
        "Assigned to: me",
        "Assigned to: nobody",
        f"Mini program: {shop.program.name}",
    ]
    left = chips["Assigned to: nobody"]
    assert left.getlist("assignee") == ["me"]
    assert left["due"] == "24"
    assert "cursor" not in left
    assert "view" not in left
    assert "q" not in left


def test_several_statuses_are_chips_and_one_is_a_tab(wang):
    def words(query: str) -> list[str]:
        return [chip.words for chip in FilterForm(QueryDict(query), actor=wang).chips()]

    assert words("status=pending") == words("status=all") == []
    assert words("status=pending&status=handled") == ["Status: pending", "Status: handled"]


def test_what_is_no_more_is_left_out_of_an_old_address_and_named(shop, wang):
    li = number_of("Li", shop)
    foreign = make_program().pk
    Membership.objects.filter(pk=li).delete()
    query = f"status=pending&status=overdue&assignee={li}&assignee=me&mini_program={foreign}&colour=red&due=7&view=1"
    form, left_out = opened(QueryDict(query), actor=wang)
    assert form.is_valid()
    assert form.kept().urlencode() == "status=pending&assignee=me"
    assert left_out == [
        "Status: overdue",
        "Assigned to: a member who is gone",
        "Mini program: a mini program that is gone",
        "colour",
        "Due: 7",
    ]


def test_an_address_that_means_all_it_says_stays_as_it_is(wang):
    form, left_out = opened(QueryDict("status=handled&due=6&q=138"), actor=wang)
    assert (left_out, form.kept().urlencode()) == ([], "q=138&status=handled&due=6")


def test_more_dispute_types_than_are_sensible_are_refused(wang):
    many = "&".join(f"dispute_type=type{number}" for number in range(21))
    assert list(FilterForm(QueryDict(many), actor=wang).errors) == ["dispute_type"]
    assert not FilterForm(QueryDict(many.removesuffix("&dispute_type=type20")), actor=wang).errors


@pytest.mark.parametrize("text", ["x" * 201, "a\0b"])
def test_a_dispute_type_that_no_complaint_can_have_is_refused(text, wang):
    query = QueryDict(mutable=True)
    query.setlist("dispute_type", ["fine", text])
    assert list(FilterForm(query, actor=wang).errors) == ["dispute_type"]


def test_the_dispute_types_on_offer_are_the_merchants_own_most_frequent_ones(shop):
    for number in range(22):
        for minute in range(2 if number < 20 else 1):
            shop.files(f"2026-03-09T09:{minute:02d}+08:00", dispute_type=f"Type {number:02d}")
    make_shop().files("2026-03-09T09:00+08:00", dispute_type="Type of another")
    offered = usual_dispute_types(shop.merchant.pk)
    assert offered == [f"Type {number:02d}" for number in range(20)]


@pytest.fixture
def many(shop: Shop) -> Shop:
    """Five thousand complaints of another merchant, and two thousand of this one, half of them handled."""
    for program, number in ((make_program(), 5000), (shop.program, 2000)):
        first = file_at(NOON, program, dispute_type="Type 0")
        copy_complaint(first, number - 1, dispute_type="'Type ' || mod(n, 7)")
    own = Complaint.objects.filter(merchant=shop.merchant)
    half = own.order_by("pk").values("pk")[:1000]
    own.filter(pk__in=half).update(status=Status.HANDLED)
    own.filter(pk__in=half[:30]).update(assignee=Membership.objects.get(user=shop.administrator))
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE complaints_complaint")
        cursor.execute("SET LOCAL enable_seqscan = off")  # the table is small for a database that has seen many
    return shop


INDEXED = {
    "": "complaint_pending",
    "status=all": "complaint_",
    "status=handled&status=finished": "complaint_",
    "due=24": "complaint_pending",
    "due=overdue&due=24": "complaint_pending",
    "due=2026-03-14&assignee=nobody": "complaint_pending",
    "assignee=me": "complaint_by_",
    "assignee=me&status=all": "complaint_by_",
    "assignee=me&assignee=nobody": "complaint_pending",
    "dispute_type=Type+3&dispute_type=Type+4": "complaint_",
    "mini_program={program}&protection=no": "complaint_pending",
    "filed_from=2026-03-01&filed_to=2026-03-10&status=all": "complaint_",
    "filed_from=2026-03-01&status=handled&dispute_type=Type+3&assignee=nobody": "complaint_by_",
}

FEW = {
    "mini_program={second}": "complaint_by_program",
    "dispute_type_is=Rare+one": "complaint_by_type",
    "dispute_type=RARE": "complaint_by_type",
    "assignee=me": "complaint_by_whose",
    "protection=yes": "complaint_protected",
}


def test_few_are_counted_by_the_index_that_finds_them(many, wang):
    """Both of the statuses that hold any: of the others there is none, whichever index says so."""
    second = make_program(merchant=many.merchant)
    for status in (Status.PENDING, Status.HANDLED):
        some = Complaint.objects.filter(merchant=many.merchant, status=status).order_by("-pk").values("pk")[:20]
        Complaint.objects.filter(pk__in=some).update(
            dispute_type="Rare one", mini_program=second, advance_protection=True
        )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE complaints_complaint")
    for query, index in FEW.items():
        form = FilterForm(QueryDict(query.format(second=second.pk)), actor=wang)
        assert form.is_valid()
        assert not form.wanted().is_in_no_index
        rows = narrowed(Complaint.objects.filter(merchant=many.merchant), form.wanted(), now=NOON)
        (plan,) = plans_of(partial(status_counts, rows))
        assert plan.count(f" {index} ") >= (1 if query == "assignee=me" else 2), f"{query}: {plan}"


def test_the_second_part_of_the_list_does_not_read_over_what_is_pending(many):
    first, second = segments(Complaint.objects.filter(merchant=many.merchant), Status.values)
    (plan,) = plans_of(lambda: second.take(21))
    assert "complaint_no_longer_pending" in plan
    assert "complaint_pending" in plans_of(lambda: first.take(21))[0]


def test_a_part_of_a_dispute_type_is_looked_for_among_the_merchants_types(shop):
    for name in ("Late delivery", "late REFUND", "100% wrong", "Else"):
        shop.files("2026-03-09T09:00+08:00", dispute_type=name)
        shop.files("2026-03-09T10:00+08:00", dispute_type=name)
    make_shop().files("2026-03-09T09:00+08:00", dispute_type="Later")
    own = shop.merchant.pk
    assert set(types_with(own, ["LATE"]) or ()) == {"Late delivery", "late REFUND"}
    assert set(types_with(own, ["refund", "els"]) or ()) == {"late REFUND", "Else"}
    assert types_with(own, ["0%"]) == ("100% wrong",)
    assert types_with(own, ["_"]) == types_with(own, ["Later"]) == types_with(make_shop().merchant.pk, ["a"]) == ()


def test_of_a_merchant_with_too_many_dispute_types_the_complaints_are_read_and_not_counted(shop, wang, monkeypatch):
    for name in ("Late delivery", "late REFUND", "Else"):
        shop.files("2026-03-09T09:00+08:00", dispute_type=name)
    for most, is_counted in ((3, True), (2, False)):
        monkeypatch.setattr("complaints.queries.MOST_TYPES", most)
        assert found("dispute_type=late", wang) == {"Late delivery", "late REFUND"}
        assert found("dispute_type=late&dispute_type_is=Else", wang) == {"Late delivery", "late REFUND", "Else"}
        assert found("dispute_type=nothing", wang) == set()
        form = FilterForm(QueryDict("dispute_type=late"), actor=wang)
        assert form.is_valid()
        assert form.wanted().is_in_no_index is not is_counted


def test_what_only_a_handled_complaint_has_is_not_looked_for_among_pending_ones(shop):
    waiting, handled = (shop.files("2026-03-09T09:00+08:00") for _ in range(2))
    handle_at("2026-03-10T09:00+08:00", handled)
    for query, is_handled, rows in (
        ("outcome=handled", True, {handled}),
        ("outcome=in_time", True, {handled}),
        ("outcome=late", True, set()),
        ("outcome=missed", False, set()),
        ("root_cause=none", False, {waiting, handled}),
        ("root_cause=price", True, set()),
        ("", False, {waiting, handled}),
    ):
        with browser(shop.administrator, "2026-03-10T12:00+08:00") as client:
            response = client.get(f"/complaints/?status=all&{query}")
        assert {row.pk for row in response.context["page"].rows} == {row.pk for row in rows}, query
        form = FilterForm(QueryDict(query), actor=acting(shop.administrator, shop.merchant))
        assert form.is_valid()
        assert form.wanted().is_handled is is_handled, query


def test_no_filter_reads_the_whole_table(many, wang):
    for query, index in INDEXED.items():
        form = FilterForm(QueryDict(query.format(program=many.program.pk)), actor=wang)
        assert form.is_valid()
        rows = narrowed(Complaint.objects.filter(merchant=many.merchant), form.wanted(), now=NOON)
        for part in segments(rows, form.statuses()):
            plan = part.rows.order_by(part.order, f"{'-' if part.descends else ''}pk")[:21].explain()
            assert index in plan, f"{query}: {plan}"
            assert "Seq Scan on complaints_complaint" not in plan, f"{query}: {plan}"


def test_the_list_is_found_and_counted_in_the_same_rows(many, wang):
    form = FilterForm(QueryDict("assignee=me&status=all"), actor=wang)
    assert form.is_valid()
    rows = narrowed(Complaint.objects.filter(merchant=many.merchant), form.wanted(), now=NOON)
    assert status_counts(rows) == dict.fromkeys(Status.values, 0) | {"handled": 30}
    assert len(keyset_page(segments(rows, form.statuses()), size=100).rows) == 30


def test_nothing_wanted_is_said_by_an_empty_address(wang):
    assert not FilterForm(QueryDict("status=&due=&assignee="), actor=wang).errors
    form = FilterForm(QueryDict("filed_from=2026-03-01"), actor=wang)
    assert form.is_valid()
    assert form.wanted() == Wanted(filed_from=date(2026, 3, 1))


def test_a_handled_complaint_stays_its_members(shop, wang):
    row = shop.files("2026-03-09T09:00+08:00", dispute_type="mine")
    assign({row.pk: Membership.objects.get(user=shop.administrator).pk}, actor=wang, now=NOON)
    handle_at("2026-03-10T09:00+08:00", row)
    assert found("assignee=me&status=handled", wang) == {"mine"}


def test_all_statuses_are_one_however_they_are_said(wang):
    every = "&".join(f"status={status}" for status in Status.values)
    for query in ("status=all", "status=all&status=handled", every):
        form = FilterForm(QueryDict(query), actor=wang)
        assert form.is_valid()
        assert form.kept().urlencode() == "status=all"
        assert form.chips() == []
        assert all(option.is_chosen for option in form.options("status"))
        assert list(form.statuses()) == Status.values


def test_oneself_is_me_and_not_offered_twice(shop, wang):
    own = Membership.objects.get(user=shop.administrator).pk
    assert [each.value for each in FilterForm(QueryDict(), actor=wang).options("assignee")] == ["me", "nobody"]
    form = FilterForm(QueryDict(f"assignee={own}"), actor=wang)
    assert [each.value for each in form.options("assignee") if each.is_chosen] == [str(own)]
