"""What a run was worth: statistics and the report, as data and as pages."""
