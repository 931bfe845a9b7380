"""A payment system to try things with: it speaks the Alipay protocol, keeps books, and fails in the ways it is told to.

No real money moves here, and it listens on this machine only. Knows nothing of Django.
"""
