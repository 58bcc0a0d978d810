"""Models: one interface, a hosted one and an embedded planner."""
