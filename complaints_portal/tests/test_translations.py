"""Both languages are whole: nothing of the other one is left on a page, and the Chinese keeps its rules."""

import ast
import re
from dataclasses import dataclass, field
from html.parser import HTMLParser

import pytest
from django.utils.translation import override

from appeals.models import Appeal
from complaints.models import Complaint, Consultation, Export
from complaints.services import cancel
from complaints.tests.factories import consumer_actor, handle_at, make_user, moment
from complaints.tests.pages import Shop, browser, make_shop, member
from complaints_portal import catalogue
from deadlines.sweeping import run_sweep

pytestmark = pytest.mark.django_db

FILED = "2026-03-09T09:00+08:00"
SWEPT = "2026-03-13T10:00+08:00"
NOW = "2026-03-16T10:00+08:00"
CHINESE = re.compile(r"[\u3000-\u303f\u3400-\u9fff\uff00-\uffef]")
ENGLISH = re.compile(r"[A-Za-z]{2,}[,;:]? [a-z]{2,}[,;:]? [a-z]{2,}")
"""Three English words in a row: no name and no format is written so."""
LEFT_BY_DJANGO = {"Change or view list link", "Search"}
"""What the stock admin says in English only, for screen readers and beside a picture."""


@dataclass
class Words(HTMLParser):
    """What a page says, in its text and in the attributes that people see or hear."""

    SPOKEN = ("alt", "aria-label", "data-label", "data-remove", "data-too-big", "data-too-many", "placeholder", "title")

    pieces: list[str] = field(default_factory=list)
    silent: str = ""
    """The element whose text is for machines, or names a language in that language."""

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag, attrs):
        if self.silent:
            return
        given = dict(attrs)
        if tag in ("script", "style") or ("lang" in given and tag != "html"):
            self.silent = tag
            return
        self.pieces += [given[name] for name in self.SPOKEN if given.get(name)]
        if tag == "input" and given.get("type") in ("submit", "button"):
            self.pieces.append(given.get("value", ""))

    def handle_endtag(self, tag):
        if tag == self.silent:
            self.silent = ""

    def handle_data(self, data):
        if not self.silent and data.strip():
            self.pieces.append(" ".join(data.split()))


def words_of(response):
    words = Words()
    words.feed(response.content.decode())
    return words.pieces


@pytest.fixture(scope="module")
def catalog():
    return catalogue.read()


@pytest.fixture
def english(catalog):
    """Every English message as a pattern that recognises it, filled in or not."""
    patterns = []
    for message in catalog:
        for text in [message.id] if isinstance(message.id, str) else message.id:
            has_words = re.search("[A-Za-z]{2}", catalogue.PLACEHOLDER.sub("", text))
            if has_words and CHINESE.search("".join(message.string)):
                parts = [re.escape(part) for part in catalogue.PLACEHOLDER.split(text.replace("%%", "%"))]
                patterns.append(re.compile(".+".join(parts), re.IGNORECASE))
    return patterns


@pytest.fixture
def shop():
    """A shop with a case for every page. What people wrote is in figures, so each word on a page is ours."""
    return make_shop("1001")


def files(shop: Shop, at: str):
    return shop.files(at, dispute_type="2002", description="3003", demand="4004", consumer_name="5005")


@pytest.fixture
def addresses(shop):
    """The pages of a merchant, with cases in each state."""
    handled, reviewed, withdrawn, missed = (files(shop, FILED) for _each in range(4))
    handle_at("2026-03-10T09:00+08:00", handled)
    handle_at("2026-03-10T09:00+08:00", reviewed, method="shipped")
    cancel(withdrawn.pk, reason="", actor=consumer_actor(withdrawn), now=moment("2026-03-10T09:00+08:00"))
    run_sweep("handle", cut_off=moment(SWEPT), issued_at=moment(SWEPT), ran_by="6006")
    late, pending = files(shop, "2026-03-12T09:00+08:00"), files(shop, "2026-03-16T09:00+08:00")
    cases = (handled, reviewed, withdrawn, missed, late, pending)
    lists = ("", "?status=all", "?status=refund_due", "?q=9999", "?filed_from=2026-03-02&filed_to=2026-03-01")
    return [
        "/",
        *(f"/complaints/{narrowed}" for narrowed in lists),
        *(f"/complaints/{case.complaint_no}/" for case in cases),
        "/accounts/logout/",
        "/nowhere/",
    ]


def everything_said(shop, addresses, language):
    """Yield the address of each page and each piece of text on it, for members, staff and strangers."""
    pending = addresses[-3]
    with browser(shop.administrator, NOW, language) as client:
        responses = [(address, client.get(address)) for address in addresses]
        responses.append((f"{pending}handle/", client.post(f"{pending}handle/", {"method": "shipped"})))
        responses.append((f"{pending}messages/", client.post(f"{pending}messages/", {})))
        client.logout()
        responses += [(address, client.get(address)) for address in ("/accounts/login/", "/accounts/password/reset/")]
    with browser(member(shop), NOW, language) as client:
        responses.append(("/ without grants", client.get("/")))
    with browser(make_user(is_staff=True, is_superuser=True), NOW, language) as client:
        desks = ("/admin/", "/admin/complaints/complaint/", "/admin/penalties/penalty/")
        responses += [(address, client.get(address)) for address in desks]
    for address, response in responses:
        assert response.content, address
        for piece in words_of(response):
            yield address, piece


def test_the_catalogue_is_complete():
    findings = catalogue.check()
    assert not findings, findings


def test_chinese_pages_have_no_english(shop, addresses, english):
    left = {
        (address, piece)
        for address, piece in everything_said(shop, addresses, "zh-hans")
        if (ENGLISH.search(piece) or any(pattern.fullmatch(piece) for pattern in english))
        and not (address.startswith("/admin/") and piece in LEFT_BY_DJANGO)
    }
    assert not left


def test_english_pages_have_no_chinese(shop, addresses):
    left = {(where, piece) for where, piece in everything_said(shop, addresses, "en") if CHINESE.search(piece)}
    assert not left


def test_the_pages_do_speak_chinese(shop, addresses):
    said = [piece for _address, piece in everything_said(shop, addresses, "zh-hans")]
    for words in ("我的违规与投诉", "待处理", "处理投诉", "我要留言", "协商历史", "超时未处理交易投诉", "处罚生效"):
        assert words in said


def test_the_chinese_is_set_in_one_way(catalog):
    """Full-width punctuation, and no blanks beside Chinese: the style sheet spaces figures and Latin words."""
    han = "[\u4e00-\u9fff]"
    careless = re.compile(rf"{han} | {han}|{han}[,;:!?()]|[,;:!?()]{han}|你")
    found = [text for message in catalog if message.id for text in _texts(message.string) if careless.search(text)]
    assert found == []


def _texts(string):
    return [string] if isinstance(string, str) else list(string)


def test_one_english_word_is_several_chinese_ones_where_it_means_several_things():
    with override("zh-hans"):
        asked = {model: str(model._meta.get_field("asked_at").verbose_name) for model in (Appeal, Consultation, Export)}
        described = [str(model._meta.get_field("description").verbose_name) for model in (Appeal, Complaint)]
    assert list(asked.values()) == ["要求补充时间", "咨询时间", "申请时间"]
    assert described == ["申诉描述", "投诉描述"]


def test_what_all_reviews_say_names_no_noun_of_one_of_them(catalog):
    shared = ("complaints/reviews/", "deadlines/reviewing.py", "templates/admin/reviews/")
    about_both = {"This merchant's record"}
    said = {
        message.id: message.string
        for message in catalog
        if message.locations and all(place.startswith(shared) for place, _line in message.locations)
    }
    assert len(said) > 50
    assert {words for words, chinese in said.items() if "申诉" in chinese} <= about_both


def test_no_message_hides_in_a_string_that_is_put_together(catalog):
    """Babel looks into none of them; what only stands there would reach no catalogue, and be shown in English."""
    known = {text for message in catalog if message.id for text in _texts(message.id)}
    hidden = []
    for path, place in catalogue._sources():
        if path.suffix == ".py":
            strings = [each for each in ast.walk(ast.parse(path.read_text())) if isinstance(each, ast.JoinedStr)]
            hidden += [(place, text) for string in strings for text in _messages_in(string) if text not in known]
    assert hidden == []


def _messages_in(string):
    """The first text that each call for a translation in this string is given; a context comes before it."""
    for call in ast.walk(string):
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id in catalogue.KEYWORDS:
            texts = [each.value for each in call.args if isinstance(each, ast.Constant)]
            yield texts[1 if call.func.id.startswith(("pgettext", "npgettext")) else 0]


@pytest.mark.parametrize(
    "other",
    [
        "件投诉",  # the guide counts complaints in 笔
        "赠送金",  # 奖励金
        "充值",  # 预存
        "消费者",  # 用户
    ],
)
def test_one_thing_has_one_chinese_name(other):
    said = [text for each in catalogue.read() for text in catalogue._strings(each.string)]
    assert [text for text in said if other in text] == []


def test_what_stands_on_lists_of_several_nouns_names_none_of_them():
    (said,) = catalogue._strings(catalogue.read()["Choose another tab to see the others."].string)
    assert not re.search("投诉|申诉|退款|咨询", said)
