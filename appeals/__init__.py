"""Appeals against penalties, and their review."""
