"""One package a process."""
