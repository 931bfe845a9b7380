"""What goes over the wire: parameters and their signature, answers and theirs. Facts from the official SDKs.

The crypto is another library's than the portal's client uses: each holds the other to the standard.
"""

import base64
import json
import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA1, SHA256

from refunds.sandbox.home import APP_ID

HASHES = {"RSA2": SHA256, "RSA": SHA1}
NEEDED = ("method", "sign", "sign_type", "app_id", "timestamp", "version")
YUAN = re.compile(r"\d{1,9}(\.\d{1,2})?", re.ASCII)

Node = dict[str, Any]


class Refused(Exception):
    """A request is refused at the door; `node` is the answer."""

    def __init__(self, code: str, msg: str, sub_code: str, sub_msg: str) -> None:
        super().__init__(sub_code)
        self.node: Node = {"code": code, "msg": msg, "sub_code": sub_code, "sub_msg": sub_msg}


def success(**fields: str) -> Node:
    """Return the node of a request that was carried out."""
    return {"code": "10000", "msg": "Success", **fields}


def failure(sub_code: str, sub_msg: str = "") -> Node:
    """Return the node of a request that was understood and is not carried out."""
    return {"code": "40004", "msg": "Business Failed", "sub_code": sub_code, "sub_msg": sub_msg or sub_code}


def busy() -> Node:
    """Return the node of a request that came at a bad time."""
    return {
        "code": "20000",
        "msg": "Service Currently Unavailable",
        "sub_code": "isp.unknow-error",
        "sub_msg": "系统繁忙",
    }


def signed_text(parameters: dict[str, str]) -> str:
    """Return the text that a request's signature is about: all that is not empty, sorted, but for the signature."""
    return "&".join(f"{name}={value}" for name, value in sorted(parameters.items()) if name != "sign" and value)


def check(parameters: dict[str, str], app_key: rsa.RSAPublicKey) -> None:
    """Raise `Refused` unless the app has signed these parameters."""
    for name in NEEDED:
        if not parameters.get(name):
            what = {"sign": "signature", "sign_type": "signature-type"}.get(name, name.replace("_", "-"))
            raise Refused("40001", "Missing Required Arguments", f"isv.missing-{what}", f"缺少{name}参数")
    if parameters["app_id"] != APP_ID:
        raise Refused("40002", "Invalid Arguments", "isv.invalid-app-id", "无效的AppID参数")
    if parameters["sign_type"] not in HASHES:
        raise Refused("40002", "Invalid Arguments", "isv.invalid-signature-type", "无效的签名类型")
    text = signed_text(parameters)
    try:
        signature = base64.b64decode(parameters["sign"], validate=True)
        app_key.verify(signature, text.encode(), padding.PKCS1v15(), HASHES[parameters["sign_type"]]())
    except (ValueError, InvalidSignature):
        raise Refused(
            "40002",
            "Invalid Arguments",
            "isv.invalid-signature",
            f"验签出错，建议检查签名字符串或签名私钥与应用公钥是否匹配，网关生成的验签字符串为：{text}",
        ) from None


def business(parameters: dict[str, str]) -> dict[str, str]:
    """Return the business parameters: those of `biz_content`, or flat ones. Refuse what is no object of texts."""
    try:
        content = json.loads(parameters.get("biz_content") or "{}", parse_float=Decimal)
    except (ValueError, RecursionError):
        content = None
    if not isinstance(content, dict) or any(isinstance(value, dict | list) for value in content.values()):
        raise Refused("40002", "Invalid Arguments", "isv.invalid-parameter", "biz_content 不是有效的 JSON 对象")
    return parameters | {name: str(value) for name, value in content.items() if value is not None}


def cents(text: str) -> int | None:
    """Return an amount in yuan as whole cents; None for what is not above zero, or finer than a cent."""
    return int(Decimal(text) * 100) or None if YUAN.fullmatch(text) else None


@dataclass(frozen=True, slots=True)
class Signer:
    """Signs for the platform."""

    key: rsa.RSAPrivateKey

    def sign(self, content: bytes, sign_type: str = "RSA2") -> str:
        """Return the signature of bytes in base64."""
        signature = self.key.sign(content, padding.PKCS1v15(), HASHES.get(sign_type, SHA256)())
        return base64.b64encode(signature).decode()

    def answer(self, method: str, node: Node, sign_type: str = "RSA2") -> bytes:
        """Return the body of an answer: the node, and directly behind it the signature of exactly its bytes."""
        content = written(node)
        return envelope(method, content, self.sign(content, sign_type))


def written(node: Node) -> bytes:
    """Return the bytes of a node; they are signed and sent as they are."""
    return json.dumps(node, ensure_ascii=False, separators=(",", ":")).encode()


def envelope(method: str, content: bytes, signature: str) -> bytes:
    """Return a body with the node of a method and a signature; the SDKs cut it by exactly this shape."""
    name = f"{method.replace('.', '_')}_response" if re.fullmatch(r"[A-Za-z.]+", method) else "error_response"
    return b'{"%s":%s,"sign":"%s"}' % (name.encode(), content, signature.encode())
