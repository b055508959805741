"""tessera: latent representations of shocked porous energetic materials, from pore to mosaic.

Kept free of heavy imports: Snakefiles and `tessera check` import it at every job.
"""

__version__ = "0.1.0"
