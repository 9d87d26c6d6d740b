"""Exceptions. Every error that Vicinal raises on purpose derives from :class:`VicinalError`."""


class VicinalError(Exception):
    """Base class of all errors raised by Vicinal."""


class ParameterError(VicinalError, ValueError):
    """A hyper-parameter is invalid, or several of them make no sense together."""


class StructureError(VicinalError, ValueError):
    """A structure cannot be described; the message names it and, where it can, the atom."""


class SpeciesError(StructureError):
    """A structure holds a species that the descriptor does not know."""


class ShapeError(VicinalError, ValueError):
    """An array handed to Vicinal has the wrong shape."""


class FileError(VicinalError, OSError):
    """A file is missing, unreadable, truncated, or not what it claims to be."""


class MissingExtraError(VicinalError, ImportError):
    """An optional dependency is not installed; the message says what to install."""


class NotFittedError(VicinalError, ValueError, AttributeError):
    """Something that ``fit`` learns was asked for before ``fit``."""
