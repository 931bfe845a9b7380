"""Texts to start from, and a review for each complaint that went to staff before there were reviews."""

from django.db import migrations

TEXTS = {
    ("accept", "delivered"): (
        "您好，经审核，您提供的凭证可以证明商品已交付或服务已完成，该笔交易无需退款，投诉已完结。",
        "Your evidence proves that the goods were delivered or the service was rendered. No refund is due, "
        "and the complaint is finished.",
    ),
    ("accept", "agreed"): (
        "您好，经审核，您与消费者已就其他解决方案达成一致，该笔交易无需退款，投诉已完结。",
        "The records show that the consumer agreed to another solution. No refund is due, and the complaint is finished.",
    ),
    ("accept", "refunded_already"): (
        "您好，经审核，您提供的凭证可以证明该笔交易已经退款，无需再次退款，投诉已完结。",
        "Your evidence proves that this trade was refunded. Nothing more is due, and the complaint is finished.",
    ),
    ("accept", "not_entitled"): (
        "您好，经审核，消费者的退款诉求不符合规则，该笔交易无需退款，投诉已完结。",
        "The consumer is not entitled to a refund under the rules. No refund is due, and the complaint is finished.",
    ),
    ("overrule", "not_proven"): (
        "您好，您提供的凭证不足以证明该笔交易无需退款，您需向用户退款。请在截止时间前于“待退款交易”中完成退款，"
        "逾期将被处罚。",
        "Your evidence does not prove that no refund is due, so a refund is due. Please pay it under “Pending refunds” "
        "before the deadline; missing it is penalised.",
    ),
    ("overrule", "not_delivered"): (
        "您好，根据现有记录，商品未送达或服务未提供，您需向用户退款。请在截止时间前于“待退款交易”中完成退款，"
        "逾期将被处罚。",
        "The records show that the goods or the service were not delivered, so a refund is due. Please pay it under "
        "“Pending refunds” before the deadline; missing it is penalised.",
    ),
    ("overrule", "not_as_described"): (
        "您好，根据现有记录，商品或服务与描述不符，您需向用户退款。请在截止时间前于“待退款交易”中完成退款，"
        "逾期将被处罚。",
        "The records show that the goods or the service were not as described, so a refund is due. Please pay it under "
        "“Pending refunds” before the deadline; missing it is penalised.",
    ),
    ("overrule", "refund_not_made"): (
        "您好，经核查，消费者未收到您所说的退款，您需向用户退款。请在截止时间前于“待退款交易”中完成退款，"
        "逾期将被处罚。",
        "The consumer has not received the refund that you named, so a refund is due. Please pay it under "
        "“Pending refunds” before the deadline; missing it is penalised.",
    ),
}

# The third working day from today as far as the calendar is published, else a day that moves when it is.
OPEN_REVIEWS = """
    WITH review AS (
        SELECT now() AS at, day IS NULL AS is_provisional,
            (coalesce(day, (now() AT TIME ZONE 'Asia/Shanghai')::date + 5) + time '23:59:59.999999')
                AT TIME ZONE 'Asia/Shanghai' AS due_at
        FROM (SELECT (
            SELECT day FROM deadlines_workday
            WHERE is_working AND day > (now() AT TIME ZONE 'Asia/Shanghai')::date ORDER BY day LIMIT 1 OFFSET 2
        ) AS day) AS third
    ), opened AS (
        INSERT INTO refunds_norefundclaim (complaint_id, merchant_id, mini_program_id, handling_id, status, text,
            contested, submitted_at, review_by, is_provisional, reason_code, message, actor_kind, actor_id, actor_name)
        SELECT complaint.id, complaint.merchant_id, complaint.mini_program_id, handling.id, 'submitted', handling.note,
            coalesce((
                SELECT detail ->> 'reason' FROM complaints_historyline AS line
                WHERE line.complaint_id = complaint.id AND noun = 'complaint' AND verb = 'contest'
                ORDER BY at DESC, id DESC LIMIT 1
            ), ''),
            review.at, review.due_at, review.is_provisional, '', '', handling.actor_kind, handling.actor_id,
            handling.actor_name
        FROM complaints_complaint AS complaint JOIN complaints_handling AS handling ON handling.complaint_id = complaint.id
            CROSS JOIN review
        WHERE complaint.status = 'in_review' AND NOT complaint.is_history
        RETURNING *
    ), given AS (
        INSERT INTO refunds_norefundclaim_evidence (norefundclaim_id, evidence_id)
        SELECT opened.id, evidence_id FROM opened JOIN complaints_handling_evidence AS given USING (handling_id)
    ), clocks AS (
        INSERT INTO deadlines_deadline (kind, subject_id, complaint_id, merchant_id, mini_program_id, round, points,
            due_at, is_provisional, counted_from, working_days)
        SELECT 'review', id, complaint_id, merchant_id, mini_program_id, 1, 0, review_by, is_provisional, submitted_at, 3
        FROM opened
    )
    INSERT INTO complaints_historyline (complaint_id, noun, noun_id, verb, from_state, to_state, actor_kind, actor_name,
        at, detail)
    SELECT complaint_id, 'no_refund_claim', id, 'submit', '', status, 'system', 'system', submitted_at,
        jsonb_build_object('about', CASE WHEN contested = '' THEN 'handling' ELSE 'contest' END)
    FROM opened
"""


def seed(apps, schema_editor):
    template = apps.get_model("refunds", "RulingTemplate")
    for (verb, reason), (text_zh, text_en) in TEXTS.items():
        template.objects.get_or_create(
            verb=verb, reason_code=reason, defaults={"text_zh": text_zh, "text_en": text_en}
        )


class Migration(migrations.Migration):

    dependencies = [("refunds", "0001_initial")]

    operations = [
        migrations.RunPython(seed, migrations.RunPython.noop),
        migrations.RunSQL(OPEN_REVIEWS, migrations.RunSQL.noop),
    ]
