"""A layout: its file, checked and compiled once into what rows are made and read with."""
