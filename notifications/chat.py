"""How to speak to the robots of chat groups: addresses, signatures, the size of a message, and what an answer means.

A robot is called at its maker's own computers and nowhere else, by https, without following a redirect: nobody can let
the portal knock at doors inside its own network. The operator may allow other origins by ROBOT_HOSTS, for a chat
product on their own premises. Nothing here logs an address or a secret: the address alone lets one write to the group.
"""

import base64
import hashlib
import hmac
import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote_plus, urlsplit

import urllib3
from django.conf import settings
from django.utils.translation import gettext_lazy as _

from common.errors import BadInput
from notifications.models import Robot
from notifications.whole_answers import Pools

Product = Robot.Product
OFFICIAL: dict[str, tuple[str, ...]] = {
    Product.FEISHU.value: ("https://open.feishu.cn", "https://open.larksuite.com"),
    Product.DINGTALK.value: ("https://oapi.dingtalk.com",),
    Product.WECOM.value: ("https://qyapi.weixin.qq.com",),
}
LARGEST: dict[str, int] = {Product.FEISHU.value: 18_000, Product.DINGTALK.value: 18_000, Product.WECOM.value: 2048}
"""Bytes of the text of a message: Feishu and DingTalk take bodies of 20,000 bytes, WeCom texts of 2,048."""
SIGNED = (Product.FEISHU.value, Product.DINGTALK.value)
PATIENCE = 3.0
"""Seconds for a connection, and for a whole answer."""
ANSWER_LIMIT = 4096

_http = Pools(num_pools=8, retries=False, timeout=urllib3.Timeout(connect=PATIENCE, read=PATIENCE), maxsize=2)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a robot made of a message: whether it was taken, and the words to show; they hold no secret."""

    is_taken: bool
    words: str


def check_address(product: str, url: str) -> None:
    """Refuse an address that is not a robot of this product."""
    refusal = BadInput(
        _("This is no address of a robot of %(product)s. It begins with %(origins)s.")
        % {"product": Product(product).label, "origins": ", ".join(origins(product))},
        field="url",
    )
    try:
        parts = urlsplit(url)
        origin = f"{parts.scheme}://{parts.hostname}{f':{parts.port}' if parts.port else ''}"
    except ValueError:
        raise refusal from None
    if origin not in origins(product) or parts.username is not None or len(parts.path) < 2 or not url.isascii():
        raise refusal


def origins(product: str) -> tuple[str, ...]:
    """Return where robots of a product may be: at their maker's, and where the operator allows."""
    return (*OFFICIAL[product], *(origin.rstrip("/").lower() for origin in settings.ROBOT_HOSTS))


def masked(url: str) -> str:
    """Return so much of an address that people can tell robots apart, and nobody can call one."""
    return f"{urlsplit(url).hostname} · …{url[-4:]}"


def post(robot: Robot, text: str, *, now: datetime) -> Answer:
    """Let a robot say something. Every failure is an answer: nothing is raised."""
    try:
        check_address(robot.product, robot.url)
        url, body = _request(robot, text, now)
        response = _http.request(
            "POST",
            url,
            body=json.dumps(body, ensure_ascii=False).encode(),
            headers={"Content-Type": "application/json; charset=utf-8"},
            redirect=False,
            preload_content=False,
        )
        try:
            return _answer(robot, response.status, response.read(ANSWER_LIMIT))
        finally:
            response.close()
    except BadInput as refusal:
        return Answer(is_taken=False, words=str(refusal))
    except urllib3.exceptions.HTTPError as error:  # its text has the whole address in it: only its kind is told
        return Answer(is_taken=False, words=_trouble(error))


def fitted(product: str, head: str, lines: list[str], foot: str) -> tuple[str, int]:
    """Return a message with as many whole lines as it may hold, at least one, and how many those are.

    `foot` stands under it when there are more; it says so with their number.
    """
    most = LARGEST[product] - len(head.encode()) - len(foot.encode()) - 40
    taken, size = 0, 0
    for line in lines:
        size += len(line.encode()) + 2
        if taken and size > most:
            break
        taken += 1
    left = len(lines) - taken
    parts = [head, *lines[:taken], *([foot % {"number": left}] if left else [])]
    return "\n\n".join(parts), taken


def _request(robot: Robot, text: str, now: datetime) -> tuple[str, dict[str, Any]]:
    """Return the address and the body of a message, signed where the robot has a secret."""
    if robot.product == Product.FEISHU:
        body: dict[str, Any] = {"msg_type": "text", "content": {"text": text}}
        if robot.secret:
            timestamp = str(int(now.timestamp()))
            body |= {"timestamp": timestamp, "sign": feishu_signature(timestamp, robot.secret)}
        return robot.url, body
    url = robot.url
    if robot.product == Product.DINGTALK and robot.secret:
        timestamp = str(int(now.timestamp() * 1000))
        signature = quote_plus(dingtalk_signature(timestamp, robot.secret))
        url += f"{'&' if '?' in url else '?'}timestamp={timestamp}&sign={signature}"
    return url, {"msgtype": "text", "text": {"content": text}}


def feishu_signature(timestamp: str, secret: str) -> str:
    """Sign as Feishu wants it: an empty message under the key that time (in seconds) and secret make."""
    return base64.b64encode(hmac.new(f"{timestamp}\n{secret}".encode(), b"", hashlib.sha256).digest()).decode()


def dingtalk_signature(timestamp: str, secret: str) -> str:
    """Sign as DingTalk wants it: time (in milliseconds) and secret, under the secret."""
    message = f"{timestamp}\n{secret}".encode()
    return base64.b64encode(hmac.new(secret.encode(), message, hashlib.sha256).digest()).decode()


def _answer(robot: Robot, status: int, body: bytes) -> Answer:
    """Read an answer: all three say with a number whether they took the message, mostly under status 200."""
    if status != 200:
        return Answer(is_taken=False, words=f"HTTP {status}")
    try:
        answer = json.loads(body)
        code = next(answer[name] for name in ("code", "errcode", "StatusCode") if name in answer)
        said = str(answer.get("msg") or answer.get("errmsg") or "")
    except (ValueError, TypeError, AttributeError, StopIteration):
        return Answer(is_taken=False, words=str(_("an answer that cannot be read")))
    return Answer(is_taken=code == 0, words=_without_secrets(robot, f"{code} {said}".strip())[:200])


def _without_secrets(robot: Robot, words: str) -> str:
    for secret in (robot.secret, urlsplit(robot.url).query.rpartition("=")[2], robot.url.rpartition("/")[2]):
        if secret:
            words = words.replace(secret, "…")
    return words


def _trouble(error: Exception) -> str:
    if isinstance(error, urllib3.exceptions.SSLError):
        return str(_("the connection is not safe"))
    is_late = isinstance(error, urllib3.exceptions.TimeoutError)
    if is_late and not isinstance(error, urllib3.exceptions.NewConnectionError):  # which counts as a late one there
        return str(_("no answer in time"))
    return str(_("nobody could be reached"))
