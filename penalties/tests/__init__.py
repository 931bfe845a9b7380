"""Tests of penalties."""
