"""What a merchant can learn from complaints: how many, about what, how quickly handled, and what they cost."""
