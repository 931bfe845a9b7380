"""Tests in a real browser; `make test` runs them in a process of their own, after the others."""
