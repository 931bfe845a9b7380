"""Texts to start from, one for each reason. Staff change them in the admin; what is there already stays."""

from django.db import migrations

TEXTS = {
    ("approve", "solved"): (
        "您好，经核实，消费者反映的问题已经解决，申诉通过。该处罚已撤销，所扣分值已返还。感谢您的配合。",
        "We checked your evidence: the consumer's problem is solved, and your appeal is approved. "
        "The penalty is revoked and its points are given back. Thank you.",
    ),
    ("approve", "refund_proven"): (
        "您好，您提供的凭证可以证明该笔交易已退款，申诉通过。该处罚已撤销，所扣分值已返还。",
        "Your evidence proves that the trade was refunded, so your appeal is approved. "
        "The penalty is revoked and its points are given back.",
    ),
    ("approve", "no_refund_due"): (
        "您好，您提供的凭证可以证明该笔交易无需退款，申诉通过。该处罚已撤销，所扣分值已返还。",
        "Your evidence proves that no refund is due for this trade, so your appeal is approved. "
        "The penalty is revoked and its points are given back.",
    ),
    ("approve", "platform_fault"): (
        "您好，经核查，本次处罚由平台原因造成，申诉通过。该处罚已撤销，所扣分值已返还。给您带来不便，敬请谅解。",
        "We found that this penalty came about through a fault of the platform. Your appeal is approved, "
        "the penalty is revoked and its points are given back. We are sorry for the trouble.",
    ),
    ("reject", "not_solved"): (
        "您好，根据现有记录，消费者反映的问题尚未解决，申诉不予通过。请先妥善处理投诉，在申诉期内可再次提交申诉。",
        "The records show that the consumer's problem is not solved yet, so this appeal is rejected. "
        "Please settle the complaint first; you can appeal again while the window is open and attempts remain.",
    ),
    ("reject", "evidence_insufficient"): (
        "您好，您提供的凭证不足以证明问题已经解决，申诉不予通过。如有退款记录、发货记录或消费者的确认，"
        "在申诉期内可补充后再次提交申诉。",
        "The evidence does not prove that the problem is solved, so this appeal is rejected. If you have a refund "
        "record, a shipping record or the consumer's confirmation, add it and appeal again while the window is open.",
    ),
    ("reject", "evidence_unrelated"): (
        "您好，您提供的凭证与本次投诉的交易不一致，申诉不予通过。请核对交易号，在申诉期内可使用正确的凭证再次提交申诉。",
        "The evidence belongs to another trade than the one complained about, so this appeal is rejected. "
        "Check the trade number and appeal again with the right evidence while the window is open.",
    ),
    ("reject", "evidence_doubtful"): (
        "您好，您提供的凭证存在修改痕迹，无法采信，申诉不予通过。请提供未经修改的原始凭证。",
        "The evidence seems to have been altered and cannot be relied upon, so this appeal is rejected. "
        "Please provide the original, unaltered evidence.",
    ),
    ("ask", "evidence_unreadable"): (
        "您好，您上传的图片不清晰，无法辨认其中的内容。请重新上传清晰、完整的图片。",
        "The pictures cannot be read. Please add clear pictures that show the whole document.",
    ),
    ("ask", "evidence_missing"): (
        "您好，现有凭证还缺少必要的证明。请补充退款记录、发货记录，或消费者确认问题已解决的记录。",
        "A necessary proof is missing. Please add the refund record, the shipping record, "
        "or the consumer's confirmation that the problem is solved.",
    ),
    ("ask", "unclear"): (
        "您好，您的说明还有不清楚的地方：请写明问题是何时、以何种方式解决的，以及消费者的答复。",
        "Your explanation leaves a question open: please say when and how the problem was solved, "
        "and what the consumer answered.",
    ),
}


def seed(apps, schema_editor):
    template = apps.get_model("appeals", "ReplyTemplate")
    for (verb, reason), (text_zh, text_en) in TEXTS.items():
        template.objects.get_or_create(
            verb=verb, reason_code=reason, defaults={"text_zh": text_zh, "text_en": text_en}
        )


class Migration(migrations.Migration):

    dependencies = [("appeals", "0001_initial")]

    operations = [migrations.RunPython(seed, migrations.RunPython.noop)]
