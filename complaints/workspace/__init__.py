"""How the members of a merchant work on complaints: who does what, notes, replies, views, drafts, exports."""
