"""From a seed to fields: pores, the compressible flow through them, and one dataset per case."""
