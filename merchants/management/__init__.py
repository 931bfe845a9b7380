"""Commands of `manage.py` about who takes part."""
