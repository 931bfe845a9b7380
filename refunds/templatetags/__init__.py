"""Template tags that show pending refunds and the guarantee fund on other pages."""
