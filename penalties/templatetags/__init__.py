"""Template tags that show penalties on the pages of lower floors."""
