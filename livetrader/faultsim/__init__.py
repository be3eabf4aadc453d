"""The order path under faults: a seeded world in which the venue, the process and the people misbehave.

Read in this order: `world` (engine, journal and venue of one account, and what can happen to them), `way` (how the
venue is reached, HTTP included), `invariants` (what must hold after every step), `scenario` (a seed as a sequence of
happenings), `runs` (many seeds).
"""
