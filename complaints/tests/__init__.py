"""Tests of complaints, and the factories that every app uses."""
