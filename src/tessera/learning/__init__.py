"""Learning: samplers, losses, tasks, the one training loop, checkpoints and predictions."""
