"""The sandbox as a server: the gateway, the page on which one pays, and the door through which faults are ordered.

It listens on the loopback address, whatever it is told, and answers only to names of this machine: a page elsewhere
that has its own name point here gets nothing.
"""

import json
import select
import socket
import socketserver
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl, urlencode, urlsplit

from refunds.sandbox import methods, pages
from refunds.sandbox.books import Books, Refusal, Trade, beijing_now
from refunds.sandbox.faults import BEFORE, Fault, Faults
from refunds.sandbox.home import APP_ID, HOST, CannotRun, Home, address_of
from refunds.sandbox.protocol import (
    Node,
    Refused,
    Signer,
    business,
    busy,
    cents,
    check,
    envelope,
    failure,
    signed_text,
    written,
)

BODY_LIMIT = 1024 * 1024  # bytes
OWN_NAMES = (HOST, "localhost")
JSON, HTML = "application/json;charset=utf-8", "text/html;charset=utf-8"


class Sandbox(AbstractContextManager["Sandbox"]):
    """A sandbox on a port of this machine. `with` starts it in a thread; `serve` runs it in the foreground."""

    def __init__(self, home: Home, *, port: int = 0, say: Callable[[str], None] = lambda _line: None) -> None:
        """Prepare the directory and listen; raise `CannotRun`, with a sentence, when that is not possible."""
        self.home = home
        self.say = say
        self.faults = Faults()
        home.prepare()
        self.books = Books(home.books)
        self.app_key = home.key_of("app").public_key()
        self.signer = Signer(home.key_of("platform"))
        with ExitStack() as stack:
            address_file = stack.enter_context(home.held())
            address_file.write_text("")
            try:
                self.server = stack.enter_context(_Server(port, self))
            except (OSError, OverflowError) as error:
                reason = getattr(error, "strerror", None) or error
                raise CannotRun(f"The sandbox cannot listen on port {port} of {HOST}: {reason}.") from None
            address_file.write_text(self.address)
            self._open = stack.pop_all()

    @property
    def address(self) -> str:
        """Return the address, without a slash at the end."""
        return address_of(self.server.server_port)

    def serve(self) -> None:
        """Serve until an exception such as `KeyboardInterrupt` ends it."""
        with self._open:
            self.say(f"The sandbox answers at {self.address}/ (on this machine only; no real money moves).")
            self.server.serve_forever()

    def __enter__(self) -> Self:
        """Serve in a thread."""
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop serving; the books are kept."""
        self.server.shutdown()
        self._open.close()

    def perform(self, method: str, given: dict[str, str]) -> Node:
        """Carry out a request whose signature holds."""
        return methods.carry_out(self.books, method, given)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, port: int, sandbox: Sandbox) -> None:
        """Listen on a port of the loopback address."""
        self.sandbox = sandbox
        super().__init__((HOST, port), Handler)

    def server_bind(self) -> None:
        """Listen, without asking the name service for the machine's own name as the base class does."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = HOST, int(self.server_address[1])

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of a client that has gone; that is what many of the tests are about."""
        with suppress(ConnectionError):
            super().handle_error(request, client_address)


class Handler(BaseHTTPRequestHandler):
    """One connection with one request."""

    server: _Server
    timeout = 60
    server_version = "Sandbox"

    def log_message(self, format: str, *args: Any) -> None:
        """Write no line for each request: the address of a GET holds its signature. What was done is said instead."""

    @property
    def sandbox(self) -> Sandbox:
        """Return the sandbox of this server."""
        return self.server.sandbox

    def do_GET(self) -> None:
        """Answer a GET."""
        self._route()

    def do_POST(self) -> None:
        """Answer a POST."""
        self._route()

    def do_DELETE(self) -> None:
        """Answer a DELETE."""
        self._route()

    def _route(self) -> None:
        try:
            address = urlsplit(self.path)
            is_ours = urlsplit(f"//{self.headers.get('Host', '')}").hostname in OWN_NAMES
            length = int(self.headers.get("Content-Length") or 0)
        except ValueError:
            return self._page(400, "Bad request", "The address or a header cannot be read.")
        if not is_ours:
            return self._page(403, "Not here", f"The sandbox answers only as {' or '.join(OWN_NAMES)}.")
        if not 0 <= length <= BODY_LIMIT:
            return self._page(413, "Too long", f"A request may have {BODY_LIMIT} bytes.")
        body = self.rfile.read(length)
        route = ROUTES.get((self.command, address.path))
        if route is None:
            return self._page(404, "Sandbox", "/gateway.do, /sandbox/refunds, /sandbox/trades, /sandbox/faults")
        return route(self, address.query, body)

    # The gateway.

    def gateway(self, query: str, body: bytes) -> None:
        """Answer a request of the protocol, with the fault that was ordered for it."""
        try:
            given = _parameters(query) | _parameters(body.decode())
        except ValueError:
            given = {}
        method, sign_type = given.get("method", ""), given.get("sign_type", "")
        try:
            check(given, self.sandbox.app_key)
            if method == methods.PAGE_PAY:
                return self._pay_page(business(given))
            if method not in methods.METHODS:
                raise Refused("40001", "Missing Required Arguments", "isv.invalid-method", "不存在的方法名")
            wish = business(given)
        except Refused as refusal:
            self.sandbox.say(f"{method or 'a request'}: {refusal.node['sub_code']}")
            if method == methods.PAGE_PAY:  # a person looks at it, no program
                return self._page(200, "沙箱 · Sandbox", f"{refusal.node['sub_code']}: {refusal.node['sub_msg']}")
            return self._send(200, self.sandbox.signer.answer(method, refusal.node, sign_type), JSON)
        return self._answer(method, wish, sign_type, self.sandbox.faults.take(method))

    def _answer(self, method: str, wish: dict[str, str], sign_type: str, fault: Fault | None) -> None:
        kind = fault.kind if fault else ""
        if fault and kind in BEFORE:
            self._say(method, wish, f"fault {kind} {fault.argument}".strip())
            if kind != "refused":
                node = busy() if kind == "busy" else failure(fault.argument)
                self._send(200, self.sandbox.signer.answer(method, node, sign_type), JSON)
            return
        node = self.sandbox.perform(method, wish)
        if kind == "twice":
            node = self.sandbox.perform(method, wish)
        outcome = node.get("sub_code") or node["code"]
        self._say(method, wish, f"{outcome}{f', fault {kind}' if kind else ''}")
        if kind == "lost" or (fault and kind == "timeout" and self._hangs_up_within(fault.seconds)):
            return
        self._send(*self._faulty(fault, method, node, sign_type))
        if kind == "twice":
            self._send(*self._faulty(fault, method, node, sign_type))

    def _faulty(self, fault: Fault | None, method: str, node: Node, sign_type: str) -> tuple[int, bytes, str]:
        """Return the answer as it is sent."""
        content, sign = written(node), self.sandbox.signer.sign
        match fault.kind if fault else "":
            case "garbage":
                return 200, b"<html><body>Bad gateway {", HTML
            case "wrong_signature":
                return 200, envelope(method, content, sign(content + b" ", sign_type)), JSON
            case "unsigned":
                return 200, envelope(method, content, "").replace(b',"sign":""', b""), JSON
            case "http" if fault:
                return int(fault.argument), b"<html><body>Bad gateway</body></html>", HTML
        return 200, envelope(method, content, sign(content, sign_type)), JSON

    def _hangs_up_within(self, seconds: float) -> bool:
        """Wait until the other side closes the connection; say whether it did."""
        if not select.select([self.connection], [], [], seconds)[0]:
            return False
        with suppress(OSError):
            return not self.connection.recv(1, socket.MSG_PEEK)
        return True

    def _say(self, method: str, wish: dict[str, str], outcome: str) -> None:
        amount = f" ¥{wish['refund_amount']}" if "refund_amount" in wish else ""
        names = " ".join(wish[name] for name in ("trade_no", "out_trade_no", "out_request_no") if wish.get(name))
        self.sandbox.say(f"{method} {names}{amount}: {outcome}")

    # The page on which one pays.

    def _pay_page(self, wish: dict[str, str]) -> None:
        try:
            trade = methods.open_payment(self.sandbox.books, wish)
        except Refusal as refusal:
            return self._page(200, "沙箱 · Sandbox", f"{refusal.code}: {refusal.message}")
        return self._send(200, pages.pay(trade).encode(), HTML)

    def pay(self, _query: str, body: bytes) -> None:
        """Pay or cancel, and send the payer back to the shop."""
        try:
            form = _parameters(body.decode())
            trade = self.sandbox.books.decide_payment(
                form.get("out_trade_no", ""), form.get("token", ""), is_paid=form.get("action") == "pay"
            )
        except (ValueError, Refusal):
            return self._page(404, "沙箱 · Sandbox", "没有这笔支付。There is no such payment.")
        self.sandbox.say(f"{methods.PAGE_PAY} {trade.out_trade_no}: {trade.status}")
        if not trade.return_url:
            return self._send(200, pages.pay(trade).encode(), HTML)
        return self._send(303, b"", HTML, Location=self._way_back(trade))

    def _way_back(self, trade: Trade) -> str:
        """Return the shop's address with what became of the payment, signed as Alipay signs it."""
        brought = methods.return_parameters(trade)
        if not brought:
            return trade.return_url
        brought |= {"app_id": APP_ID, "charset": "utf-8", "version": "1.0", "timestamp": beijing_now()}
        signature = self.sandbox.signer.sign(signed_text(brought).encode())
        joint = "&" if urlsplit(trade.return_url).query else "?"
        return f"{trade.return_url}{joint}{urlencode(brought | {'sign_type': 'RSA2', 'sign': signature})}"

    # The door for tests and for people who try things.

    def list_refunds(self, query: str, _body: bytes) -> None:
        """Say what was refunded, of a trade or in all, and how often each was asked for."""
        found = self.sandbox.books.refunds(dict(parse_qsl(query)).get("trade_no", ""))
        total = sum(cents(each["amount"]) or 0 for each in found)
        requests = sum(each["requests"] for each in found)
        self._json(200, {"count": len(found), "cents": total, "requests": requests, "refunds": found})

    def list_faults(self, _query: str, _body: bytes) -> None:
        """Say which faults are still to come."""
        self._json(200, {"faults": self.sandbox.faults.left()})

    def clear_faults(self, _query: str, _body: bytes) -> None:
        """Forget all faults."""
        self.sandbox.faults.clear()
        self._json(200, {"faults": []})

    def order_fault(self, _query: str, body: bytes) -> None:
        """Order a fault."""
        try:
            fault = Fault.from_order(self._order(body))
            if fault.method not in methods.METHODS:
                raise ValueError(f"There are faults for {', '.join(methods.METHODS)}.")
        except ValueError as error:
            return self._json(400, {"detail": str(error)})
        self.sandbox.faults.order(fault)
        return self._json(200, {"faults": self.sandbox.faults.left()})

    def tell_trade(self, _query: str, body: bytes) -> None:
        """Take in a trade with its amount in advance."""
        try:
            order = self._order(body)
            total = cents(str(order.get("amount")))
            if not order.get("trade_no") or total is None:
                raise ValueError("Tell a trade with trade_no and amount.")
            self.sandbox.books.tell_trade(str(order["trade_no"]), total)
        except ValueError as error:
            return self._json(400, {"detail": str(error)})
        except Refusal as refusal:
            return self._json(409, {"detail": refusal.message})
        return self._json(200, {"trade_no": order["trade_no"]})

    def _order(self, body: bytes) -> dict[str, Any]:
        """Return what was sent as JSON and named so: a form of a page elsewhere cannot be."""
        if self.headers.get_content_type() != "application/json":
            raise ValueError("Send JSON, with Content-Type: application/json.")
        order = json.loads(body)
        if not isinstance(order, dict):
            raise ValueError("Send one JSON object.")  # noqa: TRY004 (it is the sender's value that is wrong)
        return order

    # Answers.

    def _json(self, status: int, content: dict[str, Any]) -> None:
        self._send(status, json.dumps(content, ensure_ascii=False).encode(), JSON)

    def _page(self, status: int, title: str, text: str) -> None:
        self._send(status, pages.sentence(title, text).encode(), HTML)

    def _send(self, status: int, body: bytes, content_type: str, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("X-Frame-Options", "DENY")
        self.end_headers()
        self.wfile.write(body)


def _parameters(text: str) -> dict[str, str]:
    """Return url-encoded parameters; raise ValueError for what is not UTF-8."""
    return dict(parse_qsl(text, keep_blank_values=True, errors="strict"))


ROUTES: dict[tuple[str, str], Callable[[Handler, str, bytes], None]] = {
    ("GET", "/gateway.do"): Handler.gateway,
    ("POST", "/gateway.do"): Handler.gateway,
    ("POST", "/sandbox/pay"): Handler.pay,
    ("GET", "/sandbox/refunds"): Handler.list_refunds,
    ("GET", "/sandbox/faults"): Handler.list_faults,
    ("POST", "/sandbox/faults"): Handler.order_fault,
    ("DELETE", "/sandbox/faults"): Handler.clear_faults,
    ("POST", "/sandbox/trades"): Handler.tell_trade,
}
