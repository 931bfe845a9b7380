"""The sandbox as the official clients need it: bytes, signatures, books that survive a kill, and doors."""

import base64
import http.client
import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from decimal import Decimal
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import urlencode, urlsplit

import pytest
from Cryptodome.Hash import SHA, SHA256
from Cryptodome.PublicKey import RSA
from Cryptodome.Signature import pkcs1_15
from django.conf import settings as django_settings
from django.core.management import CommandError, call_command

from common.tests.ports import port_of_nobody
from refunds.gateways import Outcome, RefundOrder
from refunds.gateways.alipay import AlipayGateway
from refunds.sandbox.books import Books, Refusal
from refunds.sandbox.control import REFUND, REFUND_QUERY, Control
from refunds.sandbox.faults import Fault
from refunds.sandbox.home import APP_ID, CannotRun, Home
from refunds.sandbox.protocol import cents
from refunds.sandbox.testing import running

TRADE = "2026111022001400001234567890"
HASHES = {"RSA2": SHA256, "RSA": SHA}


def key(sandbox, owner):
    return RSA.import_key((sandbox.server.home.directory / f"{owner}_private_key.pem").read_bytes())


def signed(sandbox, method=REFUND, biz=None, *, signer=None, sign_type="RSA2", **more):
    """The parameters of a request as an official client signs them."""
    given = {
        "app_id": APP_ID,
        "method": method,
        "format": "json",
        "charset": "utf-8",
        "sign_type": sign_type,
        "timestamp": "2026-11-24 21:41:53",
        "version": "1.0",
        "biz_content": json.dumps(biz or {}, ensure_ascii=False, separators=(",", ":")),
        **more,
    }
    text = "&".join(f"{name}={value}" for name, value in sorted(given.items()) if value)
    digest = HASHES[sign_type].new(text.encode())
    return given | {"sign": base64.b64encode(pkcs1_15.new(signer or key(sandbox, "app")).sign(digest)).decode()}


def send(sandbox, given, *, in_body=("biz_content",), verb="POST"):
    """Send parameters, some in the address and some in the body, and return the body of the answer as it came."""
    query = urlencode({name: value for name, value in given.items() if name not in in_body})
    body = urlencode({name: value for name, value in given.items() if name in in_body}).encode()
    with closing(http.client.HTTPConnection(urlsplit(sandbox.address).netloc, timeout=60)) as connection:
        headers = {"Content-Type": "application/x-www-form-urlencoded;charset=utf-8"}
        connection.request(verb, f"/gateway.do?{query}", body if verb == "POST" else None, headers)
        answer = connection.getresponse()
        assert answer.status == 200
        return answer.read()


REFUND_R1 = {"trade_no": TRADE, "out_request_no": "R-1", "refund_amount": "33.33", "refund_reason": "商家 & 退款 {"}


# How the official Python SDK cuts an answer: the first begin, the last end, and the signature of what is between.
BEGIN = re.compile(rb'"[a-zA-z_]+_response"\s*:\s*\{')
END = re.compile(rb'\}\s*,\s*"sign"\s*:\s*"')


def cut_as_the_official_sdk(body):
    begin, end = next(BEGIN.finditer(body)), list(END.finditer(body))[-1]
    content = body[begin.end() - 1 : end.start() + 1]
    signature = base64.b64decode(body[end.end() : body.index(b'"', end.end())])
    return content, signature


@pytest.mark.parametrize(
    ("method", "biz"),
    [
        (REFUND, REFUND_R1),
        (REFUND, {"trade_no": TRADE}),
        (REFUND_QUERY, {"trade_no": TRADE, "out_request_no": "R-1"}),
        ("alipay.trade.query", {"out_trade_no": "T-1"}),
        ("alipay.no.such.method", {}),
        ("alipay.v2.method", {}),
    ],
)
def test_answers_are_cut_as_the_official_sdk_cuts_them(sandbox, method, biz):
    body = send(sandbox, signed(sandbox, method, biz))
    content, signature = cut_as_the_official_sdk(body)
    pkcs1_15.new(key(sandbox, "platform").public_key()).verify(SHA256.new(content), signature)
    name = f"{method.replace('.', '_')}_response" if method != "alipay.v2.method" else "error_response"
    assert body == b'{"%s":%s,"sign":"%s"}' % (name.encode(), content, base64.b64encode(signature))
    assert json.loads(body)[name] == json.loads(content)


def test_a_reason_that_looks_like_the_end_of_an_answer_breaks_no_client(sandbox):
    reason = '"}, "sign":"AAAA"} ":{'
    send(sandbox, signed(sandbox, REFUND, REFUND_R1 | {"refund_reason": reason}))
    body = send(sandbox, signed(sandbox, REFUND_QUERY, {"trade_no": TRADE, "out_request_no": "R-1"}))
    content, signature = cut_as_the_official_sdk(body)
    pkcs1_15.new(key(sandbox, "platform").public_key()).verify(SHA256.new(content), signature)
    assert json.loads(content)["refund_reason"] == reason


@pytest.mark.parametrize("sign_type", ["RSA2", "RSA"])
@pytest.mark.parametrize(
    ("verb", "in_body"),
    [("GET", ()), ("POST", ()), ("POST", ("biz_content",)), ("POST", ("app_id", "method", "sign", "biz_content"))],
)
def test_parameters_may_stand_in_the_address_or_in_the_body(sandbox, verb, in_body, sign_type):
    body = send(sandbox, signed(sandbox, REFUND, REFUND_R1, sign_type=sign_type), verb=verb, in_body=in_body)
    content, signature = cut_as_the_official_sdk(body)
    pkcs1_15.new(key(sandbox, "platform").public_key()).verify(HASHES[sign_type].new(content), signature)
    assert json.loads(content)["code"] == "10000"


def test_flat_parameters_are_taken_too(sandbox):
    body = send(sandbox, signed(sandbox, REFUND, None, **REFUND_R1), in_body=tuple(REFUND_R1))
    assert json.loads(cut_as_the_official_sdk(body)[0])["fund_change"] == "Y"


def test_an_answer_about_a_refund_says_what_this_one_moved_and_what_was_refunded_in_all(sandbox):
    sandbox.trade(TRADE, "100.00")
    answers = [
        json.loads(cut_as_the_official_sdk(send(sandbox, signed(sandbox, REFUND, biz)))[0])
        for biz in (REFUND_R1, REFUND_R1, REFUND_R1 | {"out_request_no": "R-2", "refund_amount": "10"})
    ]
    assert [(each["fund_change"], each["refund_fee"]) for each in answers] == [
        ("Y", "33.33"),
        ("N", "33.33"),
        ("Y", "43.33"),
    ]


# What is refused at the door.


def refusal(sandbox, given, **how):
    node = json.loads(cut_as_the_official_sdk(send(sandbox, given, **how))[0])
    return node["code"], node["sub_code"]


def test_another_key_is_refused_with_the_text_that_was_verified(sandbox):
    given = signed(sandbox, REFUND, REFUND_R1, signer=RSA.generate(2048))
    node = json.loads(cut_as_the_official_sdk(send(sandbox, given))[0])
    assert (node["code"], node["sub_code"]) == ("40002", "isv.invalid-signature")
    assert node["sub_msg"].endswith(
        f"app_id={APP_ID}&biz_content={given['biz_content']}&charset=utf-8&format=json&method=alipay.trade.refund"
        "&sign_type=RSA2&timestamp=2026-11-24 21:41:53&version=1.0"
    )
    assert sandbox.refunds()["count"] == 0


@pytest.mark.parametrize("name", ["biz_content", "timestamp", "notify_url"])
def test_a_parameter_that_was_changed_or_added_is_refused(sandbox, name):
    given = signed(sandbox, REFUND, REFUND_R1) | {name: '{"trade_no":"1","refund_amount":"1"}'}
    assert refusal(sandbox, given) == ("40002", "isv.invalid-signature")


@pytest.mark.parametrize(
    ("name", "sub_code"),
    [
        ("sign", "isv.missing-signature"),
        ("sign_type", "isv.missing-signature-type"),
        ("app_id", "isv.missing-app-id"),
        ("timestamp", "isv.missing-timestamp"),
        ("version", "isv.missing-version"),
    ],
)
def test_a_missing_parameter_is_named(sandbox, name, sub_code):
    assert refusal(sandbox, signed(sandbox, REFUND, REFUND_R1) | {name: ""}) == ("40001", sub_code)


@pytest.mark.parametrize(
    ("change", "sub_code"),
    [
        ({"app_id": "2021999999999999"}, "isv.invalid-app-id"),
        ({"sign_type": "MD5"}, "isv.invalid-signature-type"),
        ({"sign": "no base64!"}, "isv.invalid-signature"),
        ({"sign": "QUJD"}, "isv.invalid-signature"),
    ],
)
def test_wrong_common_parameters_are_refused(sandbox, change, sub_code):
    assert refusal(sandbox, signed(sandbox, REFUND, REFUND_R1) | change) == ("40002", sub_code)


@pytest.mark.parametrize("content", ["[]", "7", "{", '{"trade_no":{"a":1}}', "[" * 50_000])
def test_business_parameters_that_are_none_are_refused(sandbox, content):
    given = signed(sandbox, REFUND, biz_content=content)
    assert refusal(sandbox, given) == ("40002", "isv.invalid-parameter")


@pytest.mark.parametrize(
    "change",
    [
        {"refund_amount": "0"},
        {"refund_amount": "0.00"},
        {"refund_amount": "-1"},
        {"refund_amount": "1.001"},
        {"refund_amount": "1e3"},
        {"refund_amount": ""},
        {"refund_amount": "１"},
        {"trade_no": ""},
        {"trade_no": "2" * 65},
        {"out_request_no": "R" * 65},
    ],
)
def test_a_refund_that_is_none_is_a_business_failure(sandbox, change):
    given = signed(sandbox, REFUND, REFUND_R1 | change)
    assert refusal(sandbox, given) == ("40004", "ACQ.INVALID_PARAMETER")
    assert sandbox.refunds()["count"] == 0


@pytest.mark.parametrize(
    ("text", "found"),
    [("0.01", 1), ("1", 100), ("1.5", 150), ("999999999.99", 99_999_999_999), ("0", None), (".5", None), ("1.", None)],
)
def test_amounts_are_whole_cents(text, found):
    assert cents(text) == found


# The books.


def test_the_books_survive_the_server(tmp_path):
    with running(tmp_path) as first:
        first.trade(TRADE, "50.00")
        send(first, signed(first, REFUND, REFUND_R1))
    with running(tmp_path) as second:
        assert second.numbers(TRADE) == ["R-1"]
        assert refusal(second, signed(second, REFUND, REFUND_R1 | {"out_request_no": "R-2"})) == (
            "40004",
            "ACQ.REFUND_AMT_NOT_EQUAL_TOTAL",
        )


def test_the_books_themselves_hold_the_bound(tmp_path):
    books = Books(tmp_path / "books")
    books.tell_trade(TRADE, 100)
    books.refund({"trade_no": TRADE}, "R-1", 60, "")
    with pytest.raises(Refusal, match=r"ACQ\.INVALID_PARAMETER"):
        books.tell_trade(TRADE, 59)
    with closing(sqlite3.connect(books.file)) as connection, pytest.raises(sqlite3.IntegrityError):
        connection.execute("UPDATE trade SET refunded = 101")


def test_a_refund_that_fails_half_way_leaves_nothing(tmp_path, monkeypatch):
    books = Books(tmp_path / "books")
    monkeypatch.setattr("refunds.sandbox.books.beijing_now", lambda: None)  # refunded_at must not be empty
    with pytest.raises(sqlite3.IntegrityError):
        books.refund({"trade_no": TRADE}, "R-1", 60, "")
    assert books.refunds() == []
    with pytest.raises(Refusal, match=r"ACQ\.TRADE_NOT_EXIST"):
        books.find_trade({"trade_no": TRADE})


@contextmanager
def program(directory: Path) -> Iterator[tuple[subprocess.Popen[str], Control]]:
    """The sandbox as `manage.py sandbox` runs it."""
    process = subprocess.Popen(
        [sys.executable, "manage.py", "sandbox", "--directory", str(directory)],
        cwd=django_settings.BASE_DIR,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout
        for line in process.stdout:
            if found := re.search(r"answers at (http://\S+)/ ", line):
                yield process, Control(found[1])
                return
        raise AssertionError("it never answered")
    finally:
        process.kill()
        process.communicate()


def test_a_kill_loses_nothing_and_counts_nothing_twice(tmp_path, settings):
    home = Home(tmp_path)
    order = RefundOrder(trade_no=TRADE, request_no="R-1", amount=Decimal("33.33"))
    (tmp_path / "port").write_text(str(port_of_nobody()))  # nobody takes it while the sandbox is away
    with program(tmp_path) as (process, control):
        address = control.address
        for name, value in home.variables(address).items():
            setattr(settings, name.removesuffix("_FILE"), Path(value).read_text() if "FILE" in name else value)
        gateway = AlipayGateway()
        assert home.running_address() == address
        control.fault("lost")
        assert gateway.refund(order).outcome == Outcome.UNKNOWN
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        assert home.running_address() is None
        assert gateway.query(order).outcome == Outcome.UNKNOWN
    with program(tmp_path) as (_, control):
        assert control.address == address, "a restarted sandbox has its old address"
        assert gateway.query(order).outcome == Outcome.SUCCEEDED
        assert gateway.refund(order).outcome == Outcome.SUCCEEDED
        counted = control.refunds()
        assert (counted["count"], counted["cents"], counted["requests"]) == (1, 3333, 2)


# Keys and the directory.


def test_keys_are_made_once_and_are_nobody_elses(tmp_path):
    home = Home(tmp_path / "sandbox")
    home.prepare()
    before = {path.name: path.read_bytes() for path in home.directory.glob("*.pem")}
    home.prepare()
    assert {path.name: path.read_bytes() for path in home.directory.glob("*.pem")} == before
    assert len(set(before.values())) == 4
    assert {path.stat().st_mode & 0o777 for path in home.directory.glob("*.pem")} == {0o600}
    assert home.directory.stat().st_mode & 0o777 == 0o700


def test_a_pair_that_was_left_half_made_is_made_anew(tmp_path):
    home = Home(tmp_path)
    home.prepare()
    (tmp_path / "app_public_key.pem").unlink()
    (tmp_path / "app_private_key.unfinished").touch()
    home.prepare()
    private = RSA.import_key((tmp_path / "app_private_key.pem").read_bytes())
    assert private.public_key() == RSA.import_key((tmp_path / "app_public_key.pem").read_bytes())


def test_a_second_sandbox_on_one_directory_is_refused(sandbox):
    with pytest.raises(CannotRun, match=r"A sandbox runs on .* already"), running(sandbox.server.home.directory):
        pass
    with pytest.raises(CommandError, match=r"A sandbox runs on .* already"):
        call_command("sandbox", directory=sandbox.server.home.directory)


def test_a_port_that_is_taken_is_named(sandbox, tmp_path):
    port = urlsplit(sandbox.address).port
    with pytest.raises(CommandError, match=rf"cannot listen on port {port} of 127\.0\.0\.1"):
        call_command("sandbox", directory=tmp_path / "other", port=port)
    assert Home(tmp_path / "other").running_address() is None


def test_production_has_no_sandbox(settings, tmp_path):
    settings.PRODUCTION = True
    with pytest.raises(CommandError, match="does not run in production"):
        call_command("sandbox", directory=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_the_port_of_the_last_time_is_taken_again_if_it_is_free(sandbox, tmp_path):
    home = Home(tmp_path)
    first = home.choose_port()
    assert home.choose_port() == first
    taken = urlsplit(sandbox.address).port
    (tmp_path / "port").write_text(str(taken))
    assert home.choose_port() != taken
    (tmp_path / "port").write_text("99999999")
    assert home.choose_port()


# The doors: for this machine only.


def call(sandbox, verb, path, body=None, **headers):
    """Send a plain HTTP request and return its status and its body."""
    connection = http.client.HTTPConnection(urlsplit(sandbox.address).netloc, timeout=60)
    with closing(connection):
        connection.request(verb, path, body=body, headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()


def test_it_listens_on_the_loopback_address_only(sandbox):
    assert sandbox.server.server.socket.getsockname()[0] == "127.0.0.1"


@pytest.mark.parametrize("host", ["evil.example.com", "127.0.0.1.example.com", "192.168.0.1", "[::1", ""])
def test_under_another_name_nothing_is_answered(sandbox, host):
    for verb, path in (("GET", "/sandbox/refunds"), ("POST", "/sandbox/faults"), ("GET", "/gateway.do")):
        assert call(sandbox, verb, path, Host=host)[0] in (400, 403)


def test_a_form_of_a_page_elsewhere_orders_nothing(sandbox):
    order = json.dumps({"method": REFUND, "fault": "lost"})
    for kind in ("text/plain", "application/x-www-form-urlencoded"):
        assert call(sandbox, "POST", "/sandbox/faults", order, **{"Content-Type": kind})[0] == 400
    assert sandbox.faults() == []


@pytest.mark.parametrize(
    "order",
    [
        {},
        [],
        7,
        {"method": REFUND},
        {"method": REFUND, "fault": "earthquake"},
        {"method": REFUND, "fault": "fail"},
        {"method": REFUND, "fault": "lost:7"},
        {"method": REFUND, "fault": "http:99"},
        {"method": REFUND, "fault": "http:abc"},
        {"method": REFUND, "fault": "lost", "times": 0},
        {"method": REFUND, "fault": "lost", "times": "2"},
        {"method": REFUND, "fault": "timeout", "seconds": -1},
        {"method": REFUND, "fault": "lost", "when": "now"},
        {"method": "alipay.trade.page.pay", "fault": "lost"},
    ],
)
def test_an_order_that_is_none_is_refused(sandbox, order):
    status, text = call(sandbox, "POST", "/sandbox/faults", json.dumps(order), **{"Content-Type": "application/json"})
    assert (status, sandbox.faults()) == (400, [])
    assert json.loads(text)["detail"]


def test_faults_are_listed_and_forgotten(sandbox):
    sandbox.fault("lost", times=3)
    sandbox.fault("timeout", REFUND_QUERY, seconds=1)
    assert [(each["kind"], each["times"], each["seconds"]) for each in sandbox.faults()] == [
        ("lost", 3, 60.0),
        ("timeout", 1, 1.0),
    ]
    sandbox.forget_faults()
    assert sandbox.faults() == []
    assert Fault.from_order({"method": REFUND, "fault": "fail:A:B"}).argument == "A:B"


@pytest.mark.parametrize("amount", ["0", "-1", "x", "1.001", None])
def test_a_trade_without_an_amount_is_refused(sandbox, amount):
    with pytest.raises(HTTPError, match="400") as refused:
        sandbox.trade(TRADE, amount)
    refused.value.close()


def test_a_trade_below_what_was_refunded_is_refused(sandbox):
    send(sandbox, signed(sandbox, REFUND, REFUND_R1))
    with pytest.raises(HTTPError, match="409") as refused:
        sandbox.trade(TRADE, "33.32")
    refused.value.close()


@pytest.mark.parametrize(
    ("verb", "path", "headers", "status"),
    [
        ("GET", "/", {}, 404),
        ("GET", "/sandbox/pay", {}, 404),
        ("POST", "/sandbox/refunds", {}, 404),
        ("POST", "/sandbox/pay", {"Content-Length": "99999999"}, 413),
        ("POST", "/sandbox/pay", {"Content-Length": "many"}, 400),
        ("POST", "/sandbox/pay", {}, 404),
    ],
)
def test_other_requests_get_a_page(sandbox, verb, path, headers, status):
    got, text = call(sandbox, verb, path, **headers)
    assert got == status
    assert "<h1>" in text


# The page on which one pays.

PAYMENT = {"out_trade_no": "T-1", "total_amount": "500.00", "subject": "<b>充值</b> & more"}


def page(sandbox, biz=None, return_url="http://127.0.0.1:8000/?a=1&b=2"):
    given = signed(sandbox, "alipay.trade.page.pay", PAYMENT | (biz or {}), return_url=return_url)
    return send(sandbox, given, verb="GET", in_body=()).decode()


def test_the_page_speaks_both_languages_and_escapes_what_it_was_told(sandbox):
    text = page(sandbox)
    assert "沙箱：支付 ¥500.00 · Sandbox: pay ¥500.00" in text
    assert "no real money moves" in text
    assert "&lt;b&gt;充值&lt;/b&gt; &amp; more" in text
    assert "<script" not in text


def test_a_payment_needs_the_token_of_its_page(sandbox):
    page(sandbox)
    form = urlencode({"out_trade_no": "T-1", "token": "guess", "action": "pay"})
    assert call(sandbox, "POST", "/sandbox/pay", form)[0] == 404
    assert sandbox.server.books.find_trade({"out_trade_no": "T-1"}).status == "WAIT_BUYER_PAY"


def test_coming_back_to_the_page_is_the_same_payment(sandbox):
    token = re.compile(r'name="token" value="([^"]+)"')
    assert token.findall(page(sandbox)) == token.findall(page(sandbox)) != []


def test_the_same_number_with_another_amount_is_refused(sandbox):
    page(sandbox)
    assert "ACQ.CONTEXT_INCONSISTENT" in page(sandbox, {"total_amount": "1.00"})


@pytest.mark.parametrize(
    ("biz", "return_url"),
    [
        ({"total_amount": "0"}, ""),
        ({"out_trade_no": ""}, ""),
        ({"subject": ""}, ""),
        ({}, "javascript:alert(1)"),
        ({}, "//evil.example.com/"),
    ],
)
def test_a_payment_that_is_none_has_no_button(sandbox, biz, return_url):
    text = page(sandbox, biz, return_url)
    assert "ACQ.INVALID_PARAMETER" in text
    assert "<button" not in text


def test_a_payment_without_a_way_back_ends_on_its_page(sandbox):
    token = re.findall(r'name="token" value="([^"]+)"', page(sandbox, return_url=""))[0]
    form = urlencode({"out_trade_no": "T-1", "token": token, "action": "pay"})
    status, text = call(sandbox, "POST", "/sandbox/pay", form)
    assert status == 200
    assert "已支付。" in text


def test_a_payment_can_be_refunded_once_it_is_paid(sandbox):
    token = re.findall(r'name="token" value="([^"]+)"', page(sandbox))[0]
    wish = {"out_trade_no": "T-1", "out_request_no": "R-1", "refund_amount": "500.00"}
    assert refusal(sandbox, signed(sandbox, REFUND, wish)) == ("40004", "ACQ.TRADE_STATUS_ERROR")
    sandbox.server.books.decide_payment("T-1", token, is_paid=False)
    assert refusal(sandbox, signed(sandbox, REFUND, wish)) == ("40004", "ACQ.TRADE_HAS_CLOSE")
    assert sandbox.server.books.decide_payment("T-1", token, is_paid=True).status == "TRADE_CLOSED"
