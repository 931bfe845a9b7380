"""The consumer's half of the talk: the signed page of one case, and the public form of a mini program."""
