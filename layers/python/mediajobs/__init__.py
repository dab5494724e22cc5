"""mediajobs: a video goes in; renditions, audio, HLS, a thumbnail and a transcript come out.

Two floors: the modules here are pure (no cloud, no clock, no environment, no I/O); `mediajobs.stores` talks to AWS.
"""

__version__ = "0.1.0"
