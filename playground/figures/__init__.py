"""Figures for what is read at rest: data in, plotly figure out."""
