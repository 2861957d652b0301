"""The subcommands of `headwater`: parse, call, print. What they do lives elsewhere.

Each imports what it calls when it runs: the first line of `up` has to appear within a second, and
the database and Kafka libraries take longer than that to import.
"""
