"""The other side of the sandbox's door: order faults, tell trades, count refunds, pay as a payer would."""

import json
import re
from html import unescape
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import HTTPRedirectHandler, ProxyHandler, Request, build_opener

REFUND = "alipay.trade.refund"
REFUND_QUERY = "alipay.trade.fastpay.refund.query"
PAYMENT_QUERY = "alipay.trade.query"


class _Stay(HTTPRedirectHandler):
    def redirect_request(self, *_about: Any) -> None:
        """Follow no redirect: where it leads is what one wants to know."""


class Control:
    """The control door of the sandbox at an address."""

    def __init__(self, address: str) -> None:
        """Take the address, without a slash at the end."""
        self.address = address
        self._opener = build_opener(_Stay, ProxyHandler({}))

    def fault(self, fault: str, method: str = REFUND, *, times: int = 1, seconds: float | None = None) -> None:
        """Order a fault, such as `lost` or `fail:ACQ.TRADE_HAS_CLOSE`, for the next so many requests of a method."""
        order: dict[str, Any] = {"method": method, "fault": fault, "times": times}
        self._call("POST", "/sandbox/faults", order | ({} if seconds is None else {"seconds": seconds}))

    def faults(self) -> list[dict[str, Any]]:
        """Return the faults that are still to come: none of those that were ordered when all have landed."""
        found: list[dict[str, Any]] = self._call("GET", "/sandbox/faults")["faults"]
        return found

    def forget_faults(self) -> None:
        """Forget the faults that are still to come."""
        self._call("DELETE", "/sandbox/faults")

    def trade(self, trade_no: str, amount: Any) -> None:
        """Tell the sandbox of a trade and what it cost."""
        self._call("POST", "/sandbox/trades", {"trade_no": trade_no, "amount": str(amount)})

    def refunds(self, trade_no: str = "") -> dict[str, Any]:
        """Return `count`, `cents`, `requests` and the `refunds` themselves, of one trade or of all."""
        return self._call("GET", f"/sandbox/refunds?{urlencode({'trade_no': trade_no})}")

    def numbers(self, trade_no: str = "") -> list[str]:
        """Return the `out_request_no` of each refund that was made, in the order in which they were made."""
        return [each["out_request_no"] for each in self.refunds(trade_no)["refunds"]]

    def press(self, pay_address: str, action: str = "pay") -> str:
        """Open the page of a payment, press `pay` or `cancel`, and return the address to which it leads."""
        with self._opener.open(pay_address, timeout=60) as page:
            text = page.read().decode()
        fields = {name: unescape(value) for name, value in re.findall(r'name="(\w+)" value="([^"]*)">', text)}
        if "token" not in fields:
            words = re.sub(r"<style>.*?</style>|<[^>]*>", " ", text, flags=re.DOTALL)
            raise AssertionError(f"There is nothing to press: {' '.join(words.split())[:400]}")
        form = urlencode(fields | {"action": action}).encode()
        try:
            with self._opener.open(f"{self.address}/sandbox/pay", data=form, timeout=60):
                return ""
        except HTTPError as answer:
            answer.close()
            return str(answer.headers.get("Location", ""))

    def _call(self, verb: str, path: str, content: dict[str, Any] | None = None) -> dict[str, Any]:
        body = None if content is None else json.dumps(content).encode()
        request = Request(  # noqa: S310 (the sandbox's own address)
            f"{self.address}{path}", data=body, method=verb, headers={"Content-Type": "application/json"}
        )
        with self._opener.open(request, timeout=60) as answer:
            found: dict[str, Any] = json.load(answer)
        return found
