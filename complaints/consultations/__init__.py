"""Consultations: what consumers ask a merchant, and what the merchant replies."""
