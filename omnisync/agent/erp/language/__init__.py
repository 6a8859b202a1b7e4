"""A layout's language: its form, paths and converters, compiled once into what rows are made and read with."""
