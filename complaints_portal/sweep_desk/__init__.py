"""The desk of ops in admin: every verb that ops have on the command line, with a preview in front of it.

It stands above all apps, because it shows and moves what several of them own. No rule is here.
"""
