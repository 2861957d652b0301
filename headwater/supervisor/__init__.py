"""Runs the processes of one home: starts them in order, restarts what ends, stops in reverse.

Takes the home and what is to run in it; gives the state file that `headwater status` reads.
Whatever ends, however often, comes back; what was started is stopped, also by the next supervisor.
"""
