"""Golden traces from other people's simulators: the networks, one script a simulator, and what runs them all."""
