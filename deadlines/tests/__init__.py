"""Tests of the clocks and the sweep engine."""
