"""The cases of the demo data, told in hours before now. The people, trades and telephone numbers are made up."""

from dataclasses import dataclass, field

from complaints.models import Method

FRUIT, FRUIT_LIFE, DIGITAL, HOME = "2021009900000101", "2021009900000102", "2021009900000201", "2021009900000301"


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that happened `after` so many hours from the filing."""

    after: float
    verb: str
    by: str = "merchant"
    text: str = ""
    method: str = ""
    amount: str = ""
    reference: str = ""
    tracking: str = ""
    picture: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One complaint: when it was filed, what it says, and what happened since."""

    filed: float
    app_id: str = FRUIT
    dispute: str
    demand: str
    amount: str
    asked: str | None = None
    text: str
    consumer: str
    protected: bool = False
    picture: str = ""
    steps: tuple[Step, ...] = field(default=())


def says(after: float, by: str, text: str, *, picture: str = "") -> Step:
    return Step(after, "leave_message", by=by, text=text, picture=picture)


def refunds(after: float, amount: str, text: str = "", *, reference: str = "", picture: str = "") -> Step:
    return Step(
        after, "handle", text=text, method=Method.OTHER_REFUND, amount=amount, reference=reference, picture=picture
    )


def claims(after: float, method: Method, text: str, *, picture: str, tracking: str = "") -> Step:
    return Step(after, "handle", text=text, method=method, picture=picture, tracking=tracking)


CASES: tuple[Case, ...] = (
    # Waiting: calm, soon, urgent.
    Case(
        filed=0.7,
        dispute="商品未收到",
        demand="补发货",
        amount="45.80",
        text="昨天下午拍的两斤蓝莓，订单早就显示已签收，可是驿站和门卫都说没有我的件。麻烦查一下到底送到哪里去了。",
        consumer="沈一诺",
    ),
    Case(
        filed=6,
        dispute="质量问题",
        demand="退款",
        amount="128.00",
        asked="128.00",
        text="一箱红颜草莓打开，底层全压烂了，还有霉味。我当场拍了照片发给客服，对方只回了一句“已记录”，之后再没人理我。",
        consumer="顾晓岚",
        picture="photo",
        protected=True,
    ),
    Case(
        filed=29,
        app_id=FRUIT_LIFE,
        dispute="活动优惠未兑现",
        demand="补差价",
        amount="199.00",
        asked="40.00",
        text="生活号推送写着会员日满 199 减 40，我付款时没有减。问了两次，"
        "一次说系统延迟，一次说名额已满，可页面上并没有写名额。",
        consumer="宋知行",
        steps=(says(5, "merchant", "您好，已收到。我们正在核对当天的活动记录，明天中午前给您答复。"),),
    ),
    Case(
        filed=50,
        dispute="商品与描述不符",
        demand="退货退款",
        amount="268.00",
        asked="268.00",
        text="页面写的是“当季现摘、单果 300 克以上”，收到的橙子大小不一，最小的只有 140 克，称重照片已附。"
        "申请退货被驳回，理由是生鲜不退。",
        consumer="陆景澄",
        picture="photo",
        protected=True,
        steps=(
            says(2, "merchant", "非常抱歉给您带来不好的体验，方便告诉我们箱子侧面的批次号吗？"),
            says(4, "consumer", "批次号是 Q1107，照片里也拍到了。", picture="photo"),
        ),
    ),
    Case(
        filed=79,
        dispute="售后无人处理",
        demand="退款",
        amount="76.50",
        asked="30.00",
        text="六盒酸奶有一盒胀包，我只要求退一盒的钱。小程序里的客服入口点进去一直转圈，电话打了三次都是占线。",
        consumer="韩若谷",
    ),
    Case(
        filed=91,
        dispute="退款未到账",
        demand="退款",
        amount="358.00",
        asked="358.00",
        text="上周退货的礼盒仓库已经签收，客服承诺 48 小时内退款，到今天第六天了还没有到账，支付宝账单里也查不到。",
        consumer="白予安",
        steps=(
            says(20, "merchant", "您好，仓库已确认收到退货，财务正在走退款流程。"),
            says(66, "consumer", "又过了两天，还是没有到账。请给一个明确的时间。"),
        ),
    ),
    Case(
        filed=93.5,
        dispute="虚假宣传",
        demand="退款",
        amount="599.00",
        asked="599.00",
        text="年卡说明写“每周配送一箱，不限品类”，第二个月起只能选三种水果，其余都要另外加钱。要求退掉剩余的年卡费用。",
        consumer="许清和",
    ),
    # Missed: since the last sweep; before it, and penalised.
    Case(
        filed=98,
        dispute="商品未收到",
        demand="退款",
        amount="88.00",
        asked="88.00",
        text="冷链配送承诺次日达，第四天才打电话说车坏了。我人已经出差，东西只能让它退回，但钱一直没有退。",
        consumer="程可心",
    ),
    Case(
        filed=126,
        dispute="重复扣款",
        demand="退款",
        amount="59.90",
        asked="59.90",
        text="付款时页面卡住，我点了第二次，结果扣了两笔一样的钱，订单只有一个。两笔的交易记录都可以提供。",
        consumer="姚北辰",
        picture="receipt",
    ),
    Case(
        filed=205,
        dispute="质量问题",
        demand="退款",
        amount="142.00",
        asked="142.00",
        text="榴莲开出来三房里有两房是生的，硬得咬不动，按页面写的“包熟包甜”应当赔付。",
        consumer="孟思远",
        steps=(
            says(40, "consumer", "两天过去了，一直没有人联系我。"),
            refunds(131, "142.00", "已全额原路退回，晚处理深表歉意。", reference="RF2026-0131-7742"),
        ),
    ),
    Case(
        filed=402,
        dispute="会员自动续费",
        demand="退款",
        amount="25.00",
        asked="25.00",
        text="试用期结束前没有任何提醒就自动扣了下个月的会员费，取消入口藏在第四级菜单里。",
        consumer="田小满",
    ),
    # Handled in time.
    Case(
        filed=61,
        dispute="少发漏发",
        demand="退款",
        amount="96.00",
        asked="24.00",
        text="四盒小番茄只收到三盒，外箱完好，应该是打包时漏了。",
        consumer="罗文茵",
        steps=(refunds(9, "24.00", "核对称重记录确认漏发一盒，已退 24 元。", picture="receipt"),),
    ),
    Case(
        filed=72,
        dispute="商品未收到",
        demand="补发货",
        amount="168.00",
        text="预售的苹果说好 10 日前发货，今天 13 日了还是“待发货”。",
        consumer="谢长宁",
        steps=(
            claims(
                15,
                Method.SHIPPED,
                "预售批次因霜冻推迟采收，已于今日发出，并电话向用户说明，用户同意继续等待。",
                picture="parcel",
                tracking="顺达速运 SD202611130046",
            ),
        ),
    ),
    Case(
        filed=83,
        dispute="质量问题",
        demand="退款",
        amount="39.90",
        asked="39.90",
        text="牛油果切开里面全是黑丝，三个都一样。",
        consumer="唐柚",
        steps=(
            says(6, "merchant", "方便补一张切面的照片吗？我们给您核实。"),
            claims(
                30,
                Method.NOT_LIABLE,
                "用户签收七天后才切开，商品页写明常温下两天内食用;已附签收记录与商品页截图，并赠优惠券一张。",
                picture="chat",
            ),
        ),
    ),
    Case(
        filed=110,
        dispute="质量问题",
        demand="退货退款",
        amount="220.00",
        asked="220.00",
        text="礼盒里的猕猴桃有一半是坏的，送人很没面子。商家只肯退一半。",
        consumer="郑一鸣",
        protected=True,
        steps=(
            refunds(22, "110.00", "按破损数量退还一半货款。", picture="receipt"),
            Step(47, "contest", by="consumer", text="坏的不止一半，而且是送礼用的，我要求全额退款。"),
        ),
    ),
    # Over: confirmed, finished by itself, withdrawn in time and too late, closed.
    Case(
        filed=150,
        dispute="少发漏发",
        demand="补发货",
        amount="54.00",
        text="少了一袋赠品坚果。",
        consumer="冯雨桐",
        steps=(
            claims(8, Method.AFTER_SALES, "已补寄坚果一袋，用户确认收到。", picture="parcel"),
            says(52, "consumer", "收到了，谢谢，处理得很快。"),
        ),
    ),
    Case(
        filed=175,
        dispute="价格争议",
        demand="补差价",
        amount="89.00",
        asked="10.00",
        text="刚买完第二天就降价十块，页面写的是七天价保。",
        consumer="魏子衿",
        steps=(
            refunds(4, "10.00", "七天价保差价已退回。", reference="RF2026-0119-3308"),
            Step(26, "confirm", by="consumer"),
        ),
    ),
    Case(
        filed=310,
        app_id=FRUIT_LIFE,
        dispute="活动优惠未兑现",
        demand="退款",
        amount="66.00",
        asked="6.60",
        text="抽奖中了九折券，结算时显示不可用。",
        consumer="邓听雪",
        steps=(refunds(30, "6.60", "优惠券配置有误，差额已退。", reference="RF2026-0114-1205"),),
    ),
    Case(
        filed=130,
        dispute="商品未收到",
        demand="退款",
        amount="33.00",
        asked="33.00",
        text="骑手送错楼栋了。",
        consumer="何星野",
        steps=(Step(3, "cancel", by="consumer", text="邻居帮我收了，不用处理了。"),),
    ),
    Case(
        filed=230,
        dispute="退款未到账",
        demand="退款",
        amount="120.00",
        asked="120.00",
        text="取消订单后一周没有退款。",
        consumer="袁亦舒",
        steps=(Step(115, "cancel", by="consumer", text="刚刚收到退款了，自己撤销。"),),
    ),
    Case(
        filed=260,
        dispute="其他",
        demand="道歉",
        amount="15.00",
        text="同一件事我在上一单已经投诉过，这单是误提交。",
        consumer="潘若溪",
        steps=(Step(18, "close", by="staff", text="与同一用户的另一单重复。"),),
    ),
    # Other merchants: what is theirs does not exist for the first one's members.
    Case(
        filed=20,
        app_id=DIGITAL,
        dispute="质量问题",
        demand="换货",
        amount="899.00",
        text="蓝牙耳机左耳用了三天就没有声音，重置和换手机都试过。",
        consumer="蒋砚",
    ),
    Case(
        filed=88,
        app_id=DIGITAL,
        dispute="商品与描述不符",
        demand="退货退款",
        amount="1299.00",
        asked="1299.00",
        text="下单的是国行，收到的包装盒写着其他地区版本，保修查询也查不到。",
        consumer="任秋白",
        protected=True,
        picture="photo",
        steps=(says(12, "merchant", "您好，请不要拆封，我们安排上门取件核实。"),),
    ),
    Case(
        filed=140,
        app_id=DIGITAL,
        dispute="售后无人处理",
        demand="维修",
        amount="459.00",
        text="键盘送修二十天没有任何进度，寄修单号查不到。",
        consumer="贺兰亭",
        steps=(claims(60, Method.AFTER_SALES, "已更换新键盘并于今日寄出，用户电话确认。", picture="parcel"),),
    ),
    Case(
        filed=40,
        app_id=HOME,
        dispute="商品未收到",
        demand="退款",
        amount="2380.00",
        asked="2380.00",
        text="定制书架约好上周六安装，当天没有人来，之后改约两次都没有兑现。",
        consumer="卫明湖",
        protected=True,
    ),
    Case(
        filed=160,
        app_id=HOME,
        dispute="质量问题",
        demand="退货退款",
        amount="318.00",
        asked="318.00",
        text="四件套第一次洗就严重掉色，把别的衣服也染了。",
        consumer="苏念",
        steps=(refunds(33, "318.00", "同意退货退款，运费由我们承担。", picture="receipt"),),
    ),
)
