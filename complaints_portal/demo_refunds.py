"""The pending refunds of the demo data: one in each state, with the rulings and the guarantee plan behind them."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from common.actors import Actor
from complaints.models import Complaint, Method
from complaints_portal.demo_cases import DIGITAL, FRUIT, FRUIT_LIFE, HOME, Case, Step, claims
from evidence.models import Evidence
from merchants.models import Grant
from refunds import services
from refunds.models import Channel, GuaranteeAccount, NoRefundClaim, RefundCase
from refunds.permissions import APPROVE, DECIDE, RECORD
from refunds.reasons import Reason
from refunds.states import ClaimStatus

STAFF_GRANTS = frozenset([DECIDE, RECORD, APPROVE])
REASONS = {"accept": Reason.DELIVERED, "overrule": Reason.NOT_PROVEN}


@dataclass(frozen=True, slots=True)
class Joined:
    """A merchant who joined the guarantee plan so many hours ago, and what they put in."""

    app_id: str
    hours: float
    amounts: tuple[str, ...]


PLAN = (Joined(FRUIT, 440, ("3000.00", "500.00")), Joined(DIGITAL, 60, ("80000.00",)))
"""The last one is above the sum for which two people look: it waits for the second."""


def rules(after: float, verb: str, text: str) -> Step:
    return Step(after, verb, by="staff", text=text)


def refuses(after: float, text: str) -> Step:
    return Step(after, "refuse", text=text, picture="chat")


def pays(after: float, amount: str) -> Step:
    return Step(after, "pay", amount=amount)


def _ruled(
    filed: float,
    *steps: Step,
    consumer: str,
    text: str,
    amount: str,
    says: str,
    app_id: str = FRUIT,
    protected: bool = False,
) -> Case:
    """A complaint that was handled without a refund four hours after its filing, so that staff ruled on it."""
    return Case(
        filed=filed,
        app_id=app_id,
        dispute="商品与描述不符",
        demand="退款",
        amount=amount,
        asked=amount,
        text=text,
        consumer=consumer,
        protected=protected,
        steps=(claims(4, Method.NOT_LIABLE, says, picture="chat"), *steps),
    )


REFUNDED: tuple[Case, ...] = (
    _ruled(
        52,
        rules(30, "overrule", "商品页写明“坏果包赔”，所附聊天记录不能证明消费者放弃赔付，您需向用户退款。"),
        consumer="陶知夏",
        text="车厘子写着 JJ 级，收到的大小不一，还有三分之一是软的。",
        amount="268.00",
        says="大小有误差属正常，页面已说明。",
        protected=True,
    ),
    _ruled(
        190,
        rules(24.5, "overrule", "物流记录显示签收前外箱已破损，您需向用户退款。"),
        consumer="傅云舟",
        text="椰子裂了两个，汁水把箱子都泡烂了。",
        amount="79.90",
        says="快递签收时无异议，应由用户向快递索赔。",
    ),
    _ruled(
        96,
        rules(26, "overrule", "凭证未显示该笔订单的交易号，您需向用户退款。"),
        refuses(60, "补充带交易号的出库称重视频截图，重量与页面一致，请复核。"),
        consumer="柳闻莺",
        text="标称五斤的沙糖桔，连箱子一起称才四斤二两。",
        amount="49.80",
        says="出库称重五斤整，可提供视频。",
    ),
    _ruled(
        150,
        rules(25, "overrule", "现有凭证不足以证明无需退款。"),
        refuses(55, "消费者已食用大半，不应全额退款。"),
        rules(80, "overrule", "规则未以是否食用为条件，维持退款结论，请在新的期限内完成退款。"),
        app_id=FRUIT_LIFE,
        consumer="江采薇",
        text="买的是阳光玫瑰，送来的是普通青提，口感完全不一样。",
        amount="136.00",
        says="为同一产区同一批次，属正常口感差异。",
    ),
    _ruled(
        210,
        rules(30, "overrule", "检测报告与该批次不符，您需向用户退款。"),
        pays(70, "100.00"),
        consumer="余漫声",
        text="有机蔬菜没有有机码，客服发来的报告是前年的。",
        amount="100.00",
        says="附该产地有机认证报告。",
    ),
    _ruled(
        220,
        rules(30, "overrule", "您需向用户退还差价部分。"),
        pays(72, "30.00"),
        pays(75, "28.00"),
        consumer="白疏影",
        text="标价按斤卖，结算按个收费。",
        amount="58.00",
        says="页面有小字说明按个计价。",
    ),
    _ruled(
        180,
        rules(26, "overrule", "现有凭证不足以证明无需退款。"),
        refuses(50, "消费者已确认换货方案并收到补发商品，附签收与聊天记录。"),
        rules(90, "accept", "经核实，消费者已接受补发并签收，无需退款。"),
        consumer="裴照野",
        text="柚子皮厚得只剩一半果肉。",
        amount="45.00",
        says="属于品种特性。",
    ),
    _ruled(
        320,
        rules(28, "overrule", "消费者提供的照片与订单一致，您需向用户退款。"),
        consumer="楚南风",
        text="整箱火龙果到货时已经发酸，联系客服没有人处理。",
        amount="88.00",
        says="运输途中温度升高，非我方责任。",
    ),
    _ruled(
        140,
        rules(40, "accept", "物流与签收凭证齐全，该笔交易无需退款。"),
        consumer="阮星阑",
        text="没有收到货，要求退款。",
        amount="62.00",
        says="已由本人签收，附签收底单。",
    ),
    _ruled(
        64,
        Step(31, "cancel", by="consumer", text="商家打电话来说明白了，我不追究了。"),
        consumer="晏小山",
        text="礼盒少了一张贺卡，要求退一半。",
        amount="158.00",
        says="贺卡为赠品，且已电话说明并致歉。",
    ),
    _ruled(
        70,
        rules(27, "overrule", "安装预约记录显示两次爽约，您需向用户退款。"),
        app_id=HOME,
        consumer="容与",
        text="衣柜尺寸做错了，改了两次还是装不进去，要求退一部分货款。",
        amount="1680.00",
        says="尺寸由用户自行测量提供。",
    ),
)


def grant_for(verb: str) -> Grant:
    """Return the grant of the member who makes a step."""
    return Grant.APPEAL if "appeal" in verb else Grant.REFUND if verb in ("pay", "refuse") else Grant.HANDLE


def take(complaint: Complaint, step: Step, evidence: tuple[Evidence, ...], *, actor: Actor, now: datetime) -> None:
    """Make one move about a refund, through its verb; staff claim a review before they rule."""
    if step.verb in REASONS:
        review = NoRefundClaim.objects.get(complaint=complaint, status=ClaimStatus.SUBMITTED)
        services.claim(review.pk, actor=actor, now=now)
        rule = {"accept": services.accept, "overrule": services.overrule}[step.verb]
        rule(review.pk, services.Ruling(reason_code=REASONS[step.verb], message=step.text), actor=actor, now=now)
        return
    case = RefundCase.objects.get(complaint=complaint)
    if step.verb == "refuse":
        services.refuse(case.pk, step.text, evidence=evidence, actor=actor, now=now)
        return
    given = services.RefundInput(
        channel=Channel.FUND,
        amount=Decimal(step.amount),
        request_key=f"demo-{case.case_no}-{step.after}",
    )
    services.refund(case.pk, given, actor=actor, now=now)


def join(merchant_id: int, joined: Joined, *, member: Actor, staff: Actor, now: datetime) -> GuaranteeAccount:
    """Join the guarantee plan, and record the bank transfers that arrived."""
    account = services.enrol(merchant_id, actor=member, now=now)
    for number, amount in enumerate(joined.amounts, start=1):
        reference = f"BT{now:%Y%m%d}{merchant_id:04d}{number}"
        services.record_top_up(account.pk, Decimal(amount), bank_reference=reference, actor=staff, now=now)
    return account
