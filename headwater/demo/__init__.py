"""`headwater demo`: fills an installation through its gateway, as any client would.

loghub.py reads real log files, made_up.py invents the traffic of a shop; batches.py cuts either
into batches whose ids stay the same over all attempts, sender.py posts them.
"""
