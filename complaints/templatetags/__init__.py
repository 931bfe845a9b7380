"""Template tags of complaint pages."""
