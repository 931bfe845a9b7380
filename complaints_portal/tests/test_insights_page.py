"""The page of insights: what it says, compares and leads to; its days, tenants, files and queries."""

import csv
import io
import re
from datetime import date, timedelta
from decimal import Decimal
from html import unescape

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils.translation import override

from complaints.models import Method
from complaints.tests.factories import handle_at, make_program, moment
from complaints.tests.pages import browser, make_shop, member, text_of
from complaints_portal.insights import summaries
from complaints_portal.insights.charts import Column, bar_width, tick, weeks_chart
from complaints_portal.insights.comparing import Change, Way, change, share
from complaints_portal.insights.figures import Figures, Range
from complaints_portal.insights.summaries import refresh
from deadlines.sweeping import run_sweep
from merchants.models import Grant

pytestmark = pytest.mark.django_db

NOON = "2026-11-26T12:00+08:00"
PAGE = "/insights/"


@pytest.fixture(autouse=True)
def _read_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let events be read in the transaction that wrote them: a test is one transaction."""
    monkeypatch.setattr(summaries, "oldest_open", lambda: 2**62)


def counted(at: str = NOON) -> None:
    refresh(now=moment(at))


def sweep(at: str) -> None:
    run_sweep("handle", cut_off=moment(at), issued_at=moment(at), ran_by="test")


def busy_shop():
    """Two complaints in the four weeks to 29 October, six in those to 26 November."""
    shop = make_shop()
    shop.files("2026-10-12T10:00+08:00", dispute_type="发货")
    handle_at("2026-10-20T12:00+08:00", shop.files("2026-10-20T10:00+08:00", dispute_type="quality"))
    for day in (2, 9, 10, 16):
        shop.files(f"2026-11-{day:02d}T10:00+08:00", dispute_type="发货", consumer_phone="13800000000")
    late, quick = (shop.files(f"2026-11-{day}T10:00+08:00", dispute_type="quality") for day in (17, 24))
    sweep("2026-11-26T11:00+08:00")
    handle_at("2026-11-26T11:30+08:00", late, refund_amount=Decimal("100.50"), root_cause="delivery")
    handle_at("2026-11-24T15:00+08:00", quick, Method.SHIPPED, root_cause="delivery")
    counted()
    return shop


def figures_of(response) -> dict[str, str]:
    """The figures at a glance, with how each compares."""
    page = response.content.decode()
    tiles = re.findall(r'<div class="figure">(.*?)</div>', page, re.DOTALL)
    found = {}
    for tile in tiles:
        words = " ".join(unescape(re.sub(r"<[^>]+>", " ", tile)).split())
        (label,) = re.findall(r"<dt>(.*?)</dt>", tile)
        found[label] = words.removeprefix(label).strip()
    return found


def test_the_page_says_in_words_and_figures_what_there_is_to_learn():
    shop = busy_shop()
    with browser(shop.administrator, NOON) as client:
        response = client.get(PAGE, {"weeks": "4"})
    assert figures_of(response) == {
        "Complaints": "6 ↑ up from 2",
        "Handled in time": "16% ↓ down from 50% 1 of 6",
        "Half handled within": "5 h 0 min ↑ up from 2 h 0 min",
        "Nine of ten within": "9 d 1 h ↑ up from 2 h 0 min",
        "Missed": "5 ↑ up from 1",
        "Points lost": "5 ↑ up from 1",
        "Refunded": "¥100.50 ↓ down from ¥128.00",
        "Complained again": "3 ↑ up from 0",
        "Had asked first": "0 = as in the stretch before",
    }
    said = text_of(response)
    assert "Complaints filed 2026-10-30 – 2026-11-26, compared with 2026-10-02 – 2026-10-29." in said
    assert "Complaints grew from 2 to 6." in said
    assert "Complaints about “发货” grew from 1 to 4; they cost 4 points." in said
    assert "16% were handled in time. Half of what was handled took up to 5 h 0 min, nine of ten up to 9 d 1 h." in said
    assert "The cause that was named most is “The delivery”: 2 complaints; they cost 1 point and ¥100.50." in said
    assert "3 complaints are about a trade, or from a phone, that had complained before." in said
    assert "Counted at" in said
    assert "These figures are behind" not in said


def test_each_figure_is_called_in_chinese_what_it_counts():
    shop = busy_shop()
    with browser(shop.administrator, NOON, language="zh-hans") as client:
        found = figures_of(client.get(PAGE, {"weeks": "4"}))
        heads = client.get("/insights/dispute_type.csv", {"weeks": "4"}).content.decode("utf-8-sig").splitlines()[0]
    assert (found["按时处理率"].split()[0], found["超时数"].split()[0]) == ("16%", "5")
    assert heads.split(",")[3:6] == ["已处理数", "按时处理数", "超时数"]


def test_each_number_leads_to_the_complaints_behind_it():
    shop = busy_shop()
    with browser(shop.administrator, NOON) as client:
        page = unescape(client.get(PAGE, {"weeks": "4"}).content.decode())
    days = "status=all&filed_from=2026-10-30&filed_to=2026-11-26"
    weeks = "status=all&filed_from=2026-11-13&filed_to=2026-11-19"
    for query in (
        days,
        f"{days}&outcome=missed",
        f"{days}&outcome=repeat",
        f"{days}&outcome=asked_first",
        f"{days}&dispute_type_is=%E5%8F%91%E8%B4%A7",
        f"{days}&dispute_type_is=quality&outcome=in_time",
        f"{days}&mini_program={shop.program.pk}",
        f"{days}&root_cause=delivery",
        f"{days}&root_cause=none",
        weeks,
    ):
        assert f'href="/complaints/?{query}"' in page, query


def test_the_charts_are_drawn_by_the_server_and_say_in_words_what_they_show():
    shop = busy_shop()
    with browser(shop.administrator, NOON) as client:
        page = client.get(PAGE, {"weeks": "4"}).content.decode()
    assert page.count('class="chart-bar"') >= 4
    assert "4 bars, one for each week; the highest is" in page
    assert re.search(r'role="img" aria-labelledby="weeks-title weeks-desc"', page)
    assert page.count('<details class="behind">') == 4
    main = page[page.index("<main") : page.index("</main>")]
    assert "style=" not in main
    assert "<script" not in main


def test_days_of_ones_own_are_compared_with_as_many_days_before():
    shop = busy_shop()
    with browser(shop.administrator, NOON) as client:
        response = client.get(PAGE, {"first": "2026-11-09", "last": "2026-11-10"})
    said = text_of(response)
    assert "Complaints filed 2026-11-09 – 2026-11-10, compared with 2026-11-07 – 2026-11-08." in said
    assert figures_of(response)["Complaints"] == "2 ↑ up from 0"


@pytest.mark.parametrize(
    ("given", "refusal"),
    [
        ({"first": "2016-11-27"}, "At most two years can be looked at at once. Choose a first day from 2024-11-25 on"),
        ({"first": "2024-11-24"}, "At most two years can be looked at at once."),
        ({"first": "2026-11-10", "last": "2026-11-09"}, "This day lies before the first one."),
        ({"first": "2026-11-27"}, "This day has not come yet."),
        ({"first": "0001-01-01"}, "Choose a day from 2000-01-01 on."),
        ({"last": "1999-12-31"}, "Choose a day from 2000-01-01 on."),
        ({"first": "yesterday"}, "Enter a valid date."),
        ({"weeks": "5"}, "Select a valid choice."),
        ({"dispute_type": ["x" * 201]}, "at most 200 characters"),
        ({"dispute_type": [str(number) for number in range(21)]}, "Choose at most 20."),
        ({"mini_program": "999999"}, "Select a valid choice."),
        ({"mini_program": "x"}, "is not a valid value"),
    ],
)
def test_what_cannot_be_looked_at_is_said_in_a_sentence(given, refusal):
    shop = busy_shop()
    with browser(shop.administrator, NOON) as client:
        response = client.get(PAGE, given)
        assert client.get("/insights/week.csv", given).status_code == 400
    assert refusal in unescape(text_of(response))
    assert "Nothing is shown until the days are mended" in text_of(response)


@pytest.mark.parametrize(
    ("first", "answer"),
    [("2024-11-24", 400), ("2024-11-25", 200), ("2024-11-26", 200)],
    ids=["a day too many", "two years and a day", "less"],
)
def test_two_years_and_not_a_day_more(first, answer):
    shop = make_shop()
    with browser(shop.administrator, NOON) as client:
        assert client.get("/insights/week.csv", {"first": first}).status_code == answer


def test_a_stretch_ends_today_at_the_latest():
    shop = busy_shop()
    with browser(shop.administrator, NOON) as client:
        said = text_of(client.get(PAGE, {"first": "2026-11-25", "last": "9999-12-31"}))
    assert "Complaints filed 2026-11-25 – 2026-11-26, compared with 2026-11-23 – 2026-11-24." in said


def test_it_can_be_narrowed_to_mini_programs_and_dispute_types():
    shop = busy_shop()
    other = make_program(merchant=shop.merchant)
    with browser(shop.administrator, NOON) as client:
        quality = client.get(PAGE, {"weeks": "4", "dispute_type": "quality"})
        nothing = client.get(PAGE, {"weeks": "4", "mini_program": str(other.pk)})
        one = client.get(PAGE, {"weeks": "4", "mini_program": str(shop.program.pk)})
    assert figures_of(quality)["Complaints"] == "2 ↑ up from 1"
    assert "Only: quality" in text_of(quality)
    assert "No complaints in this stretch, and none in the one before" in text_of(nothing)
    assert figures_of(one)["Complaints"] == "6 ↑ up from 2"


def test_what_was_chosen_is_kept_when_the_days_are_refused():
    shop = busy_shop()
    with browser(shop.administrator, NOON) as client:
        page = client.get(PAGE, {"first": "2016-01-01", "dispute_type": "quality"}).content.decode()
    assert '<option value="quality" selected>quality</option>' in page
    assert 'value="2016-01-01"' in page


def test_another_merchant_does_not_exist():
    busy, other = busy_shop(), make_shop()
    with browser(other.administrator, NOON) as client:
        page = client.get(PAGE, {"weeks": "4"})
        foreign = client.get(PAGE, {"mini_program": str(busy.program.pk)})
        lines = client.get("/insights/dispute_type.csv", {"weeks": "4"}).content.decode("utf-8-sig").splitlines()
    assert "No complaints in this stretch" in text_of(page)
    assert "发货" not in page.content.decode()
    assert "Select a valid choice." in text_of(foreign)
    assert len(lines) == 1


def test_only_who_may_see_complaints_may_see_what_they_teach():
    shop = busy_shop()
    with browser(member(shop, Grant.VIEW), NOON) as client:
        assert client.get(PAGE).status_code == 200
    with browser(member(shop, Grant.HANDLE), NOON) as client:
        assert client.get(PAGE).status_code == 403
        assert client.get("/insights/week.csv").status_code == 403


def rows_of(response) -> list[list[str]]:
    return list(csv.reader(io.StringIO(response.content.decode("utf-8-sig"), newline="")))


def test_each_table_is_a_file_that_a_spreadsheet_cannot_run():
    shop = busy_shop()
    shop.files("2026-11-25T10:00+08:00", dispute_type='=HYPERLINK("http://x")')
    counted()
    with browser(shop.administrator, NOON) as client:
        types = client.get("/insights/dispute_type.csv", {"weeks": "4"})
        weeks = client.get("/insights/week.csv", {"weeks": "4"})
        assert client.get("/insights/nonsense.csv").status_code == 404
    assert types.headers["Content-Type"] == "text/csv; charset=utf-8"
    name = 'attachment; filename="insights-dispute-type-2026-10-30-2026-11-26.csv"'
    assert types.headers["Content-Disposition"] == name
    heads, *rows = rows_of(types)
    assert heads[:3] == [
        "Dispute type",
        "Complaints filed 2026-10-30 – 2026-11-26 (Beijing time, UTC+08:00)",
        "Complaints filed 2026-10-02 – 2026-10-29 (Beijing time, UTC+08:00)",
    ]
    assert rows == [
        ["发货", "4", "1", "0", "0", "4", "", "", "4", "0", "0.00", "3", "0"],
        ["quality", "2", "1", "2", "1", "1", "300", "13050", "1", "0", "100.50", "0", "0"],
        ['\'=HYPERLINK("http://x")', "1", "0", "0", "0", "0", "", "", "0", "0", "0.00", "0", "0"],
    ]
    heads, *rows = rows_of(weeks)
    assert heads[0] == "Days of filing (Beijing time, UTC+08:00)"
    assert [row[:3] for row in rows] == [
        ["2026-10-30 – 2026-11-05", "1", "0"],
        ["2026-11-06 – 2026-11-12", "2", "1"],
        ["2026-11-13 – 2026-11-19", "2", "1"],
        ["2026-11-20 – 2026-11-26", "2", "0"],
    ]


def test_figures_that_are_behind_say_so():
    shop = busy_shop()
    with browser(shop.administrator, "2026-11-26T12:10+08:00") as client:
        assert "These figures are behind" not in text_of(client.get(PAGE))
    with browser(shop.administrator, "2026-11-26T12:10:01+08:00") as client:
        assert "they hold what had happened by 2026-11-26 12:00 Beijing time" in text_of(client.get(PAGE))


def test_before_everything_was_counted_once_the_page_says_so():
    shop = make_shop()
    shop.files("2026-11-25T10:00+08:00")
    with browser(shop.administrator, NOON) as client:
        assert "still being counted for the first time" in text_of(client.get(PAGE))
        counted()
        assert "still being counted" not in text_of(client.get(PAGE))


def test_a_root_cause_says_what_it_cost():
    shop = busy_shop()
    with browser(shop.administrator, NOON) as client:
        page = client.get(PAGE, {"weeks": "4"}).content.decode()
    assert 'The delivery <small class="faint">1 point and ¥100.50</small>' in page


def test_it_takes_as_many_queries_for_many_types_and_weeks_as_for_few():
    shop = make_shop()
    asked = []
    for number in (1, 30):
        for each in range(number):
            shop.files(f"2026-11-{each % 25 + 1:02d}T10:00+08:00", dispute_type=f"type {number} {each}")
        counted()
        with browser(shop.administrator, NOON) as client, CaptureQueriesContext(connection) as queries:
            response = client.get(PAGE, {"weeks": str((4, 52)[number > 1])})
        assert response.status_code == 200
        asked.append(len([each for each in queries.captured_queries if "SAVEPOINT" not in each["sql"]]))
    assert asked[0] == asked[1] <= 16


def test_what_stands_after_the_first_rows_is_counted():
    shop = make_shop()
    for each in range(12):
        shop.files(f"2026-11-{each + 1:02d}T10:00+08:00", dispute_type=f"type {each}")
    counted()
    with browser(shop.administrator, NOON) as client:
        said = text_of(client.get(PAGE, {"weeks": "4"}))
    assert "and 2 more, in the table" in said


def test_weeks_are_counted_from_the_first_day_and_the_last_may_be_short():
    weeks = list(Range(first=date(2026, 11, 3), last=date(2026, 11, 12)).weeks())
    assert [(week.first, week.last) for week in weeks] == [
        (date(2026, 11, 3), date(2026, 11, 9)),
        (date(2026, 11, 10), date(2026, 11, 12)),
    ]
    assert [week.length for week in Range(first=date(2026, 11, 3), last=date(2026, 11, 12)).before.weeks()] == [
        timedelta(days=7),
        timedelta(days=3),
    ]


@pytest.mark.parametrize(
    ("highest", "distance"), [(0, 1), (1, 1), (4, 1), (5, 2), (8, 2), (9, 5), (21, 10), (4000, 1000), (4001, 2000)]
)
def test_the_lines_of_a_chart_stand_at_round_numbers(highest, distance):
    assert tick(highest) == distance


def test_bars_are_as_high_as_their_numbers_and_marks_stand_where_it_was_before():
    chart = weeks_chart([Column(date(2026, 11, 2), 4, 2, "a"), Column(date(2026, 11, 9), 1, 0, "b")])
    assert [(bar.x, bar.width, bar.y, bar.height, bar.mark_y) for bar in chart.bars] == [
        ("10.00%", "30.00%", "0.0", "180.0", "90.0"),
        ("60.00%", "30.00%", "135.0", "45.0", "180.0"),
    ]
    assert [(line.y, line.value) for line in chart.lines][:2] == [("180.0", 0), ("135.0", 1)]
    assert [label.text for label in chart.labels] == ["11-02", "11-09"]


def test_what_is_not_nothing_can_be_seen():
    assert bar_width(1, 1_000_000) == "0.40%"
    assert bar_width(0, 5) == "0%"
    assert bar_width(0, 0) == "0%"


def test_a_share_that_is_not_all_never_reads_as_all():
    assert [share(value) for value in (None, 0.0, 0.29, 0.999, 1.0)] == ["–", "0%", "29%", "99%", "100%"]


def test_what_is_not_known_is_not_compared():
    with override("en"):
        assert change(None, 1, "1") is None
        assert change(1, None, "") is None
        assert change(1, 2, "2") == Change(Way.DOWN, "down from 2", "ok")
        assert change(2, 1, "1") == Change(Way.UP, "up from 1", "warn")
        assert change(2, 1, "1", good=None) == Change(Way.UP, "up from 1", "neutral")
        assert change(2, 2, "2") == Change(Way.SAME, "as in the stretch before", "neutral")


def test_history_that_was_handled_late_hides_none_that_were_missed():
    assert Figures(handled=6, in_time=5, missed=1, unhandled=1).share_in_time == pytest.approx(5 / 7)
