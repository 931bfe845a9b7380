"""Admin of this app, by noun."""

from refunds import claims_admin as claims_admin  # noqa: PLC0414 (registers its models)
