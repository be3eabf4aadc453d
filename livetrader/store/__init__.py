"""The state: journal, audit log, and the queries over them. Contract: ORDERS.md.

`database.open_state` gives a database, `journal.SqlJournal` writes to it (with the account's lease and the command
queue), `memory.MemoryJournal` is the same in plain Python, `queries.open_queries` reads while the daemon writes,
`lock.hold` keeps a second out, `latch_file` stops it all without a database. What SQLite and PostgreSQL do each in
their own way is behind `driver`; `writer` is the same for both.
"""
