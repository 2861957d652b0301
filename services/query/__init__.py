"""The query service: reads what was stored, and keeps who may read it.

Takes in: HTTP requests of the console and of programs, under `/api/v1`.
Gives out: pages of rows in keyset order, counts, and the administration of keys, users, tokens and
dead letters; each answer says through which moment it is complete (`complete_through`).
Promises: nobody sees a row outside of their `Scope`; no statement sees all slices or runs without
time bounds; every change is in the audit log, in the same transaction.
"""
