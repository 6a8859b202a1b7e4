"""Omnisync: brings OmniForce's sales into the company's ERP and takes the ERP's catalogue out to the apps."""

__version__ = "26.11.0"
