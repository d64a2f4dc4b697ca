"""Looking at what was made: pictures that show a result without changing it."""
