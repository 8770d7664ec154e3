"""Markdown in answers, as pieces of text with names of styles. Knows no toolkit.

Nothing is taken out of an answer: signs keep their place and are hidden, and what is drawn instead of some of them is
marked as drawn only. So what is copied is what the model wrote.
"""
