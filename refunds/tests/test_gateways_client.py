"""What the client believes of an answer, byte by byte, with a server that answers whatever it is told."""

import base64
import json
import threading
from contextlib import suppress
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest
from alipay import AliPay
from alipay.exceptions import AliPayValidationError
from Cryptodome.Hash import SHA256
from Cryptodome.Signature import pkcs1_15
from freezegun import freeze_time
from hypothesis import given
from hypothesis import strategies as st

from refunds.gateways import Outcome, RefundOrder
from refunds.gateways.alipay import AlipayGateway
from refunds.gateways.alipay_client import ANSWER_LIMIT, Client, Unclear, is_loopback, members, read_key
from refunds.tests.keys import new_key

TRADE = "2026111022001400001234567890"
ORDER = RefundOrder(trade_no=TRADE, request_no="R-1", amount=Decimal("33.33"))
NODE = "alipay_trade_refund_response"
GOOD = {"code": "10000", "msg": "Success", "trade_no": TRADE, "fund_change": "Y"}
APP_KEY, PLATFORM_KEY, STRANGER = new_key(), new_key(), new_key()


def sign(content, key=PLATFORM_KEY):
    return base64.b64encode(pkcs1_15.new(key).sign(SHA256.new(content))).decode()


def written(node):
    return json.dumps(node, ensure_ascii=False, separators=(",", ":")).encode()


def answer(node, *, name=NODE, key=PLATFORM_KEY, signature=None):
    content = node if isinstance(node, bytes) else written(node)
    return b'{"%s":%s,"sign":"%s"}' % (name.encode(), content, (signature or sign(content, key)).encode())


class Answering:
    """A payment system that sends what a test gave it, and keeps what it was sent."""

    def __init__(self):
        self.body, self.status, self.headers, self.in_drops = b"", 200, {}, False
        self.requests = []
        self.over = threading.Event()


class Quiet(ThreadingHTTPServer):
    def handle_error(self, *_about):
        """Say nothing of a client that has gone."""


@pytest.fixture
def system(settings):
    told = Answering()

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_about):
            """Say nothing."""

        def do_POST(self):
            content = self.rfile.read(int(self.headers["Content-Length"])).decode()
            told.requests.append((self.path, content, self.headers))
            self.send_response(told.status)
            for name, value in told.headers.items():
                self.send_header(name, value)
            self.end_headers()
            if told.in_drops:
                while not told.over.wait(0.02):
                    self.wfile.write(b" ")
            else:
                self.wfile.write(told.body)

    with Quiet(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads, server.block_on_close = True, False
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        settings.ALIPAY_GATEWAY_URL = f"http://127.0.0.1:{server.server_port}/gateway.do"
        settings.ALIPAY_APP_ID = "2021000000000001"
        settings.ALIPAY_APP_PRIVATE_KEY = APP_KEY.export_key().decode()
        settings.ALIPAY_PUBLIC_KEY = PLATFORM_KEY.public_key().export_key().decode()
        settings.ALIPAY_TIMEOUT = 5
        yield told
        told.over.set()
        server.shutdown()


def refund_when(system, body):
    system.body = body
    return AlipayGateway().refund(ORDER)


# What is sent.


def test_business_parameters_travel_in_the_body_and_all_are_signed(system):
    assert refund_when(system, answer(GOOD)).outcome == Outcome.SUCCEEDED
    ((path, content, headers),) = system.requests
    assert headers["Content-Type"] == "application/x-www-form-urlencoded;charset=utf-8"
    assert TRADE not in path
    sent = {name: value for name, (value,) in (parse_qs(urlsplit(path).query) | parse_qs(content)).items()}
    assert json.loads(sent["biz_content"]) == {
        "trade_no": TRADE,
        "out_request_no": "R-1",
        "refund_amount": "33.33",
    }
    signature = base64.b64decode(sent.pop("sign"))
    text = "&".join(f"{name}={value}" for name, value in sorted(sent.items()))
    pkcs1_15.new(APP_KEY.public_key()).verify(SHA256.new(text.encode()), signature)


@pytest.mark.parametrize("zone", ["UTC", "America/New_York"])
def test_the_time_is_beijings_wherever_the_machine_is(system, settings, zone):
    settings.TIME_ZONE = zone  # Django sets the process's own zone with it
    with freeze_time("2026-11-24T18:30:05Z", tick=True):
        refund_when(system, answer(GOOD))
    assert parse_qs(urlsplit(system.requests[0][0]).query)["timestamp"] == ["2026-11-25 02:30:05"]


# What is believed.


@pytest.mark.parametrize(
    "store_name",
    [
        ":-}",
        "{{{",
        '"}, "sign":"AAAA',
        '\\"},\\"sign\\":\\"',
        "奶茶店 \u2028 😀",
        "],[",
        "back\\slash\\",
        "}" * 40,
    ],
)
def test_a_text_may_hold_anything(system, store_name):
    assert refund_when(system, answer(GOOD | {"store_name": store_name})).outcome == Outcome.SUCCEEDED


def test_the_sdk_itself_takes_a_brace_in_a_text_for_a_forgery():
    """The reason why the answer is cut in another way here: without it, this shop's refunds would never be known."""
    sdk = AliPay(
        "1",
        app_private_key_string=APP_KEY.export_key().decode(),
        alipay_public_key_string=PLATFORM_KEY.public_key().export_key().decode(),
    )
    text = answer(GOOD | {"store_name": ":-}"}).decode()
    with pytest.raises(AliPayValidationError):
        sdk._verify_and_return_sync_response(text, NODE)


def test_spaces_and_the_order_of_members_are_the_senders_affair(system):
    content = b'{ "code" : "10000","trade_no":"%s", "fund_change":"Y" }' % TRADE.encode()
    shape = b'\n{ "alipay_cert_sn" : "a5b59edf", "sign": "%s" ,\t"%s" :  %s }\n'
    assert refund_when(system, shape % (sign(content).encode(), NODE.encode(), content)).outcome == Outcome.SUCCEEDED


def changed(node, **fields):
    """An answer whose node was changed after it was signed."""
    return answer(node | fields, signature=sign(written(node)))


NOT_BELIEVED = {
    "empty": b"",
    "a page": b"<html><body>Service unavailable</body></html>",
    "not UTF-8": answer(GOOD)[:-2] + b'\xff"}',
    "cut off": answer(GOOD)[:-10],
    "cut off in the node": answer(GOOD)[:40],
    "a list": b"[]",
    "null": b"null",
    "no node": b'{"sign":"AAAA"}',
    "the node is a text": b'{"%s":"{}","sign":"%s"}' % (NODE.encode(), sign(b'"{}"').encode()),
    "the node is a list": answer(b"[]"),
    "unsigned": b'{"%s":%s}' % (NODE.encode(), written(GOOD)),
    "an empty signature": b'{"%s":%s,"sign":""}' % (NODE.encode(), written(GOOD)),
    "the signature is a number": b'{"%s":%s,"sign":7}' % (NODE.encode(), written(GOOD)),
    "the signature is no base64": answer(GOOD, signature="***"),
    "signed by a stranger": answer(GOOD, key=STRANGER),
    "signed by the app": answer(GOOD, key=APP_KEY),
    "changed to a success": changed(GOOD | {"fund_change": "N"}, fund_change="Y"),
    "changed to a failure": changed(GOOD, code="40004", sub_code="ACQ.TRADE_HAS_CLOSE"),
    "the node stands there twice": b'{"%s":%s,%s' % (NODE.encode(), written(GOOD), answer(GOOD)[1:]),
    "the answer to another method": answer(GOOD, name="alipay_trade_query_response"),
    "about another trade": answer(GOOD | {"trade_no": "2026111022001400009999999999"}),
    "about no trade": answer({"code": "10000", "fund_change": "Y"}),
    "signed, and no JSON": answer(b"{not json}"),
    "signed, and nested without end": answer(b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}"),
    "nested without end": b'{"a":' * 100_000,
    "quotes without end": b'{"' + b'\\"' * 100_000,
    "too long": b" " * (ANSWER_LIMIT + 1),
    "no code": answer({"trade_no": TRADE, "fund_change": "Y"}),
    "a success with a sub_code": answer(GOOD | {"sub_code": "ACQ.TRADE_HAS_CLOSE"}),
    "a failure without a sub_code": answer({"code": "40004", "msg": "Business Failed"}),
    "busy": answer({"code": "20000", "msg": "Service Currently Unavailable", "sub_code": "isp.unknow-error"}),
    "a missing right": answer({"code": "40006", "sub_code": "isv.insufficient-isv-permissions"}),
    "an expired token": answer({"code": "20001", "sub_code": "aop.invalid-auth-token"}),
    "an error as a whole": answer({"code": "40002", "sub_code": "isv.invalid-app-id"}, name="error_response"),
    "an unsigned error": b'{"error_response":{"code":"40002","sub_code":"isv.invalid-app-id"}}',
    "a failure as a whole": answer({"code": "40004", "sub_code": "ACQ.TRADE_HAS_CLOSE"}, name="error_response"),
}


@pytest.mark.parametrize("body", NOT_BELIEVED.values(), ids=NOT_BELIEVED.keys())
def test_what_cannot_be_believed_says_nothing(system, body):
    got = refund_when(system, body)
    assert got.outcome == Outcome.UNKNOWN
    assert got.code
    assert got.message
    assert len(got.message) < 1000


def test_an_unsigned_error_is_told_but_not_believed(system):
    got = refund_when(system, NOT_BELIEVED["an unsigned error"])
    assert got.code == "unsigned"
    assert "isv.invalid-app-id" in got.message


@pytest.mark.parametrize(
    ("node", "outcome"),
    [
        ({}, Outcome.ABSENT),
        ({"trade_no": TRADE}, Outcome.ABSENT),
        ({"refund_status": "REFUND_SUCCESS", "refund_amount": "33.33"}, Outcome.SUCCEEDED),
        ({"refund_status": "REFUND_SUCCESS", "refund_amount": "33"}, Outcome.SUCCEEDED),
        ({"refund_status": "REFUND_SUCCESS", "refund_amount": "33.333"}, Outcome.UNKNOWN),
        ({"refund_status": "REFUND_SUCCESS", "refund_amount": "-1"}, Outcome.UNKNOWN),
        ({"refund_status": "REFUND_SUCCESS", "refund_amount": "１"}, Outcome.UNKNOWN),
        ({"refund_status": "REFUND_SUCCESS", "refund_amount": None}, Outcome.UNKNOWN),
        ({"refund_status": "REFUND_SUCCESS"}, Outcome.UNKNOWN),
        ({"refund_status": "REFUND_PROCESSING", "refund_amount": "33.33"}, Outcome.UNKNOWN),
        ({"refund_amount": "33.33"}, Outcome.UNKNOWN),
        ({"refund_status": "REFUND_SUCCESS", "refund_amount": "33.33", "out_request_no": "R-2"}, Outcome.UNKNOWN),
        ({"refund_status": "REFUND_SUCCESS", "refund_amount": "33.33", "trade_no": "2"}, Outcome.UNKNOWN),
    ],
)
def test_what_the_answer_to_a_question_means(system, node, outcome):
    about = {"trade_no": TRADE, "out_request_no": "R-1"} if "refund_status" in node or "refund_amount" in node else {}
    system.body = answer(
        {"code": "10000", "msg": "Success"} | about | node, name="alipay_trade_fastpay_refund_query_response"
    )
    assert AlipayGateway().query(ORDER).outcome == outcome


@pytest.mark.parametrize(
    ("node", "outcome"),
    [
        ({"trade_status": "TRADE_SUCCESS", "total_amount": "500.00"}, Outcome.SUCCEEDED),
        ({"trade_status": "TRADE_FINISHED", "total_amount": "500.00"}, Outcome.SUCCEEDED),
        ({"trade_status": "TRADE_SUCCESS"}, Outcome.UNKNOWN),
        ({"trade_status": "WAIT_BUYER_PAY", "total_amount": "500.00"}, Outcome.UNKNOWN),
        ({"trade_status": "TRADE_CLOSED", "total_amount": "500.00"}, Outcome.FAILED),
        ({"trade_status": "TRADE_SOMETHING", "total_amount": "500.00"}, Outcome.UNKNOWN),
        ({}, Outcome.UNKNOWN),
        ({"trade_status": "TRADE_SUCCESS", "total_amount": "500.00", "out_trade_no": "T-2"}, Outcome.UNKNOWN),
    ],
)
def test_what_the_answer_about_a_payment_means(system, node, outcome):
    whole = {"code": "10000", "msg": "Success", "out_trade_no": "T-1", "trade_no": TRADE} | node
    system.body = answer(whole, name="alipay_trade_query_response")
    assert AlipayGateway().query_payment("T-1").outcome == outcome


def test_an_amount_that_is_a_number_is_read_exactly(system):
    content = b'{"code":"10000","out_trade_no":"T-1","trade_status":"TRADE_SUCCESS","total_amount":500.10}'
    system.body = answer(content, name="alipay_trade_query_response")
    assert AlipayGateway().query_payment("T-1").amount == Decimal("500.10")


# The connection.


def test_an_answer_in_drops_ends_at_the_timeout(system, settings):
    settings.ALIPAY_TIMEOUT = 0.3  # each drop comes much sooner
    system.in_drops = True
    got = AlipayGateway().refund(ORDER)
    assert (got.outcome, got.code) == (Outcome.UNKNOWN, "no_answer")


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_no_answer_and_is_not_followed(system, settings, status):
    system.status, system.headers = status, {"Location": settings.ALIPAY_GATEWAY_URL}
    got = refund_when(system, answer(GOOD))
    assert (got.outcome, got.code) == (Outcome.UNKNOWN, f"HTTP {status}")
    assert len(system.requests) == 1


def test_a_proxy_of_the_environment_is_not_asked_about_this_machine(system, monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    assert refund_when(system, answer(GOOD)).outcome == Outcome.SUCCEEDED


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1", True),
        ("127.8.9.10", True),
        ("localhost", True),
        ("::1", True),
        ("10.0.0.1", False),
        ("localhost.example.com", False),
        ("0.0.0.0", False),  # noqa: S104 (looked at, not listened on)
        ("", False),
        (None, False),
    ],
)
def test_which_hosts_are_this_machine(host, expected):
    assert is_loopback(host) is expected


# Cutting and keys.

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=1), PLAIN, max_size=6))
def test_members_are_cut_exactly_as_they_were_written(parts):
    text = json.dumps(parts, ensure_ascii=False, separators=(" , ", " : "))
    assert members(text) == {
        name: json.dumps(value, ensure_ascii=False, separators=(" , ", " : ")) for name, value in parts.items()
    }


@given(st.text())
def test_cutting_a_text_that_is_no_json_ends(text):
    with suppress(ValueError):  # a name that stands there twice
        assert isinstance(members(text), dict)


class Reading(Client):
    """The real client, with what it reads instead of a network."""

    read = b""

    def __init__(self):
        super().__init__(
            url="http://127.0.0.1:9/gateway.do",
            app_id="1",
            app_private_key=APP_KEY.export_key().decode(),
            public_key=PLATFORM_KEY.public_key().export_key().decode(),
            timeout=1,
        )

    def _send(self, signed):
        return self.read.decode()


READING = Reading()


def ask_for(read):
    READING.read = read
    return READING.ask("alipay.trade.refund", {})


@given(st.binary(max_size=400))
def test_an_answer_that_is_noise_is_unclear(noise):
    with pytest.raises(Unclear):
        ask_for(noise)


@given(st.integers(0, len(answer(GOOD)) - 1), st.integers(1, 255))
def test_an_answer_with_one_changed_byte_is_never_another_success(place, change):
    spoiled = bytearray(answer(GOOD))
    spoiled[place] ^= change
    with suppress(Unclear):  # a changed byte outside the node and its signature may leave both whole
        assert ask_for(bytes(spoiled)) == GOOD


def test_unclear_keeps_its_code():
    doubt = Unclear("no_answer", "Nothing.")
    assert (doubt.code, doubt.message, str(doubt)) == ("no_answer", "Nothing.", "no_answer: Nothing.")


@pytest.mark.parametrize(
    ("key", "private", "reason"),
    [
        (APP_KEY.public_key().export_key().decode(), True, "it is a public key, not a private one"),
        (APP_KEY.export_key().decode(), False, "it is a private key"),
        ("", True, "it is not an RSA key"),
        ("QUJD", True, "it is not an RSA key"),
        ("密钥", False, "it is not an RSA key"),
    ],
)
def test_a_key_in_the_wrong_place_is_refused(key, private, reason):
    with pytest.raises(ValueError, match=reason):
        read_key(key, private=private)


@pytest.mark.parametrize("pkcs", [1, 8])
def test_both_forms_of_private_keys_are_read(pkcs):
    der = APP_KEY.export_key("DER", pkcs=pkcs)
    for text in (APP_KEY.export_key(pkcs=pkcs).decode(), base64.b64encode(der).decode()):
        assert read_key(text, private=True) == APP_KEY
