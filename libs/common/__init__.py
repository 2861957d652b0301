"""The contract of all services, and the plumbing that no single one owns.

Some of it has one user so far and the next by design: the consumer loop (`kafka/consumer.py`) is
for every service that stores, the follower (`kafka/follower.py`) for every one that only watches;
pages (`http/paging.py`), slow statements (`db/slow_sql.py`) and what a search for text means
(`text.py`) are for every one that answers questions.
"""
