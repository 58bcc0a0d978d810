"""One job, one deadline: at every tick idle, spot or on-demand, at the least cost that never misses."""
