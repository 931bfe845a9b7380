"""Statements that are composed once: they find what their querysets find, whatever the values."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db.models import F, Q, QuerySet
from pytest_django import DjangoAssertNumQueries

from common.actors import Actor
from common.written import Fixed, lay_beside, written, written_counts, written_sums
from complaints.models import Complaint
from complaints.permissions import visible_to
from complaints.tests.factories import file_at, make_program, member_actor, moment

pytestmark = pytest.mark.django_db

FRIDAY = "2026-02-13T12:00+08:00"
MONDAY = "2026-02-16T12:00+08:00"


@written
def numbered(complaint_ids: list[int]) -> QuerySet[Complaint]:
    return Complaint.objects.filter(pk__in=complaint_ids).select_related("mini_program").order_by("pk")


@written
def filed_by(actor: Actor, until: Any, most: Fixed) -> QuerySet[Complaint]:
    found = visible_to(actor).filter(filed_at__lte=until).prefetch_related("history")
    return found.order_by("filed_at")[: most.value]


@written
def of_assignee(assignee_id: int | None) -> QuerySet[Complaint, int]:
    return Complaint.objects.filter(assignee_id=assignee_id).values_list("pk", flat=True)


def test_another_value_finds_other_rows() -> None:
    program = make_program()
    first, second, third = (file_at(FRIDAY, program) for _each in range(3))
    assert numbered([first.pk, second.pk]) == [first, second]
    assert numbered([second.pk, third.pk]) == [second, third]
    assert numbered([third.pk]) == [third]
    assert numbered([]) == []


def test_rows_come_with_all_that_was_asked_for_beside_them(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    program = make_program()
    file_at(FRIDAY, program)
    late = file_at(MONDAY, program)
    actor = member_actor(program.merchant)
    filed_by(actor, moment(FRIDAY), Fixed(9))
    with django_assert_num_queries(2):
        found = filed_by(actor, moment(MONDAY), Fixed(9))
        assert found[1] == late
        assert [line.verb for line in found[1].history.all()] == ["file"]
    with django_assert_num_queries(1):
        (found_late,) = numbered([late.pk])
        assert found_late.mini_program == program
    assert len(filed_by(actor, moment(MONDAY), Fixed(1))) == 1


def test_nobody_sees_the_rows_of_whom_the_statement_was_composed_for() -> None:
    program, other = make_program(), make_program()
    own, foreign = file_at(FRIDAY, program), file_at(FRIDAY, other)
    at = moment(MONDAY)
    assert filed_by(member_actor(program.merchant), at, Fixed(9)) == [own]
    assert filed_by(member_actor(other.merchant), at, Fixed(9)) == [foreign]
    stranger = Actor(kind=member_actor(program.merchant).kind, name="stranger", id=1, merchant_id=program.merchant_id)
    assert filed_by(stranger, at, Fixed(9)) == []


def test_nothing_is_another_shape_than_a_value() -> None:
    complaint = file_at(FRIDAY, make_program())
    assert of_assignee(7) == []
    assert of_assignee(None) == [complaint.pk]
    assert of_assignee(7) == []


def test_counts_are_of_now() -> None:
    @written_counts
    def counted(merchant_id: int) -> dict[str, Any]:
        return {
            "all": Complaint.objects.filter(merchant_id=merchant_id),
            "none": Complaint.objects.none(),
        }

    program = make_program()
    assert counted(program.merchant_id) == {"all": 0, "none": 0}
    file_at(FRIDAY, program)
    assert counted(program.merchant_id) == {"all": 1, "none": 0}
    assert counted(program.merchant_id + 1) == {"all": 0, "none": 0}


def test_a_statement_is_composed_once_for_a_shape() -> None:
    composed = []

    @written
    def rows(complaint_ids: list[int], merchant_id: int) -> QuerySet[Complaint]:
        composed.append(1)
        return Complaint.objects.filter(pk__in=complaint_ids, merchant_id=merchant_id)

    for ids in ([1, 2], [3, 4], [5, 6]):
        rows(ids, 7)
    assert len(composed) == 1
    rows([1], merchant_id=7)
    assert len(composed) == 2


@pytest.mark.parametrize("look", [bool, lambda value: value < 3, list, int])
def test_a_value_cannot_be_looked_at_while_a_statement_is_composed(look: Callable[[Any], object]) -> None:
    @written
    def rows(merchant_id: int) -> QuerySet[Complaint]:
        look(merchant_id)
        return Complaint.objects.filter(merchant_id=merchant_id)

    with pytest.raises(TypeError):
        rows(1)


def test_what_is_no_plain_value_is_refused() -> None:
    @written
    def rows(condition: Any) -> QuerySet[Complaint]:
        return Complaint.objects.filter(condition)

    for given in (Q(pk=1), F("pk"), [None], [True]):
        with pytest.raises(TypeError):
            rows(given)


def test_sums_are_over_the_rows_that_are_found() -> None:
    @written_sums("count(*)", "max(filed_at)")
    def filed(merchant_id: int, most: Fixed) -> QuerySet[Complaint, Any]:
        found = Complaint.objects.filter(merchant_id=merchant_id).order_by("filed_at")
        return found.values("filed_at")[: most.value]

    program, other = make_program(), make_program()
    early, late = file_at(FRIDAY, program), file_at(MONDAY, program)
    assert filed(program.merchant_id, Fixed(9)) == (2, late.filed_at)
    assert filed(program.merchant_id, Fixed(1)) == (1, early.filed_at)
    assert filed(other.merchant_id, Fixed(9)) == (0, None)


def test_rows_that_are_laid_beside_are_not_looked_up_again(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    complaint = file_at(FRIDAY, make_program())
    lines, found = list(complaint.history.all()), Complaint.objects.get(pk=complaint.pk)
    with django_assert_num_queries(0):
        lay_beside(found, "history", lines)
        lay_beside(found, "pictures", [])
        assert list(found.history.all()) == lines
        assert list(found.pictures.all()) == []
