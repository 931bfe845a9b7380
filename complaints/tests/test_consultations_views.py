"""The merchant pages about consultations, as a browser without scripts uses them."""

import re
from datetime import timedelta

import pytest
from django.core.cache import cache
from django.db import connection
from django.template import Context, Template
from django.template.loader import render_to_string
from django.test.utils import CaptureQueriesContext

from complaints.consultations import services
from complaints.consultations.permissions import visible_to
from complaints.consultations.queries import Wanted, card_of, narrowed, segments, status_counts
from complaints.consultations.states import Status
from complaints.models import Consultation, ConsultationLine
from complaints.tests.consumers import actor_of, answer_at, asked_at
from complaints.tests.factories import (
    file_at,
    make_filing,
    make_merchant,
    make_picture,
    make_program,
    make_user,
    member_actor,
    moment,
    platform_actor,
)
from complaints.tests.pages import Shop, browser, make_shop, member, picture, text_of
from evidence.models import Evidence
from merchants.contacts import Contact, set_contact
from merchants.models import Grant

pytestmark = pytest.mark.django_db

LIST = "/consultations/"
MONDAY = "2026-03-02T09:00+08:00"
TUESDAY = "2026-03-03T13:30+08:00"


@pytest.fixture(autouse=True)
def _clean():
    cache.clear()


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
    )


def page_of(consultation: Consultation, verb: str = "") -> str:
    return f"{LIST}{consultation.consultation_no}/" + (f"{verb}/" if verb else "")


def numbers_in(response) -> list[str]:
    found = re.findall(r'class="row-link" href="/consultations/(\w+)/"', response.content.decode())
    return list(dict.fromkeys(found))


def link_in(response, rel: str) -> str:
    href: str
    (href,) = re.findall(rf'rel="{rel}" href="([^"]+)"', response.content.decode())
    return href.replace("&amp;", "&")


def of(*consultations: Consultation) -> list[str]:
    return [each.consultation_no for each in consultations]


# The list


def test_what_waits_longest_stands_first_then_the_others_newest_first(shop):
    friday, saturday, sunday = (
        asked_at(f"2026-02-{day}T09:00+08:00", shop.program, f"On {day}?") for day in (27, 28, 26)
    )
    answered, closed = (asked_at(f"2026-02-{day}T09:00+08:00", shop.program) for day in (25, 24))
    answer_at(MONDAY, answered)
    services.close(closed.pk, actor=actor_of(closed), now=moment(MONDAY))
    services.reply(friday.pk, "Soon.", actor=member_actor(shop.merchant), now=moment(MONDAY))
    services.ask_again(friday.pk, "When?", actor=actor_of(friday), now=moment("2026-03-02T10:00+08:00"))
    with browser(shop.administrator, TUESDAY) as client:
        assert numbers_in(client.get(LIST)) == of(sunday, saturday, friday)
        everything = of(sunday, saturday, friday, answered, closed)
        assert numbers_in(client.get(LIST + "?status=all")) == everything
        assert numbers_in(client.get(LIST + "?status=answered")) == of(answered)
        assert numbers_in(client.get(LIST + "?status=closed")) == of(closed)


def test_a_row_says_how_long_it_waits_and_the_page_once_that_no_deadline_runs(shop, asked):
    with browser(shop.administrator, TUESDAY) as client:
        shown = text_of(client.get(LIST))
    assert "When does it arrive?" in shown
    assert "1 d 4 h 2026-03-02 09:00" in shown
    assert shown.count("No deadline runs") == 1
    assert "left" not in shown
    assert "13812341234" not in shown
    assert "张小明" not in shown


def test_tabs_count_each_status_with_the_other_filters_kept(shop, asked):
    answer_at(MONDAY, asked_at(MONDAY, shop.program, trade_no="7"))
    with browser(shop.administrator, TUESDAY) as client:
        response = client.get(LIST + "?q=2026&cursor=")
    shown = response.content.decode()
    assert "?q=2026&amp;status=answered" in shown
    assert re.search(r"All\s*<span[^>]*>2</span>", shown)


def test_it_is_searched_by_number_and_trade_and_narrowed_by_program_and_day(shop, asked):
    other = make_program(merchant=shop.merchant)
    late = asked_at("2026-03-02T23:59:59+08:00", other, trade_no="99")
    next_day = asked_at("2026-03-03T00:00+08:00", other, trade_no="98")
    answer_at(TUESDAY, next_day)
    with browser(shop.administrator, TUESDAY) as client:

        def found(query: str) -> set[str]:
            return set(numbers_in(client.get(LIST + query)))

        assert found(f"?q={asked.consultation_no}") == set(of(asked))
        assert found("?q= 2026 0301 22") == set(of(asked))
        assert found("?q=9") == set(of(late, next_day))
        assert found("?q=0099") == set()
        assert found(f"?mini_program={other.pk}&status=all") == set(of(late, next_day))
        assert found("?asked_from=2026-03-02&asked_to=2026-03-02&status=all") == set(of(asked, late))
        assert found("?asked_from=2026-03-03&status=all") == set(of(next_day))


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("", "Nobody waits for an answer"),
        ("?status=answered", "No consultation has this status"),
        ("?q=000", "No consultation matches"),
        ("?asked_from=2026-03-03&asked_to=2026-03-02", "This day lies before the first one."),
        ("?asked_from=yesterday", "Nothing is shown until the filters are mended"),
        ("?mini_program=0", "Nothing is shown until the filters are mended"),
        ("?status=nothing", "Nothing is shown until the filters are mended"),
        ("?q=%00", "Nothing is shown until the filters are mended"),
        ("?cursor=nonsense", "This page of the list does not exist"),
    ],
)
def test_an_empty_list_says_why(shop, query, sentence):
    with browser(shop.administrator, TUESDAY) as client:
        response = client.get(LIST + query)
    assert response.status_code == 200
    assert sentence in text_of(response)


def test_pages_lead_forth_and_back_over_what_waits_and_what_does_not(shop):
    waiting = [asked_at(f"2026-03-01T09:{minute:02d}+08:00", shop.program) for minute in range(15)]
    answered = [asked_at(f"2026-03-01T08:{minute:02d}+08:00", shop.program) for minute in range(15)]
    for each in answered:
        answer_at(MONDAY, each)
    expected = of(*waiting, *answered[::-1])
    with browser(shop.administrator, TUESDAY) as client:
        first = client.get(LIST + "?status=all")
        second = client.get(LIST + link_in(first, "next"))
        assert numbers_in(first) + numbers_in(second) == expected
        assert numbers_in(client.get(LIST + link_in(second, "prev"))) == expected[:20]
        assert "30 in all" in text_of(first)


def test_the_list_takes_as_many_queries_for_thirty_rows_as_for_one(shop, asked):
    counts = []
    for number in (1, 30):
        for minute in range(Consultation.objects.count(), number):
            one = asked_at(f"2026-03-01T09:{minute:02d}+08:00", shop.program)
            if minute % 3 == 1:
                answer_at(MONDAY, one)
        with (
            browser(shop.administrator, TUESDAY) as client,
            CaptureQueriesContext(
                connection,
            ) as queries,
        ):
            client.get(LIST + "?status=all")
        counts.append(len(queries))
        assert not any("OFFSET" in each["sql"] for each in queries.captured_queries)
    assert counts[1] <= counts[0] + 1  # the second segment is only asked when the first does not fill the page
    assert counts[0] <= 11


@pytest.fixture
def many(shop) -> None:
    """Three thousand consultations of two shops, and what the planner knows of them."""
    programs = [shop.program, make_program(merchant=make_merchant(platform=shop.merchant.platform))]
    statuses = [*[Status.OPEN] * 30, *[Status.ANSWERED] * 5, *[Status.CLOSED] * 65]
    first = moment("2026-01-01T00:00Z")
    Consultation.objects.bulk_create(
        Consultation(
            consultation_no=f"20260101{number:08d}",
            platform=program.platform,
            merchant=program.merchant,
            mini_program=program,
            trade_no=f"{number * 7919 % 100_000:05d}",
            text="When?",
            status=statuses[number // 2 % 100],
            asked_at=first + timedelta(minutes=number),
            waiting_since=first if statuses[number // 2 % 100] == Status.OPEN else None,
        )
        for number in range(3000)
        for program in [programs[number % 2]]
    )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE complaints_consultation")
        cursor.execute("SET LOCAL enable_seqscan = off")  # how large the table is depends on the tests before


@pytest.mark.parametrize(
    ("status", "index"),
    [
        (Status.OPEN, "consultation_unanswered"),
        (Status.ANSWERED, "consultation_by_status"),
        (Status.CLOSED, "consultation_by_(status|asked)"),
    ],
)
def test_each_segment_of_the_list_is_read_in_the_order_of_an_index(shop, many, status, index):
    (segment,) = segments(visible_to(member_actor(shop.merchant)), [status])
    order = ("-asked_at", "-pk") if segment.descends else (segment.field, "pk")
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_sort = off; SET LOCAL enable_bitmapscan = off")
    plan = segment.rows.order_by(*order)[:21].explain()
    assert re.search(rf"Index Scan using {index} on complaints_consultation", plan), plan
    assert "Sort" not in plan


def test_a_search_reads_the_numbers_by_their_indexes(shop, many):
    searched = narrowed(visible_to(member_actor(shop.merchant)), Wanted(search="0791"))
    plan = searched.explain()
    assert "consultation_by_trade_no" in plan, plan
    assert "consultation_no" in plan
    assert "Seq Scan" not in plan
    assert searched.count() == Consultation.objects.filter(merchant=shop.merchant, trade_no__startswith="0791").count()


def test_what_another_shop_was_asked_does_not_exist(shop, asked):
    neighbour = make_shop()
    with browser(neighbour.administrator, TUESDAY) as client:
        assert numbers_in(client.get(LIST + "?status=all")) == []
        assert client.get(page_of(asked)).status_code == 404
        assert client.post(page_of(asked, "reply"), {"text": "x"}).status_code == 404
        assert client.post(page_of(asked, "close")).status_code == 404
        assert client.get(f"{LIST}?mini_program={shop.program.pk}").status_code == 200
    assert not ConsultationLine.objects.exists()


def test_counts_stop_at_the_cap(shop, asked, monkeypatch):
    monkeypatch.setattr("common.counting.CAP", 2)
    for minute in range(4):
        asked_at(f"2026-03-01T09:{minute:02d}+08:00", shop.program)
    assert status_counts(Consultation.objects.all())["open"] == 3


# One consultation


def test_the_page_shows_the_question_everything_that_was_said_and_no_name_of_the_consumer(shop, asked):
    mine, proof = make_picture(shop.merchant, name="parcel.png"), make_picture(shop.merchant, name="label.png")
    asked.pictures.set([mine])
    answer_at(MONDAY, asked, "With the next parcel.", evidence=[proof])
    services.ask_again(asked.pk, "Which one?", actor=actor_of(asked), now=moment("2026-03-02T10:00+08:00"))
    with browser(shop.administrator, TUESDAY) as client:
        response = client.get(page_of(asked))
    shown, page = text_of(response), response.content.decode()
    for part in (
        "When does it arrive?",
        "With the next parcel.",
        "Li Lei Merchant",
        "Which one?",
        "张** Consumer",
        "138****1234",
        "20260301220099",
        "The consumer has waited for 1 d 3 h.",
        "No deadline runs.",
    ):
        assert part in shown, part
    for hidden in ("13812341234", "张小明"):
        assert hidden not in page
    assert page.count(f"/evidence/{mine.token}/") >= 1
    assert page.count(f"/evidence/{proof.token}/") >= 1


def test_a_consumer_without_a_name_is_called_the_consumer(shop):
    asked = asked_at(MONDAY, shop.program)
    services.ask_again(asked.pk, "Hello?", actor=platform_actor(asked.platform), now=moment(MONDAY))
    with browser(shop.administrator, TUESDAY) as client:
        shown = text_of(client.get(page_of(asked)))
    assert "Consumer 2026-03-02 09:00" in shown


def test_the_page_takes_as_many_queries_however_much_was_said(shop, asked):
    counts = []
    for number in (1, 12):
        for minute in range(asked.lines.count(), number):
            answer_at(f"2026-03-02T10:{minute:02d}+08:00", asked, evidence=[make_picture(shop.merchant)])
        with browser(shop.administrator, TUESDAY) as client, CaptureQueriesContext(connection) as queries:
            assert client.get(page_of(asked)).status_code == 200
        counts.append(len(queries))
    assert counts[0] == counts[1] <= 13


def test_a_reply_with_a_picture_reaches_the_consumer(shop, asked):
    with browser(shop.administrator, TUESDAY) as client:
        sent = {"text": "Tomorrow.", "pictures": picture(), "seen": "0"}
        response = client.post(page_of(asked, "reply"), sent)
        assert (response.status_code, response.headers["Location"]) == (302, page_of(asked))
        shown = text_of(client.get(page_of(asked)))
    line = asked.lines.get()
    assert (line.verb, line.text, line.actor_name, line.evidence.count()) == ("reply", "Tomorrow.", "Wang Fang", 1)
    assert "The reply was sent; the consumer reads it on their page." in shown
    assert "Answered." in shown


@pytest.mark.parametrize(("text", "why"), [(" ", "Write something first."), ("长" * 10_000, "2000 characters")])
def test_what_is_wrong_is_said_and_nothing_is_lost(shop, asked, text, why):
    with browser(shop.administrator, TUESDAY) as client:
        broken = picture("broken.png", b"no picture")
        response = client.post(page_of(asked, "reply"), {"text": text, "pictures": [picture(), broken]})
        shown = response.content.decode()
        assert response.status_code == 400
        assert "broken.png" in shown
        (kept,) = re.findall(r'name="pictures_kept" value="(\w+)" checked', shown)
        response = client.post(page_of(asked, "reply"), {"text": text, "pictures_kept": kept if text.strip() else ""})
        if text.strip():
            assert why in text_of(response)
            assert text in response.content.decode()
            assert f'value="{kept}" checked' in response.content.decode()
        sent = {"text": "So.", "pictures_kept": kept}
        assert client.post(page_of(asked, "reply"), sent).status_code == 302
    assert [each.token for each in asked.lines.get().evidence.all()] == [kept]


def test_an_empty_reply_is_refused_beside_its_field(shop, asked):
    with browser(shop.administrator, TUESDAY) as client:
        response = client.post(page_of(asked, "reply"), {"text": " "})
    assert response.status_code == 400
    assert "Write something first." in text_of(response)
    assert not asked.lines.exists()


def test_of_two_who_reply_at_once_the_second_sees_what_the_first_said(shop, asked):
    colleague = member(shop, Grant.VIEW, Grant.HANDLE)
    with browser(colleague, TUESDAY) as client:
        seen = re.findall(r'name="seen" value="(\d+)"', client.get(page_of(asked)).content.decode())
        assert seen == ["0"]
        answer_at(TUESDAY, asked, "It left today.")
        response = client.post(page_of(asked, "reply"), {"text": "Tomorrow.", "seen": seen[0]})
        assert response.status_code == 302
        shown = text_of(client.get(page_of(asked)))
        assert "The reply was sent. Meanwhile Li Lei replied too: see whether both agree." in shown
        assert "It left today." in shown
        again = re.findall(r'name="seen" value="(\d+)"', client.get(page_of(asked)).content.decode())
        client.post(page_of(asked, "reply"), {"text": "And thanks.", "seen": again[0]})
        assert "Meanwhile" not in text_of(client.get(page_of(asked)))
    assert asked.lines.count() == 3


@pytest.mark.parametrize("seen", ["", "-1", "x", str(2**70)])
def test_a_form_that_says_nonsense_of_what_was_seen_breaks_nothing(shop, asked, seen):
    with browser(shop.administrator, TUESDAY) as client:
        assert client.post(page_of(asked, "reply"), {"text": "So.", "seen": seen}).status_code in (302, 400)


def test_a_reply_to_what_was_closed_meanwhile_is_refused_and_kept_to_copy(shop, asked):
    services.close(asked.pk, actor=actor_of(asked), now=moment(TUESDAY))
    with browser(shop.administrator, TUESDAY) as client:
        response = client.post(page_of(asked, "reply"), {"text": "Tomorrow.", "pictures": picture()})
        shown = response.content.decode()
        assert response.status_code == 409
        assert "closed” now, so this can no longer be done" in text_of(response)
        assert "What you typed, to copy:" in shown
        assert "Tomorrow." in shown
        assert f"/evidence/{Evidence.objects.get().token}/" in shown
        later = text_of(client.get(page_of(asked)))
        assert "nothing more can be said in it" in later
    assert not asked.lines.filter(verb="reply").exists()


def test_closing_and_closing_twice(shop, asked):
    with browser(shop.administrator, TUESDAY) as client:
        assert client.get(page_of(asked, "close")).headers["Location"] == page_of(asked)
        assert client.post(page_of(asked, "close")).status_code == 302
        shown = text_of(client.get(page_of(asked)))
        assert "The consultation was closed." in shown
        assert "Closed the consultation." in shown
        assert "Close the consultation" not in shown
        client.post(page_of(asked, "close"))
        assert "The consultation is “closed” now" in text_of(client.get(page_of(asked)))
    assert asked.lines.count() == 1


def test_it_leads_to_the_complaint_that_it_became_and_back(shop, asked):
    answer_at(MONDAY, asked, "With the next parcel.")
    complaint = services.complain(
        asked.pk, make_filing(shop.program), actor=actor_of(asked), now=moment("2026-03-03T09:00+08:00")
    )
    with browser(shop.administrator, TUESDAY) as client:
        shown = client.get(page_of(asked))
        assert f'href="/complaints/{complaint.complaint_no}/"' in shown.content.decode()
        assert "It became a complaint, whose deadline runs." in text_of(shown)
        assert "became a complaint" in text_of(client.get(LIST + "?status=closed"))
        history = text_of(client.get(f"/complaints/{complaint.complaint_no}/"))
    for said in ("When does it arrive?", "With the next parcel.", "Made a complaint of the consultation."):
        assert said in history
    panel = Template("{% load consultation_panels %}{% consultation_panel complaint %}")
    assert page_of(asked) in panel.render(Context({"complaint": complaint}))
    other = file_at(MONDAY, shop.program)
    assert panel.render(Context({"complaint": other})).strip() == ""


# Who may


def test_a_member_who_may_only_see_is_told_whom_to_ask(shop, asked):
    with browser(member(shop, Grant.VIEW), TUESDAY) as client:
        assert "Reply" not in re.findall(r">\s*(\w+)\s*</a>", client.get(LIST).content.decode())
        response = client.get(page_of(asked))
        assert "<textarea" not in response.content.decode()
        assert "You may see this consultation, but not reply." in text_of(response)
        assert "Wang Fang" in text_of(response)
        assert client.post(page_of(asked, "reply"), {"text": "x", "pictures": picture()}).status_code == 403
        assert client.post(page_of(asked, "close")).status_code == 403
    assert not ConsultationLine.objects.exists()
    assert not Evidence.objects.exists()


@pytest.mark.parametrize("grants", [(), (Grant.HANDLE,)])
def test_without_the_grant_to_see_there_is_nothing(shop, asked, grants):
    with browser(member(shop, *grants), TUESDAY) as client:
        for address in (LIST, page_of(asked)):
            response = client.get(address)
            assert response.status_code == 403
            assert "When does it arrive?" not in text_of(response)
        assert client.post(page_of(asked, "reply"), {"text": "x"}).status_code == 403


def test_staff_are_sent_to_their_desk_and_read_it_there(shop, asked):
    answer_at(MONDAY, asked, "With the next parcel.")
    with browser(make_user(is_staff=True, is_superuser=True), TUESDAY) as client:
        assert client.get(LIST).headers["Location"] == "/admin/"
        listed = client.get("/admin/complaints/consultation/?q=" + asked.consultation_no[:8])
        assert asked.consultation_no in text_of(listed)
        shown = text_of(client.get(f"/admin/complaints/consultation/{asked.pk}/change/"))
        assert "With the next parcel." in shown
        assert client.post(f"/admin/complaints/consultation/{asked.pk}/change/", {"text": "x"}).status_code == 403
        assert client.post(f"/admin/complaints/consultation/{asked.pk}/delete/", {"post": "yes"}).status_code == 403


# In the frame and at home


def test_the_side_bar_counts_what_waits(shop, asked):
    answer_at(MONDAY, asked_at(MONDAY, shop.program))
    with browser(shop.administrator, TUESDAY) as client:
        shown = client.get(LIST).content.decode()
    entry = re.findall(r'<a[^>]*href="/consultations/"[^>]*>(.*?)</a>', shown, re.DOTALL)[0]
    assert " ".join(re.sub(r"<[^>]+>", " ", entry).split()).startswith("Consultations 1")


def card_shown(shop, now):
    return render_to_string("consultations/_card.html", {"card": card_of(shop.merchant.pk), "now": now})


def test_the_card_of_the_home_page(shop, asked, django_assert_num_queries):
    now = moment(MONDAY) + timedelta(hours=30)
    with django_assert_num_queries(2):
        shown = card_shown(shop, now)
    assert "1 d 6 h" in shown
    assert "1 mini program shows consumers no way to reach you" in " ".join(shown.split())
    answer_at(MONDAY, asked)
    set_contact(shop.program.pk, Contact(phone="95188"), actor=member_actor(shop.merchant), now=now)
    shown = card_shown(shop, now)
    assert "1 d 6 h" not in shown
    assert "do not learn" not in shown
