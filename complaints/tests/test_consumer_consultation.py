"""The page of a question behind its link: what was said, asking more, solved, and complaining after all."""

from decimal import Decimal

import pytest
from django.core.cache import cache
from django.utils import translation

from complaints.consultations import services as consultations
from complaints.consumer import links
from complaints.models import Complaint, Consultation, ConsultationLine
from complaints.tests.consumers import actor_of, answer_at, asked_at, page_of, phone
from complaints.tests.factories import make_picture, member_actor, moment, platform_actor
from complaints.tests.pages import Shop, make_shop, picture, text_of
from deadlines.models import Deadline
from evidence.models import Evidence
from merchants.models import Platform

pytestmark = pytest.mark.django_db

MONDAY = "2026-03-02T09:00+08:00"
TUESDAY = "2026-03-03T09:00+08:00"
COMPLAINT = {
    "text": "Nothing came.",
    "dispute_type": "未收到货",
    "demand": "退款",
    "trade_no": "2026 0301 2200 1",
    "trade_amount": "¥1,128.50",
}


@pytest.fixture(autouse=True)
def _clean():
    cache.clear()
    yield
    translation.activate("en")


@pytest.fixture
def shop() -> Shop:
    return make_shop("Tea House")


@pytest.fixture
def asked(shop) -> Consultation:
    return asked_at(
        MONDAY,
        shop.program,
        "When does it arrive?",
        trade_no="20260301220099",
        consumer_name="张小明",
        consumer_phone="13812341234",
        consumer_reference="2088-77",
    )


def send(consultation: Consultation, name: str, at: str = TUESDAY, **sent):
    with phone(at) as client:
        return client.post(page_of(consultation, name), sent)


def page(consultation: Consultation, at: str = TUESDAY) -> str:
    with phone(at) as client:
        response = client.get(page_of(consultation))
    assert response.status_code == 200
    return text_of(response)


def state_of(consultation: Consultation) -> str:
    consultation.refresh_from_db()
    return consultation.status


def test_what_was_asked_and_answered_stands_there_without_the_names_of_anybody(shop, asked):
    assert "The shop has your question" in page(asked)
    proof = make_picture(shop.merchant, name="parcel.png")
    answer_at(TUESDAY, asked, "With the parcel of tomorrow.", evidence=[proof])
    shown = page(asked)
    for told in ("When does it arrive?", "The shop has answered", "With the parcel of tomorrow.", "20260301220099"):
        assert told in shown
    for hidden in ("Li Lei", "张", "13812341234", "2088-77", "Wang Fang"):
        assert hidden not in shown
    with phone(TUESDAY) as client:
        assert f"/pictures/{proof.token}/" in client.get(page_of(asked)).content.decode()


def test_asking_more_with_a_picture(asked):
    answer_at(TUESDAY, asked)
    assert send(asked, "message/", text="It did not come.", pictures=picture()).status_code == 302
    assert state_of(asked) == "open"
    line = asked.lines.get(verb="ask")
    assert (line.role, line.text, line.evidence.count()) == ("consumer", "It did not come.", 1)
    assert line.evidence.get().sent_through == f"consultation:{asked.pk}"


def test_what_is_too_long_or_empty_is_kept_and_not_asked(asked):
    long = send(asked, "message/", text="长" * 10_000, pictures=picture())
    assert long.status_code == 400
    assert "长" * 10_000 in long.content.decode()
    assert 'name="pictures_kept"' in long.content.decode()
    assert send(asked, "message/", text="  ").status_code == 400
    assert not ConsultationLine.objects.exists()


def test_solved_is_asked_once_more_and_closes_it(asked):
    answer_at(TUESDAY, asked)
    with phone(TUESDAY) as client:
        assert "Then the question is closed" in text_of(client.get(page_of(asked, "solved/")))
        assert state_of(asked) == "answered"
        assert client.post(page_of(asked, "solved/")).status_code == 302
    assert state_of(asked) == "closed"
    shown = page(asked)
    assert "This question is closed" in shown
    assert "Ask more" not in shown
    assert "Complain about it" not in shown


@pytest.mark.parametrize("name", ["message/", "solved/", "complain/"])
def test_after_it_is_closed_nothing_is_taken_and_nothing_typed_is_lost(asked, name):
    consultations.close(asked.pk, actor=member_actor(asked.merchant), now=moment(TUESDAY))
    sent = {**COMPLAINT, "text": "One thing more."} if name == "complain/" else {"text": "One thing more."}
    response = send(asked, name, **sent)
    assert response.status_code == 409
    assert "This was not sent" in text_of(response)
    if name != "solved/":
        assert "One thing more." in text_of(response)
    assert not Complaint.objects.exists()
    assert not Evidence.objects.exists()
    with phone(TUESDAY) as client:
        address = page_of(asked)
        assert client.get(address + name).headers["Location"] == address


def test_a_link_of_a_question_has_no_pages_of_a_complaint(asked):
    with phone(TUESDAY) as client:
        for name in ("contest/", "withdraw/"):
            assert client.get(page_of(asked, name)).status_code == 404
            assert client.post(page_of(asked, name), {"text": "x"}).status_code == 404


def test_it_becomes_a_complaint_that_keeps_what_was_said(asked):
    answer_at(MONDAY, asked, "Tomorrow.")
    with phone(TUESDAY) as client:
        form = client.get(page_of(asked, "complain/")).content.decode()
        assert "When does it arrive?" in form
        assert 'value="20260301220099"' in form
        response = client.post(page_of(asked, "complain/"), COMPLAINT)
        complaint = Complaint.objects.get()
        assert response.status_code == 302
        assert response.headers["Location"].startswith("/c/")
        assert response.headers["Location"].endswith("/sent/")
        arrived = client.get(response.headers["Location"])
        assert "Your complaint was sent" in text_of(arrived)
        shown = text_of(client.get(response.headers["Location"].removesuffix("sent/")))
    assert (complaint.trade_no, complaint.trade_amount) == ("20260301" + "22001", Decimal("1128.50"))
    assert (complaint.dispute_type, complaint.demand, complaint.description) == ("未收到货", "退款", "Nothing came.")
    assert (complaint.consumer_name, complaint.consumer_phone) == ("张小明", "13812341234")
    assert (complaint.filed_at, complaint.handle_by) == (moment(TUESDAY), moment("2026-03-07T09:00+08:00"))
    assert Deadline.objects.filter(kind="handle", subject_id=complaint.pk).exists()
    for told in ("When does it arrive?", "Tomorrow.", "Nothing came.", "The question became a complaint."):
        assert told in shown
    assert state_of(asked) == "closed"
    assert asked.complaint == complaint


def test_the_page_of_the_question_leads_on_unless_the_platform_renewed_the_link(asked):
    send(asked, "complain/", **COMPLAINT)
    complaint = Complaint.objects.get()
    with phone(TUESDAY) as client:
        shown = client.get(page_of(asked)).content.decode()
        assert "Go to the complaint" in shown
        links.renew(complaint, actor=platform_actor(complaint.platform), now=moment(TUESDAY))
        shown = client.get(page_of(asked)).content.decode()
    assert "Go to the complaint" not in shown
    assert "The platform has sent you the link to it." in shown


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"trade_amount": "0"}, "0.01"),
        ({"trade_amount": "12.345"}, "at most two decimals"),
        ({"trade_amount": "-5"}, "0.01"),
        ({"trade_amount": ""}, "required"),
        ({"trade_no": ""}, "required"),
        ({"trade_no": "1" * 65}, "at most 64"),
        ({"dispute_type": "anything"}, "not one of the available choices"),
        ({"demand": ""}, "required"),
        ({"text": ""}, "required"),
        ({"text": "x" * 10_000}, "at most 2000"),
        ({"text": "a\x00b"}, "Null characters"),
    ],
)
def test_what_is_wrong_is_said_beside_its_field_and_the_rest_is_kept(asked, change, why):
    response = send(asked, "complain/", **{**COMPLAINT, **change})
    assert response.status_code == 400
    assert why in text_of(response)
    if "trade_no" not in change:
        assert "2026 0301 2200 1" in response.content.decode()
    assert state_of(asked) == "open"
    assert not Complaint.objects.exists()


@pytest.mark.parametrize("kind", [Platform.PublicForm.ASK, Platform.PublicForm.OFF])
def test_where_the_platform_takes_no_complaints_nobody_complains_here(asked, kind):
    Platform.objects.update(public_form=kind)
    assert "Complain about it" not in page(asked)
    response = send(asked, "complain/", **COMPLAINT)
    assert response.status_code == 409
    assert "The platform does not take this here." in text_of(response)
    assert "Nothing came." in text_of(response)
    assert not Complaint.objects.exists()


def test_complaining_twice_makes_one_complaint(asked):
    assert send(asked, "complain/", **COMPLAINT).status_code == 302
    assert send(asked, "complain/", **COMPLAINT).status_code == 409
    assert Complaint.objects.count() == 1


def test_pictures_that_went_with_the_question_are_seen_on_the_complaint(shop, asked):
    mine = make_picture(shop.merchant)
    asked.pictures.set([mine])
    send(asked, "complain/", **COMPLAINT)
    complaint = Complaint.objects.get()
    assert list(complaint.pictures.all()) == [mine]
    assert actor_of(complaint).case == f"complaint:{complaint.pk}"


def test_in_chinese_a_question_is_not_called_a_complaint(asked):
    with phone(TUESDAY, "zh-CN") as client:
        text = text_of(client.get(page_of(asked)))
    assert "持有链接的人可以查看本页内容" in text
    complaining = ("如商家未能解决，您可以投诉：商家须按时处理，平台可以裁定。", "转为投诉", "投诉处理平台")
    for offered in complaining:
        text = text.replace(offered, "")
    assert "投诉" not in text
