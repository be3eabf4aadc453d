"""OpenAlgo, the self-hosted gateway to Indian brokers: its REST API v1 as ports.Venue. Contract: OPENALGO.md."""
