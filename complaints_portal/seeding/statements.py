"""The statements that make up cases by the hundred thousand, inside the database; nothing of a case crosses the wire.

A batch draws its complaints first, with every moment of their lives: what lies after now has not happened, and is null.
From these moments follow the status, the clocks that still run, and every move that has left a line of history and an
event. Whatever `manage.py verify` looks at has to come out of the moments, never out of a second draw.
"""

from collections.abc import Sequence
from typing import NamedTuple

# A session that has used a temporary table can no longer change the room that it has for them.
ROOM = "SELECT set_config('temp_buffers', '256MB', false) WHERE pg_my_temp_schema() = 0"

LISTS = """
    CREATE TEMPORARY TABLE IF NOT EXISTS seeding_shop (
        rank integer PRIMARY KEY, platform_id bigint, merchant_id bigint, programs bigint[]
    );
    CREATE TEMPORARY TABLE IF NOT EXISTS seeding_review (
        day date PRIMARY KEY, review_by timestamptz NOT NULL, is_provisional boolean NOT NULL
    );
"""

PLATFORMS = """
    INSERT INTO merchants_platform (code, name, public_form, created_at)
    SELECT 'seeded-' || n, (ARRAY['海棠生活平台', '远航商户平台', '橙子小程序平台'])[n], 'off', now()
    FROM generate_series(1, 3) AS n ON CONFLICT DO NOTHING
"""

MERCHANTS = """
    INSERT INTO merchants_merchant (platform_id, name, created_at)
    SELECT platform.id, '商家 ' || lpad(n::text, 6, '0'), now()
    FROM generate_series(1, %(merchants)s) AS n
    JOIN merchants_platform AS platform ON platform.code = 'seeded-' || 1 + n %% 3
    ORDER BY n ON CONFLICT DO NOTHING
"""

PROGRAMS = """
    INSERT INTO merchants_miniprogram (platform_id, merchant_id, app_id, kind, name)
    SELECT merchant.platform_id, merchant.id, 'seeded-' || merchant.id || '-' || n,
        CASE n WHEN 2 THEN 'life_account' ELSE 'mini_program' END, merchant.name || ' ' || n
    FROM merchants_merchant AS merchant
    JOIN merchants_platform AS platform ON platform.id = merchant.platform_id
    CROSS JOIN generate_series(1, 3) AS n
    WHERE platform.code LIKE 'seeded-%%' AND n <= 1 + merchant.id %% 3
    ON CONFLICT DO NOTHING
"""

SHOPS = """
    INSERT INTO seeding_shop
    SELECT * FROM (
        SELECT row_number() OVER (ORDER BY platform.code <> 'demo', merchant.name, merchant.id) AS rank,
            merchant.platform_id, merchant.id, programs.ids
        FROM merchants_merchant AS merchant
        JOIN merchants_platform AS platform ON platform.id = merchant.platform_id
        JOIN (SELECT merchant_id, array_agg(id ORDER BY id) AS ids FROM merchants_miniprogram GROUP BY merchant_id)
            AS programs ON programs.merchant_id = merchant.id
        WHERE platform.code = 'demo' OR platform.code LIKE 'seeded-%%'
    ) AS shop WHERE rank <= %(merchants)s ON CONFLICT DO NOTHING
"""
"""The merchants of the demo come first: who signs in as one of its members sees the largest."""

LOCAL = "AT TIME ZONE 'Asia/Shanghai'"
DIGITS = "lpad(floor(random() * 1e9)::bigint::text, 9, '0')"
EIGHTEEN = f"{DIGITS} || {DIGITS}"


def past(moment: str) -> str:
    """Write a moment that is null when it has not come yet."""
    return f"CASE WHEN {moment} <= %(now)s THEN {moment} END"


def one_of(name: str, draw: str = "random()") -> str:
    """Write one of a list, by a number from 0 up to 1."""
    return f"(%({name})s::text[])[1 + floor({draw} * cardinality(%({name})s::text[]))::int]"


def number(moment: str, noun: str) -> str:
    """Write a number as `common.numbers` makes it."""
    return f"to_char({moment} {LOCAL}, 'YYYYMMDD') || '{noun}' || {EIGHTEEN}"


def next_id(sequence: str) -> str:
    return f"nextval('{sequence}')"


def days(number_of_days: str) -> str:
    return f"({number_of_days}) * interval '1 day'"


# Most of a day's complaints come between breakfast and midnight. Merchants are drawn by Zipf's law: the n-th largest
# has about one n-th of what the largest has.
DRAWN = f"""
    SELECT shop.platform_id, shop.merchant_id, shop.programs[1 + floor(random() * cardinality(shop.programs))::int]
            AS mini_program_id,
        CASE WHEN drawn.at < %(now)s THEN drawn.at ELSE %(now)s - random() * random() * interval '12 hours' END AS at
    FROM (
        SELECT floor(power(%(merchants)s + 1, random()))::int AS rank,
            (date_trunc('day', (%(since)s + random() * (%(until)s - %(since)s)) {LOCAL})
                + (0.3 + 0.35 * (random() + random())) * interval '1 day') {LOCAL} AS at
        FROM generate_series(1, %(number)s)
    ) AS drawn JOIN seeding_shop AS shop ON shop.rank = drawn.rank
"""

BORN = f"""
    SELECT platform_id, merchant_id, mini_program_id, at AS filed_at, at + %(handle_within)s AS handle_by,
        CASE WHEN %(fate)s <> '' THEN %(fate)s ELSE (ARRAY['refund', 'contested', 'claim', 'late', 'missed',
            'cancelled', 'closed'])[width_bucket(random(), ARRAY[0, 0.50, 0.52, 0.88, 0.91, 0.93, 0.99]::float8[])]
            END AS fate,
        round((9 + 80 * -ln(1 - random()))::numeric, 2) AS trade_amount,
        random() AS r1, random() AS r2, random() AS r3, random() AS r4, random() AS r5, random() AS r6,
        random() AS r7, random() AS r8, random() AS r9, random() AS asks, random() AS paid
    FROM ({DRAWN}) AS drawn ORDER BY at
"""

HANDLED = f"""
    SELECT *,
        {
    past(
        "CASE WHEN fate IN ('refund', 'contested', 'claim') THEN filed_at + least(0.97, -ln(1 - r1) * 0.21)"
        " * %(handle_within)s WHEN fate = 'late' THEN handle_by + (300 + r1 * 260000) * interval '1 second' END"
    )
}
            AS handled_at,
        {past("CASE WHEN fate IN ('late', 'missed') THEN handle_by + (60 + r2 * 60) * interval '1 second' END")}
            AS penalised_at,
        {past("CASE fate WHEN 'cancelled' THEN filed_at + r1 * 0.9 * %(handle_within)s END")} AS cancelled_at,
        {
    past(
        "CASE fate WHEN 'closed' THEN filed_at + r1 * 0.5 * %(handle_within)s"
        " WHEN 'missed' THEN handle_by + " + days("20 + r1 * 20") + " END"
    )
} AS closed_at,
        CASE WHEN fate = 'contested' THEN trunc(trade_amount / 2, 2)
            WHEN fate IN ('refund', 'late') AND paid < 0.3 THEN trunc(trade_amount * (0.2 + paid * 2)::numeric, 2)
            WHEN fate IN ('refund', 'late') THEN trade_amount END AS refund_amount
    FROM ({BORN} OFFSET 0) AS born
"""

ANSWERED = f"""
    SELECT *,
        {past("CASE WHEN fate IN ('refund', 'late') AND r3 < 0.35 THEN handled_at + " + days("r4 * 6") + " END")}
            AS confirmed_at,
        {
    past(
        "CASE WHEN fate IN ('refund', 'late') AND r3 >= 0.35 THEN handled_at + %(finish_after)s"
        " + (60 + r4 * 60) * interval '1 second' END"
    )
} AS finished_at,
        CASE fate WHEN 'claim' THEN handled_at WHEN 'contested' THEN {past("handled_at + " + days("r4 * 6"))} END
            AS claimed_at
    FROM ({HANDLED} OFFSET 0) AS handled
"""

RULED = f"""
    SELECT answered.*, review.review_by, review.is_provisional,
        {past("least(claimed_at + " + days("0.2 + r5 * 3") + ", review.review_by)")} AS ruled_at,
        r6 < CASE fate WHEN 'claim' THEN 0.2 ELSE 0.5 END AS overruled
    FROM ({ANSWERED} OFFSET 0) AS answered
    LEFT JOIN seeding_review AS review ON review.day = (claimed_at {LOCAL})::date
"""

OPENED = f"""
    SELECT *,
        CASE WHEN overruled THEN ruled_at END AS opened_at,
        CASE WHEN overruled THEN ruled_at + %(refund_within)s END AS first_refund_by,
        CASE WHEN overruled THEN CASE WHEN r7 < 0.85 THEN 'paid' WHEN r7 < 0.92 THEN 'paid late'
            WHEN r7 < 0.98 THEN 'refused' ELSE 'never' END END AS refund_fate,
        CASE WHEN fate = 'contested' THEN trade_amount - refund_amount
            ELSE trunc(trade_amount * (0.4 + 0.6 * r6)::numeric, 2) END AS due_amount
    FROM ({RULED} OFFSET 0) AS ruled
"""

REFUSED = f"""
    SELECT opened.*,
        {past("CASE refund_fate WHEN 'refused' THEN opened_at + r8 * 0.9 * %(refund_within)s END")} AS refused_at,
        {
    past(
        "CASE WHEN refund_fate IN ('paid late', 'never')"
        " THEN first_refund_by + (60 + r9 * 60) * interval '1 second' END"
    )
} AS overdue_at
    FROM ({OPENED} OFFSET 0) AS opened
"""

RULED_AGAIN = f"""
    SELECT refused.*, review.review_by AS refusal_review_by, review.is_provisional AS refusal_is_provisional,
        {past("least(refused_at + " + days("0.2 + r9 * 3") + ", review.review_by)")} AS refusal_ruled_at,
        r5 < 0.5 AS waived
    FROM ({REFUSED} OFFSET 0) AS refused
    LEFT JOIN seeding_review AS review ON review.day = (refused_at {LOCAL})::date
"""

SETTLED = f"""
    SELECT *,
        {
    past(
        "CASE refund_fate WHEN 'paid' THEN opened_at + r8 * 0.95 * %(refund_within)s"
        " WHEN 'paid late' THEN first_refund_by + "
        + days("0.01 + r8 * 5")
        + " WHEN 'refused' THEN CASE WHEN NOT waived THEN refusal_ruled_at + r6 * 0.9 * %(refund_within)s END"
        " END"
    )
} AS paid_at,
        CASE WHEN waived THEN refusal_ruled_at END AS waived_at,
        1 + (NOT waived AND refusal_ruled_at IS NOT NULL)::int AS round,
        CASE WHEN NOT waived AND refusal_ruled_at IS NOT NULL THEN refusal_ruled_at + %(refund_within)s
            ELSE first_refund_by END AS refund_by
    FROM ({RULED_AGAIN} OFFSET 0) AS ruled_again
"""

FILING = f"""
    CREATE TEMPORARY TABLE filing AS
    SELECT {next_id("complaints_complaint_id_seq")} AS id, {number("filed_at", "01")} AS complaint_no,
        to_char(filed_at {LOCAL}, 'YYYYMMDD') || '2200' || lpad(floor(r9 * 1e6)::bigint::text, 6, '0')
            || lpad(floor(random() * 1e9)::bigint::text, 9, '0') AS trade_no,
        CASE
            WHEN coalesce(paid_at, waived_at) IS NOT NULL THEN 'finished'
            WHEN opened_at IS NOT NULL THEN 'refund_due'
            WHEN ruled_at IS NOT NULL THEN 'finished'
            WHEN claimed_at IS NOT NULL THEN 'in_review'
            WHEN coalesce(confirmed_at, finished_at) IS NOT NULL THEN 'finished'
            WHEN handled_at IS NOT NULL THEN 'handled'
            WHEN cancelled_at IS NOT NULL THEN 'cancelled'
            WHEN closed_at IS NOT NULL THEN 'closed'
            ELSE 'pending'
        END AS status,
        coalesce(paid_at, waived_at, CASE WHEN opened_at IS NULL THEN ruled_at END, confirmed_at, finished_at,
            cancelled_at, closed_at) AS ended_at,
        CASE WHEN handled_at IS NOT NULL THEN {next_id("complaints_handling_id_seq")} END AS handling_id,
        CASE WHEN claimed_at IS NOT NULL THEN {next_id("deadlines_review_number")} END AS claim_id,
        CASE WHEN refused_at IS NOT NULL THEN {next_id("deadlines_review_number")} END AS refusal_id,
        CASE WHEN opened_at IS NOT NULL THEN {next_id("refunds_refundcase_id_seq")} END AS case_id,
        {number("opened_at", "03")} AS case_no,
        CASE WHEN handled_at IS NOT NULL AND refund_amount IS NOT NULL OR paid_at IS NOT NULL
            THEN {next_id("refunds_refundedtrade_id_seq")} END AS trade_id,
        CASE WHEN handled_at IS NOT NULL AND refund_amount IS NOT NULL
            THEN {next_id("refunds_refund_id_seq")} END AS named_refund_id,
        {number("handled_at", "04")} AS named_refund_no,
        CASE WHEN paid_at IS NOT NULL THEN {next_id("refunds_refund_id_seq")} END AS refund_id,
        {number("paid_at", "04")} AS refund_no,
        CASE WHEN refund_amount IS NOT NULL THEN 'other_refund' ELSE
            (ARRAY['shipped', 'other', 'after_sales', 'not_liable'])[1 + floor(4 * r3)::int] END AS method,
        {one_of("notes", "r4")} AS note,
        settled.*
    FROM ({SETTLED} OFFSET 0) AS settled
"""

COMPLAINTS = f"""
    INSERT INTO complaints_complaint (id, complaint_no, platform_id, merchant_id, mini_program_id, upstream_id,
        trade_no, merchant_order_no, trade_amount, paid_at, dispute_type, demand, requested_refund_amount, description,
        consumer_reference, consumer_name, consumer_phone, advance_protection, status, filed_at, received_at,
        handle_by, is_history, ended_at)
    SELECT id, complaint_no, platform_id, merchant_id, mini_program_id, 'seeded-' || id, trade_no,
        'SO' || to_char(filed_at {LOCAL}, 'YYMMDD') || lpad(floor(random() * 1e8)::bigint::text, 8, '0'),
        trade_amount, filed_at - (1 + random() * 200) * interval '1 hour',
        {one_of("disputes", "(random() * random())")}, {one_of("demands", "(random() * random())")},
        CASE WHEN asks < 0.6 THEN trade_amount WHEN asks < 0.75 THEN trunc(trade_amount * asks::numeric, 2) END,
        to_char(filed_at {LOCAL}, 'FMMM') || '月在“' || {one_of("syllables", "(random() * random())")}
            || {one_of("syllables", "(random() * random())")} || '”买的' || {one_of("goods")} || '，'
            || {one_of("problems")} || '。'
            || CASE WHEN random() < 0.7 THEN {one_of("courses")} || '，' || {one_of("attitudes")} || '。' ELSE '' END
            || CASE WHEN random() < 0.4 THEN '和' || {one_of("goods")} || '一起买的，' || {one_of("problems")} || '。'
                ELSE '' END
            || CASE WHEN random() < 0.01 THEN {one_of("rare", "(random() * random())")} || '，实在着急。' ELSE '' END
            || {one_of("wishes")} || '。',
        '2088' || lpad(floor(random() * 1e12)::bigint::text, 12, '0'),
        {one_of("surnames", "(random() * random())")} || {one_of("given")}
            || CASE WHEN random() < 0.6 THEN {one_of("given")} ELSE '' END,
        CASE WHEN random() < 0.05 THEN '1990000' || lpad(floor(random() * 1e4)::int::text, 4, '0')
            ELSE '199' || lpad(floor(random() * 1e8)::int::text, 8, '0') END,
        random() < 0.1, status, filed_at, filed_at, handle_by, false, ended_at
    FROM filing ORDER BY id
"""

HANDLINGS = """
    INSERT INTO complaints_handling (id, complaint_id, method, note, refund_amount, refund_reference, tracking,
        root_cause, taken_in, handled_at, in_time, actor_kind, actor_name)
    SELECT handling_id, id, method, note, refund_amount,
        CASE WHEN refund_amount IS NOT NULL THEN named_refund_no ELSE '' END,
        CASE method WHEN 'shipped' THEN '顺丰 SF' || right(trade_no, 12) ELSE '' END,
        (ARRAY['product', 'description', 'price', 'delivery', 'service', 'consumer', 'other', '', ''])
            [1 + floor(9 * r2)::int],
        false, handled_at, fate <> 'late', 'member', '客服'
    FROM filing WHERE handling_id IS NOT NULL ORDER BY handling_id
"""

TRADES = """
    INSERT INTO refunds_refundedtrade (id, merchant_id, trade_no, trade_amount, refunded)
    SELECT trade_id, merchant_id, trade_no, trade_amount,
        CASE WHEN named_refund_id IS NOT NULL THEN refund_amount ELSE 0 END
            + CASE WHEN refund_id IS NOT NULL THEN due_amount ELSE 0 END
    FROM filing WHERE trade_id IS NOT NULL ORDER BY trade_id
"""

CASES = """
    INSERT INTO refunds_refundcase (id, case_no, complaint_id, merchant_id, mini_program_id, amount, status, round,
        points, opened_at, refund_by, stopped_at, ended_at)
    SELECT case_id, case_no, id, merchant_id, mini_program_id, due_amount,
        CASE WHEN paid_at IS NOT NULL THEN 'refunded' WHEN waived_at IS NOT NULL THEN 'waived'
            WHEN refused_at IS NOT NULL AND refusal_ruled_at IS NULL THEN 'refused' ELSE 'due' END,
        round, %(refund_points)s, opened_at, refund_by,
        CASE WHEN refund_fate = 'paid' THEN paid_at WHEN refund_fate = 'refused' AND round = 2 THEN paid_at
            WHEN refund_fate = 'refused' THEN refused_at END,
        coalesce(paid_at, waived_at)
    FROM filing WHERE case_id IS NOT NULL ORDER BY case_id
"""

CLAIMS = f"""
    INSERT INTO refunds_norefundclaim (id, complaint_id, merchant_id, mini_program_id, handling_id, refund_case_id,
        status, text, contested, submitted_at, review_by, is_provisional, claimed_by_id, claimed_at, decided_by_id,
        decided_at, reason_code, message, actor_kind, actor_name)
    SELECT claim_id, id, merchant_id, mini_program_id, handling_id, NULL,
        CASE WHEN ruled_at IS NULL THEN 'submitted' WHEN overruled THEN 'overruled' ELSE 'accepted' END,
        note, CASE fate WHEN 'contested' THEN {one_of("said_by_consumers", "r2")} ELSE '' END, claimed_at, review_by,
        is_provisional, CASE WHEN ruled_at IS NOT NULL THEN %(reviewer)s END, ruled_at,
        CASE WHEN ruled_at IS NOT NULL THEN %(reviewer)s END, ruled_at,
        CASE WHEN ruled_at IS NULL THEN '' WHEN overruled THEN 'not_proven' ELSE 'delivered' END,
        CASE WHEN ruled_at IS NULL THEN '' WHEN overruled THEN '凭证不足，请在七天内退款。'
            ELSE '凭证充分，无需退款。' END,
        'member', '客服'
    FROM filing WHERE claim_id IS NOT NULL
    UNION ALL
    SELECT refusal_id, id, merchant_id, mini_program_id, NULL, case_id,
        CASE WHEN refusal_ruled_at IS NULL THEN 'submitted' WHEN waived THEN 'accepted' ELSE 'overruled' END,
        note, '', refused_at, refusal_review_by, refusal_is_provisional,
        CASE WHEN refusal_ruled_at IS NOT NULL THEN %(reviewer)s END, refusal_ruled_at,
        CASE WHEN refusal_ruled_at IS NOT NULL THEN %(reviewer)s END, refusal_ruled_at,
        CASE WHEN refusal_ruled_at IS NULL THEN '' WHEN waived THEN 'agreed' ELSE 'not_delivered' END,
        CASE WHEN refusal_ruled_at IS NULL THEN '' WHEN waived THEN '用户已同意其他方案。' ELSE '仍需退款。' END,
        'member', '客服'
    FROM filing WHERE refusal_id IS NOT NULL
"""

REFUNDS = """
    INSERT INTO refunds_refund (id, refund_no, request_key, refund_case_id, complaint_id, merchant_id, trade_id,
        channel, gateway, amount, status, requested_at, ended_at, asked, reference, failure_code, failure, is_verified,
        actor_kind, actor_name)
    SELECT named_refund_id, named_refund_no, 'handling-' || handling_id, NULL, id, merchant_id, trade_id, 'elsewhere',
        '', refund_amount, 'succeeded', handled_at, handled_at, 0, '', '', '', false, 'member', '客服'
    FROM filing WHERE named_refund_id IS NOT NULL
    UNION ALL
    SELECT refund_id, refund_no, 'case-' || case_id, case_id, id, merchant_id, trade_id, 'elsewhere', '', due_amount,
        'succeeded', paid_at, paid_at, 0, '', '', '', false, 'member', '客服'
    FROM filing WHERE refund_id IS NOT NULL
"""

ISSUED = """
    SELECT kind, subject_id, round, complaint_id, complaint_no, merchant_id, mini_program_id, points, missed_at,
        issued_at, issued_at + appeal_within AS appeal_by,
        random() AS a1, random() AS a2, random() AS a3, random() AS a4, random() AS a5, random() AS a6,
        random() AS a7, random() AS a8
    FROM (
        SELECT 'complaint_timeout' AS kind, id AS subject_id, 1 AS round, id AS complaint_id, complaint_no,
            merchant_id, mini_program_id, %(handle_points)s AS points, handle_by AS missed_at,
            penalised_at AS issued_at, %(appeal_timeout_within)s AS appeal_within
        FROM filing WHERE penalised_at IS NOT NULL
        UNION ALL
        SELECT 'refund_overdue', case_id, 1, id, complaint_no, merchant_id, mini_program_id, %(refund_points)s,
            first_refund_by, overdue_at, %(appeal_refund_within)s
        FROM filing WHERE overdue_at IS NOT NULL
    ) AS due ORDER BY issued_at
"""

APPEALED = f"""
    SELECT submitted.*, review.review_by AS first_review_by, review.is_provisional AS first_is_provisional,
        {past("CASE WHEN a3 < 0.1 THEN submitted_at + " + days("a4") + " END")} AS asked_at,
        {past("CASE WHEN a3 > 0.95 THEN submitted_at + " + days("a4") + " END")} AS withdrawn_at
    FROM (
        SELECT *, {past("CASE WHEN a1 < 0.3 THEN issued_at + a2 * 0.9 * %(appeal_timeout_within)s END")}
            AS submitted_at
        FROM ({ISSUED} OFFSET 0) AS issued OFFSET 0
    ) AS submitted LEFT JOIN seeding_review AS review ON review.day = (submitted_at {LOCAL})::date
"""

DECIDED = f"""
    SELECT supplemented.*,
        coalesce(review.review_by, first_review_by) AS review_by,
        coalesce(review.is_provisional, first_is_provisional) AS is_provisional,
        {
    past(
        "CASE WHEN a3 <= 0.95 AND (a3 >= 0.1 OR supplemented_at IS NOT NULL) THEN least(coalesce(supplemented_at,"
        " submitted_at) + " + days("0.3 + a6 * 2.5") + ", coalesce(review.review_by, first_review_by)) END"
    )
}
            AS decided_at,
        a7 < 0.35 AS approved
    FROM (
        SELECT *, asked_at + %(supplement_within)s AS supplement_by,
            {past("asked_at + a5 * 0.4 * %(supplement_within)s")} AS supplemented_at
        FROM ({APPEALED} OFFSET 0) AS appealed OFFSET 0
    ) AS supplemented LEFT JOIN seeding_review AS review ON review.day = (supplemented_at {LOCAL})::date
"""

PENALISED = f"""
    CREATE TEMPORARY TABLE penalised AS
    SELECT {next_id("penalties_penalty_id_seq")} AS id,
        to_char(issued_at {LOCAL}, 'YYYYMMDD') || '02'
            || lpad({next_id("deadlines_deadline_id_seq")}::text, 18, '0') AS penalty_no,
        CASE WHEN submitted_at IS NOT NULL THEN {next_id("deadlines_review_number")} END AS appeal_id,
        CASE WHEN revoked_at IS NOT NULL THEN 'revoked'
            WHEN submitted_at IS NOT NULL AND coalesce(decided_at, withdrawn_at) IS NULL THEN 'under_appeal'
            ELSE 'in_effect' END AS status,
        CASE WHEN decided_at IS NOT NULL THEN CASE WHEN approved THEN 'approved' ELSE 'rejected' END
            WHEN withdrawn_at IS NOT NULL THEN 'withdrawn'
            WHEN asked_at IS NOT NULL AND supplemented_at IS NULL THEN 'more_wanted'
            ELSE 'submitted' END AS appeal_status,
        CASE WHEN revoked_at IS NULL OR revoked_at > closes_at THEN {past("closes_at")} END AS closed_at,
        revoked.*
    FROM (
        SELECT *, CASE WHEN approved THEN decided_at END AS revoked_at,
            appeal_by + (60 + a8 * 60) * interval '1 second' AS closes_at
        FROM ({DECIDED} OFFSET 0) AS decided OFFSET 0
    ) AS revoked
"""

PENALTIES = """
    INSERT INTO penalties_penalty (id, penalty_no, kind, subject_id, round, complaint_id, merchant_id, mini_program_id,
        points, status, missed_at, issued_at, appeal_by, window_closed_at, revoked_at, revoked_by, revoked_reason)
    SELECT id, penalty_no, kind, subject_id, round, complaint_id, merchant_id, mini_program_id, points, status,
        missed_at, issued_at, appeal_by, closed_at, revoked_at,
        CASE WHEN revoked_at IS NULL THEN '' ELSE '支持专员' END,
        CASE WHEN revoked_at IS NULL THEN '' ELSE '用户问题已解决，处罚撤销。' END
    FROM penalised ORDER BY id
"""

APPEALS = """
    INSERT INTO appeals_appeal (id, penalty_id, merchant_id, mini_program_id, attempt, status, description, proofs,
        unsolved_knowingly, actor_kind, actor_name, asked_at, asked_reason_code, asked_for, supplement_by, supplement,
        supplemented_at, submitted_at, review_by, is_provisional, claimed_by_id, claimed_at, decided_by_id, decided_at,
        reason_code, message)
    SELECT appeal_id, id, merchant_id, mini_program_id, 1, appeal_status, '问题已与用户协商解决，记录见附件。', '{}',
        false,
        'member', '客服', asked_at, CASE WHEN asked_at IS NULL THEN '' ELSE 'evidence_missing' END,
        CASE WHEN asked_at IS NULL THEN '' ELSE '请补充退款记录。' END, supplement_by,
        CASE WHEN supplemented_at IS NULL THEN '' ELSE '已补充。' END, supplemented_at, submitted_at, review_by,
        is_provisional, CASE WHEN decided_at IS NOT NULL THEN %(reviewer)s END, decided_at,
        CASE WHEN decided_at IS NOT NULL THEN %(reviewer)s END, decided_at,
        CASE WHEN decided_at IS NULL THEN '' WHEN approved THEN 'solved' ELSE 'evidence_insufficient' END,
        CASE WHEN decided_at IS NULL THEN '' WHEN approved THEN '用户问题已解决，处罚撤销。'
            ELSE '凭证不能证明问题已解决。' END
    FROM penalised WHERE appeal_id IS NOT NULL ORDER BY appeal_id
"""


def reminded(due: str, since: str) -> str:
    """Write the next moment at which somebody is reminded of what is due, as `Policy.reminds_at` has it."""
    return f"(SELECT min({due} - step) FROM unnest(%(reminders)s) AS step WHERE {due} - step > {since})"


CLOCKS = f"""
    INSERT INTO deadlines_deadline (kind, subject_id, complaint_id, merchant_id, mini_program_id, round, points, due_at,
        remind_at, is_provisional, counted_from, working_days)
    SELECT 'handle', id, id, merchant_id, mini_program_id, 1, %(handle_points)s, handle_by,
        {reminded("handle_by", "filed_at")}, false, NULL::timestamptz, NULL::int
    FROM filing WHERE status = 'pending' AND penalised_at IS NULL
    UNION ALL
    SELECT 'finish', id, id, merchant_id, mini_program_id, 1, 0, handled_at + %(finish_after)s, NULL, false, NULL, NULL
    FROM filing WHERE status = 'handled'
    UNION ALL
    SELECT 'review', claim_id, id, merchant_id, mini_program_id, 1, 0, review_by, NULL, is_provisional, claimed_at,
        %(working_days)s
    FROM filing WHERE claim_id IS NOT NULL AND ruled_at IS NULL
    UNION ALL
    SELECT 'review', refusal_id, id, merchant_id, mini_program_id, 1, 0, refusal_review_by, NULL,
        refusal_is_provisional, refused_at, %(working_days)s
    FROM filing WHERE refusal_id IS NOT NULL AND refusal_ruled_at IS NULL
    UNION ALL
    SELECT 'refund', case_id, id, merchant_id, mini_program_id, round, %(refund_points)s, refund_by,
        {reminded("refund_by", "opened_at")}, false, NULL, NULL
    FROM filing WHERE case_id IS NOT NULL AND coalesce(paid_at, waived_at, overdue_at) IS NULL
        AND (refused_at IS NULL OR refusal_ruled_at IS NOT NULL)
    UNION ALL
    SELECT 'appeal', id, complaint_id, merchant_id, mini_program_id, 1, 0, appeal_by, NULL, false, NULL, NULL
    FROM penalised WHERE status <> 'revoked' AND closed_at IS NULL
    UNION ALL
    SELECT 'review', appeal_id, complaint_id, merchant_id, mini_program_id, 1, 0, review_by, NULL, is_provisional,
        coalesce(supplemented_at, submitted_at), %(working_days)s
    FROM penalised WHERE appeal_id IS NOT NULL AND appeal_status = 'submitted'
    UNION ALL
    SELECT 'supplement', appeal_id, complaint_id, merchant_id, mini_program_id, 1, 0, supplement_by, NULL, false, NULL,
        NULL
    FROM penalised WHERE appeal_status = 'more_wanted'
"""


class Move(NamedTuple):
    """One kind of move: when a case made it, where it led, and who made it. `detail` is what the line says of it."""

    at: str
    rank: int
    """Among moves of the same moment, the order in which a verb writes them."""
    noun_id: str
    verb: str
    before: str
    after: str
    who: str
    event: str
    detail: str = "'{}'::jsonb"


def made(noun: str, source: str, number: str, moves: Sequence[Move]) -> str:
    """Write the moves of a noun, each kind with a pass of its own: most cases made few of them.

    `number` is what names the case in a line of history; an event has the status as well.
    """
    complaint, facts = ("id", "'complaint_no', complaint_no") if source == "filing" else ("complaint_id", number)
    return " UNION ALL ".join(
        f"""
        SELECT {move.at} AS at, {move.rank} AS rank, {complaint} AS complaint_id, merchant_id, '{noun}' AS noun,
            {move.noun_id} AS noun_id, '{move.verb}' AS verb, {move.before} AS from_state, {move.after} AS to_state,
            '{move.who}' AS who, {move.event} AS event,
            jsonb_build_object({number}) || {move.detail} AS detail,
            jsonb_build_object({facts}, 'status', {move.after}) || {move.detail} AS facts
        FROM {source} WHERE {move.at} IS NOT NULL
        """
        for move in moves
    )


def by(condition: str, yes: str, no: str) -> str:
    return f"CASE WHEN {condition} THEN {yes} ELSE {no} END"


TO_STAFF = "CASE fate WHEN 'contested' THEN claimed_at END"
UPHELD = "coalesce(withdrawn_at, CASE WHEN NOT approved THEN decided_at END)"
AT_CLOSING = by(
    "submitted_at < closed_at AND coalesce(decided_at, withdrawn_at, 'infinity') > closed_at",
    "'under_appeal'",
    "'in_effect'",
)
RULING = by("overruled", "'overruled'", "'accepted'")
RULING_AGAIN = by("waived", "'accepted'", "'overruled'")
ABOUT = "jsonb_build_object('about', CASE fate WHEN 'contested' THEN 'contest' ELSE 'handling' END)"
REFUSAL = '\'{"about": "refusal"}\'::jsonb'

COMPLAINT_MOVES = made(
    "complaint",
    "filing",
    "",
    [
        Move("filed_at", 1, "id", "file", "''", "'pending'", "platform", "'filed'"),
        Move(
            "handled_at",
            2,
            "id",
            "handle",
            "'pending'",
            by("refund_amount IS NULL", "'in_review'", "'handled'"),
            "member",
            "'handled'",
            "jsonb_build_object('method', method, 'in_time', fate <> 'late')",
        ),
        Move("confirmed_at", 3, "id", "confirm", "'handled'", "'finished'", "consumer", "'confirmed'"),
        Move("finished_at", 3, "id", "finish", "'handled'", "'finished'", "system", "'finished'"),
        Move(TO_STAFF, 3, "id", "contest", "'handled'", "'in_review'", "consumer", "'contested'"),
        Move(
            "ruled_at",
            4,
            "id",
            "rule",
            "'in_review'",
            by("overruled", "'refund_due'", "'finished'"),
            "staff",
            "'ruled'",
            f"jsonb_build_object('ruling', {RULING})",
        ),
        Move("coalesce(paid_at, waived_at)", 6, "id", "settle", "'refund_due'", "'finished'", "member", "'settled'"),
        Move("cancelled_at", 3, "id", "cancel", "'pending'", "'cancelled'", "consumer", "'cancelled'"),
        Move("closed_at", 3, "id", "close", "'pending'", "'closed'", "platform", "'closed'"),
    ],
)

CLAIM_MOVES = made(
    "no_refund_claim",
    "filing",
    "",
    [
        Move("claimed_at", 4, "claim_id", "submit", "''", "'submitted'", "member", "'submitted'", ABOUT),
        Move(
            "CASE WHEN NOT overruled THEN ruled_at END",
            5,
            "claim_id",
            "accept",
            "'submitted'",
            "'accepted'",
            "staff",
            "'accepted'",
            ABOUT + ' || \'{"reason": "delivered"}\'',
        ),
        Move(
            "CASE WHEN overruled THEN ruled_at END",
            5,
            "claim_id",
            "overrule",
            "'submitted'",
            "'overruled'",
            "staff",
            "'overruled'",
            ABOUT + ' || \'{"reason": "not_proven"}\'',
        ),
        Move("refused_at", 4, "refusal_id", "submit", "''", "'submitted'", "member", "'submitted'", REFUSAL),
        Move(
            "CASE WHEN waived THEN refusal_ruled_at END",
            5,
            "refusal_id",
            "accept",
            "'submitted'",
            "'accepted'",
            "staff",
            "'accepted'",
            REFUSAL + ' || \'{"reason": "agreed"}\'',
        ),
        Move(
            "CASE WHEN NOT waived THEN refusal_ruled_at END",
            5,
            "refusal_id",
            "overrule",
            "'submitted'",
            "'overruled'",
            "staff",
            "'overruled'",
            REFUSAL + ' || \'{"reason": "not_delivered"}\'',
        ),
    ],
)

CASE_MOVES = made(
    "refund_case",
    "filing",
    "'case_no', case_no",
    [
        Move(
            "opened_at",
            5,
            "case_id",
            "open",
            "''",
            "'due'",
            "staff",
            "'opened'",
            "jsonb_build_object('case_no', case_no, 'amount', due_amount::text, 'refund_by', first_refund_by)",
        ),
        Move("refused_at", 3, "case_id", "refuse", "'due'", "'refused'", "member", "'refused'"),
        Move("waived_at", 5, "case_id", "waive", "'refused'", "'waived'", "staff", "'waived'"),
        Move(
            "CASE WHEN round = 2 THEN refusal_ruled_at END",
            4,
            "case_id",
            "overrule",
            "'refused'",
            "'due'",
            "staff",
            "'overruled'",
            "jsonb_build_object('case_no', case_no, 'round', 2, 'amount', due_amount::text, 'refund_by', refund_by)",
        ),
        Move("paid_at", 5, "case_id", "refund", "'due'", "'refunded'", "member", "'refunded'"),
    ],
)

REFUND_MOVES = made(
    "refund",
    "filing",
    "'channel', 'elsewhere'",
    [
        Move(
            "CASE WHEN named_refund_id IS NOT NULL THEN handled_at END",
            3,
            "named_refund_id",
            "record",
            "''",
            "'succeeded'",
            "member",
            "'succeeded'",
            "jsonb_build_object('refund_no', named_refund_no, 'amount', refund_amount::text)",
        ),
        Move(
            "paid_at",
            4,
            "refund_id",
            "record",
            "''",
            "'succeeded'",
            "member",
            "'succeeded'",
            "jsonb_build_object('refund_no', refund_no, 'amount', due_amount::text)",
        ),
    ],
)

PENALTY_MOVES = made(
    "penalty",
    "penalised",
    "'penalty_no', penalty_no",
    [
        Move(
            "issued_at",
            7,
            "id",
            "issue",
            "''",
            "'in_effect'",
            "system",
            "'issued'",
            "jsonb_build_object('kind', kind, 'points', points)",
        ),
        Move("submitted_at", 8, "id", "appeal", "'in_effect'", "'under_appeal'", "member", "'under_appeal'"),
        Move(UPHELD, 8, "id", "uphold", "'under_appeal'", "'in_effect'", "staff", "'upheld'"),
        Move("revoked_at", 8, "id", "revoke", "'under_appeal'", "'revoked'", "staff", "'revoked'"),
        Move("closed_at", 8, "id", "close_window", AT_CLOSING, AT_CLOSING, "system", "'window_closed'"),
    ],
)

APPEAL_MOVES = made(
    "appeal",
    "penalised",
    "'penalty_no', penalty_no, 'attempt', 1",
    [
        Move("submitted_at", 9, "appeal_id", "submit", "''", "'submitted'", "member", "'submitted'"),
        Move("asked_at", 9, "appeal_id", "ask", "'submitted'", "'more_wanted'", "staff", "'more_wanted'"),
        Move(
            "supplemented_at", 9, "appeal_id", "supplement", "'more_wanted'", "'submitted'", "member", "'supplemented'"
        ),
        Move("revoked_at", 9, "appeal_id", "approve", "'submitted'", "'approved'", "staff", "'approved'"),
        Move(
            "CASE WHEN NOT approved THEN decided_at END",
            9,
            "appeal_id",
            "reject",
            "'submitted'",
            "'rejected'",
            "staff",
            "'rejected'",
        ),
        Move("withdrawn_at", 9, "appeal_id", "withdraw", "'submitted'", "'withdrawn'", "member", "'withdrawn'"),
    ],
)

ALL_MOVES = (COMPLAINT_MOVES, CLAIM_MOVES, CASE_MOVES, REFUND_MOVES, PENALTY_MOVES, APPEAL_MOVES)
MOVES = f"CREATE TEMPORARY TABLE moves AS {' UNION ALL '.join(ALL_MOVES)}"

LINES = """
    INSERT INTO complaints_historyline (complaint_id, noun, noun_id, verb, from_state, to_state, actor_kind,
        actor_name, at, detail)
    SELECT complaint_id, noun, noun_id, verb, from_state, to_state, who,
        CASE who WHEN 'system' THEN 'system' WHEN 'member' THEN '客服' WHEN 'consumer' THEN '用户'
            WHEN 'staff' THEN '支持专员' ELSE '投诉中心' END, at, detail
    FROM moves ORDER BY at, rank
"""

CONSUMER_SAID_AT = "filed_at + r1 * 0.4 * (coalesce(ended_at, %(now)s) - filed_at)"
MERCHANT_SAID_AT = "filed_at + (0.5 + r1 * 0.4) * (coalesce(ended_at, %(now)s) - filed_at)"

SAID = f"""
    CREATE TEMPORARY TABLE said AS
    SELECT id, merchant_id, complaint_no, 'consumer' AS role, '用户' AS name,
        {one_of("said_by_consumers", "r3")} AS text,
        {CONSUMER_SAID_AT} AS at FROM filing WHERE r2 < 0.4
    UNION ALL
    SELECT id, merchant_id, complaint_no, 'merchant', '客服', {one_of("said_by_merchants", "r3")}, {MERCHANT_SAID_AT}
    FROM filing WHERE r2 < 0.3
"""

MESSAGES = """
    INSERT INTO complaints_message (complaint_id, role, actor_name, text, at)
    SELECT id, role, name, text, at FROM said ORDER BY at
"""

# Their transaction is 0, before every position that a reader of events can have: nobody is told of a made-up past.
EVENTS = """
    INSERT INTO notifications_event (name, merchant_id, subject_id, at, payload, transaction)
    SELECT name, merchant_id, subject_id, at, payload, 0 FROM (
        SELECT noun || '.' || event AS name, merchant_id, noun_id AS subject_id, at, facts AS payload, rank FROM moves
        UNION ALL
        SELECT 'complaint.message_left', merchant_id, id, at,
            jsonb_build_object('complaint_no', complaint_no, 'role', role), 2
        FROM said
    ) AS told ORDER BY at, rank
"""

# One complaint in fifty was a consultation before; four times as many consultations stay one.
TALKS = f"""
    CREATE TEMPORARY TABLE talks AS
    SELECT {next_id("complaints_consultation_id_seq")} AS id, {number("asked_at", "08")} AS consultation_no, replied.*,
        CASE WHEN closed_at IS NOT NULL THEN 'closed' WHEN answered_at IS NOT NULL THEN 'answered' ELSE 'open' END
            AS status
    FROM (
        SELECT *, CASE WHEN complaint_id IS NOT NULL THEN ended_at
            WHEN c2 < 0.7 THEN {past("answered_at + " + days("c3 * 10"))} END AS closed_at
        FROM (
            SELECT *, CASE WHEN complaint_id IS NOT NULL THEN CASE WHEN c2 < 0.5 THEN asked_at
                    + c3 * (ended_at - asked_at) END
                WHEN c1 > 0.01 THEN {past("asked_at - ln(1 - c1) * interval '10 hours'")} END AS answered_at
            FROM (
                SELECT platform_id, merchant_id, mini_program_id, at AS asked_at, NULL::bigint AS complaint_id,
                    NULL::text AS complaint_no, NULL::timestamptz AS ended_at, '' AS trade_no,
                    random() AS c1, random() AS c2, random() AS c3
                FROM ({DRAWN}) AS drawn WHERE random() < 0.08
                UNION ALL
                SELECT platform_id, merchant_id, mini_program_id, filed_at - r7 * interval '2 days', id, complaint_no,
                    filed_at, trade_no, random(), random(), random()
                FROM filing WHERE r8 < 0.02
                ORDER BY 4
            ) AS asked OFFSET 0
        ) AS answered OFFSET 0
    ) AS replied
"""

CONSULTATIONS = f"""
    INSERT INTO complaints_consultation (id, consultation_no, platform_id, merchant_id, mini_program_id, upstream_id,
        trade_no, text, consumer_reference, consumer_name, consumer_phone, status, asked_at, waiting_since, answered_at,
        closed_at, complaint_id)
    SELECT id, consultation_no, platform_id, merchant_id, mini_program_id, 'seeded-' || id, trade_no,
        {one_of("questions")}, '2088' || lpad(floor(random() * 1e12)::bigint::text, 12, '0'),
        {one_of("surnames")} || {one_of("given")}, '199' || lpad(floor(random() * 1e8)::int::text, 8, '0'), status,
        asked_at, CASE status WHEN 'open' THEN asked_at END, answered_at, closed_at, complaint_id
    FROM talks ORDER BY id
"""

CONSULTATION_LINES = f"""
    INSERT INTO complaints_consultationline (consultation_id, verb, role, actor_name, text, at)
    SELECT id, said.verb, said.role, said.name, said.text, said.at FROM talks CROSS JOIN LATERAL (VALUES
        ('reply', 'merchant', '客服', {one_of("answers", "c1")}, answered_at),
        (CASE WHEN complaint_id IS NULL THEN 'close' ELSE 'complain' END,
            CASE WHEN complaint_id IS NULL THEN 'merchant' ELSE 'consumer' END,
            CASE WHEN complaint_id IS NULL THEN '客服' ELSE '用户' END, '', closed_at)
    ) AS said (verb, role, name, text, at) WHERE said.at IS NOT NULL ORDER BY said.at
"""

CONSULTATION_EVENTS = """
    INSERT INTO notifications_event (name, merchant_id, subject_id, at, payload, transaction)
    SELECT 'consultation.' || told.name, merchant_id, id, told.at,
        jsonb_build_object('consultation_no', consultation_no, 'status', told.status), 0
    FROM talks CROSS JOIN LATERAL (VALUES
        ('asked', 'open', asked_at), ('replied', 'answered', answered_at),
        (CASE WHEN complaint_id IS NULL THEN 'closed' ELSE 'became_complaint' END, 'closed', closed_at)
    ) AS told (name, status, at) WHERE told.at IS NOT NULL ORDER BY told.at
"""

PASSED_OVER = "UPDATE notifications_watermark SET event_id = 9223372036854775807 WHERE transaction = 0"
"""Whoever has read nothing yet is moved behind the made-up past as well."""

BATCH = (
    FILING,
    COMPLAINTS,
    HANDLINGS,
    TRADES,
    CASES,
    CLAIMS,
    REFUNDS,
    PENALISED,
    PENALTIES,
    APPEALS,
    CLOCKS,
    MOVES,
    LINES,
    SAID,
    MESSAGES,
    EVENTS,
    TALKS,
    CONSULTATIONS,
    CONSULTATION_LINES,
    CONSULTATION_EVENTS,
    "DROP TABLE filing, penalised, moves, said, talks",
)
"""What one batch is, in this order, in one transaction."""

TABLES = (
    "complaints_complaint",
    "complaints_handling",
    "complaints_historyline",
    "complaints_message",
    "complaints_consultation",
    "complaints_consultationline",
    "notifications_event",
    "deadlines_deadline",
    "penalties_penalty",
    "appeals_appeal",
    "refunds_refundedtrade",
    "refunds_refundcase",
    "refunds_norefundclaim",
    "refunds_refund",
)
"""What is filled."""
