"""The sandbox as a payment system: it speaks as Alipay does, so the gateway is the same but for its name."""

from refunds.gateways.alipay import AlipayGateway


class SandboxGateway(AlipayGateway):
    """Refunds and payments at the sandbox of `refunds.sandbox`, where no real money moves."""

    name = "sandbox"
