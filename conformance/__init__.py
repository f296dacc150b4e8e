"""WHAT a camera must do: test cases, clauses, policies, verdicts."""
