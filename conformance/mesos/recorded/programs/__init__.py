"""Programs that the replayed tasks run, with nothing of this project on their path."""
