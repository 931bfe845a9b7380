"""The sandbox's pages, in both languages at once: it has no settings and knows nobody."""

from html import escape

from refunds.sandbox.books import CLOSED, PAID, Trade, in_yuan

SHAPE = """<!DOCTYPE html>
<html lang="zh-Hans">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<link rel="icon" href="data:,">
<title>{title}</title>
<style>
:root {{ color-scheme: light dark; font: 1rem/1.5 system-ui, "Noto Sans CJK SC", sans-serif; }}
body {{ max-width: 28rem; margin: 0 auto; padding: 1.5rem 1rem; overflow-wrap: anywhere; }}
.note {{ border: 2px dashed; padding: .5rem .75rem; }}
h1 {{ font-size: 1.5rem; }}
button, a.button {{ display: block; width: 100%; box-sizing: border-box; min-height: 2.75rem; margin: .75rem 0;
  padding: .5rem; font: inherit; text-align: center; cursor: pointer; }}
</style>
</head>
<body>
<main>
<h1>{heading}</h1>
<p class="note">沙箱支付系统，不会发生真实付款。<br><span lang="en">A sandbox: no real money moves.</span></p>
{content}
</main>
</body>
</html>
"""

BACK = '<p><a class="button" href="{url}">返回 · <span lang="en">Back</span></a></p>'


def pay(trade: Trade) -> str:
    """Return the page on which a payment is made, or one that says what became of it."""
    amount = in_yuan(trade.total)
    lines = [
        f"<p>{escape(trade.subject)}</p>",
        f'<p>订单号 · <span lang="en">Number</span>: {escape(str(trade.out_trade_no))}</p>',
    ]
    if trade.status == PAID:
        lines.append('<p><strong>已支付。 <span lang="en">Paid.</span></strong></p>')
    elif trade.status == CLOSED:
        lines.append('<p><strong>已取消。 <span lang="en">Cancelled.</span></strong></p>')
    else:
        lines.append(
            '<form method="post" action="/sandbox/pay">'
            f'<input type="hidden" name="out_trade_no" value="{escape(str(trade.out_trade_no))}">'
            f'<input type="hidden" name="token" value="{escape(trade.token)}">'
            '<button name="action" value="pay">支付 · <span lang="en">Pay</span></button>'
            '<button name="action" value="cancel">取消 · <span lang="en">Cancel</span></button>'
            "</form>"
        )
    if trade.status in (PAID, CLOSED) and trade.return_url:
        lines.append(BACK.format(url=escape(trade.return_url)))
    return SHAPE.format(
        title=f"沙箱：支付 ¥{amount} · Sandbox: pay ¥{amount}",
        heading=f'沙箱：支付 ¥{amount}<br><span lang="en">Sandbox: pay ¥{amount}</span>',
        content="\n".join(lines),
    )


def sentence(title: str, text: str) -> str:
    """Return a page with a sentence."""
    return SHAPE.format(title=escape(title), heading=escape(title), content=f"<p>{escape(text)}</p>")
