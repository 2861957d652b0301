"""The `headwater` command: the local stack (Kafka, PostgreSQL, supervisor) and its administration.

Takes a folder, the home, and runs everything of one installation in it. Several homes run side
by side. It promises that what it started, it stops, also after it was itself killed.
"""
