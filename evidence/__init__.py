"""Pictures that prove something: checked, re-encoded, hashed, stored, and shown only to who may see them."""
