"""What happened, told once: events written with the move that caused them, read by whoever follows."""
