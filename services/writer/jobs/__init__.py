"""Upkeep beside the consumer: slices ahead, day partitions, index summaries."""
