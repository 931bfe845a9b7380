"""Signs, sends and verifies through python-alipay-sdk, with the parts replaced that are too weak for money.

What the SDK (3.4.0) does, and why it is not enough:

- It sends everything in the address of a GET, which proxies and servers write to their logs, and follows redirects with
  it. Here business parameters are in the body of a POST, as the official SDKs send them, and a redirect is no answer.
- Its timeout is one for each read, so that an answer in drops lasts for ever, and an answer may be of any size.
- It parses an answer before it verifies it, and finds the signed text by counting braces, also those inside texts: a
  shop called `:-}` makes every answer about it a forgery. Here the text is cut by its structure and parsed afterwards.
- It sends the local time of the machine. Alipay means the time of Beijing.
- It takes keys in PEM only; Alipay's own tools hand them out as one line of base64.
"""

import base64
import http.client
import json
import re
import time
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from email.message import Message
from functools import lru_cache
from ipaddress import ip_address
from typing import IO, Any
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, OpenerDirector, ProxyHandler, Request, build_opener

from alipay import AliPay
from alipay.utils import AliPayConfig
from Cryptodome.PublicKey import RSA
from Cryptodome.PublicKey.RSA import RsaKey

BEIJING = timezone(timedelta(hours=8))
ANSWER_LIMIT = 1024 * 1024  # bytes
SHORTEST_KEY = 1024  # bits
TOKEN = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"?|[{}\[\],:]', re.DOTALL)
"""A whole text, or a sign between texts. A text without an end is taken once, as a whole: noise costs no time."""

Node = dict[str, Any]


class Unclear(Exception):
    """Nothing is known about what was asked: no answer, or none that can be believed."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message


@lru_cache(maxsize=8)  # it is proved to be a key each time, which takes a twentieth of a second
def read_key(text: str, *, private: bool) -> RsaKey:
    """Return a key from PEM (also with `\\n` written out) or base64; refuse with ValueError what is none."""
    text = text.replace("\\n", "\n").strip()
    try:
        is_pem = text.startswith("-----BEGIN")
        key = RSA.import_key(text.encode() if is_pem else base64.b64decode("".join(text.split()), validate=True))
    except (ValueError, IndexError, TypeError):
        raise ValueError("it is not an RSA key in PEM or base64") from None
    if key.has_private() != private:
        raise ValueError("it is a private key" if key.has_private() else "it is a public key, not a private one")
    if key.size_in_bits() < SHORTEST_KEY:
        raise ValueError(f"it is shorter than {SHORTEST_KEY} bits")
    return key


def is_loopback(host: str | None) -> bool:
    """Say whether a host is this machine itself."""
    if host == "localhost":
        return True
    try:
        return ip_address(host or "").is_loopback
    except ValueError:
        return False


def members(text: str) -> dict[str, str]:
    """Return the members of the outermost object of a JSON text, each exactly as it was written.

    It only cuts: whether a part is to be believed, its signature says. A name that stands there twice is refused with
    ValueError, for nobody could say which one was meant.
    """
    found: dict[str, str] = {}
    depth, name, begin = 0, "", -1
    for token in TOKEN.finditer(text):
        what = token[0]
        depth -= what in ("}", "]")
        if begin >= 0 and ((what == "," and depth == 1) or (what == "}" and depth == 0)):
            if name in found:
                raise ValueError(f"{name} stands there twice")
            found[name] = text[begin : token.start()].strip()
            begin = -1
        elif begin < 0 and depth == 1 and what == ":":
            begin = token.end()
        elif begin < 0 and depth == 1 and what.startswith('"'):
            name = what[1:-1]
        depth += what in ("{", "[")
    return found


class Client(AliPay):  # type: ignore[misc]  # the SDK has no types
    """The SDK's client for one app; every method that asks raises `Unclear` and nothing else."""

    def __init__(self, *, url: str, app_id: str, app_private_key: str, public_key: str, timeout: float) -> None:
        """Take the settings; a key that is none is refused with ValueError."""
        super().__init__(
            app_id,
            app_private_key_string=app_private_key,
            alipay_public_key_string=public_key,
            config=AliPayConfig(timeout=timeout),
        )
        self._gateway = url
        self._opener = _opener(url)

    def _load_key(self) -> None:
        """Read both keys; the SDK calls it when it is made, and would take PEM only."""
        self._app_private_key = read_key(self._app_private_key_string, private=True)
        self._alipay_public_key = read_key(self._alipay_public_key_string, private=False)

    @property
    def address(self) -> str:
        """Return the address of the gateway."""
        return self._gateway

    def build_body(self, method: str, biz_content: Node | None = None, **more: Any) -> Node:
        """Return the parameters of a request, with the time of Beijing."""
        body: Node = super().build_body(method, biz_content, **more)
        return body | {"timestamp": f"{datetime.now(BEIJING):%Y-%m-%d %H:%M:%S}"}

    def ask(self, method: str, biz_content: Node) -> Node:
        """Send a request and return the verified answer to it."""
        node: Node = self.server_api(method, biz_content)
        return node

    def verified_sync_response(self, data: Node, response_type: str) -> Node:
        """Send what `server_api` has put together (the name is the SDK's) and return the verified answer."""
        try:
            return self._verify_and_return_sync_response(self._send(self.sign_data(data)), response_type)
        except Unclear:
            raise
        except HTTPError as error:
            error.close()
            raise Unclear(f"HTTP {error.code}", "The payment system did not answer as it should.") from None
        except (OSError, http.client.HTTPException) as error:
            raise Unclear("no_answer", f"The payment system did not answer: {error or type(error).__name__}.") from None
        except (ValueError, RecursionError) as error:
            raise Unclear("unreadable", f"The payment system's answer cannot be read: {error}.") from None

    def _send(self, signed: str) -> str:
        """Send signed parameters, the common ones in the address, the others in the body; return the answer's text."""
        parts = signed.split("&")
        common = "&".join(part for part in parts if not part.startswith("biz_content="))
        business = "&".join(part for part in parts if part.startswith("biz_content="))
        request = Request(  # noqa: S310 (the scheme is checked with the settings)
            f"{self._gateway}?{common}",
            data=business.encode(),
            headers={"Content-Type": "application/x-www-form-urlencoded;charset=utf-8"},
        )
        patience = self._config.timeout
        end = time.monotonic() + patience
        with self._opener.open(request, timeout=patience) as response:
            text = bytearray()
            while piece := response.read1(65536):
                text += piece
                if len(text) > ANSWER_LIMIT:
                    raise Unclear("unreadable", "The payment system's answer is too long.")
                if time.monotonic() > end:
                    raise TimeoutError("timed out")
            return text.decode()

    def _verify_and_return_sync_response(self, text: str, response_type: str) -> Node:
        """Return the node of an answer whose signature holds; the SDK calls it so."""
        parts = members(text)
        is_own = response_type in parts
        signed = parts.get(response_type) or parts.get("error_response") or ""
        if not signed.startswith("{"):
            raise Unclear("unreadable", "The payment system's answer is none to this request.")
        signature = json.loads(parts.get("sign") or '""')
        if not (isinstance(signature, str) and signature):
            raise _distrust("unsigned", "has no signature", signed)
        if not self._verify(signed, signature):
            raise _distrust("wrong_signature", "has a wrong signature", signed)
        node = json.loads(signed, parse_float=Decimal)
        if not is_own:  # about the request as a whole, never about money
            raise Unclear(str(node.get("sub_code") or node.get("code")), str(node.get("sub_msg") or node.get("msg")))
        return dict(node)


def _distrust(code: str, words: str, signed: str) -> Unclear:
    """Return the doubt about an answer that is not believed, with what it says: perhaps which key is wrong."""
    says = " ".join(signed.split())[:300]
    return Unclear(code, f"The payment system's answer {words}. It says: {says}")


class _NoRedirect(HTTPRedirectHandler):
    def redirect_request(
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: Message, newurl: str
    ) -> Request | None:
        """Return nothing: the answer to a redirect is the error that it is."""
        return None


def _opener(url: str) -> OpenerDirector:
    """Return what opens addresses: through the proxy of the environment, if there is one, but never to this machine."""
    if is_loopback(urlsplit(url).hostname):
        return build_opener(_NoRedirect, ProxyHandler({}))
    return build_opener(_NoRedirect)
