"""A server that speaks OpenAlgo's API on this machine, with a simulated exchange in the place of its broker."""
