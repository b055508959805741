"""Data of others, in and out: one module per format, and one way through which all of them pass.

A format module opens a set and reads it case by case (`tessera.formats.source`), or writes a store of
the schema out. Units, orientation, scales of values and contradictions are dealt with once, in
`tessera.formats.importing`: a format says what its files say, a mapping file says the rest, and nothing is guessed.
"""
