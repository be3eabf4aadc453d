"""Notifications: what the journal has committed, told to the operator. Fault X3.

The audit log is the queue. Each target has a thread (`courier.Courier`) that reads the rows since its own cursor,
turns them into events (`events.Reader`), folds bursts (`backlog.Backlog`), sends (`sender.AppriseSender`) and moves the
cursor. So nothing is told that is not committed, nothing is lost or told twice over a restart, and a service that is
slow or dead keeps nobody waiting but its own thread.
"""
