"""Who stands under whom, and which consumer belongs to whom, now and at any past moment."""
