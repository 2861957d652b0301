"""The writer's transaction, and the DDL that makes slices."""
