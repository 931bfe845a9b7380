"""Who takes part: platforms, merchants and their mini programs, members, keys, and what each may see and do."""
