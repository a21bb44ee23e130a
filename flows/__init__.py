"""The composer: settings, frames for the models, Prefect flows and the commands.

The one package that may import the other three.
"""
