"""The solver against exact, published and conserved values: `tessera verify` writes docs/verification.md."""
