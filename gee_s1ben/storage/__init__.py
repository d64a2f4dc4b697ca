"""Files on disk that others made: opened within limits."""
