"""What can go wrong, by whose doing; `cli` turns each into one line and an exit code.

Messages read *where: expected what, got what*.
"""


class TesseraError(ValueError):
    """Anything that a user can be told; its text is one printable line, whatever stands in names and keys."""

    def __str__(self) -> str:
        line = " ".join(super().__str__().split())
        return "".join(each if each.isprintable() else ascii(each)[1:-1] for each in line)


class ConfigError(TesseraError):
    """A study or an argument asks for something impossible."""


class DataError(TesseraError):
    """A file is missing, broken, or belongs to another study."""


class ValidityError(TesseraError):
    """A simulation left the range in which its equations hold; names case, time and cell."""


class TrainingError(TesseraError):
    """A training cannot go on, for example after a non-finite loss."""


class LostError(TrainingError):
    """Another process of a training has ended."""
