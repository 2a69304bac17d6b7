"""Pioche: the model hub that an organisation runs itself. Start reading at `pioche.app`."""

__version__ = "0.1.0"
