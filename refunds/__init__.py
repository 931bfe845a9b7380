"""Refunds that are due, the claims that none is, and the guarantee fund."""
