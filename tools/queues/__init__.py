"""The queues of spot workers, seen from outside: their servers are asked, no work is taken."""
