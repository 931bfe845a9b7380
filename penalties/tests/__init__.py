"""Tests of the penalties."""
