"""Violation records: what a missed deadline costs, and how long it can be appealed."""
