"""Passwords tried where a camera takes them: what stops a guesser, and what refusals tell."""
