"""The constraints, by what they look at. Each is a small frozen class; `gate.review` runs them in order."""
