"""Tests of who takes part, and of keys."""
