"""The Alipay-compatible OpenAPI."""
