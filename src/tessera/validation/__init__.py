"""Our simulations beside published direct numerical simulations of shocked porous HMX: figures, measures, verdicts."""
