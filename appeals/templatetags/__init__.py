"""Template tags that show appeals on the pages of lower floors."""
