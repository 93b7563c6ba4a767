"""Who changed what, from what, to what, when, from where and why: written by triggers, so raw SQL leaves a row too."""
