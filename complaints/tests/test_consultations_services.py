"""The verbs of consultations: each move and each refusal, whose they are, and that no clock runs."""

from decimal import Decimal
from typing import Any

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.utils import translation

from common.actors import SYSTEM, Actor, ActorKind
from common.errors import BadInput, IllegalMove, NotAllowed
from complaints.consultations import services
from complaints.consultations.permissions import may, visible_to
from complaints.consultations.services import Question
from complaints.consumer import links
from complaints.intake import Filing
from complaints.models import Complaint, Consultation, ConsultationLine, ConsumerLink
from complaints.permissions import visible_to as complaints_visible_to
from complaints.queries import with_everything
from complaints.tests.consumers import actor_of, answer_at, asked_at
from complaints.tests.factories import (
    STAFF,
    file_at,
    make_filing,
    make_merchant,
    make_picture,
    make_platform,
    make_program,
    member_actor,
    moment,
    platform_actor,
)
from complaints.timeline import timeline
from deadlines.models import Deadline
from evidence.models import Evidence
from evidence.queries import visible_to as evidence_visible_to
from merchants.models import Grant, MiniProgram
from notifications.models import Event

pytestmark = pytest.mark.django_db

MONDAY = "2026-03-02T09:00+08:00"
TUESDAY = "2026-03-03T09:00+08:00"
WEDNESDAY = "2026-03-04T09:00+08:00"


@pytest.fixture(autouse=True)
def _english():
    with translation.override("en"):
        yield


@pytest.fixture
def program() -> MiniProgram:
    return make_program()


@pytest.fixture
def asked(program) -> Consultation:
    return asked_at(MONDAY, program, "When does it arrive?", consumer_name="张小明", consumer_phone="13812341234")


def everything() -> dict[str, list[Any]]:
    """All rows that a move could change."""
    models = (Consultation, ConsultationLine, Complaint, Deadline, Event)
    return {model.__name__: list(model.objects.order_by("pk").values()) for model in models}


def times_of(consultation: Consultation) -> tuple[Any, ...]:
    consultation.refresh_from_db()
    return (consultation.status, consultation.waiting_since, consultation.answered_at, consultation.closed_at)


def told() -> list[tuple[str, str]]:
    events = Event.objects.filter(name__startswith="consultation.").order_by("pk")
    return [(event.name.partition(".")[2], event.payload["status"]) for event in events]


def filing_of(consultation: Consultation, **fields: Any) -> Filing:
    return make_filing(consultation.mini_program, **fields)


# Moves, with their times


def test_a_question_waits_and_no_clock_runs(program, asked):
    assert times_of(asked) == ("open", moment(MONDAY), None, None)
    assert (asked.merchant, asked.platform, asked.asked_at) == (program.merchant, program.platform, moment(MONDAY))
    assert asked.consultation_no.startswith("2026030208")
    assert not Deadline.objects.exists()
    assert told() == [("asked", "open")]
    assert Event.objects.get().payload == {"consultation_no": asked.consultation_no, "status": "open"}


def test_what_waits_waits_since_the_oldest_question_without_an_answer(asked):
    services.ask_again(asked.pk, "Hello?", actor=actor_of(asked), now=moment(TUESDAY))
    assert times_of(asked) == ("open", moment(MONDAY), None, None)
    answer_at(TUESDAY, asked)
    assert times_of(asked) == ("answered", None, moment(TUESDAY), None)
    services.ask_again(asked.pk, "And now?", actor=actor_of(asked), now=moment(WEDNESDAY))
    assert times_of(asked) == ("open", moment(WEDNESDAY), moment(TUESDAY), None)
    services.close(asked.pk, actor=member_actor(asked.merchant), now=moment(WEDNESDAY))
    assert times_of(asked) == ("closed", None, moment(TUESDAY), moment(WEDNESDAY))
    assert told() == [
        ("asked", "open"),
        ("asked_again", "open"),
        ("replied", "answered"),
        ("asked_again", "open"),
        ("closed", "closed"),
    ]
    assert [(line.verb, line.role, line.text) for line in asked.lines.order_by("at", "pk")] == [
        ("ask", "consumer", "Hello?"),
        ("reply", "merchant", "Tomorrow."),
        ("ask", "consumer", "And now?"),
        ("close", "merchant", ""),
    ]


def test_the_same_upstream_id_twice_is_the_same_consultation(program):
    first = asked_at(MONDAY, program, "First?", upstream_id="ask-1")
    before = everything()
    question = Question(app_id=program.app_id, text="Second?", upstream_id="ask-1")
    again = services.ask(
        question, platform_id=program.platform_id, actor=platform_actor(program.platform), now=moment(TUESDAY)
    )
    assert (again.is_new, again.consultation) == (False, first)
    assert everything() == before
    elsewhere = make_program()
    assert asked_at(MONDAY, elsewhere, "First?", upstream_id="ask-1") != first


def test_a_complaint_keeps_what_was_said_and_its_clock_starts_now(asked):
    mine, proof = make_picture(asked.merchant), make_picture(asked.merchant)
    asked.pictures.set([mine])
    answer_at(TUESDAY, asked, "With the next parcel.", evidence=[proof])
    filing = filing_of(asked, trade_amount=Decimal("9.00"), filed_at=moment(MONDAY))
    complaint = services.complain(asked.pk, filing, actor=actor_of(asked), now=moment(WEDNESDAY))
    assert times_of(asked) == ("closed", None, moment(TUESDAY), moment(WEDNESDAY))
    assert asked.complaint == complaint
    assert (complaint.filed_at, complaint.handle_by) == (moment(WEDNESDAY), moment("2026-03-08T09:00+08:00"))
    assert Deadline.objects.get(kind="handle").due_at == moment("2026-03-08T09:00+08:00")
    assert list(complaint.pictures.all()) == [mine]
    assert told()[-1] == ("became_complaint", "closed")
    assert Event.objects.get(name="consultation.became_complaint").payload["complaint_no"] == complaint.complaint_no
    history = timeline(with_everything(member_actor(asked.merchant)).get(pk=complaint.pk))
    said = [(entry.role, entry.name, entry.sentence, entry.text, list(entry.pictures)) for entry in reversed(history)]
    assert said == [
        ("consumer", "张**", "Asked the merchant.", "When does it arrive?", [mine]),
        ("merchant", "Li Lei", "", "With the next parcel.", [proof]),
        ("consumer", "张**", "Made a complaint of the consultation.", "", []),
        ("consumer", "Consumer", "Filed the complaint.", "", []),
    ]


def test_a_complaint_that_was_none_has_nothing_said_before(program, django_assert_num_queries):
    complaint = with_everything(member_actor(program.merchant)).get(pk=file_at(MONDAY, program).pk)
    with django_assert_num_queries(1):
        assert [entry.sentence for entry in timeline(complaint)] == ["Filed the complaint."]


def test_it_is_about_the_mini_program_that_was_asked(asked):
    other = make_program(merchant=make_merchant(platform=asked.platform))
    filing = make_filing(other)
    complaint = services.complain(asked.pk, filing, actor=platform_actor(asked.platform), now=moment(TUESDAY))
    assert (complaint.mini_program, complaint.merchant) == (asked.mini_program, asked.merchant)


# Refusals change nothing


@pytest.mark.parametrize("verb", ["reply", "ask", "close", "complain"])
def test_nothing_can_be_done_once_it_is_closed(asked, verb):
    services.close(asked.pk, actor=actor_of(asked), now=moment(TUESDAY))
    before = everything()
    with pytest.raises(IllegalMove, match="The consultation is “closed” now") as refusal:
        make(verb, asked)
    assert refusal.value.status == 409
    assert everything() == before


def make(verb: str, asked: Consultation, actor: Actor | None = None, text: str = "Something.") -> Any:
    """Make a move at noon of Wednesday, as whoever may make it unless somebody else is named."""
    now = moment("2026-03-04T12:00+08:00")
    by = actor or (member_actor(asked.merchant) if verb == "reply" else actor_of(asked))
    match verb:
        case "reply":
            return services.reply(asked.pk, text, actor=by, now=now)
        case "ask":
            return services.ask_again(asked.pk, text, actor=by, now=now)
        case "close":
            return services.close(asked.pk, actor=by, now=now)
        case _:
            return services.complain(asked.pk, filing_of(asked), actor=by, now=now)


@pytest.mark.parametrize("verb", ["reply", "ask"])
@pytest.mark.parametrize(("text", "why"), [("  \n ", "Write something first."), ("x" * 2001, "2000 characters")])
def test_an_empty_text_and_one_too_long_are_refused(asked, verb, text, why):
    before = everything()
    with pytest.raises(BadInput, match=why) as refusal:
        make(verb, asked, text=text)
    assert refusal.value.field == "text"
    assert everything() == before


def test_a_text_of_exactly_the_limit_and_pictures_alone_are_taken(asked):
    make("reply", asked, text="x" * 2000)
    services.reply(
        asked.pk, "", evidence=[make_picture(asked.merchant)], actor=member_actor(asked.merchant), now=moment(WEDNESDAY)
    )
    assert asked.lines.filter(verb="reply").count() == 2


@pytest.mark.parametrize(
    ("change", "field"), [({"app_id": "nobody's"}, "app_id"), ({"text": " "}, "text"), ({"text": "x" * 2001}, "text")]
)
def test_a_question_that_cannot_be_asked(program, change, field):
    question = Question(**{"app_id": program.app_id, "text": "When?", **change})
    with pytest.raises(BadInput) as refusal:
        services.ask(
            question, platform_id=program.platform_id, actor=platform_actor(program.platform), now=moment(MONDAY)
        )
    assert refusal.value.field == field
    assert not Consultation.objects.exists()
    assert not Event.objects.exists()


def test_an_app_id_of_another_platform_is_none_here(program):
    with pytest.raises(BadInput, match="not a mini program of this platform"):
        services.ask(
            Question(app_id=make_program().app_id, text="When?"),
            platform_id=program.platform_id,
            actor=platform_actor(program.platform),
            now=moment(MONDAY),
        )


def test_an_upstream_id_of_another_complaint_is_refused_and_the_question_stays_open(asked):
    other = file_at(MONDAY, asked.mini_program, upstream_id="up-1")
    before = everything()
    with pytest.raises(BadInput, match=other.complaint_no) as refusal:
        services.complain(
            asked.pk,
            filing_of(asked, upstream_id="up-1"),
            actor=platform_actor(asked.platform),
            now=moment(TUESDAY),
        )
    assert refusal.value.field == "upstream_id"
    assert everything() == before


# Whose moves they are


def callers(asked: Consultation) -> dict[str, Actor]:
    neighbour = make_merchant(platform=asked.platform)
    other = asked_at(MONDAY, asked.mini_program, "Another?")
    return {
        "member": member_actor(asked.merchant),
        "viewer": member_actor(asked.merchant, Grant.VIEW),
        "handler only": member_actor(asked.merchant, Grant.HANDLE),
        "neighbour": member_actor(neighbour),
        "platform": platform_actor(asked.platform),
        "foreign platform": platform_actor(make_platform()),
        "consumer": actor_of(asked),
        "another consumer": actor_of(other),
        "consumer of a complaint": Actor(
            kind=ActorKind.CONSUMER, name="x", platform_id=asked.platform_id, case=f"complaint:{asked.pk}"
        ),
        "visitor": Actor(kind=ActorKind.CONSUMER, name="x", platform_id=asked.platform_id, case="visitor:1"),
        "staff": STAFF,
        "system": SYSTEM,
    }


SEES = {"member", "viewer", "platform", "consumer", "staff", "system"}
MAY = {
    "reply": {"member", "handler only"},
    "ask": {"platform", "consumer"},
    "close": {"member", "handler only", "platform", "consumer"},
    "complain": {"platform", "consumer"},
}


def test_who_sees_it(asked):
    seen = {name for name, actor in callers(asked).items() if visible_to(actor).filter(pk=asked.pk).exists()}
    assert seen == SEES


@pytest.mark.parametrize("verb", MAY)
def test_only_these_make_the_move_and_a_refusal_changes_nothing(asked, verb):
    for name, actor in callers(asked).items():
        assert may(actor, verb, asked) == (name in MAY[verb]), name
        before = everything()
        if name in MAY[verb]:
            with transaction.atomic():
                make(verb, asked, actor)
                transaction.set_rollback(True)
        else:
            with pytest.raises(NotAllowed):
                make(verb, asked, actor)
        assert everything() == before, name


def test_a_consumer_sees_their_one_case_and_no_other(asked):
    other = asked_at(MONDAY, asked.mini_program, "Another?")
    complaint = file_at(MONDAY, asked.mini_program)
    picture = make_picture(asked.merchant)
    consumer = actor_of(asked)
    assert list(visible_to(consumer)) == [asked]
    assert not complaints_visible_to(consumer).exists()
    assert not evidence_visible_to(consumer).exists()
    Evidence.objects.filter(pk=picture.pk).update(sent_through=f"consultation:{asked.pk}")
    assert list(evidence_visible_to(consumer)) == [picture]
    assert not evidence_visible_to(actor_of(other)).exists()
    assert list(complaints_visible_to(actor_of(complaint))) == [complaint]
    assert not visible_to(actor_of(complaint)).exists()


# What the database refuses


def test_lines_are_only_ever_added(asked):
    answer_at(TUESDAY, asked)
    before = everything()
    line = asked.lines.get()
    for attempt in (
        lambda: ConsultationLine.objects.update(text="Never said."),
        line.delete,
        lambda: ConsultationLine.objects.all()._raw_delete(using="default"),
        lambda: sql("UPDATE complaints_consultationline SET text = text"),
        lambda: sql("DELETE FROM complaints_consultationline"),
    ):
        with pytest.raises(DatabaseError, match="Cannot update or delete rows"), transaction.atomic():
            attempt()
        assert everything() == before


def sql(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)


def test_a_consultation_is_never_deleted(asked):
    with pytest.raises(DatabaseError), transaction.atomic():
        Consultation.objects.all()._raw_delete(using="default")
    with pytest.raises(DatabaseError, match="Cannot delete rows"), transaction.atomic():
        sql("DELETE FROM complaints_consultation")
    assert Consultation.objects.count() == 1


@pytest.mark.parametrize(
    ("change", "constraint"),
    [
        ({"status": "forgotten", "waiting_since": None}, "consultation_status_known"),
        ({"waiting_since": None}, "an_open_consultation_waits"),
        ({"status": "answered"}, "an_open_consultation_waits"),
    ],
)
def test_rows_that_cannot_be_true_are_refused(asked, change, constraint):
    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        Consultation.objects.filter(pk=asked.pk).update(**change)


# Links, as verbs; their pages are in test_consumer_page.py


def token(address: str) -> str:
    return address.rstrip("/").rpartition("/")[2]


@pytest.mark.parametrize("kind", ["consultation", "complaint"])
@pytest.mark.parametrize(
    ("at", "is_open"),
    [
        ("2026-08-29T08:59:59+08:00", True),
        ("2026-08-29T09:00:00+08:00", True),
        ("2026-08-29T09:00:01+08:00", False),
    ],
)
def test_a_link_of_the_second_of_march_opens_until_the_29th_of_august(asked, kind, at, is_open):
    case = asked if kind == "consultation" else file_at(MONDAY, asked.mini_program)
    made = token(links.link_to(case, now=moment(MONDAY)))
    if is_open:
        opened = links.opened(made, now=moment(at))
        assert (opened.case, opened.actor.case) == (case, f"{kind}:{case.pk}")
    else:
        with pytest.raises(IllegalMove, match="This link is over"):
            links.opened(made, now=moment(at))


def test_a_link_that_is_altered_replaced_or_ended_opens_nothing(asked):
    platform = platform_actor(asked.platform)
    first = token(links.link_to(asked, now=moment(MONDAY)))
    for at in range(0, len(first), 7):
        altered = first[:at] + ("A" if first[at] != "A" else "B") + first[at + 1 :]
        with pytest.raises(BadInput, match="This link is not whole"):
            links.opened(altered, now=moment(MONDAY))
    second = token(links.renew(asked, actor=platform, now=moment(TUESDAY)))
    with pytest.raises(IllegalMove, match="A newer link was sent"):
        links.opened(first, now=moment(TUESDAY))
    assert links.opened(second, now=moment(TUESDAY)).case == asked
    links.end(asked, actor=platform, now=moment(WEDNESDAY))
    for dead in (first, second):
        with pytest.raises(IllegalMove, match="The platform has ended this link"):
            links.opened(dead, now=moment(WEDNESDAY))
    third = token(links.renew(asked, actor=platform, now=moment(WEDNESDAY)))
    assert links.opened(third, now=moment(WEDNESDAY)).case == asked
    assert ConsumerLink.objects.get().version == 2


def test_the_links_of_one_case_are_not_those_of_another(asked):
    other = asked_at(MONDAY, asked.mini_program, "Another?")
    first = token(links.link_to(asked, now=moment(MONDAY)))
    links.end(other, actor=STAFF, now=moment(MONDAY))
    assert links.opened(first, now=moment(TUESDAY)).case == asked


def test_only_the_platform_and_its_staff_renew_and_end_links(asked):
    for name, actor in callers(asked).items():
        for verb in (links.renew, links.end):
            if name in ("platform", "staff"):
                with transaction.atomic():
                    verb(asked, actor=actor, now=moment(TUESDAY))
                    transaction.set_rollback(True)
            else:
                with pytest.raises(NotAllowed):
                    verb(asked, actor=actor, now=moment(TUESDAY))
            assert not ConsumerLink.objects.exists(), name
