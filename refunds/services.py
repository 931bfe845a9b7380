"""The verbs of this app, by noun: claims, pending refunds, refunds, the guarantee plan."""

from refunds.asking import ask_now
from refunds.claims import Ruling, accept, claim, correct, overrule, refuse, release
from refunds.fund import enrol
from refunds.refunding import RefundInput, learn, refund, reverse_refund
from refunds.top_ups import (
    approve_top_up,
    decline_top_up,
    learn_payment,
    record_top_up,
    reverse_top_up,
    start_online_top_up,
)

__all__ = [
    "RefundInput",
    "Ruling",
    "accept",
    "approve_top_up",
    "ask_now",
    "claim",
    "correct",
    "decline_top_up",
    "enrol",
    "learn",
    "learn_payment",
    "overrule",
    "record_top_up",
    "refund",
    "refuse",
    "release",
    "reverse_refund",
    "reverse_top_up",
    "start_online_top_up",
]
