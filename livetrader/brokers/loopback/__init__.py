"""A simulated broker with faults: in process for seeds by the thousand, and behind loopback HTTP for real sockets."""
