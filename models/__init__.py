"""Simpang's shipped detector, and the recipe that made it.

`manifest.json` says which files belong together, their SHA-256, classes, licence and scores; README.md is the model
card. The modules here are needed only to train, export or score a model (`pip install simpang[train]`).
"""
