"""Microstructures by their statistics or from images: outlines of pores, their places, their shares of cells."""
